package rate

import (
	"errors"
	"math/bits"
	"time"
)

// MaxSpan is the longest that a whole burst may take to refill; a burst that would take longer counts as the largest that
// does not. It keeps every sum of times within 64 bits.
const MaxSpan = 100 * 365 * 24 * time.Hour

// MaxRate is the largest rate of a pace, whatever its span.
const MaxRate = 1 << 30

// ErrPace is returned by NewPace for numbers that make no pace.
var ErrPace = errors.New("a pace needs a rate, a span and a burst of at least one, and none beyond its bound")

// Pace is a rate and a burst, ready to be applied: the generic cell rate algorithm (ITU-T I.371) over exact fractions of a
// nanosecond. Make one with NewPace; never changed afterwards, so that it can be shared.
type Pace struct {
	rate  int64 // requests in each per
	per   int64 // nanoseconds
	burst int64
	step  moment // between two requests at this pace
	span  moment // a whole burst takes so long to refill
}

// NewPace makes a pace of rate requests in each per, up to burst of them at once.
func NewPace(rate int64, per time.Duration, burst int64) (*Pace, error) {
	if rate < 1 || rate > MaxRate || per < 1 || per > MaxSpan || burst < 1 {
		return nil, ErrPace
	}
	p := &Pace{rate: rate, per: int64(per), burst: min(burst, most(rate, int64(per)))}
	p.step = moment{p.per / rate, p.per % rate}
	high, low := bits.Mul64(uint64(p.burst), uint64(p.per))
	whole, rest := bits.Div64(high, low, uint64(rate))
	p.span = moment{int64(whole), int64(rest)}
	return p, nil
}

// most is the largest burst that refills within MaxSpan, and at least 1.
func most(rate, per int64) int64 {
	high, low := bits.Mul64(uint64(MaxSpan), uint64(rate))
	if high >= uint64(per) {
		return 1<<63 - 1 // more than fits, so that any burst does
	}
	whole, _ := bits.Div64(high, low, uint64(per))
	return max(1, int64(min(whole, 1<<63-1)))
}

// Burst is how many requests may come at once.
func (p *Pace) Burst() int64 { return p.burst }

// Span is how long a whole burst takes to refill, rounded up.
func (p *Pace) Span() time.Duration { return p.span.up() }

// moment is nanoseconds and a fraction of one, in parts of a pace's rate.
type moment struct{ ns, rest int64 }

func (m moment) before(o moment) bool { return m.ns < o.ns || m.ns == o.ns && m.rest < o.rest }

// up is m in whole nanoseconds, rounded up.
func (m moment) up() time.Duration {
	if m.rest > 0 {
		return time.Duration(m.ns + 1)
	}
	return time.Duration(m.ns)
}

func (p *Pace) add(m, o moment) moment {
	m.ns, m.rest = m.ns+o.ns, m.rest+o.rest
	if m.rest >= p.rate {
		m.ns, m.rest = m.ns+1, m.rest-p.rate
	}
	return m
}

func (p *Pace) sub(m, o moment) moment {
	m.ns, m.rest = m.ns-o.ns, m.rest-o.rest
	if m.rest < 0 {
		m.ns, m.rest = m.ns-1, m.rest+p.rate
	}
	return m
}

// count is how many whole steps fit into m, which is not longer than the span.
func (p *Pace) count(m moment) int64 {
	high, low := bits.Mul64(uint64(m.ns), uint64(p.rate))
	low, carry := bits.Add64(low, uint64(m.rest), 0)
	whole, _ := bits.Div64(high+carry, low, uint64(p.per))
	return int64(whole)
}
