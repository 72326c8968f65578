package otlp

import (
	"context"
	"net/http"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// limits of a span: what is set below is all there is, and every text of it is ours or bounded here.
var limits = sdk.SpanLimits{AttributeValueLengthLimit: 128, AttributeCountLimit: 16, EventCountLimit: 0, LinkCountLimit: 0,
	AttributePerEventCountLimit: 0, AttributePerLinkCountLimit: 0}

// item is what a span is made of. It holds no part of the request but its method.
type item struct {
	place                                                          tracing.Place
	start                                                          time.Time
	took                                                           time.Duration
	environment, api, reason, requestID, partner, method, of, door string
	status                                                         int
	allowed                                                        bool
}

func itemOf(p tracing.Place, d *audit.Decision) item {
	i := item{place: p, start: d.Time, took: d.Duration, environment: d.Environment, api: d.API, reason: d.Reason, requestID: d.RequestID,
		method: method(d.Method), of: d.Protocol, status: d.Status, allowed: d.Allowed, door: d.Door}
	if d.Proved {
		i.partner = d.Partner
	}
	return i
}

// method is one of a closed list: what a stranger writes there must not become a name of spans.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER" // semantic conventions, http.request.method
}

// version is of a closed list, too.
func version(protocol string) string {
	switch protocol {
	case "HTTP/1.0", "HTTP/1.1":
		return protocol[len("HTTP/"):]
	case "HTTP/2.0":
		return "2"
	}
	return ""
}

// add makes the span of an item. Names follow the semantic conventions for HTTP servers where these have one; a refusal is no fault
// of the server, so that only answers of 500 and above are errors (§ Status).
func (t *Tracer) add(i item) {
	ctx := context.Background()
	if i.place.Parent != [8]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: i.place.Trace, SpanID: i.place.Parent,
			TraceFlags: trace.FlagsSampled, Remote: true}))
	}
	name := i.method
	if name == "_OTHER" {
		name = "HTTP"
	}
	if i.api != "" {
		name += " " + i.api
	}
	t.ids.next = i.place
	_, span := t.maker.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(i.start), trace.WithAttributes(i.attributes()...))
	if i.status >= 500 {
		span.SetStatus(codes.Error, i.reason)
	}
	span.End(trace.WithTimestamp(i.start.Add(max(0, i.took))))
}

func (i *item) attributes() []attribute.KeyValue {
	decision := "refuse"
	if i.allowed {
		decision = "allow"
	}
	all := make([]attribute.KeyValue, 0, 10)
	all = append(all, attribute.String("http.request.method", i.method), attribute.Int("http.response.status_code", i.status),
		attribute.String("countersign.environment", i.environment), attribute.String("countersign.decision", decision),
		attribute.String("countersign.reason", i.reason), attribute.String("countersign.request_id", i.requestID))
	for _, one := range [...]struct{ key, value string }{
		{"countersign.api", i.api}, {"countersign.door", i.door}, {"countersign.partner", i.partner}, {"network.protocol.version", version(i.of)}, {"error.type", i.fault()},
	} {
		if one.value != "" {
			all = append(all, attribute.String(one.key, one.value))
		}
	}
	return all
}

// fault is the reason where the answer is an error of the server's side.
func (i *item) fault() string {
	if i.status < 500 {
		return ""
	}
	return i.reason
}

// about says whose spans these are. The SDK adds what OTEL_RESOURCE_ATTRIBUTES names, for example the name of a pod; what is set here counts
// where both say something.
func about(cfg Config) *resource.Resource {
	all := []attribute.KeyValue{attribute.String("service.name", cfg.Service)}
	if cfg.Version != "" {
		all = append(all, attribute.String("service.version", cfg.Version))
	}
	if cfg.Node != "" {
		all = append(all, attribute.String("service.instance.id", cfg.Node))
	}
	return resource.NewSchemaless(all...)
}

// ids hands the place of the item at hand to the maker of spans. Only run's goroutine uses it.
type ids struct{ next tracing.Place }

// NewIDs implements sdk.IDGenerator.
func (g *ids) NewIDs(context.Context) (trace.TraceID, trace.SpanID) { return g.next.Trace, g.next.Span }

// NewSpanID implements sdk.IDGenerator.
func (g *ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return g.next.Span }
