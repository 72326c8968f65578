package admin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/whatif"
)

// replaySoon is how long whoever asks for a change waits for its replay. What takes longer is asked for by itself.
const replaySoon = 5 * time.Second

// replayed attaches to a proposal that is new, or was edited, what the record says of it, so that whoever approves it sees that
// without asking. It fails nothing: where there is no record, no place, no permission or not enough time, the proposal is as it was,
// and a report can be attached later.
func (c *call) replayed(p registry.Proposal) registry.Proposal {
	proposed, err := Replayable(p.Operation)
	has := p.WhatIf != nil && p.WhatIf.For == p.DigestText()
	if err != nil || has || p.State != registry.ProposalOpen || c.s.cfg.Questions == nil || !c.who.May(operator.WhatIfRun, p.Operation.Environment) {
		return p
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), replaySoon)
	defer cancel()
	if c.s.heavy.Enter(ctx, replaySoon) != nil {
		return p
	}
	defer c.s.heavy.Leave()
	report, err := c.s.cfg.Questions.WhatIf(ctx, proposed, whatif.Span{})
	if err == nil {
		var with registry.Proposal
		if with, err = c.attach(p, report); err == nil {
			return with
		}
	}
	c.s.cfg.Log.Info("no what-if report was attached to a proposal", "request_id", c.id, "proposal", p.ID, "cause", err.Error())
	return p
}

// attach keeps a report beside the proposal that it was made for, as it was then.
func (c *call) attach(p registry.Proposal, report whatif.Report) (registry.Proposal, error) {
	report, err := report.Fit(registry.MaxWhatIf)
	if err != nil {
		return p, err
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return p, err
	}
	return c.s.cfg.Registry.AttachWhatIf(c.r.Context(), c.actor(), p.ID, p.Digest(), raw)
}

// Replayable is an operation as a question to the record. An error: it is none of those that can be replayed.
func Replayable(op registry.Operation) (whatif.Proposed, error) {
	p := whatif.Proposed{Environment: op.Environment, PartnerID: op.PartnerID}
	var err error
	switch op.Name {
	case registry.OpNetworkAllow:
		var n registry.NetworkAllow
		err = json.Unmarshal(op.Params, &n)
		add := whatif.Network{API: n.API, Country: n.Country}
		if n.Prefix.IsValid() {
			add.Prefix = n.Prefix.String()
		}
		p.AddNetworks = []whatif.Network{add}
	case registry.OpNetworkRemove:
		var n registry.NetworkRemove
		err = json.Unmarshal(op.Params, &n)
		p.RemoveNetworks = []string{n.ID}
	case registry.OpLimitSet:
		var l registry.LimitSet
		err = json.Unmarshal(op.Params, &l)
		p.SetLimits = []whatif.Limit{{CredentialID: l.Credential, API: l.API, Rate: l.Rate, PerS: int(l.PerSeconds), Burst: l.Burst, Daily: l.Daily}}
	case registry.OpLimitRemove:
		var l registry.LimitRemove
		err = json.Unmarshal(op.Params, &l)
		p.RemoveLimits = []string{l.ID}
	default:
		return p, errors.New("only network rules and limits can be replayed")
	}
	return p, err
}
