package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"countersign.dev/internal/edge/page"
)

var now = time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)

// surface is a small surface: pages by name, each with its text.
func surface(t *testing.T, pages map[string]string, change ...func(*page.Config)) (*page.Kit, *[]string) {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range pages {
		files[name+".html"] = &fstest.MapFile{Data: []byte(text)}
	}
	logged := &[]string{}
	cfg := page.Config{Surface: "Tests", Files: files, Base: "/t", Now: func() time.Time { return now }, SignOut: "/sign-in/out",
		Done: map[string]string{"saved": "It is saved."}, Log: func(what string, err error) { *logged = append(*logged, what+": "+err.Error()) }}
	for _, one := range change {
		one(&cfg)
	}
	k, err := page.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k, logged
}

// show shows one page and returns its answer.
func show(k *page.Kit, target, name string, v page.View) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	k.Show(w, httptest.NewRequest(http.MethodGet, target, nil), name, v)
	return w
}

// find is the first element with this name and, if there is an attribute, with this value of it.
func find(t *testing.T, text, name, attribute, value string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == name && (attribute == "" || attr(n, attribute) == value) {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

var errBroken = errors.New("broken on purpose")
