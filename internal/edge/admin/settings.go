package admin

import (
	"errors"
	"net/http"
	"slices"

	"countersign.dev/api"
	"countersign.dev/internal/registry"
)

type approvalsChanged struct {
	api.Changed
	Approvals api.Approvals `json:"approvals"`
}

type applied struct {
	api.Changed
	Steps   []api.Step    `json:"steps"`
	Unnamed []api.Partner `json:"unnamed,omitempty"`
}

// ApprovalsGet shows how many approvals a change needs.
func (h handlers) ApprovalsGet(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	a, err := h.cfg.Registry.Approvals(r.Context())
	if err != nil {
		c.fail(err)
		return
	}
	a.Environments = slices.DeleteFunc(a.Environments, func(e registry.EnvironmentApprovals) bool { return !c.who.Sees(e.Environment) })
	if etag, ok := c.tag(settingsRow()); ok {
		c.found(etag, viewApprovals(a, etag))
	}
}

// SettingsApprovals sets that.
func (h handlers) SettingsApprovals(w http.ResponseWriter, _ *http.Request, _ api.SettingsApprovalsParams) {
	c := w.(*call)
	var in api.ApprovalsPut
	if !c.read(&in) {
		return
	}
	want := registry.Approvals{Environments: []registry.EnvironmentApprovals{}, Accounts: in.Accounts, Settings: in.Settings}
	for _, e := range in.Environments {
		to := registry.EnvironmentApprovals{Environment: e.Environment, Approvals: e.Approvals}
		for _, o := range e.Operations {
			to.Operations = append(to.Operations, registry.OperationApprovals{Operation: registry.OperationName(o.Operation), Approvals: o.Approvals})
		}
		want.Environments = append(want.Environments, to)
	}
	done, ok := c.do(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{Approvals: want},
		asked{reason: in.Reason, rows: []string{settingsRow()}})
	if !ok {
		return
	}
	if done.Approvals == nil {
		c.broke(errors.New("a change of the settings came without them"))
		return
	}
	if etag, ok := c.tag(settingsRow()); ok {
		c.etag(etag)
		c.json(http.StatusOK, approvalsChanged{c.changed(done), viewApprovals(*done.Approvals, etag)})
	}
}

// SealingKeyRotate makes a new sealing key.
func (h handlers) SealingKeyRotate(w http.ResponseWriter, _ *http.Request, environment api.InPathEnvironment,
	_ api.SealingKeyRotateParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpSealingKeyRotate, "", environment, registry.SealingKeyRotate{}); ok {
		c.json(http.StatusOK, c.changed(done))
	}
}

// SealingKeyDrop drops the sealing keys of an environment, and its access tokens with them.
func (h handlers) SealingKeyDrop(w http.ResponseWriter, _ *http.Request, environment api.InPathEnvironment,
	_ api.SealingKeyDropParams) {
	c := w.(*call)
	if done, ok := c.act(registry.OpSealingKeyDrop, "", environment, registry.SealingKeyDrop{}); ok {
		c.json(http.StatusOK, c.changed(done))
	}
}

// RegisterApply makes the register what a declarative file says, or tells what that would do.
func (h handlers) RegisterApply(w http.ResponseWriter, r *http.Request, _ api.RegisterApplyParams) {
	c := w.(*call)
	var in api.Apply
	if !c.read(&in) {
		return
	}
	c.tries = in.DryRun
	params, ok := c.desired(in.Desired)
	if !ok {
		return
	}
	if in.DryRun {
		diff, err := h.cfg.Registry.Apply(r.Context(), c.actor(), params.Desired(), true)
		if err != nil {
			c.applyFailed(err)
			return
		}
		revision, err := h.cfg.Registry.Revision(r.Context())
		if err != nil {
			c.fail(err)
			return
		}
		c.wait = 0 // nothing was changed that a node could serve
		c.appliedDone(registry.Done{Applied: &diff, Revision: revision})
		return
	}
	op, err := registry.NewOperation(registry.OpRegisterApply, "", "", params)
	if err != nil {
		c.broke(err)
		return
	}
	done, ok := c.do(op.Name, "", "", params, asked{reason: in.Reason})
	if ok {
		c.appliedDone(done)
	}
}

// applyFailed names every item that cannot be had.
func (c *call) applyFailed(err error) {
	var items *registry.ApplyError
	if !errors.As(err, &items) {
		c.fail(err)
		return
	}
	p := refusal{kind: api.Invalid, detail: "Nothing was applied: errors names the items that cannot be had."}
	for _, item := range items.Items {
		p.errors = append(p.errors, field{"/desired/" + item.Path, item.Err.Error()})
	}
	c.refuse(p)
}

func (c *call) appliedDone(done registry.Done) {
	out := applied{Changed: c.changed(done), Steps: []api.Step{}}
	if done.Applied != nil {
		out.Steps = list(done.Applied.Steps, viewStep)
		for _, p := range done.Applied.Unnamed {
			out.Unnamed = append(out.Unnamed, viewPartner(p, ""))
		}
	}
	c.json(http.StatusOK, out)
}

// Overview tells what waits.
func (h handlers) Overview(w http.ResponseWriter, r *http.Request) {
	c := w.(*call)
	ctx, reg := r.Context(), h.cfg.Registry
	revision, err1 := reg.Revision(ctx)
	open, err2 := reg.OpenBreakGlass(ctx)
	reviews, err3 := reg.ReviewFiles(ctx, registry.ReviewQuery{Waiting: true, Limit: registry.MaxReviewPage})
	proposals, err4 := reg.Proposals(ctx, registry.ProposalQuery{State: registry.ProposalOpen, Limit: registry.MaxPage})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		c.fail(err)
		return
	}
	nodes, _, ok := c.nodes(revision)
	if !ok {
		return
	}
	out := api.Overview{At: h.cfg.Now().UTC(), Revision: int64(revision), OpenBreakGlass: open, Nodes: nodes}
	for _, f := range reviews.Files {
		if c.who.Sees(f.Review.Environment) {
			out.WaitingReviews++
		}
	}
	for _, item := range proposals.Items {
		if c.seesProposal(item.Value) {
			out.OpenProposals++
		}
	}
	c.json(http.StatusOK, out)
}

// desired is a declarative file as parameters; false: it has answered.
func (c *call) desired(d api.Desired) (registry.RegisterApply, bool) {
	out := registry.RegisterApply{Prune: d.Prune, ClosePruned: d.ClosePruned}
	for _, p := range d.Partners {
		to := registry.ApplyPartner{Name: p.Name, Closed: p.Closed}
		for _, e := range p.Environments {
			one, ok := c.desiredEnvironment(e)
			if !ok {
				return out, false
			}
			to.Environments = append(to.Environments, one)
		}
		out.Partners = append(out.Partners, to)
	}
	return out, true
}

func (c *call) desiredEnvironment(e api.DesiredEnvironment) (registry.ApplyEnvironment, bool) {
	to := registry.ApplyEnvironment{Name: e.Name, Requested: e.Requested}
	if e.Networks != nil {
		to.Networks = []registry.NetworkAllow{}
		for _, n := range *e.Networks {
			rule := registry.NetworkAllow{API: n.API, Country: n.Country, Note: n.Note}
			if n.Prefix != "" {
				prefix, err := parsePrefix(n.Prefix)
				if err != nil {
					c.refuse(refusal{kind: api.Invalid, detail: "A prefix of " + e.Name + " is neither an address nor a prefix."})
					return to, false
				}
				rule.Prefix = prefix
			}
			to.Networks = append(to.Networks, rule)
		}
	}
	if e.Limits != nil {
		to.Limits = []registry.LimitSet{}
		for _, l := range *e.Limits {
			to.Limits = append(to.Limits, registry.LimitSet{Credential: l.CredentialID, API: l.API, Rate: l.Rate, PerSeconds: l.PerSeconds,
				Burst: l.Burst, Daily: l.Daily})
		}
	}
	return to, true
}
