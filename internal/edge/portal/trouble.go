package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/tester"
)

// nowhere is the one answer to a path that no page has and to every id that is not of the visitor's partner. It holds nothing of
// the request, so that the two are the same bytes.
func (v *visit) nowhere(w http.ResponseWriter, r *http.Request) {
	v.show(w, r, "trouble", page.View{Title: "Nothing here", Status: http.StatusNotFound, Narrow: true, Data: page.Trouble{
		Text: "There is no such page, or nothing of yours has this name.",
		Next: []string{"Check the address, or begin at one of the pages of the navigation.",
			"A call shows up within seconds. One that was refused before its key was looked at is nobody's, and is not listed: its answer said what was wrong."},
		Links: home()}})
}

// away says that we cannot answer at the moment. What was typed is kept.
func (v *visit) away(w http.ResponseWriter, r *http.Request, form *page.Form) {
	view := page.View{Title: "Not available at the moment", Status: http.StatusServiceUnavailable, Narrow: true, Data: page.Trouble{
		Text:  "We cannot read or write what this page needs just now. Your calls to the API are not affected by that.",
		Next:  []string{"Try again in some seconds. If you had sent a form, look first whether it was done."},
		Links: []page.Item{{Text: "Try again", Href: v.again(), Main: true}}, Kept: kept(form), Retry: 10}}
	if v.who.Name == "" {
		v.s.kit.Show(w, r, "trouble", view)
		return
	}
	v.show(w, r, "trouble", view)
}

func (v *visit) again() string {
	if page.Here(v.back) {
		return v.back
	}
	return Base + "/start"
}

// fail answers an error of the register or the record that no form explains. form is what was typed; nil: nothing was.
func (v *visit) fail(w http.ResponseWriter, r *http.Request, err error, form *page.Form) {
	switch {
	case errors.Is(err, registry.ErrNotFound):
		v.nowhere(w, r)
	case errors.Is(err, operator.ErrNotSignedIn):
		v.who = operator.Principal{}
		v.signedOut(w, r, form)
	case refusedBy(err) != "":
		v.refused(w, r, refusedBy(err), form)
	default:
		if !errors.Is(err, context.Canceled) && !errors.Is(err, errCrowded) {
			v.s.cfg.Log(r.Method+" "+r.Pattern, err)
		}
		v.away(w, r, form)
	}
}

// refused says that something cannot be done as things are.
func (v *visit) refused(w http.ResponseWriter, r *http.Request, text string, form *page.Form) {
	v.show(w, r, "trouble", page.View{Title: "Not done", Status: http.StatusConflict, Narrow: true, Data: page.Trouble{
		Text: text, Next: []string{"Look at the page again: it shows how things are now."},
		Links: []page.Item{{Text: "Back", Href: v.again(), Main: true}}, Kept: kept(form)}})
}

// refusedBy says in words why the register did not do something; empty: it broke, or there is nothing of that name. The register's
// own words are for operators, and may name what a partner does not see.
func refusedBy(err error) string {
	switch {
	case errors.Is(err, registry.ErrStale):
		return "It has changed since you looked at it. Nothing was done."
	case errors.Is(err, registry.ErrState):
		return "This is not possible as things are now. Nothing was done."
	case errors.Is(err, registry.ErrIdempotency):
		return "This form was sent before, with something else in it. Nothing was done this time."
	case errors.Is(err, registry.ErrActor):
		return "Somebody else has to do this. Nothing was done."
	case errors.Is(err, registry.ErrArgument), errors.Is(err, partner.ErrInvalid):
		return "Something of what you sent cannot be taken. Nothing was done."
	case errors.Is(err, secret.ErrBusy):
		return "Too much is being done at this moment. Nothing was done; try again in a minute."
	}
	return ""
}

// keptNames are the fields that a page may show again when they were not taken, with their labels. Nothing secret is ever typed
// into a form of the portal; what is not listed is not shown all the same.
var keptNames = map[string]string{
	"reason": "Reason", "text": "Comment", "name": "Name", "note": "Note", "url": "Link", "item": "Item of the checklist",
	"prefix": "Address or network", "api": "API", "environment": "Environment", "overlap": "Overlap",
	"target": "Path and query", "body": "Body", "request": "Request", "canonical": "What you signed", // headers, tokens and signatures are not: they may be credentials
}

// kept is what was typed, in the order of its labels.
func kept(form *page.Form) (out []page.Kept) {
	if form == nil {
		return nil
	}
	for name, label := range keptNames {
		if value := form.Value(name); strings.TrimSpace(value) != "" {
			out = append(out, page.Kept{Name: label, Value: page.Cut(tester.MaxDoubt, value)})
		}
	}
	slices.SortFunc(out, func(a, b page.Kept) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// done are the texts that a page shows after something was done.
var done = map[string]string{
	"review":    "You asked for access. An operator looks at it now.",
	"evidence":  "It was added to the review.",
	"comment":   "Your comment was added.",
	"asked":     "Your request was sent. An operator decides about it; you see here what became of it.",
	"withdrawn": "Your request was withdrawn.",
	"removed":   "It was removed. It counts no more within seconds.",
	"retired":   "The old secret counts no more.",
}
