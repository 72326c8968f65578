// Package ops is the operators' listener: /livez, /readyz and /metrics. It is apart from every API listener, so that no
// health check and no User-Agent ever opens a door (security rule 23); it is on loopback unless told otherwise, and it
// tells counts and states, never a secret, a key id, a partner's name or an address. What is not ready is told with its
// cause in one line, which may name the row of the register that is at fault.
package ops

import (
	"errors"
	"net/http"
	"time"

	"countersign.dev/internal/audit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts decisions. Safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	ended     *prometheus.CounterVec
}

// NewMetrics makes counters in a registry of their own. Labels are bounded: environments and APIs are configured, reasons
// are a closed list.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_decisions_total", Help: "Requests decided, by environment, API, decision and reason.",
		}, []string{"environment", "api", "decision", "reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "countersign_request_duration_seconds", Help: "From the head of a request to the end of its answer, upstream included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"environment", "decision"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_connections_ended_total", Help: "Connections ended before there was a request to answer, by fault.",
		}, []string{"environment", "fault"}),
	}
	m.registry.MustRegister(m.decisions, m.duration, m.ended, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Record counts one decision.
func (m *Metrics) Record(d *audit.Decision) {
	decision := "refuse"
	if d.Allowed {
		decision = "allow"
	}
	m.decisions.WithLabelValues(d.Environment, d.API, decision, d.Reason).Inc()
	m.duration.WithLabelValues(d.Environment, decision).Observe(d.Duration.Seconds())
}

// Ended counts one connection that ended before there was a request to answer: a handshake that failed, a head that never
// came. fault comes from a closed list.
func (m *Metrics) Ended(environment, fault string) {
	m.ended.WithLabelValues(environment, fault).Inc()
}

// Gauge publishes a value that is asked for at each scrape. Names are constants of the caller; one that is taken is an
// error of the wiring.
func (m *Metrics) Gauge(name, help string, value func() float64) error {
	return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// NewServer serves m and ready. ready returns nil, or an error that says exactly what is not ready, without any secret; it
// is answered with 503, as one line of printable ASCII of at most 500 bytes.
func NewServer(m *Metrics, ready func() error) (*http.Server, error) {
	if m == nil || ready == nil {
		return nil, errors.New("ops: metrics and a readiness check must be set")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "live\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			answer(w, http.StatusServiceUnavailable, "not ready: "+oneLine(err.Error())+"\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}, nil
}

// maxCause caps a cause, in bytes.
const maxCause = 500

// oneLine makes text harmless for whatever shows it: a cause may quote what stands in a file.
func oneLine(text string) string {
	if len(text) > maxCause {
		text = text[:maxCause-len("...")] + "..."
	}
	line := []byte(text)
	for i, c := range line {
		if c < ' ' || c > '~' {
			line[i] = '?'
		}
	}
	return string(line)
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
