package admin

import (
	"encoding/hex"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

type proposalChanged struct {
	api.Changed
	Proposal       api.Proposal        `json:"proposal"`
	Applied        bool                `json:"applied"`
	Partner        *api.Partner        `json:"partner,omitempty"`
	Review         *api.ReviewFile     `json:"review,omitempty"`
	Credential     *api.Credential     `json:"credential,omitempty"`
	Network        *api.Network        `json:"network,omitempty"`
	Limit          *api.Limit          `json:"limit,omitempty"`
	Endpoint       *api.Endpoint       `json:"endpoint,omitempty"`
	Account        *api.Account        `json:"account,omitempty"`
	ServiceAccount *api.ServiceAccount `json:"service_account,omitempty"`
	BreakGlass     *api.BreakGlass     `json:"break_glass,omitempty"`
	Steps          []api.Step          `json:"steps,omitempty"`
	KeyID          string              `json:"key_id,omitempty"`
	Login          string              `json:"login,omitempty"`
	Version        int                 `json:"version,omitempty"`
	Secret         string              `json:"secret,omitempty"`
}

// seesProposal reports whether a proposal is any of the caller's business. One that reaches into every environment is nothing for
// who is confined to some; one about accounts is for those who see accounts or may approve it. One's own is always seen.
func (c *call) seesProposal(p registry.Proposal) bool {
	if p.RequestedBy == c.actor().String() {
		return true
	}
	if environment := p.Operation.Environment; environment != "" {
		return c.who.Sees(environment)
	}
	if c.who.Confined() {
		return false
	}
	return c.s.contract.permission(p.Operation.Name) != operator.AccountsWrite || c.who.May(operator.AccountsRead, "") ||
		c.who.May(operator.ProposalsApprove, "")
}

// proposalByID finds one that the caller sees; false: it has answered.
func (c *call) proposalByID(id string) (registry.Proposal, bool) {
	p, err := c.s.cfg.Registry.Proposal(c.r.Context(), id)
	if err == nil && !c.seesProposal(p) {
		err = registry.ErrNotFound
	}
	if err != nil {
		c.fail(err)
		return p, false
	}
	return p, true
}

// ownProposal finds a proposal whose operation the caller may ask for; false: it has answered.
func (c *call) ownProposal(id string) (registry.Proposal, bool) {
	p, ok := c.proposalByID(id)
	return p, ok && c.mayDo(p.Operation)
}

// judged finds a proposal that the caller may approve or reject; false: it has answered.
func (c *call) judged(id string) (registry.Proposal, bool) {
	p, ok := c.proposalByID(id)
	if ok && !c.mayIn(operator.ProposalsApprove, p.Operation) {
		c.lacks(operator.ProposalsApprove)
		return p, false
	}
	return p, ok
}

// ProposalList lists proposals, the newest first.
func (h handlers) ProposalList(w http.ResponseWriter, r *http.Request, params api.ProposalListParams) {
	c := w.(*call)
	after, ok := c.after(params.After)
	if !ok {
		return
	}
	q := registry.ProposalQuery{State: registry.ProposalState(params.State), PartnerID: params.Partner, Environment: params.Environment,
		Limit: limitOr(params.Limit)}
	fetch := func(after string) ([]registry.Item[registry.Proposal], string, error) {
		q.After = after
		page, err := h.cfg.Registry.Proposals(r.Context(), q)
		return page.Items, page.Next, err
	}
	items, next, err := visible(c, after, q.Limit, fetch, func(p registry.Item[registry.Proposal]) bool { return c.seesProposal(p.Value) },
		func(p registry.Item[registry.Proposal]) string { return p.Value.Place() })
	if err != nil {
		c.fail(err)
		return
	}
	out := api.ProposalPage{Items: []api.Proposal{}, Next: c.next(next)}
	for _, item := range items {
		out.Items = append(out.Items, viewProposal(item.Value, item.ETag))
	}
	c.json(http.StatusOK, out)
}

// ProposalGet shows one, with its what-if report.
func (h handlers) ProposalGet(w http.ResponseWriter, _ *http.Request, id api.InPathProposal) {
	c := w.(*call)
	p, ok := c.proposalByID(id)
	if !ok {
		return
	}
	if shown, ok := c.whole(p); ok {
		c.found(shown.Etag, shown)
	}
}

// ProposalEdit changes what is proposed.
func (h handlers) ProposalEdit(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalEditParams) {
	c := w.(*call)
	var in api.ProposalEdit
	if !c.read(&in) {
		return
	}
	p, ok := c.ownProposal(id)
	if !ok {
		return
	}
	rows, ok := c.ifMatch([]string{p.Row()})
	if !ok {
		return
	}
	p, err := h.cfg.Registry.EditProposal(r.Context(), c.actor(), id, in.Params, in.Reason, rows)
	if err == nil {
		p = c.replayed(p)
	}
	c.proposed(p, err)
}

// ProposalApprove is one person's yes.
func (h handlers) ProposalApprove(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalApproveParams) {
	c := w.(*call)
	var in api.ProposalApprove
	if !c.read(&in) {
		return
	}
	if _, ok := c.judged(id); !ok {
		return
	}
	var digest [32]byte
	if _, err := hex.Decode(digest[:], []byte(in.Digest)); err != nil {
		c.refuse(refusal{kind: api.Invalid, errors: []field{{"/digest", "it has 64 lower-case hex digits"}}})
		return
	}
	done, err := h.cfg.Registry.ApproveProposal(r.Context(), c.actor(), id, digest, in.Comment)
	if err != nil {
		c.fail(err)
		return
	}
	done.Secret, done.Issued = "", withoutSecret(done.Issued) // the approver never sees one, whatever the registry says
	c.applied(done, id)
}

func withoutSecret(i *registry.Issued) *registry.Issued {
	if i != nil {
		i.Secret.Zero()
	}
	return nil
}

// ProposalReject is one person's no.
func (h handlers) ProposalReject(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalRejectParams) {
	c := w.(*call)
	var in api.Act
	if !c.read(&in) {
		return
	}
	if _, ok := c.judged(id); ok {
		c.proposed(h.cfg.Registry.RejectProposal(r.Context(), c.actor(), id, in.Reason))
	}
}

// ProposalWithdraw takes one's own proposal back.
func (h handlers) ProposalWithdraw(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalWithdrawParams) {
	c := w.(*call)
	var in api.Act
	if !c.read(&in) {
		return
	}
	if _, ok := c.ownProposal(id); ok {
		c.proposed(h.cfg.Registry.WithdrawProposal(r.Context(), c.actor(), id, in.Reason))
	}
}

// ProposalApply carries an approved proposal out.
func (h handlers) ProposalApply(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalApplyParams) {
	c := w.(*call)
	var in api.Act
	if !c.read(&in) {
		return
	}
	if _, ok := c.ownProposal(id); !ok {
		return
	}
	done, err := h.cfg.Registry.ApplyProposal(r.Context(), c.actor(), id)
	if err != nil {
		c.fail(err)
		return
	}
	c.applied(done, id)
}

// ProposalComment writes a comment.
func (h handlers) ProposalComment(w http.ResponseWriter, r *http.Request, id api.InPathProposal, _ api.ProposalCommentParams) {
	c := w.(*call)
	var in api.Comment
	if !c.read(&in) {
		return
	}
	p, ok := c.proposalByID(id)
	if !ok {
		return
	}
	if !c.mayIn(operator.ProposalsApprove, p.Operation) && !c.mayDo(p.Operation) {
		return
	}
	if in.Shared {
		c.refuse(refusal{kind: api.Invalid, errors: []field{{"shared", "comments on proposals are for operators; a rejection's reason is what a member reads"}}})
		return
	}
	p, err := h.cfg.Registry.CommentOnProposal(r.Context(), c.actor(), id, in.Text)
	c.answerProposal(http.StatusCreated, p, err)
}

// proposed answers with a proposal that was changed.
func (c *call) proposed(p registry.Proposal, err error) { c.answerProposal(http.StatusOK, p, err) }

func (c *call) answerProposal(status int, p registry.Proposal, err error) {
	if err != nil {
		c.fail(err)
		return
	}
	revision, err := c.s.cfg.Registry.Revision(c.r.Context())
	if err != nil {
		c.fail(err)
		return
	}
	if shown, ok := c.whole(p); ok {
		c.etag(shown.Etag)
		c.json(status, proposalChanged{Changed: c.changed(registry.Done{Revision: revision}), Proposal: shown})
	}
}

// settingsRow is that of the approval settings.
func settingsRow() string { return audit.DocumentRow("settings", "approvals") }
