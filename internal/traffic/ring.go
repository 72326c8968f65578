package traffic

import "time"

// ahead is how far in front of the clock minutes are taken: those of a server whose clock is in front. What is further ahead is
// read when its time has come.
const ahead = 2 * time.Hour

// The units of the rings, in minutes, and how many of each are kept: the span, what is ahead, and the two that are not whole.
const (
	quarter  = 15
	twoHours = 120
	hour     = 60
	day      = 24 * 60

	minutesKept  = 60 + 120 + 2
	quartersKept = 96 + 8 + 2
	weekKept     = 7*96 + 96 + 8 + 2 // of quarters: a comparison with seven days before
	stepsKept    = 84 + 1 + 2
	hoursKept    = 24 + 2 + 2
	daysKept     = 30 + 1 + 2
)

// ring keeps a value for each of the newest units of time. The zero value is empty.
type ring[T any] struct {
	head  int64 // the newest unit that was asked for
	cells []T
}

// at is the value of a unit, to be changed; nil: it is too old. size is always the same for a ring.
func (r *ring[T]) at(unit int64, size int) *T {
	if r.cells == nil {
		r.cells, r.head = make([]T, size), unit
	}
	if unit > r.head {
		var none T
		for i := max(r.head+1, unit-int64(size)+1); i <= unit; i++ {
			r.cells[i%int64(size)] = none
		}
		r.head = unit
	}
	if unit <= r.head-int64(size) {
		return nil
	}
	return &r.cells[unit%int64(size)]
}

// get is the value of a unit; nil: nothing is known of it.
func (r *ring[T]) get(unit int64) *T {
	size := int64(len(r.cells))
	if size == 0 || unit < 0 || unit > r.head || unit <= r.head-size {
		return nil
	}
	return &r.cells[unit%size]
}

// tally is a count that saturates.
type tally uint32

func (t *tally) add(n uint64) { *t = tally(min(uint64(*t)+n, 1<<32-1)) }

// sum adds up the units from first up to, but without, end.
func sum(r *ring[tally], first, end int64) (n uint64) {
	for unit := first; unit < end; unit++ {
		if t := r.get(unit); t != nil {
			n += uint64(*t)
		}
	}
	return n
}

// pair is how many were let in, and how many refused.
type pair struct{ allowed, refused tally }

func (p *pair) add(allowed bool, n uint64) {
	if allowed {
		p.allowed.add(n)
	} else {
		p.refused.add(n)
	}
}

func sumPairs(r *ring[pair], first, end int64) (c Count) {
	for unit := first; unit < end; unit++ {
		if p := r.get(unit); p != nil {
			c.Allowed += uint64(p.allowed)
			c.Refused += uint64(p.refused)
		}
	}
	return c
}
