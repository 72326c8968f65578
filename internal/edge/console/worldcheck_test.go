package console_test

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// checkPage holds for every page of the console, whoever asks for it and whatever partners are called. What a script can see better
// in a browser (contrast, focus, size) is checked there.
func (s *shown) checkPage() {
	s.w.Helper()
	h := s.Header()
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
		!strings.Contains(csp, "frame-ancestors 'none'") {
		s.fault("its content security policy is %q", csp)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		s.fault("headers: %v", h)
	}
	if n := len(s.nodes("h1")); n != 1 {
		s.fault("it has %d h1", n)
	}
	if n := len(s.nodes("main")); n != 1 {
		s.fault("it has %d main", n)
	}
	if titles := s.nodes("title"); len(titles) == 0 || !strings.HasSuffix(textOf(titles[0]), "· Countersign") {
		s.fault("its title")
	}
	ids := map[string]bool{}
	for _, n := range s.nodes("") {
		s.checkElement(n, ids)
	}
	for _, n := range s.nodes("") {
		s.checkReferences(n, ids)
	}
}

func (s *shown) fault(format string, a ...any) {
	s.w.Helper()
	s.w.Errorf("%s %s (%d): "+format, append([]any{s.r.Method, s.r.URL, s.Code}, a...)...)
}

// checkElement looks at what no page may hold, and at what every table and control has.
func (s *shown) checkElement(n *html.Node, ids map[string]bool) {
	s.w.Helper()
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			s.fault("<%s> has the attribute %s", n.Data, a.Key)
		}
		if (a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "formaction") && !safeTarget(a.Val) {
			s.fault("<%s %s=%q>", n.Data, a.Key, a.Val)
		}
		if strings.Contains(a.Val, "ZgotmplZ") || strings.Contains(a.Val, "<no value>") {
			s.fault("<%s %s=%q>", n.Data, a.Key, a.Val)
		}
	}
	if id := attr(n, "id"); id != "" {
		if ids[id] {
			s.fault("two elements have the id %q", id)
		}
		ids[id] = true
	}
	switch n.Data {
	case "script":
		if attr(n, "src") == "" {
			s.fault("a script that is written in the page")
		}
	case "style", "iframe", "object", "embed", "base":
		s.fault("<%s>", n.Data)
	case "table":
		s.checkTable(n)
	case "form":
		if !slices.Contains([]string{"get", "post"}, strings.ToLower(attr(n, "method"))) {
			s.fault("a form of the method %q", attr(n, "method"))
		}
	}
}

// safeTarget reports whether a URL of a page stays here, or leads to a page elsewhere under TLS.
func safeTarget(target string) bool {
	return target == "" || strings.HasPrefix(target, "#") || strings.HasPrefix(target, "?") || strings.HasPrefix(target, "https://") ||
		strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//")
}

func (s *shown) checkTable(n *html.Node) {
	s.w.Helper()
	caption := false
	for d := range n.Descendants() {
		caption = caption || d.Data == "caption" && textOf(d) != ""
		if d.Data == "th" && attr(d, "scope") == "" {
			s.fault("a <th> without a scope: %s", textOf(d))
		}
	}
	if !caption {
		s.fault("a table without a caption: %s", textOf(n))
	}
}

// checkReferences checks that every control has a label and that what elements refer to is there.
func (s *shown) checkReferences(n *html.Node, ids map[string]bool) {
	s.w.Helper()
	for _, name := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "list"} {
		for _, id := range strings.Fields(attr(n, name)) {
			if !ids[id] {
				s.fault("<%s %s=%q> refers to nothing", n.Data, name, id)
			}
		}
	}
	if href := attr(n, "href"); len(href) > 1 && href[0] == '#' && !ids[href[1:]] {
		s.fault("a link to %q leads nowhere", href)
	}
	control := n.Data == "select" || n.Data == "textarea" || n.Data == "input" && !slices.Contains([]string{"hidden", "submit", "button"},
		attr(n, "type"))
	if control && !s.labelled(n) {
		s.fault("<%s name=%q> has no label", n.Data, attr(n, "name"))
	}
	if n.Data == "button" && textOf(n) == "" && attr(n, "aria-label") == "" || n.Data == "a" && textOf(n) == "" && attr(n, "aria-label") == "" {
		s.fault("<%s> without a text", n.Data)
	}
	// Who speaks to the browser says what is to be read there (WCAG 2.5.3); no script of the browser test looks at that.
	if name := attr(n, "aria-label"); name != "" && (n.Data == "a" || n.Data == "button") && !strings.Contains(strings.ToLower(name), strings.ToLower(textOf(n))) {
		s.fault("<%s> reads %q and is called %q", n.Data, textOf(n), name)
	}
}

func (s *shown) labelled(n *html.Node) bool {
	if attr(n, "aria-label") != "" || attr(n, "aria-labelledby") != "" {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return true
		}
	}
	for _, l := range s.nodes("label") {
		if attr(l, "for") == attr(n, "id") && attr(n, "id") != "" && textOf(l) != "" {
			return true
		}
	}
	return false
}
