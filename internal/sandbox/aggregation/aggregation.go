// Package aggregation owns the model of the data-aggregation family: customers,
// institutions, accounts, refreshes and transactions, in JSON and in XML, with state
// that lives as long as the process.
//
// It is an upstream, not a door: it authenticates nobody and relies on the gateway
// for that, but it refuses a request that does not carry the gateway's identity
// headers, so that being reached past the gateway opens nothing. It refuses bodies
// and targets that could be read in two ways, and it keeps every partner in every
// environment apart. It answers exhaustion by bounds on partners, customers, texts,
// bodies and pages.
package aggregation

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"countersign.dev/internal/sandbox/caller"
	"countersign.dev/internal/sandbox/route"
)

// BasePath may stand in front of every path or be left out: the gateway forwards
// the target as it came, base path included (seed: Accessing the API).
const BasePath = "/aggregation"

// Config is what a model is made of.
type Config struct {
	// Environment is the only environment that is served; a request admitted to
	// another is refused. Empty serves any, each with its own state.
	Environment string
	// Now is the clock. Required.
	Now func() time.Time
	// MaxPartners bounds the (environment, partner) pairs with state. At least 1.
	MaxPartners int
	// MaxCustomers bounds the customers of one pair. At least 1.
	MaxCustomers int
}

// Model is the upstream. It is safe for concurrent use, does no I/O of its own and
// has nothing to close; its state goes with it.
type Model struct {
	environment string
	now         func() time.Time
	states      *caller.States[state]
	calls       *route.Table[action]
	banks       []institutionView
}

// call is one request after everything that is common to all of them.
type call struct {
	state  *state
	now    int64
	ids    []string
	query  *parameters
	format Format
	http   *http.Request
}

// reply is an answer that says yes. A nil body is sent as none.
type reply struct {
	status int
	body   any
}

// action answers one call: either a reply or a refusal.
type action func(*Model, *call) (reply, *refusal)

// New returns a model without any state. Errors: a missing clock, a bound below 1.
func New(c Config) (*Model, error) {
	if c.Now == nil {
		return nil, errors.New("aggregation: Now is missing")
	}
	if c.MaxCustomers < 1 {
		return nil, errors.New("aggregation: MaxCustomers must be at least 1")
	}
	states, err := caller.NewStates(c.MaxPartners, func(who caller.Caller) *state {
		return newState(c.MaxCustomers, who)
	})
	if err != nil {
		return nil, err
	}
	calls, err := route.New(routes())
	if err != nil {
		return nil, err
	}
	return &Model{c.Environment, c.Now, states, calls, institutions()}, nil
}

// ServeHTTP answers one request (spec: token access, "Resource calls").
func (m *Model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := route.Target(r)
	path = route.TrimBase(path, BasePath)
	format := Negotiate(r.Header.Values("Accept"), r.Header.Values("Content-Type"))
	if strings.HasPrefix(path, "/v3/") {
		// The third version has no XML form.
		format = JSON
	}
	yes, no := m.answer(r, path, query, format)
	if no != nil {
		refuse(w, format, no)
		return
	}
	write(w, format, yes)
}

// answer settles who calls, then what is called, then runs it.
func (m *Model) answer(r *http.Request, path, query string, format Format) (reply, *refusal) {
	who, err := caller.Parse(r.Header, m.environment)
	if err != nil {
		return reply{}, notAuthorized()
	}
	found := m.calls.Match(r.Method, path)
	switch {
	case found.Found:
	case len(found.Allow) > 0:
		no := other(http.StatusMethodNotAllowed, "Method not allowed.")
		no.allow = found.Allow
		return reply{}, no
	default:
		return reply{}, noResource()
	}
	own, err := m.states.Of(who)
	if err != nil {
		return reply{}, other(http.StatusServiceUnavailable, "This model upstream keeps no more partners.")
	}
	c := &call{state: own, now: m.now().Unix(), ids: found.IDs, query: parseQuery(query), format: format, http: r}
	if c.query.wrong != nil {
		return reply{}, c.query.wrong
	}
	return found.Do(m, c)
}
