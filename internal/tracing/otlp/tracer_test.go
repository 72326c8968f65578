package otlp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"countersign.dev/internal/tracing"
	"countersign.dev/internal/tracing/otlp"
	"github.com/google/go-cmp/cmp"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
)

var ctx = context.Background()

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

func attributes(s *spans.Span) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes {
		out[a.Key] = a.Value.GetStringValue()
		if n := a.Value.GetIntValue(); n != 0 {
			out[a.Key] = fmt.Sprint(n)
		}
	}
	return out
}

func closed(t *testing.T, tracer *otlp.Tracer) {
	t.Helper()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestASpanSaysWhatOperatorsMaySee: every attribute is here; what is not, is not sent.
func TestASpanSaysWhatOperatorsMaySee(t *testing.T) {
	r := newReceiver(t)
	tracer := r.open(nil)
	place := tracer.Place(http.Header{tracing.Header: {parent}})
	tracer.Done(place, record())
	closed(t, tracer)
	all, raw := r.batch()
	if len(all) != 1 {
		t.Fatalf("%d spans", len(all))
	}
	s := all[0]
	want := map[string]string{"http.request.method": "POST", "http.response.status_code": "200", "countersign.environment": "sandbox", "countersign.api": "card",
		"countersign.decision": "allow", "countersign.reason": "allowed", "countersign.request_id": "req-1", "countersign.partner": "partner-1", "network.protocol.version": "2"}
	if diff := cmp.Diff(want, attributes(s)); diff != "" {
		t.Error(diff)
	}
	if hex.EncodeToString(s.TraceId) != parent[3:35] || hex.EncodeToString(s.ParentSpanId) != parent[36:52] || !bytes.Equal(s.SpanId, place.Span[:]) {
		t.Errorf("the span is %x in %x, below %x", s.SpanId, s.TraceId, s.ParentSpanId)
	}
	if s.Name != "POST card" || s.Kind != spans.Span_SPAN_KIND_SERVER || s.EndTimeUnixNano-s.StartTimeUnixNano != uint64(3*time.Millisecond) ||
		s.StartTimeUnixNano != uint64(record().Time.UnixNano()) || s.Status.GetCode() != spans.Status_STATUS_CODE_UNSET {
		t.Errorf("the span is %v", s)
	}
	if diff := cmp.Diff(map[string]string{"service.name": "gate", "service.version": "v1", "service.instance.id": "node-1"}, r.resource); diff != "" {
		t.Error(diff)
	}
	for _, hidden := range []string{"hush", "Hush", "192.0.2", "\n\x02HU"} {
		if bytes.Contains(raw, []byte(hidden)) {
			t.Errorf("the batch has %q", hidden)
		}
	}
	if c := tracer.Counts(); c != (otlp.Counts{Sent: 1}) || tracer.Problem() != nil {
		t.Errorf("%+v, %v", c, tracer.Problem())
	}
}

// TestRule33ASpanNamesNobodyWhoHasNotProvedIt: a partner that was only claimed is not told, a method that nobody knows is none, and
// a fault of ours is an error.
func TestRule33ASpanNamesNobodyWhoHasNotProvedIt(t *testing.T) {
	r := newReceiver(t)
	tracer := r.open(nil)
	d := record()
	d.Door = "nginx"
	d.Proved, d.Allowed, d.API, d.Method, d.Reason, d.Status, d.Protocol = false, false, "", "HUSH", "unavailable", 503, "HUSH/3"
	tracer.Done(tracing.Place{}, d)
	closed(t, tracer)
	all, raw := r.batch()
	want := map[string]string{"http.request.method": "_OTHER", "http.response.status_code": "503", "countersign.environment": "sandbox",
		"countersign.door": "nginx", "countersign.decision": "refuse", "countersign.reason": "unavailable", "countersign.request_id": "req-1", "error.type": "unavailable"}
	if diff := cmp.Diff(want, attributes(all[0])); diff != "" {
		t.Error(diff)
	}
	if all[0].Name != "HTTP" || len(all[0].ParentSpanId) != 0 || len(all[0].TraceId) != 16 || all[0].Status.GetCode() != spans.Status_STATUS_CODE_ERROR || bytes.Contains(raw, []byte("HUSH")) {
		t.Errorf("the span is %v", all[0])
	}
}

// TestACallerDoesNotChooseWhatIsSampled: neither its flag nor its trace id does.
func TestACallerDoesNotChooseWhatIsSampled(t *testing.T) {
	r := newReceiver(t)
	sampled := http.Header{tracing.Header: {strings.TrimSuffix(parent, "0") + "1"}}
	none := r.open(func(c *otlp.Config) { c.Sample = 0 })
	defer closed(t, none)
	if p := none.Place(sampled); p.Sampled || !p.IsValid() || p.Parent == [8]byte{} {
		t.Errorf("%+v", p)
	}
	half := r.open(func(c *otlp.Config) { c.Sample = 0.5 })
	defer closed(t, half)
	n := 0
	for range 1000 {
		if half.Place(sampled).Sampled {
			n++
		}
	}
	if n < 300 || n > 700 {
		t.Errorf("%d of 1000 at a share of one half", n)
	}
}

// TestAReceiverThatHangsHoldsUpNobody: what does not fit into the queue is dropped and counted, and what waits is not kept for ever.
func TestAReceiverThatHangsHoldsUpNobody(t *testing.T) {
	r := newReceiver(t)
	hangs, entered := make(chan struct{}), make(chan struct{}, 100)
	r.answer = func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-hangs }
	tracer := r.open(func(c *otlp.Config) { c.Queue = 8 })
	tracer.Done(tracing.Place{}, record())
	<-entered // the sender waits for its answer from now on
	for range 20 {
		tracer.Done(tracing.Place{}, record())
	}
	if c := tracer.Counts(); c.Dropped != 12 {
		t.Errorf("%+v, want 12 dropped", c)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := tracer.Close(ended); err != nil {
		t.Error(err)
	}
	close(hangs)
	if c := tracer.Counts(); c.Sent != 0 || c.Failed != 9 || c.Dropped != 12 {
		t.Errorf("at the end %+v", c)
	}
}

// TestARefusingReceiverIsTold: what it says is a problem and a count, once in the log, and is over when it takes spans again. It is not
// led elsewhere.
func TestARefusingReceiverIsTold(t *testing.T) {
	for what, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) },
		"a redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"an endless answer": func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<10))
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := newReceiver(t)
			r.answer = answer
			tracer := r.open(nil)
			tracer.Done(tracing.Place{}, record())
			closed(t, tracer)
			if c := tracer.Counts(); c != (otlp.Counts{Failed: 1}) || tracer.Problem() == nil {
				t.Errorf("%+v, %v", c, tracer.Problem())
			}
			if len(r.headers) != 1 {
				t.Errorf("it was called %d times", len(r.headers))
			}
		})
	}
}

// TestHeadersAreAskedForEachBatch: a token can be exchanged while the server runs, and one that cannot be read sends nothing.
func TestHeadersAreAskedForEachBatch(t *testing.T) {
	r := newReceiver(t)
	token, problem := "one", error(nil)
	headers := func() (http.Header, error) { return http.Header{"Authorization": {token}}, problem }
	for _, token = range []string{"one", "two"} {
		tracer := r.open(func(c *otlp.Config) { c.Headers = headers })
		tracer.Done(tracing.Place{}, record())
		closed(t, tracer)
		r.batch()
	}
	if len(r.headers) != 2 || r.headers[0].Get("Authorization") != "one" || r.headers[1].Get("Authorization") != "two" {
		t.Errorf("%v", r.headers)
	}
	problem = errors.New("unreadable")
	tracer := r.open(func(c *otlp.Config) { c.Headers = headers })
	tracer.Done(tracing.Place{}, record())
	closed(t, tracer)
	if len(r.headers) != 2 || !errors.Is(tracer.Problem(), problem) {
		t.Errorf("%d calls, %v", len(r.headers), tracer.Problem())
	}
}

// TestTheEnvironmentChangesNothing: variables of the SDK would send spans, with the configuration's token, elsewhere.
func TestTheEnvironmentChangesNothing(t *testing.T) {
	r := newReceiver(t)
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://192.0.2.1:1",
		"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=elsewhere", "OTEL_EXPORTER_OTLP_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
		"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "HTTP_PROXY": "http://192.0.2.1:1", "OTEL_SERVICE_NAME": "elsewhere"} {
		t.Setenv(name, value)
	}
	tracer := r.open(nil)
	tracer.Done(tracing.Place{}, record())
	closed(t, tracer)
	all, _ := r.batch()
	if len(all) != 1 || len(all[0].Attributes) != 9 || r.headers[0].Get("Authorization") != "" || r.resource["service.name"] != "gate" {
		t.Errorf("%v %v %v", all, r.headers, r.resource)
	}
}

// TestWithoutRandomnessNothingIsTraced: no id is ever made of zeros.
func TestWithoutRandomnessNothingIsTraced(t *testing.T) {
	r := newReceiver(t)
	tracer := r.open(func(c *otlp.Config) { c.Random = iotest.ErrReader(errors.New("none")) })
	if p := tracer.Place(http.Header{tracing.Header: {parent}}); p != (tracing.Place{}) {
		t.Errorf("%+v", p)
	}
	tracer.Done(tracing.Place{}, record())
	closed(t, tracer)
	if c := tracer.Counts(); c != (otlp.Counts{}) {
		t.Errorf("%+v", c)
	}
}

func TestAConfigurationIsComplete(t *testing.T) {
	if _, err := otlp.Open(otlp.Config{}); err == nil {
		t.Error("an empty one was taken")
	}
}

// BenchmarkDone is what tracing costs a request beyond nothing: its place, and the hand-over.
func BenchmarkDone(b *testing.B) {
	for _, share := range []float64{0.01, 1} {
		b.Run(fmt.Sprint(share), func(b *testing.B) {
			r := newReceiver(b)
			r.answer = func(http.ResponseWriter, *http.Request) {}
			tracer := r.open(func(c *otlp.Config) { c.Sample = share })
			header, d := http.Header{tracing.Header: {parent}}, record()
			b.ReportAllocs()
			for b.Loop() {
				p := tracer.Place(header)
				p.Put(http.Header{})
				tracer.Done(p, d)
			}
			_ = tracer.Close(ctx)
		})
	}
}
