package otlp_test

import (
	"compress/gzip"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/tracing/otlp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is one of OTLP over HTTP: it reads what comes as its protocol says, and nothing else.
type receiver struct {
	t   testing.TB
	url *url.URL
	raw chan []byte // each batch, as it was decompressed

	mu       sync.Mutex
	answer   func(http.ResponseWriter, *http.Request) // nil: 200
	headers  []http.Header
	resource map[string]string
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{t: t, raw: make(chan []byte, 100)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	var err error
	if r.url, err = url.Parse(server.URL + "/v1/traces"); err != nil {
		t.Fatal(err)
	}
	return r
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	answer := r.answer
	r.headers = append(r.headers, q.Header.Clone())
	r.mu.Unlock()
	if answer != nil {
		answer(w, q)
		return
	}
	if q.Method != http.MethodPost || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" || q.Header.Get("Content-Encoding") != "gzip" {
		r.t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
	}
	text, err := gzip.NewReader(q.Body)
	if err == nil {
		var raw []byte
		if raw, err = io.ReadAll(io.LimitReader(text, 8<<20)); err == nil {
			r.raw <- raw
		}
	}
	if err != nil {
		r.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// batch waits for the next one.
func (r *receiver) batch() (all []*spans.Span, raw []byte) {
	r.t.Helper()
	select {
	case raw = <-r.raw:
	case <-time.After(30 * time.Second):
		r.t.Fatal("no batch has come")
	}
	m := new(collector.ExportTraceServiceRequest)
	if err := (proto.UnmarshalOptions{}).Unmarshal(raw, m); err != nil {
		r.t.Fatal(err)
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		r.t.Error("the batch has fields that the protocol does not know")
	}
	r.resource = map[string]string{}
	for _, from := range m.ResourceSpans {
		for _, a := range from.Resource.Attributes {
			r.resource[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range from.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all, raw
}

// open makes a tracer to the receiver. The test closes it.
func (r *receiver) open(change func(*otlp.Config)) *otlp.Tracer {
	r.t.Helper()
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	cfg := otlp.Config{Endpoint: r.url, Transport: transport, Sample: 1, Service: "gate", Version: "v1", Node: "node-1", Random: rand.Reader, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	tracer, err := otlp.Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return tracer
}

// record is a request in whose every field stands something that must be found, or must not.
func record() *audit.Decision {
	return &audit.Decision{
		Time: time.Unix(1_800_000_000, 5000), Duration: 3 * time.Millisecond, RequestID: "req-1", Environment: "sandbox", API: "card", Allowed: true,
		Reason: "allowed", Status: 200, Method: "POST", Protocol: "HTTP/2.0", Partner: "partner-1", Proved: true,
		Path: "/hush/path", Query: "hush=query", Where: "X-Hush-Where", Credential: "hush-credential", Cause: "hush cause", Warnings: []string{"hush warning"},
		Derivation: "hush derivation", Other: "hush-other", Country: "HU", Address: netip.MustParseAddr("192.0.2.77"), Peer: netip.MustParseAddr("192.0.2.78"),
	}
}
