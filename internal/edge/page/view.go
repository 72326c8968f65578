package page

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
)

// Item is a link with a text: of the navigation, of the tabs of a page, of the way back, or an action beside the heading.
type Item struct {
	Text  string
	Href  string
	Key   string // of a navigation: the Section it stands for
	Here  bool   // of tabs: this is the page that is shown
	Count int    // a number beside the text; 0 shows none
	Main  bool   // of actions: the one that most people came for
}

// View is one page to be shown. Title is required; the zero value of all others is "none".
type View struct {
	Title   string // stands in the window's title; and as the heading, unless Heading is given
	Heading string // the page's <h1>
	Lead    string // one sentence below the heading
	Section string // Key of the item of Nav that is current
	Nav     []Item
	Trail   []Item // the way back: pages above this one
	Tabs    []Item // pages beside this one
	Actions []Item // what can be done here that is a page of its own
	Who     string // who is signed in; "" leaves out the sign-out
	Done    string // key of a text in Config.Done; "" takes it from ?done= of the request, unless Status is that of an error
	Problem string // what went wrong, above everything
	Scripts []string
	Status  int  // 0 means 200
	Narrow  bool // one column of text: forms and short pages
	Data    any  // what the page's own template gets as "."
}

// Trouble is the Data of the kit's own page "trouble": something did not work, and what can be done about it.
type Trouble struct {
	Text  string   // what happened, in one or two sentences
	Next  []string // what can be done now
	Links []Item
	Kept  []Kept // what was typed and not sent, to be copied; never a secret
	Retry int    // seconds until it is worth trying again; sets Retry-After; 0 means none
	ID    string // request id to quote; "" shows none
}

// Kept is one value of a form that was not accepted.
type Kept struct{ Name, Value string }

// frame is what the layout gets.
type frame struct {
	View
	Surface, Home, SignOut, Account string
	Note                            string
	Main                            template.HTML
}

// Show renders the page name (a file of Config.Files without .html, or "trouble") whole, sets the headers and sends it.
// What cannot be rendered is logged and answered with a short 500. It is safe for concurrent use.
func (k *Kit) Show(w http.ResponseWriter, r *http.Request, name string, v View) {
	b, err := k.render(r, name, v)
	Protect(w.Header())
	if err != nil {
		k.cfg.Log("show "+name, err)
		http.Error(w, "This page could not be made. Nothing was changed by showing it. Try again, or tell your operator.", http.StatusInternalServerError)
		return
	}
	if t, ok := v.Data.(Trouble); ok && t.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(t.Retry))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.Status != 0 {
		w.WriteHeader(v.Status)
	}
	if _, err := w.Write(b); err != nil {
		k.cfg.Log("send "+name, err)
	}
}

// render makes the page in memory: the content first, then the layout around it.
func (k *Kit) render(r *http.Request, name string, v View) ([]byte, error) {
	if !k.pages[name] {
		return nil, fmt.Errorf("page %q: no such page", name)
	}
	var main, whole bytes.Buffer
	if err := k.set.ExecuteTemplate(&main, name, v.Data); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	if v.Heading == "" {
		v.Heading = v.Title
	}
	done := v.Done
	if done == "" && v.Status < http.StatusBadRequest { // what did not work was not done, whatever the address says
		done = r.URL.Query().Get("done")
	}
	f := frame{View: v, Surface: k.cfg.Surface, Home: k.cfg.Base + "/", SignOut: k.cfg.SignOut, Account: k.cfg.Account,
		Note: k.cfg.Done[done],
		// html/template made these bytes a moment ago and has escaped them for this very place: the text of an element.
		Main: template.HTML(main.String())}
	if err := k.set.ExecuteTemplate(&whole, "frame", f); err != nil {
		return nil, fmt.Errorf("page %s: frame: %w", name, err)
	}
	return whole.Bytes(), nil
}
