package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// missing answers for what is not there, or is none of the visitor's business: the pages are the same.
func (v *visit) missing(w http.ResponseWriter, r *http.Request) {
	v.show(w, r, "trouble", page.View{Title: "Nothing here", Status: http.StatusNotFound, Narrow: true, Data: page.Trouble{
		Text:  "There is nothing under this address: it never was there, it is gone, or it is outside of what you may see.",
		Links: []page.Item{{Text: "To the overview", Href: base + "/", Main: true}},
	}})
}

// fail answers an error of the contract with a page that says what happened, that nothing was lost, and what to do next. What
// was typed into the form is shown to be copied.
func (v *visit) fail(w http.ResponseWriter, r *http.Request, err error) {
	var problem *api.Error
	if !errors.As(err, &problem) {
		v.s.cfg.Log("console "+r.Method, err)
		problem = &api.Error{Problem: api.Problem{Status: http.StatusServiceUnavailable, Type: api.Unavailable.URI()}}
	}
	switch {
	case errors.Is(problem, api.NotSignedIn):
		v.s.signIn(w, r)
		return
	case errors.Is(problem, api.NotFound):
		v.missing(w, r)
		return
	}
	title, t := explain(problem)
	t.ID = strings.TrimPrefix(problem.Instance, "urn:countersign:request:")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		t.Kept = typed(w, r)
	}
	t.Links = append(t.Links, page.Item{Text: "To the overview", Href: base + "/"})
	view := page.View{Title: title, Status: status(problem), Narrow: true, Data: t}
	if v.me.Kind == "" { // it is not known who asks: no navigation
		v.s.kit.Show(w, r, "trouble", view)
		return
	}
	v.show(w, r, "trouble", view)
}

// status is that of a problem, within what an error page may have.
func status(p *api.Error) int {
	if p.Status < 400 || p.Status > 599 {
		return http.StatusServiceUnavailable
	}
	return p.Status
}

// explain is a problem in the words of a page.
func explain(p *api.Error) (title string, t page.Trouble) {
	t.Text = p.Detail
	if t.Text == "" {
		t.Text = p.Title
	}
	for _, one := range p.Errors {
		t.Next = append(t.Next, one.Pointer+": "+one.Message)
	}
	switch {
	case errors.Is(p, api.Forbidden):
		title = "Not allowed"
		t.Text = "This needs the permission “" + p.Permission + "”, which you do not have here. Nothing was done."
		if p.Permission == "" {
			t.Text = p.Detail + " Nothing was done."
		}
		t.Next = []string{"Ask an admin for a role that has it, or a colleague who has it already."}
	case errors.Is(p, api.FourEyes):
		title = "A second person must do this"
		t.Next = append(t.Next, "Whoever asked for a change, or edited it, does not approve it: ask a colleague to open this page.")
	case errors.Is(p, api.Stale):
		title = "It has changed since"
		t.Text = "Somebody changed this after your page was made. Nothing of yours was carried out, so that nobody’s work is overwritten."
		t.Next = []string{"Open the page again, look at what is new, and decide again."}
	case errors.Is(p, api.Conflict), errors.Is(p, api.IdempotencyConflict):
		title = "Not possible as it stands now"
		t.Next = append(t.Next, "Open the page again to see the present state. Nothing was done by this attempt.")
	case errors.Is(p, api.TooLarge):
		title = "Too large"
		t.Next = append(t.Next, "Nothing was done. Choose a smaller file, or give a link to it instead.")
	case errors.Is(p, api.TooManyRequests):
		title, t.Retry = "Too many requests", 10
		t.Next = append(t.Next, "Wait a little and try again. Nothing was done by this attempt.")
	case errors.Is(p, api.Unavailable), errors.Is(p, api.Internal):
		title, t = away(p)
	default:
		title = "Not done"
		t.Next = append(t.Next, "Nothing was done. Go back and mend what is named here.")
	}
	return title, t
}

// away is the page for when the register or the record does not answer.
func away(p *api.Error) (string, page.Trouble) {
	t := page.Trouble{Retry: 5, Text: "The register or the record does not answer at the moment. Requests of partners are still decided with what the " +
		"servers know; changes must wait."}
	if p.Detail != "" && !strings.Contains(p.Detail, "`") {
		t.Next = append(t.Next, p.Detail)
	}
	t.Next = append(t.Next, "Try again in "+strconv.Itoa(t.Retry)+" seconds: send the same page again, it counts once.",
		"If it stays so, look at /readyz of the server and at its log.")
	return "Not available now", t
}

// refused puts what the contract says about a form beside its fields, and reports whether err was of that kind: then the page is
// shown again with what was typed and the status 422. pairs rename: the name in the contract ("name", "prefix/0"), the field.
// What belongs to no field stands above the form.
func refused(form *page.Form, err error, pairs ...string) bool {
	var problem *api.Error
	if !errors.As(err, &problem) {
		return false
	}
	switch {
	case errors.Is(problem, api.Invalid), errors.Is(problem, api.MalformedRequest), errors.Is(problem, api.Conflict):
	default:
		return false
	}
	loose := ""
	for _, one := range problem.Errors {
		name := fieldOf(strings.TrimPrefix(one.Pointer, "/"), pairs)
		if _, there := form.Values[name]; there {
			form.Refuse(name, one.Message)
			continue
		}
		loose += " " + one.Pointer + ": " + one.Message + "."
	}
	if len(form.Errors) == 0 || loose != "" {
		form.Problem = strings.TrimSpace("Nothing was changed. " + problem.Detail + loose)
	}
	return true
}

// fieldOf finds the field for a place in the contract: by the pairs, else by the longest beginning that they name, else itself.
func fieldOf(pointer string, pairs []string) string {
	for at := pointer; at != ""; at = at[:max(0, strings.LastIndexByte(at, '/'))] {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == at {
				return pairs[i+1]
			}
		}
	}
	first, _, _ := strings.Cut(pointer, "/")
	return first
}
