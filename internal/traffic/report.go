package traffic

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit/rollup"
)

// ErrSpan is returned for a span that nothing is kept for.
var ErrSpan = errors.New("no such span of time")

// grid is a span on the clock: units of so many minutes, from first up to, but without, end.
type grid struct{ unit, first, end int64 }

// gridOf ends with the step that is not over yet.
func gridOf(now, unit, steps int64) grid { return grid{unit, now/unit + 1 - steps, now/unit + 1} }

func (g grid) at(unit int64) time.Time { return time.Unix(unit*g.unit*60, 0).UTC() }

// in is the grid in smaller units.
func (g grid) in(unit int64) grid {
	return grid{unit, g.first * g.unit / unit, g.end * g.unit / unit}
}

// made is the report of a span for everybody, as long as nothing is added and the grid does not move on.
type made struct {
	grid
	turn   uint64 // of the state
	report Report
}

// Report is what happened in the span, of the environments that sees lets through. An environment or API of which nothing was
// counted within Reach is not in it. What it holds is shared with other answers: nobody changes it. The error is ErrSpan.
func (s *Sums) Report(span Span, sees Sees) (Report, error) {
	now := minuteOf(s.cfg.Now())
	var g grid
	switch span {
	case Hour:
		g = gridOf(now, 1, 60)
	case Day:
		g = gridOf(now, quarter, 96)
	case Week:
		g = gridOf(now, twoHours, 84)
	default:
		return Report{}, ErrSpan
	}
	s.mu.Lock() // what is made is kept
	defer s.mu.Unlock()
	st := s.state
	whole := st.reports[span]
	if whole.grid != g || whole.turn != st.turn {
		whole = made{g, st.turn, st.report(g)}
		st.reports[span] = whole
	}
	r := whole.report
	r.Faults, r.Series = s.told(), nil
	for _, one := range whole.report.Series {
		if sees.all(one.Environment) {
			r.Series = append(r.Series, one)
		}
	}
	return r, nil
}

// report is that of all environments.
func (st *state) report(g grid) Report {
	r := Report{From: g.at(g.first), To: g.at(g.end), Step: time.Duration(g.unit) * time.Minute, Lost: st.lost.in(g)}
	for k, f := range st.flows {
		r.Series = append(r.Series, f.series(k, g))
	}
	for k, one := range st.reasons {
		r.addReason(k, one, g)
	}
	for i := range r.Series {
		slices.SortFunc(r.Series[i].Reasons, func(a, b Reason) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	}
	slices.SortFunc(r.Series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.API, b.API))
	})
	return r
}

// series are the points of one API, and their sums.
func (f *flow) series(k place, g grid) Series {
	one := Series{Environment: k.environment, API: k.name, Points: make([]Point, 0, g.end-g.first)}
	cells := &f.minutes
	switch g.unit {
	case quarter:
		cells = &f.quarters
	case twoHours:
		cells = &f.steps
	}
	var all rollup.Histogram
	for unit := g.first; unit < g.end; unit++ {
		p := Point{At: g.at(unit)}
		if c := cells.get(unit); c != nil {
			p.Count, p.Latency = c.Count, c.quantiles()
			one.Allowed += c.Allowed
			one.Refused += c.Refused
			one.BytesIn += c.in
			one.BytesOut += c.out
			all.Merge(&c.latency)
		}
		one.Points = append(one.Points, p)
	}
	one.Latency = latencyOf(&all)
	return one
}

func latencyOf(h *rollup.Histogram) Latency {
	if h.Empty() {
		return Latency{}
	}
	q := h.Quantiles(0.5, 0.95, 0.99)
	return Latency{q[0], q[1], q[2]}
}

// addReason adds how often requests were refused for a reason to the series of its API.
func (r *Report) addReason(k rollup.ReasonKey, one *refusals, g grid) {
	at := slices.IndexFunc(r.Series, func(t Series) bool { return t.Environment == k.Environment && t.API == k.API })
	if at < 0 {
		return
	}
	if n := one.in(g); n > 0 {
		r.Series[at].Reasons = append(r.Series[at].Reasons, Reason{k.Reason, n})
	}
}

// told is why numbers are too low; nil: they are not.
func (s *Sums) told() []string {
	st := s.state
	faults := slices.Clone(st.faults)
	if st.reading {
		faults = append(faults, "the counts are still being read, the newest day first: numbers are too low for a moment")
	}
	if st.beyond {
		faults = append(faults, fmt.Sprintf("there is more than is counted apart (%d APIs, %d reasons, %d partners or %d versions): what came later is left out",
			MaxSeries, MaxReasons, MaxPartners, MaxVersions))
	}
	return faults
}
