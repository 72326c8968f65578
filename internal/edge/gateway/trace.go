package gateway

import (
	"net/http"
	"slices"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/tracing"
)

// Tracer gives requests their places in traces and makes spans of what was recorded of them. It decides nothing, and neither
// method waits for anything. internal/tracing/otlp implements it.
type Tracer interface {
	// Place is this hop's place for a request with that header, of a caller that has proved who it is.
	Place(header http.Header) tracing.Place
	// Done takes the record of a request after its answer. The zero Place: the request has none yet. The record is not kept.
	Done(p tracing.Place, d *audit.Decision)
}

// traceOut tells the upstream its parent in the trace, unless the API's profile signs what the caller said: that goes on untouched.
func (c *call) traceOut(t Tracer) {
	c.place = t.Place(c.r.Header)
	if s := c.decision.API.Scheme; s != nil {
		if signed := s.SignedHeaders(); slices.Contains(signed, tracing.Header) || slices.Contains(signed, tracing.StateHeader) {
			return
		}
	}
	c.place.Put(&c.out.Header)
}

// traceDone makes the span of a request. One that was refused before its caller had proved who it is begins a trace of its own:
// strangers put nothing into anybody's.
func (c *call) traceDone(t Tracer) {
	if !c.place.IsValid() && c.decision.Proved {
		c.place = t.Place(c.r.Header)
	}
	t.Done(c.place, &c.record)
	c.place = tracing.Place{}
}
