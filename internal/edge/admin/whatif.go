package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/turnstile"
	"countersign.dev/internal/whatif"
)

// patience is how long a question waits for its place.
const patience = 10 * time.Second

// place takes one of the places for what reads a lot of the record; whoever got it leaves it. false: it has answered.
func (c *call) place() bool {
	if c.s.cfg.Questions == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server has no record of decisions to ask.", retry: 60})
		return false
	}
	return c.search()
}

// search takes a place for a search. It may take as long as it does: the time of an answer begins with its first byte.
func (c *call) search() bool { return c.enter(c.s.heavy, "Others are searching the record already.") }

// enter waits for a place at t; false: it has answered.
func (c *call) enter(t *turnstile.Turnstile, full string) bool {
	err := t.Enter(c.r.Context(), patience)
	switch {
	case err == nil:
		return true
	case errors.Is(err, turnstile.ErrFull), errors.Is(err, turnstile.ErrTired):
		c.refuse(refusal{kind: api.TooManyRequests, detail: full, retry: 10})
	default:
		c.fail(err)
	}
	return false
}

// WhatIf replays recorded decisions against a change that somebody thinks of.
func (h handlers) WhatIf(w http.ResponseWriter, _ *http.Request) {
	c := w.(*call)
	var in api.WhatIfAsk
	if !c.read(&in) {
		return
	}
	if !c.who.Sees(in.Proposed.Environment) {
		c.refuse(notFound)
		return
	}
	var proposed whatif.Proposed
	raw, err := json.Marshal(in.Proposed)
	if err == nil {
		err = json.Unmarshal(raw, &proposed)
	}
	if err != nil {
		c.broke(err)
		return
	}
	if report, ok := c.replay(proposed, in.From, in.To); ok {
		c.json(http.StatusOK, report)
	}
}

func (c *call) replay(p whatif.Proposed, from, to time.Time) (whatif.Report, bool) {
	if !c.who.May(operator.WhatIfRun, p.Environment) {
		c.lacks(operator.WhatIfRun)
		return whatif.Report{}, false
	}
	if !c.place() {
		return whatif.Report{}, false
	}
	defer c.s.heavy.Leave()
	report, err := c.s.cfg.Questions.WhatIf(c.r.Context(), p, whatif.Span{From: from, To: to})
	if err != nil {
		c.fail(err)
		return report, false
	}
	return report, true
}

// ProposalWhatIf replays recorded decisions against a proposal, and attaches the report to what was replayed: one that was edited
// meanwhile gets none.
func (h handlers) ProposalWhatIf(w http.ResponseWriter, _ *http.Request, id api.InPathProposal, _ api.ProposalWhatIfParams) {
	c := w.(*call)
	var in api.ProposalWhatIf
	if !c.read(&in) {
		return
	}
	p, ok := c.proposalByID(id)
	if !ok {
		return
	}
	proposed, err := Replayable(p.Operation)
	if err != nil {
		c.refuse(refusal{kind: api.Invalid, detail: told(err)})
		return
	}
	report, ok := c.replay(proposed, in.From, in.To)
	if !ok {
		return
	}
	c.proposed(c.attach(p, report))
}
