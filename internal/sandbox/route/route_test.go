package route_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign.dev/internal/sandbox/route"
	"github.com/google/go-cmp/cmp"
)

func table(t *testing.T) *route.Table[string] {
	t.Helper()
	made, err := route.New([]route.Route[string]{
		{Method: "GET", Pattern: "/v1/things", Do: "list"},
		{Method: "POST", Pattern: "/v1/things/new", Do: "create"},
		{Method: "GET", Pattern: "/v1/things/{thing}", Do: "get"},
		{Method: "DELETE", Pattern: "/v1/things/{thing}", Do: "delete"},
		{Method: "POST", Pattern: "/v1/things/{thing}/parts/{part}", Do: "part"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestRule13OnlyTheExactSpellingMatches(t *testing.T) {
	found := func(do string, ids ...string) route.Match[string] {
		return route.Match[string]{Found: true, Do: do, IDs: ids}
	}
	only := func(methods ...string) route.Match[string] { return route.Match[string]{Allow: methods} }
	nothing := route.Match[string]{}
	calls := table(t)
	for _, tc := range []struct {
		method, path string
		want         route.Match[string]
	}{
		{"GET", "/v1/things", found("list")},
		{"HEAD", "/v1/things", found("list")},
		{"GET", "/v1/things/7", found("get", "7")},
		{"GET", "/v1/things/00000000000000000007", found("get", "00000000000000000007")},
		{"DELETE", "/v1/things/7", found("delete", "7")},
		{"POST", "/v1/things/7/parts/8", found("part", "7", "8")},
		{"POST", "/v1/things/new", found("create")},
		{"PUT", "/v1/things/7", only("DELETE", "GET", "HEAD")},
		{"get", "/v1/things", only("GET", "HEAD")},
		{"GET", "/v1/things/new", only("POST")},
		{"GET", "/v1/things/000000000000000000007", nothing},
		{"GET", "/v1/things/", nothing},
		{"GET", "/v1//things", nothing},
		{"GET", "//v1/things", nothing},
		{"GET", "v1/things", nothing},
		{"GET", "", nothing},
		{"GET", "/", nothing},
		{"GET", "/v1/Things", nothing},
		{"GET", "/v1/th%69ngs", nothing},
		{"GET", "/v1/things;x", nothing},
		{"GET", "/v1/./things", nothing},
		{"GET", "/v1/things/../things", nothing},
		{"GET", "/v1/things/-7", nothing},
		{"GET", "/v1/things/٧", nothing},
		{"GET", "/v1/things/{}", nothing},
		{"POST", "/v1/things/{}/parts/{}", nothing},
	} {
		if diff := cmp.Diff(tc.want, calls.Match(tc.method, tc.path)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tc.method, tc.path, diff)
		}
	}
}

func TestNewRefusesWhatCannotBeTold(t *testing.T) {
	for name, routes := range map[string][]route.Route[int]{
		"no slash":      {{Method: "GET", Pattern: "v1"}},
		"empty segment": {{Method: "GET", Pattern: "/v1//x"}},
		"no method":     {{Pattern: "/v1"}},
		"twice":         {{Method: "GET", Pattern: "/v1/{a}"}, {Method: "GET", Pattern: "/v1/{b}"}},
	} {
		if _, err := route.New(routes); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTargetIsRaw(t *testing.T) {
	for target, want := range map[string][2]string{
		"/a/%2e%2E/b?x=%zz&y=?": {"/a/%2e%2E/b", "x=%zz&y=?"},
		"/a?":                   {"/a", ""},
		"//a":                   {"//a", ""},
		"http://h/a?x":          {"", ""},
		"*":                     {"", ""},
	} {
		path, query := route.Target(&http.Request{RequestURI: target})
		if got := [2]string{path, query}; got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	byHand, err := http.NewRequest("GET", "http://h/a%20b?c", nil)
	if err != nil {
		t.Fatal(err)
	}
	if path, query := route.Target(byHand); path != "/a%20b" || query != "c" {
		t.Errorf("by hand: got %q %q", path, query)
	}
	if path, _ := route.Target(&http.Request{}); path != "" {
		t.Errorf("no target at all: got %q", path)
	}
}

func TestRule14BaseIsCutFromWholeSegmentsOnly(t *testing.T) {
	for path, want := range map[string]string{
		"/base/v1": "/v1", "/base/": "/", "/base": "/base", "/baseline/v1": "/baseline/v1", "/v1/base": "/v1/base",
		"/base/base/v1": "/base/v1", "/base//v1": "//v1", "": "",
	} {
		if got := route.TrimBase(path, "/base"); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"/v1/things", "/v1/things/7", "//", "/v1/things/7/parts/%31", ""} {
		f.Add("GET", seed)
	}
	calls, err := route.New([]route.Route[int]{{Method: "GET", Pattern: "/v1/things/{thing}"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = path
		raw, _ := route.Target(r)
		found := calls.Match(method, raw)
		if found.Found && "/v1/things/"+strings.Join(found.IDs, "/") != raw {
			t.Fatalf("%q found as %v", path, found.IDs)
		}
	})
}
