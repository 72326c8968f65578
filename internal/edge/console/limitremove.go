package console

import (
	"errors"
	"net/http"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// limitRemove takes a limit away.
func (v *visit) limitRemove(w http.ResponseWriter, r *http.Request) {
	p, ok := v.partner(w, r)
	if !ok {
		return
	}
	l, err := v.api.LimitGet(r.Context(), r.PathValue("limit"))
	switch {
	case err == nil && l.Value.PartnerID != p.ID:
		v.missing(w, r)
		return
	case errors.Is(err, api.NotFound) && r.Method == http.MethodPost: // sent twice, or somebody else was faster: it is as was asked
		v.returned(w, r, partnerPath(p.ID), "limit-gone", "limits")
		return
	case err != nil:
		v.unfound(w, r, err)
		return
	}
	form, post, ok := v.opened(w, r, "limits.write", l.Value.Environment)
	if !ok {
		return
	}
	row := limitRows(p.ID, []api.Limit{l.Value})[0]
	d := &deed{Title: "Remove the limit of " + row.Scope, Lead: page.Cut(60,
		p.Name) + " in " + l.Value.Environment + ": the limit of the API itself is in force then.", Form: form,
		Trail: partnerTrail(p), Back: partnerPath(p.ID) + "#limits", Button: "Remove the limit", Danger: true, Hidden: []fact{{"etag", l.Value.Etag}},
		Facts: []fact{{"Rate", row.Rates}, {"A day", orWord(countWords(l.Value.Daily), "no bound")}}, Fields: []deedField{because(form)}}
	if !post {
		d.Impact, _ = v.whatWould(r, api.Proposed{Environment: l.Value.Environment, PartnerID: p.ID, RemoveLimits: []string{l.Value.ID}},
			"What it would have changed in the last 24 hours")
		v.ask(w, r, d, http.StatusOK)
		return
	}
	a, err := v.api.LimitRemove(r.Context(), l.Value.ID, api.LimitRemoveParams{Reason: form.Value("reason"), IfMatch: match(form.Value("etag"))})
	v.settle(w, r, d, a.Waiting, err, "limit-removed", "limits")
}
