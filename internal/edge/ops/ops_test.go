package ops_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/ops"
)

// page asks a server with one check that matters.
func page(t *testing.T, m *ops.Metrics, cause error, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	return pageOf(t, m, []ops.Check{{Name: "register", Cause: cause, Matters: true}}, method, path)
}

func pageOf(t *testing.T, m *ops.Metrics, checks []ops.Check, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	server, err := ops.NewServer(m, func() []ops.Check { return checks })
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.Handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestRule28NotReadyIsToldWithItsCause(t *testing.T) {
	m := ops.NewMetrics()
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, http.StatusOK, `{"ready":true,"checks":[{"name":"register","state":"ok","matters":true}]}`},
		{errors.New("revision 7 cannot be put in force"), http.StatusServiceUnavailable, `{"ready":false,"checks":[{"name":"register","state":"failing","matters":true,"cause":"revision 7 cannot be put in force"}]}`},
		{errors.New("a\nb\x1b[2Jé"), http.StatusServiceUnavailable, `{"ready":false,"checks":[{"name":"register","state":"failing","matters":true,"cause":"a; b?[2J??"}]}`},
		{errors.New(strings.Repeat("x", 5000)), http.StatusServiceUnavailable, `{"ready":false,"checks":[{"name":"register","state":"failing","matters":true,"cause":"` + strings.Repeat("x", 497) + `..."}]}`},
	} {
		if w := page(t, m, c.err, "GET", "/readyz"); w.Code != c.status || w.Body.String() != c.body+"\n" {
			t.Errorf("%.40v: %d %q, want %d %q", c.err, w.Code, w.Body, c.status, c.body)
		}
		if w := page(t, m, c.err, "GET", "/livez"); w.Code != http.StatusOK || w.Body.String() != "live\n" {
			t.Errorf("%.40v: alive is answered by %d", c.err, w.Code)
		}
	}
}

// TestWhatDoesNotMatterIsToldAndServed: a certificate's renewal that failed is no reason to be taken out of service.
func TestWhatDoesNotMatterIsToldAndServed(t *testing.T) {
	w := pageOf(t, ops.NewMetrics(), []ops.Check{{Name: "register", Matters: true}, {Name: "country_file", Cause: errors.New("damaged")}}, "GET", "/readyz")
	if want := `{"ready":true,"checks":[{"name":"register","state":"ok","matters":true},{"name":"country_file","state":"failing","matters":false,"cause":"damaged"}]}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type %s", kind)
	}
}

func TestWhatIsNotServed(t *testing.T) {
	m := ops.NewMetrics()
	for path, want := range map[string]int{"/": 404, "/readyz/": 404, "/debug/pprof/": 404} {
		if w := page(t, m, nil, "GET", path); w.Code != want {
			t.Errorf("GET %s: %d, want %d", path, w.Code, want)
		}
	}
	if w := page(t, m, nil, "POST", "/readyz"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: %d", w.Code)
	}
}

func TestMetrics(t *testing.T) {
	m := ops.NewMetrics()
	m.Record(&audit.Decision{Environment: "sandbox", API: "card", Allowed: true, Reason: "allowed", Duration: time.Millisecond})
	m.Record(&audit.Decision{Environment: "sandbox", API: "card", Reason: "stale"})
	m.Ended("production", "timeout")
	if err := m.Gauge("countersign_test", "A test.", func() float64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	if err := m.Gauge("countersign_test", "A test.", func() float64 { return 8 }); err == nil {
		t.Error("a name that is taken is no error")
	}
	m.Dropped("sandbox")
	running := m.Running("sandbox")
	running.Add(3)
	running.Add(-1)
	twice := func(yield func(string, float64)) { yield("a", 1); yield("b", 2); yield("a", 3) }
	if err := errors.Join(m.Counter("countersign_count", "A test.", func() float64 { return 9 }), m.Gauges("countersign_files", "A test.", "file", twice)); err != nil {
		t.Fatal(err)
	}
	text := page(t, m, nil, "GET", "/metrics").Body.String()
	for _, want := range []string{
		`countersign_decisions_total{api="card",decision="allow",environment="sandbox",reason="allowed"} 1`,
		`countersign_decisions_total{api="card",decision="refuse",environment="sandbox",reason="stale"} 1`,
		`countersign_connections_ended_total{environment="production",fault="timeout"} 1`,
		`countersign_request_duration_seconds_bucket{decision="allow",environment="sandbox",le="0.001"} 1`,
		"countersign_test 7", "countersign_count 9", `countersign_files{file="a"} 1`, `countersign_files{file="b"} 2`,
		`countersign_connections_dropped_total{environment="sandbox"} 1`, `countersign_requests_in_flight{environment="sandbox"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("without %s", want)
		}
	}
}

func TestAServerNeedsItsParts(t *testing.T) {
	if _, err := ops.NewServer(nil, func() []ops.Check { return nil }); err == nil {
		t.Error("without metrics")
	}
	if _, err := ops.NewServer(ops.NewMetrics(), nil); err == nil {
		t.Error("without readiness")
	}
}
