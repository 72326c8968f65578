package otlp

import (
	"context"
	"errors"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// run makes spans of what is queued and sends them, until Close.
func (t *Tracer) run(ctx context.Context) {
	defer close(t.done)
	ticker := time.NewTicker(sendEvery)
	defer ticker.Stop()
	for {
		select {
		case i := <-t.queue:
			if t.add(i); len(t.batch.spans) >= batchSpans {
				t.send(ctx)
			}
		case <-ticker.C:
			t.send(ctx)
		case <-t.end:
			t.rest(ctx)
			return
		}
	}
}

// rest sends what is queued and gathered at the end.
func (t *Tracer) rest(ctx context.Context) {
	for {
		select {
		case i := <-t.queue:
			if t.add(i); len(t.batch.spans) >= batchSpans {
				t.send(ctx)
			}
		default:
			t.send(ctx)
			return
		}
	}
}

// send brings the gathered spans to the receiver, once: what it does not take is counted and gone. While it is being waited for the
// queue fills, and then spans are dropped.
func (t *Tracer) send(ctx context.Context) {
	n := uint64(len(t.batch.spans))
	if n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	err := t.exporter.ExportSpans(ctx, t.batch.spans)
	cancel()
	clear(t.batch.spans)
	t.batch.spans = t.batch.spans[:0]
	if err != nil {
		t.failed.Add(n)
		if t.problem.Swap(&err) == nil { // once for each time that it goes away
			t.cfg.Log.Warn("spans do not reach their receiver; they are dropped and counted", "cause", err.Error())
		}
		return
	}
	t.sent.Add(n)
	if t.problem.Swap(nil) != nil {
		t.cfg.Log.Info("spans reach their receiver again")
	}
}

// Close sends what is left, waiting for the receiver for at most ten seconds in all or until ctx ends, and stops. What Done is
// given afterwards is lost. A second call waits for the first.
func (t *Tracer) Close(ctx context.Context) error {
	t.once.Do(func() { close(t.end) })
	timer := time.NewTimer(sendPatience)
	defer timer.Stop()
	select {
	case <-t.done:
	case <-ctx.Done():
	case <-timer.C:
	}
	t.stop()
	<-t.done
	return errors.Join(t.provider.Shutdown(context.Background()), t.exporter.Shutdown(context.Background()))
}

// gathered keeps the spans that have ended until they are sent. Only run's goroutine uses it.
type gathered struct{ spans []sdk.ReadOnlySpan }

// OnStart implements sdk.SpanProcessor.
func (*gathered) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (g *gathered) OnEnd(s sdk.ReadOnlySpan) { g.spans = append(g.spans, s) }

// Shutdown implements sdk.SpanProcessor. What is left was sent before.
func (*gathered) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.SpanProcessor.
func (*gathered) ForceFlush(context.Context) error { return nil }
