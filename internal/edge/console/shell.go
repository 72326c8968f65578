package console

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"countersign.dev/api"
	"countersign.dev/internal/edge/page"
)

// visit is one request of somebody who is signed in.
type visit struct {
	s   *Server
	api *api.Client // the contract, in the visitor's name
	me  api.Me
}

// wide are the permissions that nobody has who is confined to some environments (docs/reference/roles.md); it only spares
// people links that would be refused.
var wide = []string{"changes.read", "records.export", "accounts.read", "accounts.write", "settings.write", "register.apply"}

// may tells whether the visitor has a permission, in the environment or, with "", anywhere. The API decides; a page asks this
// to leave out what would be refused.
func (v *visit) may(permission, environment string) bool {
	if !slices.Contains(v.me.Permissions, permission) || v.me.Environments != nil && slices.Contains(wide, permission) {
		return false
	}
	return environment == "" || v.sees(environment)
}

// sees tells whether the visitor may know of an environment.
func (v *visit) sees(environment string) bool {
	return v.me.Environments == nil || slices.Contains(v.me.Environments, environment)
}

// section is one entry of the navigation and the permission without which it is left out.
type section struct{ key, text, path, permission string }

var sections = []section{
	{"overview", "Overview", "/", ""},
	{"partners", "Partners", "/partners", "partners.read"},
	{"reviews", "Reviews", "/reviews", "partners.read"},
	{"proposals", "Proposals", "/proposals", "partners.read"},
	{"whatif", "What if", "/what-if", "whatif.run"},
	{"tail", "Live tail", "/tail", "decisions.read"},
	{"decisions", "Decisions", "/decisions", "decisions.read"},
	{"audit", "Audit", "/audit", "changes.read"},
	{"settings", "Settings", "/settings", ""},
}

// nav is the navigation as the visitor may use it: a section without pages is left out as well.
func (v *visit) nav() []page.Item {
	var items []page.Item
	for _, one := range sections {
		_, here := v.s.routes["GET "+base+one.path]
		if one.path == "/" {
			here = true
		}
		if here && (one.permission == "" || v.may(one.permission, "")) {
			items = append(items, page.Item{Text: one.text, Href: base + one.path, Key: one.key})
		}
	}
	return items
}

// show shows a page with the navigation around it.
func (v *visit) show(w http.ResponseWriter, r *http.Request, name string, view page.View) {
	view.Nav, view.Who = v.nav(), v.me.Name
	v.s.kit.Show(w, r, name, view)
}

// form makes a form with a fresh key; pairs are the names and values of what its fields begin with.
func (v *visit) form(pairs ...string) (*page.Form, error) {
	return page.NewForm(v.s.cfg.Rand, pairs...)
}

// read reads the form that was sent, within the bound of its route. false: it has answered, since this is no form of ours.
func (v *visit) read(w http.ResponseWriter, r *http.Request) (*page.Form, bool) {
	form, err := page.ReadForm(w, r, maxBody)
	if err == nil && form.Key == "" {
		err = errNoKey
	}
	if err != nil {
		v.badForm(w, r, err)
		return nil, false
	}
	return form, true
}

// maxBody lets the bound of the route decide, which was set before.
const maxBody = 64 << 20

// badForm answers a body that cannot be read.
func (v *visit) badForm(w http.ResponseWriter, r *http.Request, err error) {
	var long *http.MaxBytesError
	t := page.Trouble{Text: "The form cannot be read. Nothing was done.",
		Next: []string{"Go back, load the page again and send the form from there."}}
	status := http.StatusBadRequest
	if errors.As(err, &long) {
		status = http.StatusRequestEntityTooLarge
		t.Text = "What was sent is longer than " + page.Bytes(long.Limit) + ", which is the most that is taken here. Nothing was done."
		t.Next = []string{"Go back: most browsers still have what you typed. Shorten it, or choose a smaller file."}
	}
	v.show(w, r, "trouble", page.View{Title: "Not done", Status: status, Narrow: true, Data: t})
}

// done leads on after a change: 303 to a page, which shows the text of key (route.done). "" shows none.
func (v *visit) done(w http.ResponseWriter, r *http.Request, path, key string) {
	page.Protect(w.Header())
	http.Redirect(w, r, page.Link(path, "done", key), http.StatusSeeOther)
}

// doneAt is done for a change whose page shows which server has confirmed its revision.
func (v *visit) doneAt(w http.ResponseWriter, r *http.Request, path, key string, revision int64) {
	page.Protect(w.Header())
	http.Redirect(w, r, page.Link(path, "done", key, "revision", strconv.FormatInt(revision, 10)), http.StatusSeeOther)
}

// waits leads to a proposal, when a change waits for a second person: answers of the contract have it as Waiting. It reports
// whether there was one, and it has answered.
func (v *visit) waits(w http.ResponseWriter, r *http.Request, p *api.Proposal) bool {
	if p == nil {
		return false
	}
	v.done(w, r, page.Path(base+"/proposals", p.ID), "proposed")
	return true
}

// pageFuncs are what templates of the console have beside those of the kit.
func pageFuncs() template.FuncMap {
	return template.FuncMap{
		"latency": func(us int64) string { return microseconds(float64(us)) },
	}
}
