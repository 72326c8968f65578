// Package card owns the model of the card family: one person with two cards, one
// corporate with one, their status and stage, in JSON, with state that lives as long
// as the process.
//
// It is an upstream, not a door: it verifies no signature and relies on the gateway
// for that, but it refuses a request that does not carry the gateway's identity
// headers. It holds masked card numbers only, so nothing that leaks from it is a
// card. It refuses bodies that could be read in two ways, keeps every partner in
// every environment apart, and bounds partners and bodies.
package card

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/internal/sandbox/caller"
	"countersign.dev/internal/sandbox/route"
)

// Config is what a model is made of.
type Config struct {
	// Environment is the only environment that is served; a request admitted to
	// another is refused. Empty serves any, each with its own state.
	Environment string
	// Now is the clock; it dates the demo cards' expiry. Required.
	Now func() time.Time
	// MaxPartners bounds the (environment, partner) pairs with state. At least 1.
	MaxPartners int
}

// Model is the upstream. It is safe for concurrent use, does no I/O of its own and
// has nothing to close; its state goes with it.
type Model struct {
	environment string
	states      *caller.States[state]
	calls       *route.Table[action]
}

// call is one request after everything that is common to all of them.
type call struct {
	state *state
	ids   []string
	http  *http.Request
}

// action answers one call: a reply to send with 200, or a refusal.
type action func(*call) (any, *refusal)

// New returns a model that gives each caller the demo cards. Errors: a missing
// clock, a bound below 1.
func New(c Config) (*Model, error) {
	if c.Now == nil {
		return nil, errors.New("card: Now is missing")
	}
	states, err := caller.NewStates(c.MaxPartners, func(caller.Caller) *state {
		return newState(c.Now())
	})
	if err != nil {
		return nil, err
	}
	calls, err := route.New(routes())
	if err != nil {
		return nil, err
	}
	return &Model{c.Environment, states, calls}, nil
}

// routes are all calls of the model. The last is ours: the family's own way to read
// one card is not public.
func routes() []route.Route[action] {
	return []route.Route[action]{
		{Method: http.MethodPost, Pattern: "/api/v1/get-cards", Do: getCards},
		{Method: http.MethodPatch, Pattern: "/api/v1/update-card-status/{token_id}", Do: updateStatus},
		{Method: http.MethodPatch, Pattern: "/api/v1/update-card-stage/{token_id}", Do: updateStage},
		{Method: http.MethodGet, Pattern: "/api/v1/cards/{token_id}", Do: getCard},
	}
}

// ServeHTTP answers one request (spec: signed access, "Model upstream"). The target
// arrives with its base path, because that is what was signed.
func (m *Model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	yes, no := m.answer(r)
	if no != nil {
		refuse(w, no)
		return
	}
	write(w, http.StatusOK, yes)
}

// answer settles who calls, then what is called, then runs it.
func (m *Model) answer(r *http.Request) (any, *refusal) {
	who, err := caller.Parse(r.Header, m.environment)
	if err != nil {
		return nil, &refusal{status: http.StatusUnauthorized, code: "unauthorized"}
	}
	path, _ := route.Target(r)
	found := m.calls.Match(r.Method, path)
	switch {
	case found.Found:
	case len(found.Allow) > 0:
		return nil, &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: found.Allow}
	default:
		return nil, &refusal{status: http.StatusNotFound, code: "not_found"}
	}
	own, err := m.states.Of(who)
	if err != nil {
		return nil, &refusal{status: http.StatusServiceUnavailable, code: "too_many_partners"}
	}
	return found.Do(&call{state: own, ids: found.IDs, http: r})
}
