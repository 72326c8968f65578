package ops

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// plane makes the counters of the operators' plane and of what a server does by itself.
func (m *Metrics) plane() {
	m.shadows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_shadow_total", Help: "Requests that were verified by a shadow profile as well, by its result: ok, or the reason that it would have refused for.",
	}, []string{"environment", "api", "result"})
	m.admin = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_admin_requests_total", Help: "Requests to the admin API, by operation and status.",
	}, []string{"operation", "status"})
	m.signIns = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_sign_in_failures_total", Help: "Sign-ins of operators that were refused, by way.",
	}, []string{"way"})
	m.chores = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_chores_total", Help: "What the server did by itself to the register, by chore: rows that it changed, and rounds that failed.",
	}, []string{"chore", "outcome"})
	m.registry.MustRegister(m.shadows, m.admin, m.signIns, m.chores)
}

// Admin counts one request to the admin API. operation is a name of the contract, or empty for what is none.
func (m *Metrics) Admin(operation string, status int) {
	if operation == "" {
		operation = "none"
	}
	m.admin.WithLabelValues(operation, strconv.Itoa(status)).Inc()
}

// SignInFailed counts one sign-in that was refused. way comes from a closed list of the caller.
func (m *Metrics) SignInFailed(way string) { m.signIns.WithLabelValues(way).Inc() }

// Chore counts what one round of a chore has changed. chore comes from a closed list of the caller; less than 1 is no change.
func (m *Metrics) Chore(chore string, changed int) {
	m.chores.WithLabelValues(chore, "changed").Add(float64(max(0, changed)))
}

// ChoreFailed counts one round of a chore that failed.
func (m *Metrics) ChoreFailed(chore string) { m.chores.WithLabelValues(chore, "failed").Inc() }
