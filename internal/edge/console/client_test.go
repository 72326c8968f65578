package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// TestCallsAreInTheVisitorsName: the plane gets the visitor's cookies, Host and address, and nothing that says where a browser
// comes from, which was judged before.
func TestCallsAreInTheVisitorsName(t *testing.T) {
	p := newPlane(t)
	h := p.console()
	r := httptest.NewRequest(http.MethodGet, "http://console.example:8443/console/", nil)
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header["Cookie"] = []string{"countersign=one", "other=two"}
	r.Header.Set("Origin", "http://console.example:8443")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Authorization", "Bearer of the visitor")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if len(p.asked) == 0 {
		t.Fatal("nothing was asked")
	}
	for _, q := range p.asked {
		if q.Host != "console.example:8443" || q.RemoteAddr != "192.0.2.7:4711" || strings.Join(q.Header["Cookie"], "; ") != "countersign=one; other=two" {
			t.Errorf("%s: host %q, address %q, cookies %q", q.URL, q.Host, q.RemoteAddr, q.Header["Cookie"])
		}
		for _, name := range []string{"Origin", "Sec-Fetch-Site", "Authorization", "X-Forwarded-For"} {
			if q.Header.Get(name) != "" {
				t.Errorf("%s: %s was passed on", q.URL, name)
			}
		}
	}
}

// TestAPlaneThatGivesUpIsAway: a handler that panics, or that stops in the midst of its answer, is no half answer.
func TestAPlaneThatGivesUpIsAway(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"before the first byte": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"in the midst": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"kind":"operator","name":"olga","permissions":["partners.read"]`))
			panic(http.ErrAbortHandler)
		},
		"with something else": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>proxy</h1>")) },
		"with nothing":        func(http.ResponseWriter, *http.Request) {},
	} {
		p := newPlane(t)
		p.does("GET /v1/me", answer)
		w := get(p.console(), "/console/")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d", name, w.Code)
		}
		if len(p.logged) != 1 {
			t.Errorf("%s: the cause is not in the log: %q", name, p.logged)
		}
	}
}

// TestNothingOutlivesTheVisit: when the visitor goes away, the plane's handler ends as well, and the visit waits for it.
func TestNothingOutlivesTheVisit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlane(t)
		ended := false
		p.does("GET /v1/me", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended = true
		})
		h := p.console()
		visit, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(visit, http.MethodGet, "http://localhost/console/", nil)
		done := make(chan struct{})
		go func() { h.ServeHTTP(httptest.NewRecorder(), r); close(done) }()
		synctest.Wait()
		leave()
		<-done
		if !ended {
			t.Error("the handler still runs")
		}
	})
}

// TestALongAnswerIsAStream: more than one write, and a problem behind it, arrive as they are.
func TestALongAnswerIsAStream(t *testing.T) {
	p := newPlane(t)
	p.does("GET /v1/attention", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"at":"2026-11-20T19:00:00Z","items":[`))
		w.(http.Flusher).Flush()
		item := `{"kind":"review_waiting","grave":false,"text":"` + strings.Repeat("x", 1<<16) + `"}`
		for i := range 20 {
			if i > 0 {
				_, _ = w.Write([]byte(","))
			}
			_, _ = w.Write([]byte(item))
		}
		_, _ = w.Write([]byte(`],"more":0}`))
	})
	if text := body(t, get(p.console(), "/console/")); strings.Count(text, "Review waits") != 20 {
		t.Errorf("%d of 20 arrived", strings.Count(text, "Review waits"))
	}
}
