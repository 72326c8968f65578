package admin

import (
	"sync"
	"time"
)

// Requests without a sign-in that one address may send in a minute, and how many addresses are counted.
const (
	maxFailures  = 120
	maxAddresses = 10_000
)

// throttle tells noise from mistakes: beyond so many in a minute, whoever is not signed in is answered with 429, and no row is
// written. It is asked after the sign-in was judged, so that nobody who is signed in is ever slowed down by a stranger behind the
// same address. Guessing is no matter of rates here: a token has 256 random bits.
type throttle struct {
	now    func() time.Time
	mu     sync.Mutex
	minute int64
	count  map[string]int
}

func newThrottle(now func() time.Time) *throttle { return &throttle{now: now, count: map[string]int{}} }

// failed counts a request that was not signed in, and reports whether it is one of the first in this minute.
func (t *throttle) failed(address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := t.now().Unix() / 60; minute != t.minute {
		t.minute, t.count = minute, map[string]int{}
	}
	if _, known := t.count[address]; !known && len(t.count) >= maxAddresses {
		address = "others"
	}
	t.count[address]++
	return t.count[address] <= maxFailures
}
