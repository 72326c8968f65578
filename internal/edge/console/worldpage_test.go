package console_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// shown is an answer of the console, as a browser reads it.
type shown struct {
	*httptest.ResponseRecorder
	w    *world
	r    *http.Request
	root *html.Node // of an answer that is HTML
}

// get asks for a page as somebody; who empty: nobody is signed in.
func (w *world) get(who, target string) *shown {
	w.Helper()
	return w.serve(w.request(who, "GET", target, nil))
}

// post sends a form as a browser does.
func (w *world) post(who, target string, values url.Values) *shown {
	w.Helper()
	r := w.request(who, "POST", target, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.serve(r)
}

// request is one of a browser on a page of the console itself.
func (w *world) request(who, method, target string, body io.Reader) *http.Request {
	w.Helper()
	r := httptest.NewRequest(method, public+target, body)
	r.Host = "admin.example.com"
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
	}
	if method != "GET" {
		r.Header.Set("Origin", public)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

// serve answers a request, and checks what holds for every page.
func (w *world) serve(r *http.Request) *shown {
	w.Helper()
	s := &shown{ResponseRecorder: httptest.NewRecorder(), w: w, r: r}
	w.console.ServeHTTP(s, r)
	if strings.HasPrefix(s.Header().Get("Content-Type"), "text/html") && s.Code/100 != 3 {
		root, err := html.Parse(bytes.NewReader(s.Body.Bytes()))
		w.must(err)
		s.root = root
		s.checkPage()
	}
	return s
}

// want checks the status.
func (s *shown) want(status int) *shown {
	s.w.Helper()
	if s.Code != status {
		s.w.Fatalf("%s %s answered %d, expected %d, Location %q: %s", s.r.Method, s.r.URL, s.Code, status, s.Header().Get("Location"), s.text())
	}
	return s
}

// followed checks that the answer is the 303 after a change, and asks for where it leads.
func (s *shown) followed() *shown {
	s.w.Helper()
	s.want(http.StatusSeeOther)
	u, err := url.Parse(s.Header().Get("Location"))
	s.w.must(err)
	if u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		s.w.Fatalf("%s %s leads to %q", s.r.Method, s.r.URL, u)
	}
	who := ""
	if c, err := s.r.Cookie("who"); err == nil {
		who = c.Value
	}
	u.Fragment = ""
	return s.w.get(who, u.String())
}

// nodes are all elements of a tag, in the order of the page.
func (s *shown) nodes(tag string) (list []*html.Node) {
	if s.root == nil {
		return nil
	}
	for n := range s.root.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) {
			list = append(list, n)
		}
	}
	return list
}

// attr is an attribute of an element; empty: it has none.
func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// textOf is what is read inside of an element, with single spaces.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// text is all that is read on the page.
func (s *shown) text() string {
	if s.root == nil {
		return s.Body.String()
	}
	for _, n := range s.nodes("body") {
		return textOf(n)
	}
	return ""
}

// main is what is read in the main part, without the frame.
func (s *shown) main() string {
	for _, n := range s.nodes("main") {
		return textOf(n)
	}
	return s.text()
}

// says checks that texts are on the page.
func (s *shown) says(texts ...string) *shown {
	s.w.Helper()
	for _, text := range texts {
		if !strings.Contains(s.text(), text) {
			s.w.Errorf("%s %s (%d) does not say %q:\n%s", s.r.Method, s.r.URL, s.Code, text, s.text())
		}
	}
	return s
}

// byChance is what a random id or token may hold now and then.
var byChance = regexp.MustCompile(`^([a-z2-7]{1,4}|[A-Za-z0-9_-]{1,3})$`)

// silent checks that texts are nowhere in the answer, neither to be read nor in its source. It takes none that is there by chance.
func (s *shown) silent(texts ...string) *shown {
	s.w.Helper()
	for _, text := range texts {
		if byChance.MatchString(text) {
			s.w.Errorf("a random id may hold %q: look for something longer, or for what ids have not", text)
		}
		if strings.Contains(s.text(), text) || strings.Contains(s.Body.String(), text) {
			s.w.Errorf("%s %s (%d) says %q", s.r.Method, s.r.URL, s.Code, text)
		}
	}
	return s
}

// inert checks that texts are nowhere in the source of the page as they were written: what is markup in them was escaped.
func (s *shown) inert(texts ...string) *shown {
	s.w.Helper()
	for _, text := range texts {
		if strings.Contains(s.Body.String(), text) {
			s.w.Errorf("%s %s (%d) holds %q as it is", s.r.Method, s.r.URL, s.Code, text)
		}
	}
	return s
}

// id is the element of this id; nil: none.
func (s *shown) id(id string) *html.Node {
	for _, n := range s.nodes("") {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

// links are the targets of all links, with what is read on them.
func (s *shown) links() map[string]string {
	m := map[string]string{}
	for _, n := range s.nodes("a") {
		m[attr(n, "href")] = textOf(n)
	}
	return m
}

// linked reports whether there is a link to a path, whatever query and fragment it has.
func (s *shown) linked(path string) bool {
	for href := range s.links() {
		href, _, _ = strings.Cut(href, "#")
		href, _, _ = strings.Cut(href, "?")
		if href == path {
			return true
		}
	}
	return false
}

// form is a form of a page with the values that a browser would send.
type form struct {
	s      *shown
	node   *html.Node
	action string
	files  map[string]upload
	url.Values
}

// upload is one file of a form.
type upload struct {
	name    string
	content []byte
}

// hasForm reports whether there is a form that sends to a path.
func (s *shown) hasForm(action string) bool { return s.findForm(action) != nil }

func (s *shown) findForm(action string) *html.Node {
	for _, n := range s.nodes("form") {
		to, _, _ := strings.Cut(formAction(s, n), "?")
		if to == action && strings.EqualFold(attr(n, "method"), "post") {
			return n
		}
	}
	return nil
}

func formAction(s *shown, n *html.Node) string {
	if to := attr(n, "action"); to != "" {
		return to
	}
	return s.r.URL.RequestURI()
}

// form finds the POST form that sends to a path.
func (s *shown) form(action string) *form {
	s.w.Helper()
	n := s.findForm(action)
	if n == nil {
		s.w.Fatalf("%s %s (%d) has no form to %s:\n%s", s.r.Method, s.r.URL, s.Code, action, s.text())
	}
	f := &form{s: s, node: n, action: formAction(s, n), files: map[string]upload{}, Values: url.Values{}}
	for d := range n.Descendants() {
		f.control(d)
	}
	return f
}

// control takes the value that a browser would send of a control that nobody has touched.
func (f *form) control(n *html.Node) {
	name := attr(n, "name")
	if n.Type != html.ElementNode || name == "" || hasAttr(n, "disabled") {
		return
	}
	switch n.Data {
	case "input":
		switch attr(n, "type") {
		case "submit", "button", "file", "image", "reset":
		case "checkbox", "radio":
			if hasAttr(n, "checked") {
				value := attr(n, "value")
				if !hasAttr(n, "value") {
					value = "on"
				}
				f.Add(name, value)
			}
		default:
			f.Add(name, attr(n, "value"))
		}
	case "textarea":
		f.Add(name, strings.TrimPrefix(rawText(n), "\n"))
	case "select":
		f.Add(name, chosen(n))
	}
}

func rawText(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// chosen is the option that is sent: the selected one, or else the first.
func chosen(n *html.Node) string {
	first, found := "", false
	for d := range n.Descendants() {
		if d.Type != html.ElementNode || d.Data != "option" {
			continue
		}
		value := attr(d, "value")
		if !hasAttr(d, "value") {
			value = textOf(d)
		}
		if hasAttr(d, "selected") {
			return value
		}
		if !found {
			first, found = value, true
		}
	}
	return first
}

// set fills fields in: name, value, name, value. A field that the form does not have is a fault of the test.
func (f *form) set(pairs ...string) *form {
	f.s.w.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if !f.knows(pairs[i]) {
			f.s.w.Fatalf("the form to %s has no field %q", f.action, pairs[i])
		}
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

func (f *form) knows(name string) bool {
	for d := range f.node.Descendants() {
		if d.Type == html.ElementNode && attr(d, "name") == name {
			return true
		}
	}
	return false
}

// attach chooses a file.
func (f *form) attach(field, name string, content []byte) *form {
	f.s.w.Helper()
	if !f.knows(field) {
		f.s.w.Fatalf("the form to %s has no field %q", f.action, field)
	}
	f.files[field] = upload{name, content}
	return f
}

// submit sends the form as whoever asked for the page, in the coding that it says.
func (f *form) submit() *shown {
	f.s.w.Helper()
	who := ""
	if c, err := f.s.r.Cookie("who"); err == nil {
		who = c.Value
	}
	return f.submitAs(who)
}

// submitAs sends it as somebody else.
func (f *form) submitAs(who string) *shown {
	f.s.w.Helper()
	if attr(f.node, "enctype") != "multipart/form-data" {
		return f.s.w.post(who, f.action, f.Values)
	}
	body, kind := f.multipart()
	r := f.s.w.request(who, "POST", f.action, body)
	r.Header.Set("Content-Type", kind)
	return f.s.w.serve(r)
}

// multipart writes the fields in the order of the form, as browsers do.
func (f *form) multipart() (io.Reader, string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	sent := map[string]bool{}
	for d := range f.node.Descendants() {
		name := ""
		if d.Type == html.ElementNode {
			name = attr(d, "name")
		}
		if name == "" || sent[name] {
			continue
		}
		sent[name] = true
		if d.Data == "input" && attr(d, "type") == "file" {
			file := f.files[name]
			part, err := m.CreateFormFile(name, file.name)
			f.s.w.must(err)
			_, err = part.Write(file.content)
			f.s.w.must(err)
			continue
		}
		for _, value := range f.Values[name] {
			f.s.w.must(m.WriteField(name, value))
		}
	}
	f.s.w.must(m.Close())
	return &b, m.FormDataContentType()
}
