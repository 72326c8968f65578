package console

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// proposalPath is the page of the change that a request is about.
func proposalPath(r *http.Request) string {
	return page.Path(base+"/proposals", r.PathValue("proposal"))
}

// proposalSent is what became of a form about a change. It leads on, shows the page again where that tells more than an error
// does,
// or fails. done is the key of what was done; form names the form.
func (v *visit) proposalSent(w http.ResponseWriter, r *http.Request, sent *page.Form, form, done string, err error) {
	switch {
	case err == nil:
		v.done(w, r, proposalPath(r), done)
	case errors.Is(err, api.Stale):
		v.proposalAgain(w, r, proposalSaid{status: http.StatusPreconditionFailed, form: form, sent: sent,
			edited: "Nothing was done: this change, or what it is about, is not what your page showed any more. Below it stands as it is now. Read it again, then decide." + detailOf(err)})
	case errors.Is(err, api.FourEyes):
		v.fail(w, r, err)
	case errors.Is(err, api.Conflict):
		v.proposalAgain(w, r, proposalSaid{status: http.StatusConflict, form: form, sent: sent, edited: "Nothing was done." +
			detailOf(err)})
	case refused(sent, err, "digest", ""):
		v.proposalAgain(w, r, proposalSaid{status: statusOf(err), form: form, sent: sent})
	default:
		v.fail(w, r, err)
	}
}

// statusOf is the status of a problem of a form: 422, or 409 where it is about the present state.
func statusOf(err error) int {
	if errors.Is(err, api.Conflict) || errors.Is(err, api.IdempotencyConflict) {
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// detailOf is what the contract says beyond the kind of a problem, as a further sentence.
func detailOf(err error) string {
	var problem *api.Error
	if errors.As(err, &problem) && problem.Detail != "" {
		return " " + problem.Detail
	}
	return ""
}

// proposalApprove agrees with exactly what the page showed: the digest comes from it.
func (v *visit) proposalApprove(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	answer, err := v.api.ProposalApprove(r.Context(), r.PathValue("proposal"), api.ProposalApproveParams{},
		api.ProposalApprove{Digest: form.Value("digest"), Comment: form.Value("comment")})
	p := answer.Value.Proposal
	if errors.Is(err, api.Conflict) { // a second press of the button finds its own approval there
		if now, again := v.proposalNow(r); again == nil && v.hasApproved(now, form.Value("digest")) {
			p, err = now, nil
		}
	}
	done := "approved"
	switch p.State {
	case api.ProposalStateApplied:
		done = "applied"
	case api.ProposalStateApproved:
		done = "approved-last"
	}
	v.proposalSent(w, r, form, "approve", done, err)
}

func (v *visit) proposalNow(r *http.Request) (api.Proposal, error) {
	found, err := v.api.ProposalGet(r.Context(), r.PathValue("proposal"))
	return found.Value, err
}

func (v *visit) hasApproved(p api.Proposal, digest string) bool {
	return slices.ContainsFunc(p.Approvals, func(a api.ProposalApproval) bool {
		return a.By == v.me.Actor &&
			a.Digest == digest
	})
}

func (v *visit) proposalReject(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	if form.Value("reason") == "" {
		form.Refuse("reason", "Say why: whoever asked has to know what to change.")
		v.proposalAgain(w, r, proposalSaid{status: http.StatusUnprocessableEntity, form: "reject", sent: form})
		return
	}
	_, err := v.api.ProposalReject(r.Context(), r.PathValue("proposal"), api.ProposalRejectParams{},
		api.Act{Reason: form.Value("reason")})
	v.proposalSent(w, r, form, "reject", "rejected", v.ended(r, api.ProposalStateRejected, err))
}

func (v *visit) proposalWithdraw(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	_, err := v.api.ProposalWithdraw(r.Context(), r.PathValue("proposal"), api.ProposalWithdrawParams{},
		api.Act{Reason: form.Value("reason")})
	v.proposalSent(w, r, form, "withdraw", "withdrawn", v.ended(r, api.ProposalStateWithdrawn, err))
}

// ended takes a conflict for done where the visitor has ended the change that way already: a second press of the button.
func (v *visit) ended(r *http.Request, state api.ProposalState, err error) error {
	if !errors.Is(err, api.Conflict) {
		return err
	}
	if now, again := v.proposalNow(r); again == nil && now.State == state && now.EndedBy == v.me.Actor {
		return nil
	}
	return err
}

// commentAgain is how long the same words of the same person are the same comment.
const commentAgain = 10 * time.Minute

func (v *visit) proposalComment(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	text := form.Value("text")
	now, err := v.proposalNow(r)
	if err == nil && !slices.ContainsFunc(now.Comments, func(c api.ProposalRemark) bool {
		return c.By == v.me.Actor && c.Text == text && v.s.cfg.Now().Sub(c.At) < commentAgain
	}) {
		_, err = v.api.ProposalComment(r.Context(), now.ID, api.ProposalCommentParams{}, api.Comment{Text: text})
	}
	v.proposalSent(w, r, form, "comment", "commented", err)
}

// replaySpans are the spans that a replay may be of.
var replaySpans = []page.Option{{Value: "24h", Text: "the last day"}, {Value: "168h", Text: "the last 7 days"}, {Value: "720h",
	Text: "the last 30 days"}}

// spanOf is the begin of a span that was chosen; the zero time: the contract's own.
func (v *visit) spanOf(form *page.Form) time.Time {
	d, err := time.ParseDuration(form.Value("last"))
	if err != nil || !slices.ContainsFunc(replaySpans, func(o page.Option) bool { return o.Value == form.Value("last") }) {
		return time.Time{}
	}
	return v.s.cfg.Now().Add(-d)
}

func (v *visit) proposalReplay(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	_, err := v.api.ProposalWhatIf(r.Context(), r.PathValue("proposal"), api.ProposalWhatIfParams{},
		api.ProposalWhatIf{From: v.spanOf(form)})
	v.proposalSent(w, r, form, "what-if", "replayed", err)
}

// proposalApply carries out what was approved. What is secret of it is in this answer alone.
func (v *visit) proposalApply(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	answer, err := v.api.ProposalApply(r.Context(), r.PathValue("proposal"), api.ProposalApplyParams{}, api.Act{})
	if err == nil {
		v.showSecret(w, r, appliedSecret(answer.Value))
		return
	}
	if errors.Is(err, api.Conflict) {
		if now, again := v.proposalNow(r); again == nil && now.State == api.ProposalStateApplied &&
			now.RequestedBy == v.me.Actor {
			v.showSecret(w, r, appliedSecret(api.ProposalChanged{Proposal: now, Applied: true}))
			return
		}
	}
	v.proposalSent(w, r, form, "apply", "applied", err)
}
