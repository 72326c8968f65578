package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

const endpointPattern = "/console/partners/{partner}/endpoints/{endpoint}"

func endpointRoutes() []route {
	return []route{
		{pattern: "GET /console/partners/{partner}/endpoints/new", serve: (*visit).endpointAdd},
		{pattern: "POST /console/partners/{partner}/endpoints/new", serve: (*visit).endpointAdd},
		{pattern: "GET " + endpointPattern + "/verify", serve: (*visit).endpointVerify},
		{pattern: "POST " + endpointPattern + "/verify", serve: (*visit).endpointVerify, done: map[string]string{
			"endpoint-verified": "The endpoint has proved that it holds its signing key.",
			"endpoint-failed":   "The handshake failed: the endpoint did not prove its signing key. The table says why."}},
		{pattern: "GET " + endpointPattern + "/disable", serve: (*visit).endpointDisable},
		{pattern: "POST " + endpointPattern + "/disable", serve: (*visit).endpointDisable,
			done: map[string]string{"endpoint-disabled": "Nothing is sent to the endpoint any more."}},
		{pattern: "GET " + endpointPattern + "/remove", serve: (*visit).endpointRemove},
		{pattern: "POST " + endpointPattern + "/remove", serve: (*visit).endpointRemove, done: map[string]string{
			"endpoint-removed": "The endpoint is taken away.", "endpoint-gone": "There is no such endpoint any more: it was taken away already."}},
		{pattern: "GET " + endpointPattern + "/rotate", serve: (*visit).endpointRotate},
		{pattern: "POST " + endpointPattern + "/rotate", serve: (*visit).endpointRotate},
	}
}

// endpointRow is one endpoint of a partner's page.
type endpointRow struct {
	api.Endpoint
	Tone, Word string
	Shook      string
	Steps      []page.Item // Key says which endpoint, for those who do not see the row
}

func endpointRows(partnerID string, list []api.Endpoint) (rows []endpointRow) {
	for _, e := range list {
		row := endpointRow{Endpoint: e, Tone: "plain", Word: string(e.State), Shook: strings.ReplaceAll(e.Handshake.Result, "_", " ")}
		switch e.State {
		case api.EndpointStateVerified:
			row.Tone = "good"
		case api.EndpointStatePending:
			row.Tone, row.Word = "warn", "not proved"
		}
		for _, step := range []page.Item{{Text: "Verify", Href: "verify"}, {Text: "New key", Href: "rotate"}, {Text: "Disable",
			Href: "disable"}, {Text: "Remove", Href: "remove"}} {
			if e.State == api.EndpointStateDisabled && step.Href == "disable" {
				continue
			}
			row.Steps = append(row.Steps, page.Item{Text: step.Text, Href: partnerPath(partnerID, "endpoints", e.ID, step.Href),
				Key: page.Cut(60, e.URL)})
		}
		rows = append(rows, row)
	}
	return rows
}

// endpointAdd registers an endpoint and shows its signing key once.
func (v *visit) endpointAdd(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	environments, ok := v.choices(w, r)
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "endpoints.write", "")
	if !ok {
		return
	}
	address := line(form, "url", "URL", "https, and reachable from here. It is called when it is verified, never before.", 2000, true)
	address.Type = "url"
	d := &deed{Title: "Register an endpoint", Form: form, Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#endpoints",
		Button: "Register, and show its signing key",
		Lead:   "Where " + page.Cut(60, p.Name) + " hears of events. Deliveries come later: until then it can be registered and proved.",
		Fields: []deedField{pick(form, "environment", "Environment", "", options(environmentNames(environments)...)), address,
			line(form, "description", "Description", "", 500, false), line(form, "events", "Events",
				"Names with commas between them. Empty: all events.", 2000, false), because(form)}}
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.EndpointAdd(r.Context(), p.ID, api.EndpointAddParams{IdempotencyKey: form.Key},
		api.EndpointAdd{Environment: form.Value("environment"),
			URL: form.Value("url"), Description: form.Value("description"), Events: words(form.Value("events")), Reason: form.Value("reason")})
	v.endpointKey(w, r, d, p, a, err, "The endpoint is registered. It is not proved yet.")
}

// words are the texts between commas.
func words(text string) (list []string) {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

// endpointKey ends what makes a signing key: it is shown in this answer alone.
func (v *visit) endpointKey(w http.ResponseWriter, r *http.Request, d *deed, p api.Partner, a api.Answer[api.EndpointChanged], err error, says string) {
	switch {
	case err != nil:
		v.declined(w, r, d, err)
	case v.waits(w, r, a.Waiting):
	default:
		e := a.Value.Endpoint
		v.showSecret(w, r, secretShown{title: d.Title, section: "partners", trail: partnerTrail(p), Label: "Signing key",
			Value: a.Value.Secret, File: "signing-key-" + e.ID + ".txt",
			Says: says, Lost: "If it was lost, give the endpoint a new key: that shows the new one once.",
			Facts: []diffRow{{What: "Endpoint", Then: page.Cut(200, e.URL)}, {What: "Environment", Then: e.Environment}},
			Next: []string{"Hand the key over to the partner on a way that nobody else reads.",
				"When the partner has put it in place, verify the endpoint: it proves that it holds the key."},
			Links: []page.Item{{Text: "I have kept it: back to the partner", Href: partnerPath(p.ID) + "#endpoints", Main: true},
				{Text: "Verify the endpoint", Href: partnerPath(p.ID, "endpoints", e.ID, "verify")}}})
	}
}

// endpoint reads partner and endpoint that the address names. gone is where a POST leads to when the endpoint is not there any more;
// empty: to the page for nothing. false: it has answered.
func (v *visit) endpoint(w http.ResponseWriter, r *http.Request, gone string) (p api.Partner, e api.Endpoint, ok bool) {
	if p, ok = v.partner(w, r); !ok {
		return p, e, false
	}
	a, err := v.api.EndpointGet(r.Context(), r.PathValue("endpoint"))
	switch {
	case err == nil && a.Value.PartnerID == p.ID:
		return p, a.Value, true
	case errors.Is(err, api.NotFound) && r.Method == http.MethodPost && gone != "": // sent twice: it is as was asked
		v.returned(w, r, partnerPath(p.ID), gone, "endpoints")
	case err == nil:
		v.missing(w, r)
	default:
		v.unfound(w, r, err)
	}
	return p, e, false
}

// endpointDeed is what the pages of one endpoint have in common.
func endpointDeed(p api.Partner, e api.Endpoint, form *page.Form, title, lead, button string) *deed {
	row := endpointRows(p.ID, []api.Endpoint{e})[0]
	d := &deed{Title: title, Lead: lead, Form: form, Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#endpoints", Button: button,
		Hidden: []fact{{"etag", e.Etag}},
		Facts:  []fact{{"URL", page.Cut(300, e.URL)}, {"Environment", e.Environment}, {"State", row.Word}}, Fields: []deedField{because(form)}}
	if row.Shook != "" {
		d.Facts = append(d.Facts, fact{"Last handshake", row.Shook})
	}
	return d
}

// endpointVerify shakes hands with an endpoint now.
func (v *visit) endpointVerify(w http.ResponseWriter, r *http.Request) {
	p, e, ok := v.endpoint(w, r, "")
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "endpoints.write", e.Environment)
	if !ok {
		return
	}
	d := endpointDeed(p, e, form, "Verify an endpoint", "It is called now, and has a few seconds to prove that it holds its signing key.",
		"Shake hands now")
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.EndpointVerify(r.Context(), e.ID, api.EndpointVerifyParams{IdempotencyKey: form.Key}, actOf(form))
	key := "endpoint-failed"
	if a.Value.Endpoint.State == api.EndpointStateVerified {
		key = "endpoint-verified"
	}
	v.settle(w, r, d, a.Waiting, err, key, "endpoints")
}

// endpointDisable ends the use of an endpoint.
func (v *visit) endpointDisable(w http.ResponseWriter, r *http.Request) {
	p, e, ok := v.endpoint(w, r, "")
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "endpoints.write", e.Environment)
	if !ok {
		return
	}
	d := endpointDeed(p, e, form, "Disable an endpoint", "Nothing is sent to it any more. Verify it again to use it again.", "Disable it")
	d.Danger = true
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.EndpointDisable(r.Context(), e.ID, api.EndpointDisableParams{IdempotencyKey: form.Key,
		IfMatch: match(form.Value("etag"))}, actOf(form))
	v.settle(w, r, d, a.Waiting, err, "endpoint-disabled", "endpoints")
}

// endpointRemove takes an endpoint away.
func (v *visit) endpointRemove(w http.ResponseWriter, r *http.Request) {
	p, e, ok := v.endpoint(w, r, "endpoint-gone")
	if !ok {
		return
	}
	form, post, ok := v.opened(w, r, "endpoints.write", e.Environment)
	if !ok {
		return
	}
	d := endpointDeed(p, e, form, "Remove an endpoint", "It is taken away with its signing keys. The same URL can be registered again and gets a new key.", "Remove it")
	d.Danger = true
	d.Fields = append(d.Fields, ticked(form, "The partner needs this endpoint no more."))
	if !post || !consents(form) {
		v.ask(w, r, d, formStatus(form))
		return
	}
	a, err := v.api.EndpointRemove(r.Context(), e.ID, api.EndpointRemoveParams{Reason: form.Value("reason"), IfMatch: match(form.Value("etag"))})
	v.settle(w, r, d, a.Waiting, err, "endpoint-removed", "endpoints")
}

// endpointRotate gives an endpoint a new signing key and shows it once.
func (v *visit) endpointRotate(w http.ResponseWriter, r *http.Request) {
	p, e, ok := v.endpoint(w, r, "")
	if !ok {
		return
	}
	ends := slices.DeleteFunc(v.overlapEnds(), func(o page.Option) bool { return o.Value == chosenEnd })
	form, post, ok := v.opened(w, r, "endpoints.write", e.Environment, "overlap", ends[1].Value)
	if !ok {
		return
	}
	d := endpointDeed(p, e, form, "A new signing key",
		"The new key is shown once. The older ones go on beside it for a while, so that nothing is lost meanwhile.", "Make a new key, and show it")
	d.names = []string{"overlap_until", "overlap"}
	if chosen := form.Value("overlap"); !slices.ContainsFunc(ends, func(o page.Option) bool { return o.Value == chosen }) {
		ends = append(ends, page.Option{Value: chosen, Text: "as chosen before: " + chosen})
	}
	d.Fields = append([]deedField{pick(form, "overlap", "The older keys end", "", ends)}, d.Fields...)
	if !post {
		v.ask(w, r, d, http.StatusOK)
		return
	}
	until := overlapUntil(form)
	if form.Bad() {
		v.ask(w, r, d, http.StatusUnprocessableEntity)
		return
	}
	a, err := v.api.EndpointRotate(r.Context(), e.ID, api.EndpointRotateParams{IdempotencyKey: form.Key, IfMatch: match(form.Value("etag"))},
		api.EndpointRotate{OverlapUntil: until, Reason: form.Value("reason")})
	v.endpointKey(w, r, d, p, a, err, "The endpoint has a new signing key.")
}
