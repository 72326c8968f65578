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

// page asks a server that is ready as the error says.
func page(t *testing.T, m *ops.Metrics, notReady error, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	server, err := ops.NewServer(m, func() error { return notReady })
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
		{nil, http.StatusOK, "ready\n"},
		{errors.New("revision 7 cannot be put in force"), http.StatusServiceUnavailable, "not ready: revision 7 cannot be put in force\n"},
		{errors.New("a\nb\x1b[2Jé"), http.StatusServiceUnavailable, "not ready: a?b?[2J??\n"},
		{errors.New(strings.Repeat("x", 5000)), http.StatusServiceUnavailable, "not ready: " + strings.Repeat("x", 497) + "...\n"},
	} {
		if w := page(t, m, c.err, "GET", "/readyz"); w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%.40v: %d %q, want %d %q", c.err, w.Code, w.Body, c.status, c.body)
		}
		if w := page(t, m, c.err, "GET", "/livez"); w.Code != http.StatusOK {
			t.Errorf("%.40v: alive is answered by %d", c.err, w.Code)
		}
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
	text := page(t, m, nil, "GET", "/metrics").Body.String()
	for _, want := range []string{
		`countersign_decisions_total{api="card",decision="allow",environment="sandbox",reason="allowed"} 1`,
		`countersign_decisions_total{api="card",decision="refuse",environment="sandbox",reason="stale"} 1`,
		`countersign_connections_ended_total{environment="production",fault="timeout"} 1`,
		`countersign_request_duration_seconds_bucket{decision="allow",environment="sandbox",le="0.001"} 1`,
		"countersign_test 7",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("without %s", want)
		}
	}
}

func TestAServerNeedsItsParts(t *testing.T) {
	if _, err := ops.NewServer(nil, func() error { return nil }); err == nil {
		t.Error("without metrics")
	}
	if _, err := ops.NewServer(ops.NewMetrics(), nil); err == nil {
		t.Error("without readiness")
	}
}
