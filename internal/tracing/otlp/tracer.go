// Package otlp makes a span of each recorded request and brings it to a receiver of OTLP over HTTP (OpenTelemetry). It owns the
// choice of which requests are traced, what a span says, the bounded queue and the way out.
//
// A span says what operators may see in a system that is not theirs alone: environment, API, decision, reason, method, status,
// request id, and the row id of a partner that has proved who it is. It never has a header's value, a target, a query, an address,
// a key id or a secret (security rule 33). The attacks it answers: a caller that makes a server send spans (its flag "sampled" is
// not obeyed); a receiver that is slow, gone or hostile (no request waits for it, what does not fit is dropped and counted, its
// answers are bounded and redirects are not followed).
package otlp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/tracing"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Bounds that are not set by anybody.
const (
	batchSpans     = 512              // sent at once
	sendEvery      = 2 * time.Second  // what has gathered
	sendPatience   = 10 * time.Second // for one batch, and for what is left at the end
	maxAnswer      = 64 << 10         // of the receiver
	defaultQueue   = 4096
	defaultService = "countersign"
)

// Config says where spans go. Fields without a default must be set.
type Config struct {
	Endpoint  *url.URL                    // of OTLP over HTTP, with its path, for example http://127.0.0.1:4318/v1/traces
	Transport http.RoundTripper           // calls it; it follows no redirects and takes no proxy from the environment. Close leaves it open
	Headers   func() (http.Header, error) // asked before each batch, for example for a token; nil: none

	Sample  float64 // share of requests that have a span, 0 to 1; 0: none, but upstreams get their traceparent all the same
	Service string  // service.name; empty: "countersign"
	Version string  // service.version; empty: none
	Node    string  // service.instance.id; empty: none
	Queue   int     // spans that may wait; 0: 4096

	Random io.Reader // of ids and of the choice; safe for concurrent use
	Log    *slog.Logger
}

// Counts are what became of spans since the start.
type Counts struct {
	Sent    uint64 // the receiver has confirmed them
	Dropped uint64 // the queue was full
	Failed  uint64 // the receiver could not be reached, or refused them
}

// Tracer implements the interfaces of doors that trace. Safe for concurrent use. Close it once no request runs any more.
type Tracer struct {
	cfg      Config
	limit    uint64 // a random number below it is sampled
	all      bool
	queue    chan item
	exporter *otlptrace.Exporter
	provider *sdk.TracerProvider
	maker    trace.Tracer
	ids      ids
	batch    gathered

	sent, dropped, failed atomic.Uint64
	problem               atomic.Pointer[error] // why the last batch was not taken; nil: it was

	stop context.CancelFunc // of sending
	end  chan struct{}
	done chan struct{}
	once sync.Once
}

// Open checks cfg and starts to send in the background. Nothing is sent before there is a span, and a receiver that is away is
// no error.
func Open(cfg Config) (*Tracer, error) {
	if cfg.Endpoint == nil || cfg.Endpoint.Host == "" || cfg.Transport == nil || cfg.Random == nil || cfg.Log == nil {
		return nil, errors.New("open traces: endpoint, transport, randomness and log must be set")
	}
	if !(cfg.Sample >= 0 && cfg.Sample <= 1) || cfg.Queue < 0 {
		return nil, errors.New("open traces: the share is between 0 and 1, the queue not below 0")
	}
	if cfg.Service == "" {
		cfg.Service = defaultService
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultQueue
	}
	t := &Tracer{cfg: cfg, all: cfg.Sample == 1, queue: make(chan item, cfg.Queue), end: make(chan struct{}), done: make(chan struct{})}
	t.limit = uint64(cfg.Sample * math.MaxInt64 * 2)
	var err error
	if t.exporter, err = newExporter(cfg); err != nil {
		return nil, err
	}
	t.provider = sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample()), sdk.WithIDGenerator(&t.ids), sdk.WithSpanProcessor(&t.batch),
		sdk.WithResource(about(cfg)), sdk.WithRawSpanLimits(limits))
	t.maker = t.provider.Tracer("countersign.dev")
	ctx, stop := context.WithCancel(context.Background())
	t.stop = stop
	go t.run(ctx)
	return t, nil
}

// newExporter is the way out. Every option that the environment could set is set here: what the configuration says is what is done.
func newExporter(cfg Config) (*otlptrace.Exporter, error) {
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(cfg.Endpoint.String()), otlptracehttp.WithHeaders(map[string]string{}),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression), otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf),
		otlptracehttp.WithTimeout(sendPatience), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}), otlptracehttp.WithMaxResponseSize(maxAnswer),
		otlptracehttp.WithTLSClientConfig(nil),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: &caller{cfg.Transport, cfg.Headers}, Timeout: sendPatience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}),
	}
	exporter, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return nil, errors.Join(errors.New("open traces"), err)
	}
	return exporter, nil
}

// caller sends a batch with the headers of the moment.
type caller struct {
	next    http.RoundTripper
	headers func() (http.Header, error)
}

// RoundTrip implements http.RoundTripper.
func (c *caller) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.headers != nil {
		more, err := c.headers()
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, err
		}
		r = r.Clone(r.Context())
		for name, values := range more {
			r.Header[name] = values
		}
	}
	return c.next.RoundTrip(r)
}

// Place is this hop's place for a request with that header: in the caller's trace where it names one, else in a new one. Whether
// the span is kept is chosen here, by Config.Sample, whatever the caller's flag says.
func (t *Tracer) Place(header http.Header) tracing.Place {
	from, ok := tracing.Read(header)
	if !ok {
		return t.root()
	}
	var random [16]byte
	if !t.random(random[:]) {
		return tracing.Place{}
	}
	from.Span, from.Sampled = [8]byte(random[:8]), t.chosen(random[8:])
	return from
}

// root is a place in a trace that begins here.
func (t *Tracer) root() tracing.Place {
	var random [32]byte
	if !t.random(random[:]) {
		return tracing.Place{}
	}
	return tracing.Place{Trace: [16]byte(random[:16]), Span: [8]byte(random[16:24]), Sampled: t.chosen(random[24:])}
}

// random fills b; false: there is no randomness, and the request goes untraced.
func (t *Tracer) random(b []byte) bool {
	_, err := io.ReadFull(t.cfg.Random, b)
	return err == nil
}

func (t *Tracer) chosen(random []byte) bool {
	return t.all || binary.BigEndian.Uint64(random) < t.limit
}

// Done makes a span of a request that was recorded, if its place is one that is kept; the zero Place begins a trace. It never
// waits: where the queue is full the span is dropped and counted. d is not kept.
func (t *Tracer) Done(p tracing.Place, d *audit.Decision) {
	if !p.IsValid() {
		p = t.root()
	}
	if !p.Sampled || !p.IsValid() {
		return
	}
	select {
	case t.queue <- itemOf(p, d):
	default:
		t.dropped.Add(1)
	}
}

// Counts are what became of spans by now.
func (t *Tracer) Counts() Counts {
	return Counts{Sent: t.sent.Load(), Dropped: t.dropped.Load(), Failed: t.failed.Load()}
}

// Problem is why the last batch was not taken; nil: it was, or there was none yet.
func (t *Tracer) Problem() error {
	if p := t.problem.Load(); p != nil {
		return *p
	}
	return nil
}
