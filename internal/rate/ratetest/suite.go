// Package ratetest holds the one suite that every limiter has to pass. It owns the contract of package rate as tests and
// refuses any limiter that lets one request too many in, under however many callers, or one too few.
package ratetest

import (
	"crypto/sha256"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

// Noon is the clock's reading at which the suite starts: in the middle of a day of UTC.
var Noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Clock is a clock that stands still until it is moved. Safe for concurrent use.
type Clock struct{ at atomic.Int64 }

// NewClock makes a clock that shows Noon.
func NewClock() *Clock {
	c := new(Clock)
	c.Set(Noon)
	return c
}

// Now is what the clock shows, without a monotonic part: each step of it is felt.
func (c *Clock) Now() time.Time { return time.Unix(0, c.at.Load()).UTC() }

// Set moves the clock, also back.
func (c *Clock) Set(at time.Time) { c.at.Store(at.UnixNano()) }

// Move moves the clock by d, which may be negative.
func (c *Clock) Move(d time.Duration) { c.at.Add(int64(d)) }

// Harness makes the limiters under test.
type Harness struct {
	// Open returns a limiter that remembers nothing and reads clock. The harness closes it at the end of the test; the suite
	// may close it before.
	Open func(t *testing.T, clock *Clock) rate.Limiter

	// Restart ends l in good order and returns a limiter that remembers the day's counts that l had. nil: it promises nothing
	// beyond the process, and the tests for it are left out.
	Restart func(t *testing.T, l rate.Limiter, clock *Clock) rate.Limiter

	// Node returns the limiter of another node that counts together with l. nil: it is of one process, and the tests for many
	// are left out.
	Node func(t *testing.T, l rate.Limiter, clock *Clock) rate.Limiter
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Run("ExactlyTheBurstOf64Callers", h.hammered)
	t.Run("ExactlyTheRateWhileTimeGoesOn", h.paced)
	t.Run("ARateThatDividesNothing", h.uneven)
	t.Run("TwoBucketsAllOrNothing", h.together)
	t.Run("TwoBucketsOf64Callers", h.hammeredTwice)
	t.Run("KeysAreApart", h.apart)
	t.Run("WhatIsLeft", h.left)
	t.Run("TheDaysQuota", h.daily)
	t.Run("AClockSetBackGivesNothingAndLocksNobodyOut", h.clockBack)
	t.Run("AClockSetForwardGivesOneBurst", h.clockForward)
	t.Run("NoDayComesTwice", h.dayTwice)
	t.Run("ADayFarAheadEnds", h.dayAhead)
	t.Run("ALimitThatChanges", h.changed)
	t.Run("Closed", h.closed)
	if h.Restart != nil {
		t.Run("TheDaysQuotaOverARestart", h.restarted)
	}
	if h.Node != nil {
		t.Run("ManyNodesCountTogether", h.nodes)
	}
}

// Key makes a key that differs for every n in all its parts, as the digests do that engines are given.
func Key(n int) rate.Key {
	sum := sha256.Sum256(strconv.AppendInt(nil, int64(n), 10))
	return rate.Key(sum[:16])
}

// Bucket makes a bucket. perSecond 0: no rate.
func Bucket(n int, perSecond, burst, daily int64) rate.Bucket {
	b := rate.Bucket{Key: Key(n), Daily: daily}
	if perSecond > 0 {
		b.Pace = Pace(perSecond, time.Second, burst)
	}
	return b
}

// Pace makes a pace whose numbers are known to be good.
func Pace(count int64, per time.Duration, burst int64) *rate.Pace {
	p, err := rate.NewPace(count, per, burst)
	if err != nil {
		panic(err) // a fault of the suite
	}
	return p
}

// admitted asks n times and says how many were let in.
func admitted(t *testing.T, l rate.Limiter, n int, buckets ...rate.Bucket) (in int) {
	t.Helper()
	for range n {
		ok, err := l.Take(buckets)
		if err != nil {
			t.Fatalf("take: %v", err)
		}
		if ok {
			in++
		}
	}
	return in
}

// want asks n times and wants so many of them let in.
func want(t *testing.T, l rate.Limiter, in, n int, what string, buckets ...rate.Bucket) {
	t.Helper()
	if got := admitted(t, l, n, buckets...); got != in {
		t.Errorf("%s: %d of %d were let in, want %d", what, got, n, in)
	}
}

// hammer asks each n times from 64 goroutines and says how many were let in.
func hammer(t *testing.T, l rate.Limiter, n int, buckets ...rate.Bucket) int64 {
	t.Helper()
	var in, failed atomic.Int64
	var start, done sync.WaitGroup
	start.Add(1)
	for range 64 {
		done.Go(func() {
			own := append([]rate.Bucket(nil), buckets...)
			start.Wait()
			for range n {
				switch ok, err := l.Take(own); {
				case err != nil:
					failed.Add(1)
				case ok:
					in.Add(1)
				}
			}
		})
	}
	start.Done()
	done.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d calls failed", failed.Load())
	}
	return in.Load()
}

func (h Harness) closed(t *testing.T) {
	l := h.Open(t, NewClock())
	want(t, l, 1, 1, "before", Bucket(1, 1, 1, 0))
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	if ok, err := l.Take([]rate.Bucket{Bucket(2, 1, 1, 0)}); ok || !errors.Is(err, rate.ErrUnavailable) {
		t.Errorf("after: %v, %v; want ErrUnavailable", ok, err)
	}
}
