package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/edge/console"
)

// now is what the clock of these tests says.
var now = time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)

// plane is an operators' plane that knows only the answers that a test gave it, by method and path. It stands for the real one
// where a test is about the console alone.
type plane struct {
	t       testing.TB
	mu      sync.Mutex
	answers map[string]func(http.ResponseWriter, *http.Request)
	asked   []*http.Request
	logged  []string
}

// olga is who is signed in unless a test says otherwise.
func olga() api.Me {
	return api.Me{Kind: "operator", ID: "acc_1", Name: "olga@example.com", Actor: "operator:olga@example.com", Roles: []string{"operator"},
		Permissions: []string{"partners.read", "partners.write", "decisions.read", "whatif.run", "nodes.read"}, ExpiresAt: now.Add(time.Hour), SessionID: "ses_1"}
}

func newPlane(t testing.TB) *plane {
	p := &plane{t: t, answers: map[string]func(http.ResponseWriter, *http.Request){}}
	p.says("GET /v1/me", olga())
	p.says("GET /v1/attention", api.Attention{At: now, Items: []api.AttentionItem{}})
	p.says("GET /v1/traffic", api.Traffic{From: now.Add(-24 * time.Hour), To: now, StepSeconds: 900, Series: []api.TrafficSeries{}, Faults: []string{}})
	return p
}

// says gives an answer of JSON.
func (p *plane) says(what string, v any) {
	p.does(what, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			p.t.Error(err)
		}
	})
}

// refuses gives a problem.
func (p *plane) refuses(what string, problem api.Problem) {
	p.does(what, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(problem.Status)
		_ = json.NewEncoder(w).Encode(problem)
	})
}

func problem(kind api.ProblemType, detail string) api.Problem {
	for _, info := range api.Problems() {
		if info.Type == kind {
			return api.Problem{Type: kind.URI(), Title: info.Title, Status: info.Status, Detail: detail, Instance: "urn:countersign:request:0123456789abcdef"}
		}
	}
	return api.Problem{Status: http.StatusTeapot} // no such problem: every test that asks for it fails
}

func (p *plane) does(what string, answer func(http.ResponseWriter, *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[what] = answer
}

// ServeHTTP is the plane as the console calls it.
func (p *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r)
	answer := p.answers[r.Method+" "+r.URL.Path]
	p.mu.Unlock()
	if answer == nil {
		none := problem(api.NotFound, "")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(none.Status)
		_ = json.NewEncoder(w).Encode(none)
		return
	}
	answer(w, r)
}

// console is the console over the plane.
func (p *plane) console() *console.Server {
	p.t.Helper()
	s, err := console.New(console.Config{API: p, Now: func() time.Time { return now }, Rand: counting{}, Log: func(what string, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.logged = append(p.logged, what+": "+err.Error())
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// counting is no randomness at all, so that pages are the same each time.
type counting struct{}

func (counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i)
	}
	return len(b), nil
}

// get asks for a page as a browser of this site does.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8443"+target, nil)
	r.Header.Set("Cookie", "countersign=abc")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// post sends a form as a page of this site does.
func post(h http.Handler, target string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:8443"+target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "countersign=abc")
	r.Header.Set("Origin", "http://localhost:8443")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, one := range change {
		one(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
