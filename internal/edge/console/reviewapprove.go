package console

import (
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// reviewApproval is the Data of the page "approve": everything that an approval binds, and the form for it.
type reviewApproval struct {
	Card reviewCard
	Deed *deed
	Why  string // why this visitor does not approve it now; empty: nothing is in the way
}

// reviewApprove shows all that an approval binds with its digest, and approves exactly that.
func (v *visit) reviewApprove(w http.ResponseWriter, r *http.Request) {
	p, c, ok := v.place(w, r)
	if !ok {
		return
	}
	if c.File == nil && c.Fault == "" {
		v.missing(w, r)
		return
	}
	form, post, ok := v.opened(w, r, "partners.read", c.Environment)
	if !ok {
		return
	}
	d := &deed{Title: "Approve " + page.Cut(60, p.Name) + " for " + c.Environment, Form: form, Trail: partnerTrail(p), Button: "Approve exactly this",
		Back: partnerPath(p.ID) + "#review-" + c.Environment, Fields: []deedField{because(form)}}
	if !post {
		v.showApproval(w, r, p, c, d, http.StatusOK)
		return
	}
	a, err := v.api.ReviewApprove(r.Context(), p.ID, c.Environment, api.ReviewApproveParams{IdempotencyKey: form.Key},
		api.ReviewApprove{Digest: form.Value("digest"), Reason: form.Value("reason")})
	if err != nil {
		v.notApproved(w, r, p, c, d, err)
		return
	}
	v.settle(w, r, d, a.Waiting, nil, "review-approved", "review-"+c.Environment)
}

// notApproved shows the file as it is now where it has changed since the approver looked, or where something else is in the way.
func (v *visit) notApproved(w http.ResponseWriter, r *http.Request, p api.Partner, c reviewCard, d *deed, err error) {
	switch {
	case isStale(err):
		d.Form.Problem = "The file has changed since you looked at it, and nothing was approved. Below is what it is now: look again and decide again."
		v.showApproval(w, r, p, c, d, http.StatusPreconditionFailed)
	case refused(d.Form, err):
		v.showApproval(w, r, p, c, d, http.StatusUnprocessableEntity)
	default:
		v.fail(w, r, err)
	}
}

func (v *visit) showApproval(w http.ResponseWriter, r *http.Request, p api.Partner, c reviewCard, d *deed, status int) {
	if c.File != nil {
		d.Hidden = []fact{{"digest", c.File.Digest}}
		if err := v.fill(&c, p); err != nil {
			v.fail(w, r, err)
			return
		}
		c.Comment, c.MayWrite, c.Alone = nil, false, true // this page is for looking and deciding
		for i := range c.Items {
			c.Items[i].Check = nil
		}
	}
	data := &reviewApproval{Card: c, Deed: d}
	if c.File != nil {
		data.Why = c.obstacle(v.me.Actor)
	}
	if data.Why == "" && !v.may("reviews.approve", c.Environment) {
		data.Why = "You may not approve: the permission reviews.approve is missing."
	}
	v.show(w, r, "approve", page.View{Title: d.Title, Section: "partners", Trail: d.Trail, Status: status, Data: data,
		Lead: "The partner is let in here from the moment of your approval. It binds what is on this page, by its digest."})
}
