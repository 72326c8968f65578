package rate

import "time"

// Parts is a pace for an engine that does the sums elsewhere, where whole numbers end at 2^53: spans of time as seconds,
// nanoseconds below a second, and a rest in parts of Rate of a nanosecond, each of them below 2^32 (MaxSpan has fewer seconds
// than that, and MaxRate is 2^30).
type Parts struct {
	Rate       int64
	Step, Span Moment // between two requests, and of a whole burst
}

// Moment is a span of time in parts.
type Moment struct{ Seconds, Nanos, Rest int64 }

// Parts is the pace as such an engine needs it.
func (p *Pace) Parts() Parts { return Parts{p.rate, p.step.parts(), p.span.parts()} }

func (m moment) parts() Moment {
	return Moment{m.ns / int64(time.Second), m.ns % int64(time.Second), m.rest}
}

// Owed is a state as an engine remembers it that has no hands of its own: at elapsed 0 the burst will be whole again in due.
// The day and its count are as in State. A due that is negative, or longer than MaxSpan, is none of ours: ok is false.
func Owed(due Moment, day int32, count int64) (s State, ok bool) {
	const second = int64(time.Second)
	if due.Seconds < 0 || due.Seconds > int64(MaxSpan/time.Second) || due.Nanos < 0 || due.Nanos >= second || due.Rest < 0 || due.Rest >= MaxRate || count < 0 {
		return State{}, false
	}
	return State{due: due.Seconds*second + due.Nanos, rest: int32(due.Rest), Day: day, Count: count}, true
}
