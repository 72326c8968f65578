package console

import (
	"errors"
	"net/http"
	"net/url"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// deed is the page of one change of a partner: what it is about, what it would do, and the fields that it asks for. The short
// forms of the partner's page post to the page of the same change, so that a refused one comes back here with what was typed.
type deed struct {
	Title  string
	Lead   string
	Trail  []page.Item
	Action string // where the form posts to; empty: the page itself
	Back   string // where "Leave it" leads to
	Button string
	Danger bool
	Try    string // text of a second button that only shows what would change; empty: none
	Files  bool
	Form   *page.Form
	Hidden []fact
	Fields []deedField
	Notes  []deedNote
	Facts  []fact
	Impact *impact
	names  []string // how the contract names fields that the form calls otherwise: see refused
}

// fact is a name with a text.
type fact struct{ Name, Text string }

// deedNote is a remark in a frame; Tone is a word of the kit: good, warn, bad; empty: plain.
type deedNote struct{ Tone, Text string }

// deedField is a control and the template that shows it: field, textarea, choice, radios, check or upload.
type deedField struct {
	Kind string
	page.Field
}

// ask shows the page of a change with an empty form, or with what was typed.
func (v *visit) ask(w http.ResponseWriter, r *http.Request, d *deed, status int) {
	v.show(w, r, "deed", page.View{Title: d.Title, Lead: d.Lead, Section: "partners", Trail: d.Trail, Status: status, Data: d})
}

// begin gives a deed its form: a fresh one that begins with pairs, unless one was sent. false: it has answered.
func (v *visit) begin(w http.ResponseWriter, r *http.Request, sent *page.Form, pairs ...string) (*page.Form, bool) {
	if sent != nil {
		return sent, true
	}
	form, err := v.form(pairs...)
	if err != nil {
		v.fail(w, r, err)
		return nil, false
	}
	return form, true
}

// settle ends the carrying out of a deed: it shows the form again where the contract refused it, leads to the proposal where the
// change waits, and else to section of the partner's page with the text of key.
func (v *visit) settle(w http.ResponseWriter, r *http.Request, d *deed, waiting *api.Proposal, err error, key, section string) {
	switch {
	case err != nil:
		v.declined(w, r, d, err)
	case v.waits(w, r, waiting):
	default:
		v.returned(w, r, d.Back, key, section)
	}
}

// declined shows a deed again: with what is wrong beside its fields, or with what has changed since and the ETag of now.
func (v *visit) declined(w http.ResponseWriter, r *http.Request, d *deed, err error) {
	switch {
	case refused(d.Form, err, d.names...):
		v.ask(w, r, d, http.StatusUnprocessableEntity)
	case errors.Is(err, api.Stale):
		d.Form.Problem = "Somebody changed this after your page was made, and nothing of yours was carried out. Below is what it is now: decide again."
		v.ask(w, r, d, http.StatusPreconditionFailed)
	default:
		v.fail(w, r, err)
	}
}

// returned leads to a section of a partner's page, which shows the text of key.
func (v *visit) returned(w http.ResponseWriter, r *http.Request, path, key, section string) {
	page.Protect(w.Header())
	way, _, _ := cutFragment(path)
	if section != "" {
		section = "#" + url.PathEscape(section)
	}
	http.Redirect(w, r, page.Link(way, "done", key)+section, http.StatusSeeOther)
}

func cutFragment(path string) (way, fragment string, found bool) {
	for i := range len(path) {
		if path[i] == '#' {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// line is a field of one line.
func line(form *page.Form, name, label, hint string, most int, required bool) deedField {
	return deedField{"field", page.Field{Form: form, Name: name, Label: label, Hint: hint, Type: "text", Auto: "off", Max: most, Required: required}}
}

// because is the field for the reason that goes into the record.
func because(form *page.Form) deedField {
	return line(form, "reason", "Reason", "It stands in the record of changes, for whoever asks later.", 500, false)
}

// pick is a field with a fixed list of answers.
func pick(form *page.Form, name, label, hint string, options []page.Option) deedField {
	return deedField{"choice", page.Field{Form: form, Name: name, Label: label, Hint: hint, Required: true, Options: options}}
}

// ticked is a box that must be ticked before something is cut off.
func ticked(form *page.Form, words string) deedField {
	return deedField{"check", page.Field{Form: form, Name: "confirmed", Label: words, Required: true}}
}

// consents reports whether the box of ticked was ticked; else it says so beside it.
func consents(form *page.Form) bool {
	if form.Has("confirmed", "yes") {
		return true
	}
	form.Refuse("confirmed", "Tick this box to go on. Nothing was done yet.")
	return false
}

// match is an ETag as If-Match carries it.
func match(etag string) string { return `"` + etag + `"` }

// options make a list of answers of words that speak for themselves.
func options(words ...string) (list []page.Option) {
	for _, word := range words {
		list = append(list, page.Option{Value: word, Text: word})
	}
	return list
}

// partnerPath is the page of a partner, or below it.
func partnerPath(id string, segments ...string) string {
	return page.Path(base+"/partners", append([]string{id}, segments...)...)
}

// partnerTrail is the way back from a page below a partner.
func partnerTrail(p api.Partner) []page.Item {
	return []page.Item{{Text: "Partners", Href: base + "/partners"}, {Text: p.Name, Href: partnerPath(p.ID)}}
}
