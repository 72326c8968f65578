package page_test

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"countersign.dev/internal/edge/page"
)

func TestShowMakesAWholePage(t *testing.T) {
	k, _ := surface(t, map[string]string{"hello": `<p>{{.}}</p>`})
	w := show(k, "/t/?done=saved", "hello", page.View{Title: "Hello", Data: "<b>you</b>", Who: "olga", Status: 202, Section: "one", Lead: "A lead.",
		Nav:     []page.Item{{Text: "One", Href: "/t/one", Key: "one"}, {Text: "Two", Href: "/t/two", Key: "two", Count: 12345}},
		Trail:   []page.Item{{Text: "Up", Href: "/t/"}},
		Tabs:    []page.Item{{Text: "Part", Href: "/t/part", Here: true}},
		Actions: []page.Item{{Text: "Do", Href: "/t/do", Main: true}}, Problem: "Something is wrong."})
	text := w.Body.String()
	if w.Code != 202 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Error(w.Code, w.Header())
	}
	for _, want := range []string{"<title>Hello · Countersign</title>", "<h1><bdi>Hello</bdi></h1>", "<p>&lt;b&gt;you&lt;/b&gt;</p>", "It is saved.", "Something is wrong.",
		`href="/t/one" aria-current="page"`, "12\u202f345", `action="/sign-in/out"`, `class="skip" href="#main"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s:\n%s", want, text)
		}
	}
	if strings.Count(text, "<h1>") != 1 || strings.Count(text, "<main") != 1 || strings.Count(text, "aria-current") != 2 {
		t.Error("not one heading, one main part, and two places where one is:\n" + text)
	}
}

func TestNoTextComesFromAnAddress(t *testing.T) {
	k, _ := surface(t, map[string]string{"hello": `hello`})
	for _, done := range []string{"Send+your+secret+to+evil", "%3Cscript%3E", "SAVED"} {
		if text := show(k, "/t/?done="+done, "hello", page.View{Title: "Hello"}).Body.String(); strings.Contains(text, `role="status"`) {
			t.Errorf("?done=%s shows a text", done)
		}
	}
	if text := show(k, "/t/?done=saved", "hello", page.View{Title: "Hello", Status: http.StatusConflict}).Body.String(); strings.Contains(text, `role="status"`) {
		t.Error("a page about something that did not work says that it was done")
	}
}

// TestHalfAPageIsNeverSent: a template that fails in the midst of its text gives a short 500 and nothing of what it had made.
func TestHalfAPageIsNeverSent(t *testing.T) {
	k, logged := surface(t, map[string]string{"broken": `<p>the first half</p>{{fail}}`}, func(c *page.Config) {
		c.Funcs = template.FuncMap{"fail": func() (string, error) { return "", errBroken }}
	})
	w := show(k, "/t/", "broken", page.View{Title: "Broken"})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "the first half") || strings.Contains(w.Body.String(), "on purpose") {
		t.Error(w.Code, w.Body)
	}
	if len(*logged) != 1 || !strings.Contains((*logged)[0], "broken on purpose") {
		t.Error("the cause is not in the log:", *logged)
	}
	if w := show(k, "/t/", "no-such-page", page.View{}); w.Code != http.StatusInternalServerError {
		t.Error("a page that is not there:", w.Code)
	}
}

func TestNewRefuses(t *testing.T) {
	base := func() page.Config {
		return page.Config{Surface: "S", Files: fstest.MapFS{"a.html": {Data: []byte("a")}}, Log: func(string, error) {}}
	}
	cases := map[string]func(*page.Config){
		"no clock":                        func(*page.Config) {},
		"a template that does not parse":  func(c *page.Config) { c.Files = fstest.MapFS{"a.html": {Data: []byte("{{if}}")}} },
		"a page with a name of the kit's": func(c *page.Config) { c.Files = fstest.MapFS{"frame.html": {Data: []byte("mine")}} },
		"a function of the kit's":         func(c *page.Config) { c.Funcs = template.FuncMap{"when": func() string { return "" }} },
		"an asset of the kit's":           func(c *page.Config) { c.Assets = fstest.MapFS{"kit.js": {Data: []byte("1")}} },
		"a function that nobody has":      func(c *page.Config) { c.Files = fstest.MapFS{"a.html": {Data: []byte(`{{nothing}}`)}} },
	}
	for name, change := range cases {
		cfg := base()
		if name != "no clock" {
			cfg.Now = clock
		}
		change(&cfg)
		if k, err := page.New(cfg); err == nil || k != nil {
			t.Errorf("%s: New takes it", name)
		}
	}
}

func TestProtectForbidsWhatIsNotOurs(t *testing.T) {
	k, _ := surface(t, map[string]string{"hello": "hello"})
	h := show(k, "/t/", "hello", page.View{Title: "Hello"}).Header()
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy has no %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") {
		t.Errorf("the policy lets in more than our own: %s", csp)
	}
	if h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
		t.Error(h)
	}
}

// TestSecurityRule31FormsOfOtherSites: what changes something comes from a page of this site, or it is not done.
func TestSecurityRule31FormsOfOtherSites(t *testing.T) {
	cases := []struct {
		name, method string
		header       map[string]string
		done         bool
	}{
		{"a page of this site", "POST", map[string]string{"Origin": "http://site.example", "Sec-Fetch-Site": "same-origin"}, true},
		{"a page of this site, of an old browser", "POST", map[string]string{"Origin": "http://site.example"}, true},
		{"a page of this site that says it by fetch metadata alone", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		{"another site", "POST", map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, false},
		{"another site, of an old browser", "POST", map[string]string{"Origin": "http://evil.example"}, false},
		{"a neighbour of this site", "POST", map[string]string{"Origin": "http://x.site.example", "Sec-Fetch-Site": "same-site"}, false},
		{"an address typed by hand", "POST", map[string]string{"Sec-Fetch-Site": "none"}, false},
		{"a sandboxed frame", "POST", map[string]string{"Origin": "null"}, false},
		{"nobody says where it comes from", "POST", nil, false},
		{"nobody says it of a DELETE", "DELETE", nil, false},
		{"another site reads", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
	}
	for _, c := range cases {
		done := false
		h := page.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { done = true }),
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
		r := httptest.NewRequest(c.method, "http://site.example/t/do", nil)
		for name, value := range c.header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if done != c.done || !done && w.Code != http.StatusForbidden {
			t.Errorf("%s: done %t, status %d", c.name, done, w.Code)
		}
	}
}

func TestAssetsAreKeptByBrowsersAndNeverStale(t *testing.T) {
	k, _ := surface(t, map[string]string{"hello": "hello"}, func(c *page.Config) {
		c.Assets = fstest.MapFS{"own.js": {Data: []byte(`"use strict";`)}, "page.html": {Data: []byte("no asset")}, "key.pem": {Data: []byte("no asset")}}
	})
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		k.Assets().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for _, name := range []string{"style.css", "kit.js", "own.js", "mark.svg"} {
		at, err := k.Asset(name)
		if err != nil {
			t.Fatal(err)
		}
		w := get(http.MethodGet, at)
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", at, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/t/assets/style.css", "/t/assets/page.html", "/t/assets/key.pem", "/t/assets/../frame.html", "/t/assets/"} {
		if w := get(http.MethodGet, path); w.Code != http.StatusNotFound || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	at, _ := k.Asset("style.css")
	if w := get(http.MethodPost, at); w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
	if _, err := k.Asset("page.html"); err == nil {
		t.Error("a page is an asset")
	}
	if !strings.Contains(string(page.Style()), "prefers-color-scheme: dark") {
		t.Error("the style sheet has no dark scheme")
	}
}

func TestTroubleSaysWhatHappenedAndWhatWasKept(t *testing.T) {
	k, _ := surface(t, map[string]string{"hello": "hello"})
	w := show(k, "/t/", "trouble", page.View{Title: "Not available now", Status: 503, Data: page.Trouble{Text: "The register does not answer.", Retry: 5, ID: "abc",
		Next: []string{"Try again."}, Kept: []page.Kept{{Name: "reason", Value: "line one\nline two <b>"}}, Links: []page.Item{{Text: "Home", Href: "/t/"}}}})
	if w.Code != 503 || w.Header().Get("Retry-After") != "5" {
		t.Error(w.Code, w.Header())
	}
	for _, want := range []string{"The register does not answer.", "Try again.", "line one\nline two &lt;b&gt;", "abc"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}
