package console

import (
	"context"
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func networkRoutes() []route {
	return []route{
		{pattern: "GET /console/partners/{partner}/networks/new", serve: (*visit).networkAdd},
		{pattern: "POST /console/partners/{partner}/networks/new", serve: (*visit).networkAdd,
			done: map[string]string{"network-added": "The rule is in force."}},
		{pattern: "GET /console/partners/{partner}/networks/{network}/remove", serve: (*visit).networkRemove},
		{pattern: "POST /console/partners/{partner}/networks/{network}/remove", serve: (*visit).networkRemove, done: map[string]string{
			"network-removed": "The rule is taken away.", "network-gone": "There is no such rule any more: it was taken away already."}},
	}
}

// networkAdd allows a prefix or a country; before, it can show whom that would let in, and whom it would cut off.
func (v *visit) networkAdd(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	environments, ok := v.choices(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	form, post, ok := v.opened(w, r, "networks.write", "", "environment", q.Get("environment"), "prefix", q.Get("prefix"))
	if !ok {
		return
	}
	d := networkDeed(p, environments, form)
	switch {
	case !post:
		v.ask(w, r, d, http.StatusOK)
	case form.Has("try", "yes"):
		v.tryNetwork(w, r, d, p.ID)
	default:
		a, err := v.api.NetworkAllow(r.Context(), p.ID, api.NetworkAllowParams{IdempotencyKey: form.Key}, api.NetworkAllow{
			Environment: form.Value("environment"), API: form.Value("api"), Prefix: form.Value("prefix"), Country: form.Value("country"),
			Note: form.Value("note"), Reason: form.Value("reason")})
		v.settle(w, r, d, a.Waiting, err, "network-added", "networks")
	}
}

// choices are the environments as answers of a form, those of the visitor alone. false: it has answered.
func (v *visit) choices(w http.ResponseWriter, r *http.Request) ([]api.Environment, bool) {
	list, err := v.environments(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return nil, false
	}
	return list, true
}

func environmentNames(list []api.Environment) (names []string) {
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// apiChoices are the APIs of all environments, each once.
func apiChoices(list []api.Environment) []page.Option {
	choices := []page.Option{{Value: "", Text: "All of them"}}
	seen := map[string]bool{}
	for _, e := range list {
		for _, name := range e.Apis {
			if !seen[name] {
				seen[name] = true
				choices = append(choices, page.Option{Value: name, Text: name})
			}
		}
	}
	return choices
}

func networkDeed(p api.Partner, environments []api.Environment, form *page.Form) *deed {
	apis := pick(form, "api", "API", "", apiChoices(environments))
	apis.Required = false
	prefix := line(form, "prefix", "Address or prefix", "Such as 203.0.113.7 or 203.0.113.0/24 or 2001:db8::/48. Leave it empty for a country.", 50, false)
	prefix.Mono = true
	return &deed{Title: "Allow a prefix or a country", Form: form, Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#networks", Button: "Allow it",
		Lead: "From where " + page.Cut(60, p.Name) + " may call. Where there are prefixes and countries, an address must be in one of each.", Try: "See first whom it lets in",
		Fields: []deedField{pick(form, "environment", "Environment", "", options(environmentNames(environments)...)), apis, prefix,
			line(form, "country", "Country", "Two capital letters, such as CA. Leave it empty for a prefix.", 2, false),
			line(form, "note", "Note", "Whose network it is, and who said so.", 500, false), because(form)}}
}

// tryNetwork shows what a rule would change, and changes nothing.
func (v *visit) tryNetwork(w http.ResponseWriter, r *http.Request, d *deed, partnerID string) {
	f := d.Form
	proposed := api.Proposed{Environment: f.Value("environment"), PartnerID: partnerID,
		AddNetworks: []api.ProposedNetwork{{API: f.Value("api"), Prefix: f.Value("prefix"), Country: f.Value("country")}}}
	i, err := v.whatWould(r, proposed, "What it would have changed in the last 24 hours")
	if err != nil && refused(f, err, "proposed/add_networks/0/prefix", "prefix", "proposed/add_networks/0/country", "country",
		"proposed/environment", "environment") {
		v.ask(w, r, d, http.StatusUnprocessableEntity)
		return
	}
	d.Impact = i
	v.ask(w, r, d, http.StatusOK)
}

// whatWould replays the requests of the last day against a change. What cannot be found out is told in the impact; an error is one
// of the question.
func (v *visit) whatWould(r *http.Request, proposed api.Proposed, title string) (*impact, error) {
	i := &impact{Title: title, Caption: "By what they would have been told", What: "Outcome"}
	if !v.may("whatif.run", proposed.Environment) {
		i.Fault = "It cannot be shown to you: the permission whatif.run is missing."
		return i, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), impactWait)
	defer cancel()
	a, err := v.api.WhatIf(ctx, api.WhatIfAsk{Proposed: proposed, From: v.s.cfg.Now().Add(-impactSpan)})
	if err != nil {
		i.Fault = "It could not be found out: " + reasonOf(err)
		return i, err
	}
	i.report(a.Value)
	return i, nil
}

// report takes what a replay found.
func (i *impact) report(report api.WhatIfReport) {
	cut, in := int64(0), int64(0)
	for _, d := range report.CutOff {
		cut += d.Requests
		i.differ("refused, "+d.Reason, d)
	}
	for _, d := range report.LetIn {
		in += d.Requests
		i.differ("let in, not "+d.Reason, d)
	}
	if cut > 0 {
		i.Lines = append(i.Lines, page.Plural(int(cut), "request", "requests")+" that came in would have been refused.")
	}
	if in > 0 {
		i.Lines = append(i.Lines, page.Plural(int(in), "request", "requests")+" that were refused would have been let in.")
	}
	if cut+in == 0 {
		i.Lines = append(i.Lines, "Nothing: of "+page.Plural(int(report.Read), "request",
			"requests")+" that were looked at, none would have ended otherwise.")
	}
	for _, n := range report.NotJudged {
		i.Hints = append(i.Hints, page.Plural(int(n.Requests), "request was", "requests were")+" not judged: "+n.Text)
	}
	i.Hints = append(i.Hints, report.Notes...)
	i.unread(report.Truncated || report.Lost > 0, report.Unread)
}

func (i *impact) differ(name string, d api.Difference) {
	row := impactRow{Name: name, Requests: d.Requests}
	row.seen(d.Addresses, d.First, d.Last)
	i.Rows = append(i.Rows, row)
}

// networkRemove asks before a rule is taken away, shows whom that would have cut off, and takes it away.
func (v *visit) networkRemove(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	rule, err := v.api.NetworkGet(r.Context(), r.PathValue("network"))
	if err == nil && rule.Value.PartnerID != p.ID {
		v.missing(w, r)
		return
	}
	if errors.Is(err, api.NotFound) && r.Method == http.MethodPost { // sent twice, or somebody else was faster: it is as was asked
		v.returned(w, r, partnerPath(p.ID), "network-gone", "networks")
		return
	}
	if err != nil {
		v.unfound(w, r, err)
		return
	}
	form, post, ok := v.opened(w, r, "networks.write", rule.Value.Environment)
	if !ok {
		return
	}
	d := networkGone(p, rule.Value, form)
	if !post || !consents(form) {
		d.Impact, _ = v.whatWould(r, api.Proposed{Environment: rule.Value.Environment, PartnerID: p.ID,
			RemoveNetworks: []string{rule.Value.ID}}, impactTitle)
		v.ask(w, r, d, formStatus(form))
		return
	}
	a, err := v.api.NetworkRemove(r.Context(), rule.Value.ID, api.NetworkRemoveParams{Reason: form.Value("reason"), IfMatch: match(form.Value("etag"))})
	v.settle(w, r, d, a.Waiting, err, "network-removed", "networks")
}

func networkGone(p api.Partner, rule api.Network, form *page.Form) *deed {
	view := networkRuleView{Network: rule, What: rule.Prefix + rule.Country}
	d := &deed{Title: "Remove " + view.title(), Lead: "A network rule of " + page.Cut(60, p.Name) + " in " + rule.Environment + ".",
		Form: form, Danger: true,
		Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#networks", Button: "Remove the rule", Hidden: []fact{{"etag", rule.Etag}},
		Fields: []deedField{because(form), ticked(form, "I have looked at what this cuts off.")}}
	if rule.Note != "" {
		d.Facts = []fact{{"Note", page.Cut(300, rule.Note)}}
	}
	return d
}
