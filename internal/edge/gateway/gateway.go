// Package gateway is the authenticating reverse proxy: one of the doors. It translates a request on the wire into an
// access.Request, asks access to decide, and then either forwards the very method, target and body that were decided on,
// or renders the refusal. It takes no decision of its own. It refuses to forward anything that was not verified: no
// credential, no forwarding header, no header of the identity name space, no trailer, no connection option of the caller
// ever reaches an upstream, and no upstream's mistake reaches a caller as anything but 502 or 504.
//
// Attacks it answers: identity headers that a caller sets itself, in any spelling; forwarding headers from strangers;
// bodies that are held for long or forever; upstreams that answer late, endlessly or with two answers.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// Exchange serves an API's token endpoint. internal/edge/tokens implements it.
type Exchange interface {
	// Serve answers a call that the pipeline let on to the token endpoint, and writes the outcome to d. Before it does
	// anything that lasts it asks admit, once, and goes on only if that is access.Allowed; any other reason, with what admit
	// wrote to d, is the outcome.
	Serve(ctx context.Context, method string, header http.Header, body []byte, d *access.Decision, admit func(context.Context) access.Reason) problem.Answer
}

// Recorder takes the record of every request, after its answer.
type Recorder interface{ Record(*audit.Decision) }

// Config says what a gateway serves. Fields without a default must be set.
type Config struct {
	Environment string
	Hosts       []string // host names, without port, that name this environment; nil: any Host
	Decider     *access.Decider
	Address     *clientip.Deriver
	Upstreams   map[*access.API]upstream.Doer // one for every API of the environment; with Within nil ones
	Within      *Within                       // nil: what is let in is forwarded
	Exchange    Exchange                      // may be nil where no API has a token endpoint
	Captures    map[*access.API]Captures      // of signed APIs; nil: nothing is kept, and ExplainBase is a path like any other
	Record      Recorder

	// Admit is asked once for every request that is about to be forwarded or exchanged, after all checks and before a byte
	// goes to an upstream or a token is made. An error refuses the request with access.Unavailable, or access.ClientGone where
	// ctx has ended; a record of the refusal follows. The decision says what is known by then: no status, no answer. Admit
	// must not keep it. nil: nothing is asked.
	Admit func(ctx context.Context, d *audit.Decision) error

	Trace Tracer // nil: nothing is traced, and a caller's traceparent is a header like any other

	Log *slog.Logger
	Now func() time.Time

	Bodies      *Budget       // how much memory request bodies may take together; shared between environments
	BodyTimeout time.Duration // for a request body to arrive; 0: 30 s
	WriteStall  time.Duration // how long a caller may take no byte of an answer; 0: 60 s
}

// Gateway serves one environment. Safe for concurrent use. It never changes, is cheap to make and has nothing to close:
// whoever serves with other settings makes another one and puts it behind an atomic pointer, so that each request has one
// gateway from its beginning to its end. What must last over such a change is shared by both: the body budget, the record,
// the exchange, and below the Decider its replay guard and limiter. The upstreams of the former one are closed when its last
// request is done, which only their owner can tell.
type Gateway struct {
	cfg         Config
	hosts       passage.Hosts
	credentials passage.Credentials // headers that end here
	calls       sync.Pool           // of *call
}

// New checks cfg.
func New(cfg Config) (*Gateway, error) {
	if cfg.Environment == "" || cfg.Decider == nil || cfg.Address == nil || cfg.Record == nil || cfg.Log == nil || cfg.Now == nil || cfg.Bodies == nil {
		return nil, errors.New("gateway: environment, decider, address, record, log, clock and body budget must be set")
	}
	for api, doer := range cfg.Upstreams {
		if api == nil || (doer == nil) != (cfg.Within != nil) || api.Environment != cfg.Environment {
			return nil, errors.New("gateway: every API of the environment, and no other, has an upstream")
		}
		if api.TokenEndpoint != "" && cfg.Exchange == nil {
			return nil, errors.New("gateway: " + api.Name + " has a token endpoint, but there is no exchange")
		}
	}
	for api, captures := range cfg.Captures {
		if api == nil || captures == nil || cfg.Upstreams[api] == nil || api.Protocol != access.Signed {
			return nil, errors.New("gateway: captures are of signed APIs that are served")
		}
	}
	if cfg.Within != nil && cfg.Within.Next == nil {
		return nil, errors.New("gateway: what is let in needs a handler")
	}
	if cfg.BodyTimeout == 0 {
		cfg.BodyTimeout = 30 * time.Second
	}
	if cfg.WriteStall == 0 {
		cfg.WriteStall = time.Minute
	}
	g := &Gateway{cfg: cfg, hosts: passage.HostsOf(cfg.Hosts), credentials: passage.CredentialsOf(maps.Keys(cfg.Upstreams))}
	g.calls.New = func() any { return new(call) }
	return g, nil
}

// ServeHTTP serves one request: translate, decide, render or forward, record.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := g.calls.Get().(*call)
	c.begin(g, w, r)
	defer c.end()
	c.serve()
}
