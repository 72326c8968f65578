package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/desired"
	"countersign.dev/internal/edge/page"
)

// whatIfPage is the form of a change that somebody only thinks of, and what the record says of it.
type whatIfPage struct {
	Form                             *page.Form
	Environments, APIs, Spans, Modes []page.Option
	Rules, Limits                    []page.Option // those of the partner that is named; empty: they are named by their ids
	Asked                            bool
	Report                           whatIfView
}

var addressModes = []page.Option{{Text: "as it is"}, {Value: "required", Text: "required"}, {Value: "optional",
	Text: "optional"}, {Value: "off", Text: "off"}}

// whatIf shows the form; the query may fill it in, so that other pages can lead here.
func (v *visit) whatIf(w http.ResponseWriter, r *http.Request) {
	if !v.needs(w, r, "whatif.run", "") {
		return
	}
	form, err := v.form("last", "168h")
	if err != nil {
		v.fail(w, r, err)
		return
	}
	for _, name := range []string{"environment", "partner", "api", "add", "remove", "rate", "burst", "daily", "unlimit",
		"window", "addresses", "last"} {
		if text := r.URL.Query().Get(name); text != "" {
			form.Values.Set(name, text)
		}
	}
	v.whatIfAgain(w, r, whatIfPage{Form: form}, 0)
}

func (v *visit) whatIfAgain(w http.ResponseWriter, r *http.Request, data whatIfPage, status int) {
	found, err := v.api.EnvironmentList(r.Context())
	if err != nil {
		v.fail(w, r, err)
		return
	}
	data.Spans, data.Modes, data.APIs = replaySpans, addressModes, []page.Option{{Text: "every API"}}
	for _, e := range found.Value.Items {
		data.Environments = append(data.Environments, page.Option{Value: e.Name, Text: e.Name})
		for _, name := range e.Apis {
			one := page.Option{Value: name, Text: name}
			if !slices.Contains(data.APIs, one) {
				data.APIs = append(data.APIs, one)
			}
		}
	}
	data.Rules, data.Limits = v.whatIfPresent(r, data.Form)
	v.show(w, r, "whatif", page.View{Title: "What if", Section: "whatif", Status: status, Data: data,
		Lead: "Try a change on the requests of the last days, without proposing it. Nothing is changed and nobody is asked."})
}

// maxTicks is how many rules are shown to be ticked; of more, ids are typed.
const maxTicks = 100

// whatIfPresent are the rules and limits of the partner that the form names, to be ticked. What cannot be read is left to be
// typed.
func (v *visit) whatIfPresent(r *http.Request, form *page.Form) (rules, limits []page.Option) {
	id, environment := strings.TrimSpace(form.Value("partner")), form.Value("environment")
	if id == "" {
		return nil, nil
	}
	networks, err := v.api.PartnerNetworks(r.Context(), id, api.PartnerNetworksParams{})
	if err != nil || len(networks.Value.Items) > maxTicks {
		return nil, nil
	}
	for _, n := range networks.Value.Items {
		if n.Environment == environment {
			rules = append(rules, page.Option{Value: n.ID, Text: page.Cut(80, networkWords(n))})
		}
	}
	present, err := v.api.PartnerLimits(r.Context(), id, api.PartnerLimitsParams{})
	if err != nil || len(present.Value.Items) > maxTicks {
		return rules, nil
	}
	for _, l := range present.Value.Items {
		if l.Environment == environment {
			limits = append(limits, page.Option{Value: l.ID, Text: limitWords(l)})
		}
	}
	return rules, limits
}

// whatIfAsked answers in place: nothing is changed, so there is nothing to lead away from.
func (v *visit) whatIfAsked(w http.ResponseWriter, r *http.Request) {
	form, ok := v.read(w, r)
	if !ok {
		return
	}
	data := whatIfPage{Form: form}
	ask := api.WhatIfAsk{Proposed: whatIfProposed(form), From: v.spanOf(form)}
	if form.Bad() {
		v.whatIfAgain(w, r, data, http.StatusUnprocessableEntity)
		return
	}
	answer, err := v.api.WhatIf(r.Context(), ask)
	if err != nil {
		if refused(form, err, "proposed/environment", "environment", "proposed/partner_id", "partner", "proposed/add_networks",
			"add",
			"proposed/remove_networks", "remove", "proposed/set_limits", "rate", "proposed/remove_limits", "unlimit",
			"proposed/apis", "api") {
			v.whatIfAgain(w, r, data, http.StatusUnprocessableEntity)
			return
		}
		v.fail(w, r, err)
		return
	}
	data.Asked, data.Report = true, viewWhatIf(answer.Value, nil)
	v.whatIfAgain(w, r, data, 0)
}

// whatIfProposed reads the form as the contract has it; what cannot be read stands beside its field.
func whatIfProposed(form *page.Form) api.Proposed {
	p := api.Proposed{Environment: form.Value("environment"), PartnerID: strings.TrimSpace(form.Value("partner")),
		RemoveNetworks: lines(strings.Join(form.Values["remove"], "\n")),
		RemoveLimits:   lines(strings.Join(form.Values["unlimit"], "\n"))}
	name := form.Value("api")
	for _, text := range lines(form.Value("add")) {
		n := api.ProposedNetwork{API: name, Prefix: text}
		if len(text) == 2 {
			n = api.ProposedNetwork{API: name, Country: strings.ToUpper(text)}
		}
		p.AddNetworks = append(p.AddNetworks, n)
	}
	limit := api.ProposedLimit{API: name, Burst: int(whole(form, "burst", 1_000_000)), Daily: whole(form, "daily",
		1_000_000_000_000)}
	if text := strings.TrimSpace(form.Value("rate")); text != "" {
		rate, span, ok := desired.ParseRate(text)
		if !ok {
			form.Refuse("rate", "Requests for a span of 1 s to 24 h: 50/s, 100/m, 1000/h or 20/10s.")
		}
		limit.Rate, limit.PerS = rate, int(span/time.Second)
		if limit.Burst == 0 {
			limit.Burst = rate
		}
	}
	if limit.Rate > 0 || limit.Daily > 0 {
		p.SetLimits = []api.ProposedLimit{limit}
	}
	p.Apis = whatIfAPI(form, name)
	if len(p.AddNetworks)+len(p.RemoveNetworks)+len(p.SetLimits)+len(p.RemoveLimits)+len(p.Apis) == 0 && !form.Bad() {
		form.Problem = "Nothing is proposed: fill in a network rule, a limit, a time window or an address mode."
	}
	if p.PartnerID == "" && len(p.AddNetworks)+len(p.RemoveNetworks)+len(p.SetLimits)+len(p.RemoveLimits) > 0 {
		form.Refuse("partner", "Network rules and limits are of one partner: name it.")
	}
	return p
}

func whatIfAPI(form *page.Form, name string) []api.ProposedAPI {
	one := api.ProposedAPI{API: name, WindowS: int(whole(form, "window", 900)),
		Addresses: api.ProposedAPIAddresses(form.Value("addresses"))}
	if one.WindowS == 0 && one.Addresses == "" {
		return nil
	}
	if name == "" {
		form.Refuse("api", "Choose the API whose time window or address mode is to be tried.")
	}
	return []api.ProposedAPI{one}
}

// whole reads a whole number; empty is 0.
func whole(form *page.Form, name string, most int64) int64 {
	text := strings.TrimSpace(form.Value(name))
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		form.Refuse(name, "A whole number from 0 to "+page.Count(most)+".")
		return 0
	}
	return n
}

// lines are the lines of a text without blanks around them; empty ones are left out.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
