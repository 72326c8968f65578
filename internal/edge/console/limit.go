package console

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

func limitRoutes() []route {
	return []route{
		{pattern: "GET /console/partners/{partner}/limits/new", serve: (*visit).limitSet},
		{pattern: "POST /console/partners/{partner}/limits/new", serve: (*visit).limitSet,
			done: map[string]string{"limit-set": "The limit is in force."}},
		{pattern: "GET /console/partners/{partner}/limits/{limit}/remove", serve: (*visit).limitRemove},
		{pattern: "POST /console/partners/{partner}/limits/{limit}/remove", serve: (*visit).limitRemove, done: map[string]string{
			"limit-removed": "The limit is taken away.", "limit-gone": "There is no such limit any more: it was taken away already."}},
	}
}

// limitRow is one limit of a partner's page.
type limitRow struct {
	api.Limit
	Scope, Rates   string
	Change, Remove string
}

// limitRows say what limits are for in words.
func limitRows(partnerID string, list []api.Limit) (rows []limitRow) {
	for _, l := range list {
		scope := "everything"
		if l.API != "" {
			scope = "API " + l.API
		}
		if l.CredentialID != "" {
			scope += ", credential " + page.Short(l.CredentialID)
		}
		row := limitRow{Limit: l, Scope: scope, Rates: "no bound", Remove: partnerPath(partnerID, "limits", l.ID, "remove"),
			Change: page.Link(partnerPath(partnerID, "limits", "new"), "limit", l.ID)}
		if l.Rate > 0 {
			row.Rates = page.Count(l.Rate) + " in " + plural(int(l.PerSeconds), "second")
			if l.Burst > 0 {
				row.Rates += ", at most " + page.Count(l.Burst) + " at once"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// limitSet sets the limit of one scope, in the place of the one that is there.
func (v *visit) limitSet(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	environments, ok := v.choices(w, r)
	if !ok {
		return
	}
	all, err := v.api.PartnerLimits(r.Context(), p.ID, api.PartnerLimitsParams{})
	if err != nil {
		v.fail(w, r, err)
		return
	}
	form, post, ok := v.opened(w, r, "limits.write", "", limitBegin(r, all.Value.Items)...)
	if !ok {
		return
	}
	d := v.limitDeed(r, p, environments, all.Value.Items, form)
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	set, whole := limitOf(form)
	if !whole {
		v.ask(w, r, d, http.StatusUnprocessableEntity)
		return
	}
	now, there := limitThere(all.Value.Items, set)
	if form.Has("try", "yes") {
		v.tryLimit(w, r, d, p.ID, set)
		return
	}
	v.keepLimit(w, r, d, p.ID, set, now, there)
}

// keepLimit sets the limit if nobody has set another one since the page was made. The form knows the scope only when it is sent, so
// what it saw is a list of all limits with their ETags.
func (v *visit) keepLimit(w http.ResponseWriter, r *http.Request, d *deed, partnerID string, set api.LimitSet, now api.Limit, there bool) {
	etag := "none"
	if seen := d.Form.Value("etag." + now.ID); there {
		etag = seen
	}
	if there && sameLimit(now, set) && etag != now.Etag { // it was sent twice
		v.returned(w, r, d.Back, "limit-set", "limits")
		return
	}
	if there && etag == "" {
		d.Notes = append(d.Notes, deedNote{"warn", "There is a limit of this scope already, which your page did not show: " +
			limitRows(partnerID, []api.Limit{now})[0].Rates + ". Nothing was changed; send it again to put yours in its place."})
		d.Hidden = append(d.Hidden, fact{"etag." + now.ID, now.Etag})
		v.ask(w, r, d, http.StatusPreconditionFailed)
		return
	}
	a, err := v.api.LimitSet(r.Context(), partnerID, api.LimitSetParams{IfMatch: match(etag)}, set)
	v.settle(w, r, d, a.Waiting, err, "limit-set", "limits")
}

func sameLimit(now api.Limit, set api.LimitSet) bool {
	return now.Rate == set.Rate && now.PerSeconds == set.PerSeconds && now.Burst == set.Burst && now.Daily == set.Daily
}

// limitThere is the limit of the scope that is to be set.
func limitThere(list []api.Limit, set api.LimitSet) (api.Limit, bool) {
	for _, l := range list {
		if l.Environment == set.Environment && l.API == set.API && l.CredentialID == set.CredentialID {
			return l, true
		}
	}
	return api.Limit{}, false
}

// limitBegin are the values with which the form begins: those of a limit that is changed, or the scope that the address names.
func limitBegin(r *http.Request, list []api.Limit) []string {
	q := r.URL.Query()
	for _, l := range list {
		if l.ID == q.Get("limit") {
			return []string{"environment", l.Environment, "api", l.API, "credential_id", l.CredentialID, "rate", number(int64(l.Rate)),
				"per_seconds", number(l.PerSeconds), "burst", number(int64(l.Burst)), "daily", number(l.Daily)}
		}
	}
	return []string{"environment", q.Get("environment"), "api", "", "credential_id", q.Get("credential"), "per_seconds", "1"}
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// limitOf reads the numbers of the form; one that is none is said beside its field.
func limitOf(form *page.Form) (set api.LimitSet, whole bool) {
	read := func(name string, bits int) int64 {
		text := strings.TrimSpace(form.Value(name))
		if text == "" {
			return 0
		}
		n, err := strconv.ParseUint(text, 10, bits-1)
		if err != nil {
			form.Refuse(name, "This is a whole number, without spaces or points, and not below zero.")
		}
		return int64(n)
	}
	set = api.LimitSet{Environment: form.Value("environment"), API: form.Value("api"), CredentialID: form.Value("credential_id"),
		Rate: int(read("rate", 32)), PerSeconds: read("per_seconds", 32), Burst: int(read("burst", 32)), Daily: read("daily",
			63), Reason: form.Value("reason")}
	if set.Rate == 0 { // without a rate there is nothing for a span or a burst to bound
		set.PerSeconds, set.Burst = 0, 0
	} else {
		set.PerSeconds, set.Burst = cmp.Or(set.PerSeconds, 1), cmp.Or(set.Burst, set.Rate)
	}
	return set, !form.Bad()
}

func (v *visit) limitDeed(r *http.Request, p api.Partner, environments []api.Environment, now []api.Limit, form *page.Form) *deed {
	apis := pick(form, "api", "API", "", apiChoices(environments))
	apis.Required = false
	figure := func(name, label, hint string) deedField {
		f := line(form, name, label, hint, 15, false)
		f.Type, f.Least = "number", "0"
		return f
	}
	credential := pick(form, "credential_id", "Credential", "", v.credentialChoices(r, p.ID))
	credential.Required = false
	d := &deed{Title: "Set a limit", Form: form, Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#limits", Button: "Set the limit",
		Try:  "See first whom it refuses",
		Lead: "How much " + page.Cut(60, p.Name) + " may call. It stands in the place of the API’s own limit, and of an earlier one of the same scope.",
		Fields: []deedField{pick(form, "environment", "Environment", "", options(environmentNames(environments)...)), apis, credential,
			figure("rate", "Requests", "In each span. Empty: no rate, a daily bound alone."), figure("per_seconds", "Span in seconds",
				"Such as 1 or 60. Empty: one."),
			figure("burst", "At once", "How many may come together. Empty: as many as the rate."), figure("daily", "A day",
				"Empty: no daily bound."), because(form)}}
	for _, row := range limitRows(p.ID, now[:min(len(now), limitsShown)]) { // what the visitor sees of them is what is matched
		d.Hidden = append(d.Hidden, fact{"etag." + row.ID, row.Etag})
		d.Facts = append(d.Facts, fact{row.Environment + ": " + row.Scope, row.Rates + dailyWords(row.Daily)})
	}
	return d
}

// limitsShown is how many limits stand above the form; one of the same scope that is not among them is shown before it is replaced.
const limitsShown = 50

func dailyWords(daily int64) string {
	if daily == 0 {
		return ""
	}
	return ", " + page.Count(daily) + " a day"
}

// credentialChoices are the credentials that a limit can be for.
func (v *visit) credentialChoices(r *http.Request, partnerID string) []page.Option {
	choices := []page.Option{{Value: "", Text: "All of them"}}
	a, err := v.api.PartnerCredentials(r.Context(), partnerID, api.PartnerCredentialsParams{Limit: 100})
	if err != nil {
		return choices // the scope can be set without them
	}
	for _, c := range a.Value.Items {
		if c.State == api.CredentialStateLive || c.State == api.CredentialStateLocked {
			choices = append(choices, page.Option{Value: c.ID, Text: kindName(c.Kind) + " " + page.Short(c.KeyID) + " in " + c.Environment})
		}
	}
	return choices
}

// tryLimit shows whom a limit would have refused, and changes nothing.
func (v *visit) tryLimit(w http.ResponseWriter, r *http.Request, d *deed, partnerID string, set api.LimitSet) {
	i, err := v.whatWould(r, api.Proposed{Environment: set.Environment, PartnerID: partnerID, SetLimits: []api.ProposedLimit{{API: set.API,
		CredentialID: set.CredentialID, Rate: set.Rate, PerS: int(set.PerSeconds), Burst: set.Burst, Daily: set.Daily}}}, "What it would have changed in the last 24 hours")
	if err != nil && refused(d.Form, err, "proposed/set_limits/0/rate", "rate", "proposed/set_limits/0/per_s", "per_seconds",
		"proposed/set_limits/0/burst", "burst",
		"proposed/set_limits/0/daily", "daily", "proposed/environment", "environment") {
		v.ask(w, r, d, http.StatusUnprocessableEntity)
		return
	}
	d.Impact = i
	v.ask(w, r, d, http.StatusOK)
}
