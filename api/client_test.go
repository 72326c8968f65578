package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
)

func client(t *testing.T, h http.HandlerFunc) *api.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := api.New(api.Config{Server: server.URL + "/", Sign: func(r *http.Request) error { r.Header.Set("Authorization", "Bearer t"); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestACallIsWhatTheContractSays: path, query, headers, body; and the answer with what its headers tell.
func TestACallIsWhatTheContractSays(t *testing.T) {
	var got *http.Request
	var body string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Countersign-Revision", "7")
		w.Header().Set("ETag", `"abc"`)
		_, _ = io.WriteString(w, `{"revision":7,"limit":{"id":"lim_1"}}`)
	})
	a, err := c.LimitSet(context.Background(), "ptn_1", api.LimitSetParams{IfMatch: "*"}, api.LimitSet{Environment: "sandbox", Rate: 5})
	if err != nil || a.Value.Limit.ID != "lim_1" || a.Revision != 7 || a.ETag != `"abc"` || a.Waiting != nil {
		t.Fatalf("%+v %v", a, err)
	}
	if got.Method != "PUT" || got.URL.Path != "/v1/partners/ptn_1/limits" || got.URL.RawQuery != "" || got.Header.Get("If-Match") != "*" ||
		got.Header.Get("Authorization") != "Bearer t" || body != `{"environment":"sandbox","rate":5}` {
		t.Errorf("%s %s %v %s", got.Method, got.URL, got.Header, body)
	}
	open := false
	from := time.Date(2026, 11, 20, 8, 0, 0, 500, time.UTC)
	if _, err := c.PartnerList(context.Background(), api.PartnerListParams{Name: "a b&c", Closed: &open, Limit: 5}); err != nil {
		t.Fatal(err)
	}
	if got.URL.RawQuery != "closed=false&limit=5&name=a+b%26c" {
		t.Errorf("query %q", got.URL.RawQuery)
	}
	if _, err := c.ChangeList(context.Background(), api.ChangeListParams{From: from}); err != nil || got.URL.Query().Get("from") != "2026-11-20T08:00:00.0000005Z" {
		t.Errorf("query %q, %v", got.URL.RawQuery, err)
	}
	if _, err := c.PartnerGet(context.Background(), "../x/y"); err != nil || got.URL.EscapedPath() != "/v1/partners/..%2Fx%2Fy" {
		t.Errorf("path %q, %v", got.URL.EscapedPath(), err)
	}
	if _, err := c.PartnerGet(context.Background(), ""); err == nil {
		t.Error("an empty path parameter was sent")
	}
}

// TestWhatIsNoResultIsToldApart: a problem, a change that waits, something else that answers, a redirect.
func TestWhatIsNoResultIsToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		status      int
		kind, body  string
		problem     bool
		waiting, ok bool
	}{
		"waiting":       {status: 202, kind: "application/json", body: `{"id":"prp_1"}`, waiting: true, ok: true},
		"problem":       {status: 412, kind: "application/problem+json", body: `{"type":"https://countersign.dev/problems/stale","title":"t","status":412,"detail":"d"}`, problem: true},
		"a page":        {status: 502, kind: "text/html", body: "<html>"},
		"not JSON":      {status: 200, kind: "application/json", body: "<html>"},
		"another type":  {status: 200, kind: "text/plain", body: "{}"},
		"a redirect":    {status: 302, kind: "text/plain", body: ""},
		"endless":       {status: 200, kind: "application/json", body: strings.Repeat(" ", api.MaxAnswer+1)},
		"empty problem": {status: 500, kind: "application/problem+json", body: ""},
	} {
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", test.kind)
			if test.status == 302 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		a, err := c.PartnerCreate(context.Background(), api.PartnerCreateParams{}, api.PartnerCreate{Name: "x"})
		if (err == nil) != test.ok || (a.Waiting != nil) != test.waiting {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if !test.ok && test.problem != errors.Is(err, api.Stale) || !test.ok && !test.problem && !errors.Is(err, api.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServersThatCannotBeOne are refused before anything is sent.
func TestServersThatCannotBeOne(t *testing.T) {
	for _, server := range []string{"", "admin.example.com", "ftp://a", "https://", "https://u:p@a", "https://a?x=1", "https://a#b", "https://a b"} {
		if _, err := api.New(api.Config{Server: server}); err == nil {
			t.Errorf("%q was taken", server)
		}
	}
}
