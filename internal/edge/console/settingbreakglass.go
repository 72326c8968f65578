package console

import (
	"net/http"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const breakGlassPath = "/settings/break-glass"

func breakGlassRoutes() []route {
	return []route{
		{pattern: "GET /console/settings/break-glass", serve: (*visit).breakGlass},
		{pattern: "GET /console/settings/break-glass/new", serve: (*visit).breakGlassNew},
		{pattern: "POST /console/settings/break-glass/new", serve: (*visit).breakGlassMake},
		{pattern: "POST /console/settings/break-glass/{code}/end", serve: (*visit).breakGlassEnd, done: map[string]string{
			"break-glass-ended": "Ended: neither the code nor what it opened counts any more."}},
	}
}

type breakGlassPage struct {
	Items []breakGlassItem
	Ends  *page.Form // nil: the visitor ends none
	Open  int
}

type breakGlassItem struct {
	api.BreakGlass
	Tone, By string
	MayEnd   bool
}

func (v *visit) breakGlass(w http.ResponseWriter, r *http.Request) {
	found, err := v.api.BreakGlassList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data := breakGlassPage{}
	for _, b := range found.Value.Items {
		one := breakGlassItem{b, stateTone(string(b.State)), actorWords(b.MadeBy), b.State == api.BreakGlassStateReady ||
			b.State == api.BreakGlassStateOpen}
		if b.State == api.BreakGlassStateOpen {
			one.Tone = "bad"
			data.Open++
		}
		data.Items = append(data.Items, one)
	}
	view := page.View{Title: "Break-glass codes",
		Lead: "Each lets its holder do everything for an hour without a second person, once. Whoever watches the record sees it."}
	if v.may("accounts.write", "") {
		if data.Ends, err = v.form(); err != nil {
			v.fail(w, r, err)
			return
		}
		view.Actions = []page.Item{{Text: "Make a code", Href: base + breakGlassPath + "/new", Main: true}}
	}
	view.Data = data
	v.setting(w, r, "settingbreakglass", breakGlassPath, view)
}

func (v *visit) breakGlassNew(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "accounts.write", "") {
		return
	}
	form, err := v.form()
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.askSetting(w, r, breakGlassPath, breakGlassDeed(form), 0)
}

func breakGlassDeed(form *page.Form) *deed {
	return &deed{Title: "Make a break-glass code", Trail: []page.Item{{Text: "Break-glass codes", Href: base + breakGlassPath}},
		Action: base + breakGlassPath + "/new",
		Back:   base + breakGlassPath, Button: "Make it", Form: form,
		Notes: []deedNote{{"",
			"The code is on the next page, once. Print it and lock it away: it is for when nobody can sign in and it cannot wait."}},
		Fields: []deedField{line(form, "name", "Name",
			"Of the envelope that it goes into, like safe-room-4: a-z, 0-9, - and _. It is unique for good, and the record’s name of whoever uses it.", 60, true),
			momentField(form, "not_after", "It can be used until", "In UTC; left empty: no end.", false), because(form)}}
}

func (v *visit) breakGlassMake(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	d, at := breakGlassDeed(form), momentOf(form, "not_after")
	if strings.TrimSpace(form.Value("name")) == "" {
		form.Refuse("name", "Type a name.")
	}
	if form.Bad() {
		v.askSetting(w, r, breakGlassPath, d, http.StatusUnprocessableEntity)
		return
	}
	made, err := v.api.BreakGlassMake(r.Context(), api.BreakGlassMakeParams{IdempotencyKey: form.Key},
		api.BreakGlassMake{Name: strings.TrimSpace(form.Value("name")), NotAfter: at, Reason: form.Value("reason")})
	if err != nil || made.Waiting != nil {
		v.settled(w, r, breakGlassPath, d, made.Waiting, err, "")
		return
	}
	v.showSecret(w, r, secretShown{title: "A new break-glass code", section: "settings", trail: d.Trail,
		Label: "Break-glass code " + page.Cut(60, made.Value.BreakGlass.Name),
		Value: made.Value.Code, File: "break-glass-code.txt", Says: "The code was made.",
		Lost: "If it was lost, end the code and make a new one.",
		Next: []string{"Print it, seal it, and lock it away where two people can reach it.",
			"It is used at the sign-in page: Break glass."},
		Links: []page.Item{{Text: "I have kept it: to the codes", Href: base + breakGlassPath, Main: true}}})
}

func (v *visit) breakGlassEnd(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	_, err := v.api.BreakGlassEnd(r.Context(), r.PathValue("code"), api.BreakGlassEndParams{IdempotencyKey: form.Key},
		api.Act{Reason: form.Value("reason")})
	if err != nil {
		v.fail(w, r, err)
		return
	}
	v.done(w, r, base+breakGlassPath, "break-glass-ended")
}
