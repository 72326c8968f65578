package traffic

import (
	"cmp"
	"slices"
	"time"

	"countersign.dev/internal/audit/rollup"
)

// The rule for a rise: at least RiseFloor refusals for a reason within RiseSpan, and RiseFactor times as many as usual. Usual is
// the greater of two: the mean quarter of an hour of the day before, and the median of the same quarter of an hour on the seven
// days before, so that neither a busy day nor what happens every night is a rise.
const (
	RiseSpan   = quarter * time.Minute
	RiseFloor  = 20
	RiseFactor = 4
)

// Rises are the reasons for refusals that are frequent now and were not before, by how many they are, of the environments that
// sees lets through. Where nothing is known of the days before, the floor alone counts.
func (s *Sums) Rises(sees Sees) (list []Rise) {
	now := minuteOf(s.cfg.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state.reading {
		return nil // what is not read yet would look like a quiet past
	}
	for k, one := range s.state.reasons {
		n := sum(&one.minutes, now-quarter+1, now+1)
		if n < RiseFloor || !sees.all(k.Environment) {
			continue
		}
		r := Rise{Environment: k.Environment, API: k.API, Reason: k.Reason, Since: timeOf(now - quarter + 1), Count: n}
		r.Mean, r.Usual, r.Days = s.state.usual(one, now)
		if float64(n) >= RiseFactor*max(r.Mean, r.Usual) {
			r.Allowed = s.state.allowed(k, now)
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Rise) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.API, b.API), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

// usual is the mean quarter of an hour of the day before the one that is judged, and the median of the same quarters of an hour
// before. The one that is judged lies across two of the clock's: of each earlier day the greater one counts.
func (st *state) usual(one *refusals, now int64) (mean, median float64, days int) {
	end := (now - quarter + 1) / quarter
	known := min(96, end-st.first/quarter)
	if known > 0 {
		mean = float64(sum(&one.quarters, end-known, end)) / float64(known)
	}
	var same []uint64
	for d := int64(1); d <= 7; d++ {
		at := now/quarter - d*96
		if at-1 < st.first/quarter {
			break
		}
		same = append(same, max(sum(&one.quarters, at, at+1), sum(&one.quarters, at-1, at)))
	}
	if len(same) == 0 {
		return mean, 0, 0
	}
	slices.Sort(same)
	return mean, float64(same[len(same)/2]), len(same)
}

// allowed is how many requests of an API were let in within the span that is judged.
func (st *state) allowed(k rollup.ReasonKey, now int64) (n uint64) {
	f := st.flows[place{k.Environment, k.API}]
	if f == nil {
		return 0
	}
	for minute := now - quarter + 1; minute <= now; minute++ {
		if c := f.minutes.get(minute); c != nil {
			n += c.Allowed
		}
	}
	return n
}

// Lost is how many decision lines the records themselves say are missing since a moment, to the quarter of an hour, and why the
// number may be too low.
func (s *Sums) Lost(since time.Time) (uint64, []string) {
	now := minuteOf(s.cfg.Now())
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sum(&s.state.lost.quarters, minuteOf(since)/quarter, now/quarter+1), s.told()
}
