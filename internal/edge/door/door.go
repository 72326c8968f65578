// Package door is what the doors share that only answer whether a request may pass: ext_authz, forward-auth and the check
// in-process. A translator says which request somebody else holds; Check runs the same pipeline for it as the gateway does,
// and hands back what its holder has to do: set these identity headers, remove those, let it go on; or answer exactly this.
// Every check is recorded once. The package takes no decision of its own and never sees a connection.
//
// It refuses what it was not told. A body that a signature covers and that was not handed over whole, byte for byte, is
// refused and never taken on trust; so is a request of which the proxy leaves open whether it has one. It refuses token
// exchanges where its holder cannot pass on the answer.
//
// Attacks it answers: a body that is put behind a signed request without one, or cut, or exchanged on the way; identity
// headers that a caller sets itself. What it cannot see: how the bytes of the request were framed. Whether two lengths,
// bare line feeds or folded headers were refused (security rule 24) is up to the proxy that parsed them, and so is whether
// the request that was checked is the one that is forwarded. docs/guide/proxies.md says which proxy does what.
package door

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// Exchange serves an API's token endpoint. internal/edge/tokens implements it; it is the gateway's interface.
type Exchange interface {
	Serve(ctx context.Context, method string, header http.Header, body []byte, d *access.Decision, admit func(context.Context) access.Reason) problem.Answer
}

// Recorder takes the record of every check, after its answer. It must not keep d.
type Recorder interface{ Record(d *audit.Decision) }

// Config says what a door decides for. Fields without a default must be set.
type Config struct {
	Environment string
	Kind        string   // what stands in the record as "door": "nginx", "envoy", "middleware", ...
	Hosts       []string // host names, without port, that name this environment; nil: any Host
	Decider     *access.Decider
	APIs        []*access.API     // all of the environment: their credential headers are removed
	Address     *clientip.Deriver // of the environment, as at its gateway
	Exchange    Exchange          // nil: the token endpoint is refused with access.TokenEndpointElsewhere
	Record      Recorder

	// Admit is asked once for every request that is about to be let pass, after all checks. An error refuses the request
	// with access.Unavailable, or access.ClientGone where ctx has ended. Admit must not keep the decision. nil: nothing is
	// asked.
	Admit func(ctx context.Context, d *audit.Decision) error

	Trace Tracer // nil: nothing is traced

	Now func() time.Time
}

// Door checks requests of one environment for one kind of holder. Safe for concurrent use. It never changes and has nothing
// to close: whoever serves with other settings makes another one.
type Door struct {
	cfg         Config
	hosts       passage.Hosts
	credentials passage.Credentials // headers that end here
	answers     sync.Pool           // of *Answer
}

// New checks cfg.
func New(cfg Config) (*Door, error) {
	if cfg.Environment == "" || cfg.Kind == "" || cfg.Decider == nil || cfg.Address == nil || cfg.Record == nil || cfg.Now == nil {
		return nil, errors.New("door: environment, kind, decider, address, record and clock must be set")
	}
	for _, api := range cfg.APIs {
		if api == nil || api.Environment != cfg.Environment {
			return nil, errors.New("door: every API is of the environment")
		}
	}
	d := &Door{cfg: cfg, credentials: passage.CredentialsOf(slices.Values(cfg.APIs)), hosts: passage.HostsOf(cfg.Hosts)}
	d.answers.New = func() any { return new(Answer) }
	return d, nil
}

// Kind is what stands in the record for this door.
func (d *Door) Kind() string { return d.cfg.Kind }

// Environment is the one that the door decides for.
func (d *Door) Environment() string { return d.cfg.Environment }

// Check decides about q and never panics. The answer belongs to the caller, who gives it back with End, exactly once, and
// changes nothing of q, its header and its body until then. A nil answer is never returned. ctx ends the wait for the record
// alone (Config.Admit) and is handed to the exchange.
func (d *Door) Check(ctx context.Context, q *Request) *Answer {
	a := d.answers.Get().(*Answer)
	a.begin(d, q)
	a.check(ctx)
	a.render()
	return a
}

// Refuse answers and records a request that the translator could not read, or may not take from whoever brought it, with a
// reason of its own: access.MalformedCheck, access.UnknownProxy. detail is one sentence from a closed list, never the
// caller's text, for the record and the answer. q holds what is known of the request and is not judged; its zero value is
// one of which nothing is known. It is to be ended as that of Check.
func (d *Door) Refuse(q *Request, reason access.Reason, detail string) *Answer {
	a := d.answers.Get().(*Answer)
	a.begin(d, q)
	a.decision.Reason, a.decision.Detail, a.decision.Where = reason, detail, detail
	a.render()
	return a
}
