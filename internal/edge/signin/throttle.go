package signin

import (
	"net/netip"
	"sync"
	"time"
)

// maxSources is how many sources one throttle remembers.
const maxSources = 10_000

// throttle bounds what one source may do: a bucket from which each act takes and which time refills. When there are too many
// sources to remember, one is forgotten: that gives a stranger a few more tries at values of 80 random bits and more, where
// refusing the newcomer would let strangers shut operators out (the spirit of security rule 30).
type throttle struct {
	burst float64
	every time.Duration // one is refilled

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newThrottle(burst int, every time.Duration) *throttle {
	return &throttle{burst: float64(burst), every: every, buckets: map[string]bucket{}}
}

// take takes one of a source's bucket; false when it is empty, with the time until it is not.
func (t *throttle) take(source string, now time.Time) (ok bool, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.level(source, now)
	if b.left < 1 {
		return false, time.Duration((1 - b.left) * float64(t.every))
	}
	b.left--
	t.put(source, b)
	return true, 0
}

// empty reports whether a source has none left, without taking any.
func (t *throttle) empty(source string, now time.Time) (bool, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.level(source, now)
	if _, known := t.buckets[source]; known {
		t.buckets[source] = b
	}
	return b.left < 1, time.Duration((1 - b.left) * float64(t.every))
}

func (t *throttle) level(source string, now time.Time) bucket {
	b, ok := t.buckets[source]
	if !ok {
		return bucket{t.burst, now}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(t.burst, b.left+float64(passed)/float64(t.every))
	}
	b.at = now // also where the clock was set back: it refills from there, and not only when the clock has caught up
	return b
}

func (t *throttle) put(source string, b bucket) {
	if _, known := t.buckets[source]; !known && len(t.buckets) >= maxSources {
		for other := range t.buckets {
			delete(t.buckets, other)
			break
		}
	}
	t.buckets[source] = b
}

// sourceOf is an IPv4 address, or the /64 of an IPv6 one, because one host owns that many.
func sourceOf(address netip.Addr) string {
	if !address.IsValid() {
		return "unknown"
	}
	if address = address.Unmap().WithZone(""); address.Is4() {
		return address.String()
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
