package console

import (
	"context"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func reviewRoutes() []route {
	list := []route{
		{pattern: "GET /console/reviews", serve: (*visit).reviewList},
		{pattern: "GET " + reviewPattern + "/checklist/{item}", serve: (*visit).reviewCheck},
		{pattern: "POST " + reviewPattern + "/checklist/{item}", serve: (*visit).reviewCheck,
			done: map[string]string{"item-set": "The checklist is changed."}},
		{pattern: "GET " + reviewPattern + "/comments", serve: (*visit).reviewComment},
		{pattern: "POST " + reviewPattern + "/comments", serve: (*visit).reviewComment,
			done: map[string]string{"review-commented": "Your comment is added."}},
		{pattern: "GET " + reviewPattern + "/evidence", serve: (*visit).evidenceForms},
		{pattern: "POST " + reviewPattern + "/evidence/link", serve: (*visit).evidenceLink,
			done: map[string]string{"evidence-added": "The evidence is added."}},
		{pattern: "POST " + reviewPattern + "/evidence/file", serve: (*visit).evidenceFile, body: maxUpload,
			done: map[string]string{"evidence-added": "The evidence is added."}},
		{pattern: "GET " + reviewPattern + "/evidence/{evidence}/content", serve: (*visit).evidenceContent},
		{pattern: "GET " + reviewPattern + "/approve", serve: (*visit).reviewApprove},
		{pattern: "POST " + reviewPattern + "/approve", serve: (*visit).reviewApprove,
			done: map[string]string{"review-approved": "The review is approved: the partner is let in from now on."}},
	}
	for _, s := range reviewMoves() {
		serve := func(v *visit, w http.ResponseWriter, r *http.Request) { v.reviewStep(w, r, s) }
		list = append(list, route{pattern: "GET " + reviewPattern + "/" + s.name, serve: serve},
			route{pattern: "POST " + reviewPattern + "/" + s.name, serve: serve, done: map[string]string{"review-" + s.name: s.done}})
	}
	return list
}

const reviewPattern = "/console/partners/{partner}/reviews/{environment}"

// reviewMove is one transition of a review as a page offers it.
type reviewMove struct {
	name, title, lead, button, done string
	permission                      string
	cuts                            bool // it refuses a partner that was let in
	do                              func(context.Context, *api.Client, string, string, *page.Form) (api.Answer[api.ReviewChanged], error)
}

func actOf(form *page.Form) api.Act { return api.Act{Reason: form.Value("reason")} }

// reviewMoves are all transitions but the approval, which has a page of its own.
func reviewMoves() []reviewMove {
	return []reviewMove{
		{name: "request", permission: "reviews.write", title: "Ask for a review", button: "Ask for it",
			done: "The review is asked for. Somebody else approves it.",
			lead: "It says that this partner shall be let in here. Somebody other than you approves it, when the checklist is done.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewRequest(ctx, p, e, api.ReviewRequestParams{IdempotencyKey: f.Key}, actOf(f))
			}},
		{name: "start", permission: "reviews.write", title: "Take the review up", button: "Take it up", done: "The review is taken up.",
			lead: "It tells others that you work on it. Whoever may can check and approve all the same.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewStart(ctx, p, e, api.ReviewStartParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "suspend", permission: "partners.suspend", title: "Suspend", button: "Suspend now",
			done: "The partner is suspended here: its calls are refused from now on.", cuts: true,
			lead: "Every call of this partner is refused here within a second, until somebody lets it in again. Credentials and rules stay.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewSuspend(ctx, p, e, api.ReviewSuspendParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "resume", permission: "partners.suspend", title: "Let in again", button: "Let in again", done: "The partner is let in again.",
			lead: "The approval still stands, and so do credentials and rules.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewResume(ctx, p, e, api.ReviewResumeParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "withdraw", permission: "reviews.write", title: "Take back", button: "Take it back",
			done: "It is taken back: the partner stands where nobody had asked.", cuts: true,
			lead: "The request, or the approval, ends. What was checked has to be checked again after a new request; evidence and comments stay to be read.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewWithdraw(ctx, p, e, api.ReviewWithdrawParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
		{name: "close", permission: "reviews.write", title: "Close for good", button: "Close for good",
			done: "The partner’s access here is closed for good.", cuts: true,
			lead: "This cannot be taken back: the partner is never let in here again.",
			do: func(ctx context.Context, c *api.Client, p, e string, f *page.Form) (api.Answer[api.ReviewChanged], error) {
				return c.ReviewClose(ctx, p, e, api.ReviewCloseParams{IdempotencyKey: f.Key, IfMatch: match(f.Value("etag"))}, actOf(f))
			}},
	}
}

// place reads partner, environment and review that the address names. false: it has answered.
func (v *visit) place(w http.ResponseWriter, r *http.Request) (p api.Partner, c reviewCard, ok bool) {
	if p, ok = v.partner(w, r); !ok {
		return p, c, false
	}
	e, ok := v.environment(w, r)
	if !ok {
		return p, c, false
	}
	c = v.card(r.Context(), p, e)
	return p, c, true
}

// etag is that of the file; empty: there is none yet.
func (c *reviewCard) etag() string {
	if c.File == nil {
		return ""
	}
	return c.File.Etag
}

// reviewStep asks before a transition, and makes it.
func (v *visit) reviewStep(w http.ResponseWriter, r *http.Request, s reviewMove) {
	p, c, ok := v.place(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, s.permission, c.Environment)
	if !ok {
		return
	}
	d := reviewDeed(p, c, s, form)
	cuts := s.cuts && c.File != nil && c.File.Review.State == api.ReviewStateApproved
	if cuts {
		d.Fields = append(d.Fields, ticked(form, "I have looked at what this cuts off."))
	}
	if !post || cuts && !consents(form) {
		if cuts {
			d.Impact = v.cutOff(r, p.ID, c.Environment)
		}
		v.ask(w, r, d, formStatus(form))
		return
	}
	a, err := s.do(r.Context(), v.api, p.ID, c.Environment, form)
	v.settle(w, r, d, a.Waiting, err, "review-"+s.name, "review-"+c.Environment)
}

// formStatus is the status of a page with a form: something in it is wrong, or it is new.
func formStatus(form *page.Form) int {
	if form.Bad() {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func reviewDeed(p api.Partner, c reviewCard, s reviewMove, form *page.Form) *deed {
	d := &deed{Title: s.title + ": " + page.Cut(60, p.Name) + " in " + c.Environment, Lead: s.lead, Form: form, Trail: partnerTrail(p),
		Back: partnerPath(p.ID) + "#review-" + c.Environment, Button: s.button, Danger: s.cuts, Hidden: []fact{{"etag", c.etag()}},
		Facts: []fact{{"Now", c.Word}}, Fields: []deedField{because(form)}}
	if c.Fault != "" {
		d.Notes = append(d.Notes, deedNote{"warn", c.Fault})
	}
	if c.File != nil && c.Says != "" {
		d.Facts = append(d.Facts, fact{"So far", c.Says})
	}
	return d
}
