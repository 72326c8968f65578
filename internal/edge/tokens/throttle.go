package tokens

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Throttle bounds the attempts from one source, whatever credential they try: a bucket that each failure takes from and
// time refills, and a queue in which they wait so that few are under way at once. Ten answers of "too much work" take as
// much as one failure, so that a flood of them ends too. A source is an IPv4 address, or the /64 of an IPv6 address, because
// one host owns that many; each environment counts for itself.
type Throttle struct {
	Burst     int // failures in a row; 0: 300
	PerSecond int // failures refilled in a second; 0: 5
	Sources   int // how many sources are remembered at once; 0: 65536
	AtOnce    int // attempts of one source under way at once; 0: 8
	Waiting   int // further ones that wait for their turn, for 30 seconds at most; beyond it: too much work; 0: 256
}

// What an attempt takes from the bucket of its source.
const (
	failure    = 1.0
	turnedAway = 0.1
)

// otherwise is n, or standard where nothing is set.
func otherwise(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// throttle holds the buckets that are not full. Attempts take from them, also below zero: those that were let through side
// by side are owed, so that parallel guessing gains nothing in the end.
type throttle struct {
	burst, perSecond float64
	sources          int

	mu      sync.Mutex
	buckets map[source]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newThrottle(t Throttle) (*throttle, error) {
	if min(t.Burst, t.PerSecond, t.Sources, t.AtOnce, t.Waiting) < 0 {
		return nil, errors.New("tokens: the throttle's numbers are not negative")
	}
	return &throttle{
		burst:     float64(otherwise(t.Burst, 300)),
		perSecond: float64(otherwise(t.PerSecond, 5)),
		sources:   otherwise(t.Sources, 1<<16),
		buckets:   map[source]bucket{},
	}, nil
}

// source is the key of a bucket. All unknown addresses of an environment are one source.
type source struct {
	environment string
	prefix      netip.Prefix
}

func sourceOf(environment string, a netip.Addr) source {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		p = netip.Prefix{}
	}
	return source{environment, p}
}

// wait is how long from must wait for its next attempt; 0: not at all. Asking costs nothing.
func (t *throttle) wait(from source, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.buckets[from]
	if !ok {
		return 0
	}
	left := t.leftAt(b, now)
	switch {
	case left >= t.burst:
		delete(t.buckets, from)
	case left < 1:
		return max(1, time.Duration((1-left)/t.perSecond*float64(time.Second)))
	}
	return 0
}

// charge takes cost from the bucket of from.
func (t *throttle) charge(from source, cost float64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.buckets[from]
	if !ok {
		t.makeRoom(now)
		b = bucket{t.burst, now}
	}
	left := max(t.leftAt(b, now)-cost, -t.burst)
	if now.Before(b.at) {
		now = b.at // a clock that is set back refills nothing twice
	}
	t.buckets[from] = bucket{left, now}
}

// leftAt is what b holds at now, refilled.
func (t *throttle) leftAt(b bucket, now time.Time) float64 {
	elapsed := max(0, now.Sub(b.at).Seconds())
	return min(t.burst, b.left+elapsed*t.perSecond)
}

// evictionSample is how many buckets are looked at to find the one that is missed least.
const evictionSample = 16

// makeRoom keeps the table within its bound: of a sample, in the random order of a map, the fullest bucket is forgotten.
// The sources with the most failures stay, and a new one is never refused for want of room.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.buckets) < t.sources {
		return
	}
	var fullest source
	best, looked := -t.burst-1, 0
	for from, b := range t.buckets {
		if left := t.leftAt(b, now); left > best {
			fullest, best = from, left
		}
		if looked++; looked == evictionSample {
			break
		}
	}
	delete(t.buckets, fullest)
}
