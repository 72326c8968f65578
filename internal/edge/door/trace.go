package door

import (
	"net/http"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/tracing"
)

// Tracer makes spans of what was recorded of checks, as it does at the gateway. It decides nothing, and neither method waits for
// anything. internal/tracing/otlp implements it.
type Tracer interface {
	// Place is this hop's place for a request with that header, of a caller that has proved who it is.
	Place(header http.Header) tracing.Place
	// Done takes the record of a check after its answer. The zero Place begins a trace. The record is not kept.
	Done(p tracing.Place, d *audit.Decision)
}

// trace makes the span of a check: below the one that the request names, which the proxy's own may be, once its caller has proved who
// it is. The upstream hears of it from its proxy alone.
func (a *Answer) trace(t Tracer) {
	var p tracing.Place
	if a.decision.Proved {
		p = t.Place(a.request.Header)
	}
	t.Done(p, &a.record)
}
