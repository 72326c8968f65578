package portal

import (
	"errors"
	"net/http"
	"strings"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func startRoutes() []route {
	return []route{
		{pattern: "GET /start", serve: (*visit).start},
		{pattern: "GET /start/{environment}", serve: (*visit).environment},
		{pattern: "POST /start/{environment}/review", serve: (*visit).askReview, back: "/start/{environment}"},
	}
}

// startPage is the Data of "start": every environment in one line.
type startPage struct {
	Partner string
	Places  []place
}

// start shows how far the partner has come, and what is next.
func (v *visit) start(w http.ResponseWriter, r *http.Request) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	data, used := startPage{Partner: own.Partner.Name}, v.usage(own)
	for _, e := range v.s.cfg.Environments() {
		data.Places = append(data.Places, placeOf(own, e, used))
	}
	v.show(w, r, "start", page.View{Title: "Getting started", Section: "start",
		Lead: "From the first question to calls in production: where you stand, what is next, and who has to act.", Data: data})
}

// environmentPage is the Data of "environment". A form that was refused stands in one of the three places.
type environmentPage struct {
	place
	APIs     []apiWords
	Review   registry.MemberReview
	Items    []itemWords
	Others   []registry.Evidence // attached to the review as a whole, or no longer counting
	Network  []partner.NetworkRule
	Ask      *page.Form
	Evidence *page.Form
	Comment  *page.Form
	Take     *page.Form // issues a credential
	Wanted   []wanted
	Options  []page.Option // of the checklist, for evidence
	Most     int64         // bytes of a file
	Accept   string
}

// environment shows one environment.
func (v *visit) environment(w http.ResponseWriter, r *http.Request) { v.place(w, r, nil, "", 0) }

// place shows an environment with a form that was refused: which is "ask", "evidence" or "comment"; empty: none was.
func (v *visit) place(w http.ResponseWriter, r *http.Request, refused *page.Form, which string, status int) {
	e, ok := v.s.environment(r.PathValue("environment"))
	if !ok {
		v.nowhere(w, r)
		return
	}
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, refused)
		return
	}
	data := environmentPage{place: placeOf(own, e, v.usage(own)), Review: reviewOf(own, e.Name), Most: partner.MaxBlob, Accept: accepted}
	data.Network = networksIn(own, e.Name)
	if data.Known {
		data.APIs = apiWordsOf(own, e)
	}
	data.Items, data.Others = itemsOf(data.Review)
	data.Options = itemOptions(data.Review)
	data.Wanted = wantedIn(own, e)
	for _, form := range []struct {
		name string
		to   **page.Form
	}{{"ask", &data.Ask}, {"evidence", &data.Evidence}, {"comment", &data.Comment}, {"take", &data.Take}} {
		if form.name == which {
			*form.to = refused
		} else if *form.to = v.newForm(w, r); *form.to == nil {
			return
		}
	}
	v.show(w, r, "environment", page.View{Title: title(e.Name), Section: "start", Status: status, Tabs: v.tabs(own, e.Name),
		Trail: []page.Item{{Text: "Getting started", Href: Base + "/start"}}, Lead: data.Next, Scripts: []string{"evidence.js"}, Data: data})
}

// tabs are the environments beside one another.
func (v *visit) tabs(own registry.MemberView, here string) (out []page.Item) {
	for _, e := range v.s.cfg.Environments() {
		out = append(out, page.Item{Text: title(e.Name), Href: page.Path(Base+"/start", e.Name), Here: e.Name == here})
	}
	return out
}

// title is the name of an environment as a heading: "sandbox" becomes "Sandbox".
func title(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// askReview asks for access to an environment.
func (v *visit) askReview(w http.ResponseWriter, r *http.Request) {
	form := v.form(w, r)
	if form == nil {
		return
	}
	e, ok := v.s.environment(r.PathValue("environment"))
	if !ok {
		v.nowhere(w, r)
		return
	}
	reason := line(form, "reason", false, maxReason)
	if form.Bad() {
		v.place(w, r, form, "ask", http.StatusUnprocessableEntity)
		return
	}
	_, err := v.do(r, registry.OpReviewRequest, e.Name, registry.ReviewRequest{}, form, reason)
	if errors.Is(err, registry.ErrState) {
		form.Problem = "Access was asked for already, or the environment before this one comes first. Nothing was changed."
		v.place(w, r, form, "ask", http.StatusConflict)
		return
	}
	v.settle(w, r, err, form, page.Path(Base+"/start", e.Name), "review")
}

// settle ends a form: the page that it belongs to says that it was done, or what was wrong.
func (v *visit) settle(w http.ResponseWriter, r *http.Request, err error, form *page.Form, to, key string) {
	if err != nil {
		v.fail(w, r, err, form)
		return
	}
	http.Redirect(w, r, page.Link(to, "done", key), http.StatusSeeOther)
}

// do asks the register for a change as the member. The operation names the session's partner; the register compares it once more.
func (v *visit) do(r *http.Request, name registry.OperationName, environment string, params any, form *page.Form,
	reason string) (registry.MemberDone, error) {
	op, err := registry.NewOperation(name, v.partner, environment, params)
	if err != nil {
		return registry.MemberDone{}, err
	}
	return v.s.cfg.Register.DoAsMember(r.Context(), v.who, op, registry.Intent{Reason: reason, IdempotencyKey: form.Key})
}
