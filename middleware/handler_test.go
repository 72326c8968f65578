package middleware_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/middleware"
)

// TestWhatAHandlerAnswersIsKeptInBounds: no identity header of its own, no way past the record, a status without a word.
func TestWhatAHandlerAnswersIsKeptInBounds(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	s := serve(t, m, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/headers":
			out.Header().Set("Countersign-Partner", "ptn_evil")
			out.Header().Set("Countersign-Request-Id", "0")
			out.Header().Set("Alt-Svc", "h3")
			out.Header().Set("X-Own", "kept")
			out.WriteHeader(http.StatusTeapot)
			out.WriteHeader(http.StatusOK)
		case "/api/v1/hijack":
			if _, ok := out.(http.Hijacker); ok {
				t.Error("the connection can be taken over")
			}
			if _, _, err := http.NewResponseController(out).Hijack(); err == nil {
				t.Error("the connection was taken over")
			}
		case "/api/v1/stream":
			for _, piece := range []string{"one ", "two ", "three"} {
				_, _ = io.WriteString(out, piece)
				if err := http.NewResponseController(out).Flush(); err != nil {
					t.Error(err)
				}
			}
		case "/api/v1/deadline":
			if err := http.NewResponseController(out).SetWriteDeadline(time.Now().Add(patience)); err != nil {
				t.Error(err)
			}
		}
	}))
	status, _, header := s.call(w.Keys.Good, "GET", "/api/v1/headers", "")
	if status != http.StatusTeapot || header.Get("X-Own") != "kept" || header.Get("Countersign-Partner") != "" || header.Get("Alt-Svc") != "" || len(header.Get("Countersign-Request-Id")) != 32 {
		t.Errorf("%d %v", status, header)
	}
	for target, want := range map[string]string{"/api/v1/hijack": "", "/api/v1/stream": "one two three", "/api/v1/deadline": ""} {
		if status, text, _ := s.call(w.Keys.Good, "GET", target, ""); status != 200 || text != want {
			t.Errorf("%s: %d %q", target, status, text)
		}
	}
	must(t, closed(m))
	if !strings.Contains(record(t, w), `"status":418`) {
		t.Error("the handler's status is not in the record")
	}
}

// TestAPanicIsRecorded and ends the connection as it would without the check.
func TestAPanicIsRecorded(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	s := serve(t, m, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if resp, err := s.as(w.Keys.Good).Get(s.URL + "/api/v1/cards"); err == nil {
		t.Errorf("an answer: %d", resp.StatusCode)
		_ = resp.Body.Close()
	}
	s.Close()
	must(t, closed(m))
	if got := record(t, w); !strings.Contains(got, `"reason":"internal"`) || !strings.Contains(got, "the handler did not return") {
		t.Errorf("record:\n%s", got)
	}
}

// TestPagesOfTheServiceStandBeside: what no API serves is refused, so that health is not behind the check (rule 23).
func TestPagesOfTheServiceStandBeside(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	mux := http.NewServeMux()
	mux.Handle("/", m.Wrap(said))
	mux.HandleFunc("/health", func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, "fine") })
	s := serve(t, m, nil)
	s.Config.Handler = mux
	resp, err := http.Get(s.URL + "/health")
	must(t, err)
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != "fine" {
		t.Errorf("health: %s", text)
	}
	if status, text, _ := s.call(w.Keys.Good, "GET", "/other", ""); status != 404 || !strings.Contains(text, "unknown_api") {
		t.Errorf("other: %d %s", status, text)
	}
	if status, text, _ := s.call(w.Keys.Good, "PUT", "/api/v1/a?b", "{}"); status != 200 || !strings.HasPrefix(text, `PUT /api/v1/a?b "{}" <nil> `+w.Partners["good"]+"/card/sandbox") {
		t.Errorf("the API: %d %s", status, text)
	}
}

// TestNoHandlerLetsNobodyIn: nil is answered, not run.
func TestNoHandlerLetsNobodyIn(t *testing.T) {
	w := worldtest.New(t)
	s := serve(t, open(t, w), nil)
	if status, _, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 404 {
		t.Errorf("%d", status)
	}
}

// TestRequireListenerRefusesOtherConnections: it fails closed where somebody forgets the listener.
func TestRequireListenerRefusesOtherConnections(t *testing.T) {
	w := worldtest.New(t)
	s := serve(t, open(t, w, func(c *middleware.Config) { c.RequireListener = true }), said)
	if status, text, _ := s.call(w.Keys.Good, "GET", "/api/v1/cards", ""); status != 400 || !strings.Contains(text, "the connection was not checked") {
		t.Errorf("%d %s", status, text)
	}
}

// TestListenerNeedsACertificate: without one it is an error and not a listener that refuses everybody.
func TestListenerNeedsACertificate(t *testing.T) {
	w := worldtest.New(t)
	m := open(t, w)
	if _, err := m.Listener(new(http.Server), nil); err == nil {
		t.Error("no error")
	}
}

// TestADeadlineOfARefusalDoesNotOutliveIt: a handler behind it on the same connection may take its time.
func TestADeadlineOfARefusalDoesNotOutliveIt(t *testing.T) {
	w := worldtest.New(t, "")
	m := open(t, w)
	var deadlines []time.Time
	s := serve(t, m, said)
	s.Config.Handler = m.Wrap(said)
	probe := &deadlineWriter{header: http.Header{}}
	r, err := http.NewRequest("GET", s.URL+"/api/v1/cards", nil)
	must(t, err)
	r.RequestURI, r.RemoteAddr = "/api/v1/cards", "127.0.0.1:1"
	m.Wrap(said).ServeHTTP(probe, r)
	deadlines = probe.write
	if n := len(deadlines); probe.status != 401 || n == 0 || !deadlines[n-1].IsZero() {
		t.Errorf("status %d, deadlines %v", probe.status, deadlines)
	}
}

// deadlineWriter notes the deadlines that are set.
type deadlineWriter struct {
	header http.Header
	status int
	write  []time.Time
	bufio.Writer
}

func (d *deadlineWriter) Header() http.Header         { return d.header }
func (d *deadlineWriter) WriteHeader(status int)      { d.status = status }
func (d *deadlineWriter) Write(p []byte) (int, error) { return len(p), nil }
func (d *deadlineWriter) FlushError() error           { return nil }
func (d *deadlineWriter) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}
func (d *deadlineWriter) SetReadDeadline(time.Time) error { return nil }
