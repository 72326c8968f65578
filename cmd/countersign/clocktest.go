//go:build testclock

package main

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clockFile names the file that says by how much this build's clock is ahead: one duration as Go writes it, for example 8760h.
// It is read anew all the time, by every process that has the name. It never goes back: what is less than before is not
// believed, and neither is what cannot be read.
const clockFile = "COUNTERSIGN_TEST_CLOCK"

// clockBehind names the span by which this build's clock is behind, from its start to its end: a machine with a wrong time.
const clockBehind = "COUNTERSIGN_TEST_CLOCK_BEHIND"

// clockEvery is how long what was read counts.
const clockEvery = 10 * time.Millisecond

var stepped struct {
	ahead atomic.Int64 // nanoseconds
	read  atomic.Int64 // when the file was read last, in nanoseconds of the machine's own clock since begun
	mu    sync.Mutex
}

var begun = time.Now()

// behind is what clockBehind says; what cannot be read, and what is less than nothing, is nothing.
var behind = sync.OnceValue(func() time.Duration {
	span, err := time.ParseDuration(os.Getenv(clockBehind))
	if err != nil {
		return 0
	}
	return max(span, 0)
})

// clock is the machine's time, without what it is behind, and what the file adds to it. Its monotonic part is set forward as well: spans that a jump lies
// in are as long as the clock says.
func clock() time.Time {
	if since := int64(time.Since(begun)); since-stepped.read.Load() >= int64(clockEvery) || stepped.read.Load() == 0 {
		followClock(since)
	}
	return time.Now().Add(time.Duration(stepped.ahead.Load()) - behind())
}

func followClock(since int64) {
	if !stepped.mu.TryLock() {
		if stepped.read.Load() != 0 {
			return // another goroutine reads it
		}
		stepped.mu.Lock()
	}
	defer stepped.mu.Unlock()
	defer stepped.read.Store(max(since, 1))
	text, err := os.ReadFile(os.Getenv(clockFile))
	if err != nil {
		return
	}
	if ahead, err := time.ParseDuration(strings.TrimSpace(string(text))); err == nil && int64(ahead) > stepped.ahead.Load() {
		stepped.ahead.Store(int64(ahead))
	}
}
