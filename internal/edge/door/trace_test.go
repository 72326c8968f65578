package door_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/tracing"
)

// tracer keeps what it is told.
type tracer struct {
	places []tracing.Place
	done   []audit.Decision
}

func (t *tracer) Place(header http.Header) tracing.Place {
	p, _ := tracing.Read(header)
	p.Span = [8]byte{1}
	return p
}

func (t *tracer) Done(p tracing.Place, d *audit.Decision) {
	t.places, t.done = append(t.places, p), append(t.done, *d)
}

// TestEveryCheckHasASpan: below the one that the request names once its caller has proved who it is, and in a trace of its own before.
func TestEveryCheckHasASpan(t *testing.T) {
	tr := new(tracer)
	w := newWorld(t, func(w *world) { w.cfg.Trace = tr })
	for i, c := range []struct {
		q      *door.Request
		want   access.Reason
		theirs bool
	}{
		{signed("GET", "/api/v1/a", ""), access.Allowed, true},
		{with(signed("GET", "/api/v1/a", ""), func(q *door.Request) { q.Target = "/api/v1/b" }), access.BadSignature, false},
		{signed("GET", "/api/v1/../b", ""), access.MalformedTarget, false},
	} {
		c.q.Header[tracing.Header] = []string{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
		if o := w.check(c.q); o.reason != c.want {
			t.Fatalf("%s, want %s", o.reason, c.want)
		}
		if len(tr.done) != i+1 || tr.done[i].Reason != c.want.String() || tr.done[i].Door != "nginx" {
			t.Errorf("the span is of %+v", tr.done)
		}
		if theirs := tr.places[i].Parent != [8]byte{}; theirs != c.theirs {
			t.Errorf("%s: the place is %+v", c.want, tr.places[i])
		}
	}
}
