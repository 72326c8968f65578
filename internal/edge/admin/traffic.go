package admin

import (
	"net/http"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/traffic"
)

// Traffic is what happens, summed up; *traffic.Sums is one.
type Traffic interface {
	Report(span traffic.Span, sees traffic.Sees) (traffic.Report, error)
	LastCalls(partners []string, sees traffic.Sees) ([]traffic.LastCall, []string)
	Usage(partner string, credentials []string, span traffic.Span, sees traffic.Sees) (traffic.Usage, error)
	Rises(sees traffic.Sees) []traffic.Rise
	Lost(since time.Time) (uint64, []string)
}

// summed reports whether there are sums to ask; false: it has answered.
func (c *call) summed() bool {
	if c.s.cfg.Traffic == nil {
		c.refuse(refusal{kind: api.Unavailable, detail: "This server keeps no counts of its traffic.", retry: 60})
		return false
	}
	return true
}

// mayRead is what the caller may know of the decisions. What reached no environment may have been meant for any: it is not for who is
// confined to some.
func (c *call) mayRead(environment string) bool {
	return c.who.May(operator.DecisionsRead, environment) && (environment != "" || !c.who.Confined())
}

// Traffic tells requests, refusals by reason and latency over time.
func (h handlers) Traffic(w http.ResponseWriter, _ *http.Request, params api.TrafficParams) {
	c := w.(*call)
	if !c.summed() {
		return
	}
	sees := func(environment string) bool {
		return c.mayRead(environment) && (params.Environment == "" || params.Environment == environment)
	}
	report, err := h.cfg.Traffic.Report(traffic.Span(params.Last), sees)
	if err != nil {
		c.fail(err)
		return
	}
	out := api.Traffic{From: report.From, To: report.To, StepSeconds: int(report.Step / time.Second), Series: []api.TrafficSeries{}, Faults: list(report.Faults, same)}
	if !c.who.Confined() { // the record does not say in which environment lines are missing
		out.Lost = int64(report.Lost)
	}
	for _, s := range report.Series {
		if params.API == "" || params.API == s.API {
			out.Series = append(out.Series, viewSeries(s))
		}
	}
	c.json(http.StatusOK, out)
}

func viewSeries(s traffic.Series) api.TrafficSeries {
	return api.TrafficSeries{Environment: s.Environment, API: s.API, Allowed: int64(s.Allowed), Refused: int64(s.Refused),
		BytesIn: int64(s.BytesIn), BytesOut: int64(s.BytesOut), Latency: viewLatency(s.Latency),
		Reasons: list(s.Reasons, func(r traffic.Reason) api.ReasonCount { return api.ReasonCount{Reason: r.Name, Count: int64(r.Count)} }),
		Points: list(s.Points, func(p traffic.Point) api.TrafficPoint {
			return api.TrafficPoint{At: p.At, Allowed: int64(p.Allowed), Refused: int64(p.Refused), Latency: viewLatency(p.Latency)}
		})}
}

func viewLatency(l traffic.Latency) api.Latency {
	return api.Latency{P50Us: l.P50.Microseconds(), P95Us: l.P95.Microseconds(), P99Us: l.P99.Microseconds()}
}

// maxLastCalls is how many partners one question names.
const maxLastCalls = 200

// LastCalls tells when partners called last. Of one that is not there, it tells what it tells of one that never called.
func (h handlers) LastCalls(w http.ResponseWriter, _ *http.Request, params api.LastCallsParams) {
	c := w.(*call)
	ids := strings.Split(params.Partners, ",")
	if len(ids) > maxLastCalls {
		c.refuse(refusal{kind: api.Invalid, errors: []field{{"partners", "at most 200 are asked for at once"}}})
		return
	}
	if !c.summed() {
		return
	}
	calls, faults := h.cfg.Traffic.LastCalls(ids, c.mayRead)
	c.json(http.StatusOK, api.LastCalls{Faults: faults, Items: list(calls, func(l traffic.LastCall) api.LastCall {
		return api.LastCall{PartnerID: l.Partner, Environment: l.Environment, At: l.At, Allowed: l.Allowed}
	})})
}
