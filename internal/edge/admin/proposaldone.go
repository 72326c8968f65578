package admin

import (
	"encoding/json"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// whole shows a proposal with the report that is attached to it; false: it has answered.
func (c *call) whole(p registry.Proposal) (api.Proposal, bool) {
	shown, ok := c.proposal(p)
	if !ok || p.WhatIf == nil {
		return shown, ok
	}
	report, err := c.s.cfg.Registry.WhatIfReport(c.r.Context(), p.ID)
	if err == nil {
		err = json.Unmarshal(report, &shown.WhatIf.Report)
	}
	if err != nil {
		c.fail(err)
		return shown, false
	}
	return shown, true
}

// applied answers with a proposal and what it came to.
func (c *call) applied(done registry.Done, id string) {
	p, err := c.s.cfg.Registry.Proposal(c.r.Context(), id)
	if err != nil {
		c.fail(err)
		return
	}
	shown, ok := c.whole(p)
	if !ok {
		return
	}
	out := proposalChanged{Proposal: shown, Applied: p.State == registry.ProposalDone, Secret: done.Secret}
	if out.Applied && !c.outcome(&out, done) {
		return
	}
	if done.Revision == 0 {
		if done.Revision, err = c.s.cfg.Registry.Revision(c.r.Context()); err != nil {
			c.fail(err)
			return
		}
	}
	out.Changed = c.changed(done)
	c.etag(shown.Etag)
	c.json(http.StatusOK, out)
}

// outcome fills in what a proposal made or changed; false: it has answered.
func (c *call) outcome(out *proposalChanged, done registry.Done) bool {
	ok := true
	if done.Partner != nil {
		out.Partner, ok = pointer2(c.partner(*done.Partner))
	}
	if ok && done.Review != nil {
		out.Review, ok = pointer2(c.review(*done.Review))
	}
	if ok && done.Issued != nil {
		defer done.Issued.Secret.Zero()
		done.Credential, out.KeyID, out.Login, out.Version = &done.Issued.Credential, done.Issued.KeyID, done.Issued.Login, done.Issued.Version
		out.Secret = string(done.Issued.Secret.Bytes())
	}
	if ok && done.Credential != nil {
		out.Credential, ok = pointer2(c.credential(*done.Credential, map[string]home{}))
	}
	if done.Network != nil {
		v := viewNetwork(*done.Network)
		out.Network = &v
	}
	if done.Limit != nil {
		v := viewLimit(*done.Limit)
		out.Limit = &v
	}
	if ok && done.Endpoint != nil {
		out.Endpoint, ok = pointer2(c.endpoint(*done.Endpoint))
	}
	if done.Applied != nil {
		out.Steps = list(done.Applied.Steps, viewStep)
	}
	return ok && c.people(out, done)
}

// people fills in what became of accounts; false: it has answered.
func (c *call) people(out *proposalChanged, done registry.Done) bool {
	now, ok, etag := c.s.cfg.Now(), true, ""
	if done.Account != nil {
		if etag, ok = c.tag(accountRow(done.Account.ID)); ok {
			v := viewAccount(*done.Account, etag)
			out.Account = &v
			out.Secret = c.s.link(done.Secret)
		}
	}
	if ok && done.Service != nil {
		if etag, ok = c.tag(serviceRow(done.Service.ID)); ok {
			v := viewService(*done.Service, now, etag)
			out.ServiceAccount = &v
		}
	}
	if ok && done.BreakGlass != nil {
		if etag, ok = c.tag(breakGlassRow(done.BreakGlass.ID)); ok {
			v := viewBreakGlass(*done.BreakGlass, now, etag)
			out.BreakGlass = &v
		}
	}
	return ok
}

func pointer2[T any](v T, ok bool) (*T, bool) { return &v, ok }

func accountRow(id string) string    { return audit.DocumentRow("operator", id) }
func serviceRow(id string) string    { return audit.DocumentRow("service", id) }
func breakGlassRow(id string) string { return audit.DocumentRow("break_glass", id) }
