package ops

import (
	"net/http"
	"slices"

	"countersign.dev/internal/audit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what happens to requests and connections, and publishes what others measure. Every label is bounded:
// environments, APIs and certificates are configured, reasons and faults are closed lists. Safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	ended     *prometheus.CounterVec
	dropped   *prometheus.CounterVec
	running   *prometheus.GaugeVec
	shadows   *prometheus.CounterVec
	admin     *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	chores    *prometheus.CounterVec
	handles   handles
}

// NewMetrics makes counters in a registry of their own.
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
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_connections_dropped_total", Help: "Connections closed at accept because no partner may call from their address.",
		}, []string{"environment"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "countersign_requests_in_flight", Help: "Requests being served at the moment.",
		}, []string{"environment"}),
	}
	m.plane()
	m.registry.MustRegister(m.decisions, m.duration, m.ended, m.dropped, m.running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Record counts one decision.
func (m *Metrics) Record(d *audit.Decision) {
	decision := "refuse"
	if d.Allowed {
		decision = "allow"
	}
	h := m.handles.of(outcome{d.Environment, d.API, decision, d.Reason}, func() handle {
		return handle{m.decisions.WithLabelValues(d.Environment, d.API, decision, d.Reason), m.duration.WithLabelValues(d.Environment, decision)}
	})
	h.count.Inc()
	h.duration.Observe(d.Duration.Seconds())
	if d.Shadow != "" {
		m.shadows.WithLabelValues(d.Environment, d.API, d.Shadow).Inc()
	}
}

// Ended counts one connection that ended before there was a request to answer: a handshake that failed, a head that never
// came. fault comes from a closed list.
func (m *Metrics) Ended(environment, fault string) {
	m.ended.WithLabelValues(environment, fault).Inc()
}

// Dropped counts one connection that was closed at accept.
func (m *Metrics) Dropped(environment string) { m.dropped.WithLabelValues(environment).Inc() }

// Level is a number that goes up and down, of one environment. Safe for concurrent use.
type Level struct{ gauge prometheus.Gauge }

// Add changes the level by n.
func (l Level) Add(n int) { l.gauge.Add(float64(n)) }

// Running is the level of requests being served in an environment.
func (m *Metrics) Running(environment string) Level {
	return Level{m.running.WithLabelValues(environment)}
}

// Gauge publishes a value that is asked for at each scrape. Names are constants of the caller; one that is taken is an
// error of the wiring.
func (m *Metrics) Gauge(name, help string, value func() float64) error {
	return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter publishes a value that only grows, as Gauge does.
func (m *Metrics) Counter(name, help string, value func() float64) error {
	return m.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Gauges publishes several values under one name, told apart by one label. values is asked at each scrape and yields each
// value of the label once; these must be bounded by the caller.
func (m *Metrics) Gauges(name, help, label string, values func(yield func(of string, value float64))) error {
	return m.registry.Register(&several{desc: prometheus.NewDesc(name, help, []string{label}, nil), values: values})
}

// several is the collector behind Gauges.
type several struct {
	desc   *prometheus.Desc
	values func(yield func(of string, value float64))
}

// Describe implements prometheus.Collector.
func (s *several) Describe(out chan<- *prometheus.Desc) { out <- s.desc }

// Collect implements prometheus.Collector. A value of the label that comes twice is told once: the scrape would fail.
func (s *several) Collect(out chan<- prometheus.Metric) {
	seen := map[string]bool{}
	s.values(func(of string, value float64) {
		if !seen[of] {
			seen[of] = true
			out <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, value, of)
		}
	})
}

// Names lists what is published at the moment, sorted, without what Go and the process add: for the test of the reference.
func (m *Metrics) Names() ([]string, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	slices.Sort(names)
	return names, nil
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
