package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// ticked is an assembly that has a clock and nothing else.
func ticked(t *testing.T) (*assembly, *atomic.Int64) {
	t.Helper()
	ahead := new(atomic.Int64)
	start := time.Now()
	a := newAssembly(t.TempDir(), nil, discard(), 1)
	a.now = func() time.Time { return start.Add(time.Duration(ahead.Load())) } // it stands still but for what is set
	t.Cleanup(a.close)
	return a, ahead
}

// TestATickFollowsTheClock: a clock that jumps by days brings the next tick now, however long it is usually waited for, and one
// that goes back does not keep it away.
func TestATickFollowsTheClock(t *testing.T) {
	a, ahead := ticked(t)
	ticks := make(chan time.Time)
	a.ticking(24*time.Hour, func(ctx context.Context, tick <-chan time.Time) {
		for {
			select {
			case <-ctx.Done():
				return
			case at := <-tick:
				select {
				case ticks <- at:
				case <-ctx.Done():
				}
			}
		}
	})
	for _, to := range []time.Duration{24 * time.Hour, 300 * 24 * time.Hour, 2 * time.Hour, 26 * time.Hour} {
		ahead.Store(int64(to))
		select {
		case <-ticks:
		case <-time.After(30 * time.Second):
			t.Fatalf("the clock is at %s, and nothing ticks", to)
		}
	}
}

// TestATickDoesNotComeEarly: while the clock stands still, nothing is due; the first tick comes with the time and not before.
func TestATickDoesNotComeEarly(t *testing.T) {
	a, ahead := ticked(t)
	due := make(chan time.Time, 1)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	begun := a.now()
	go func() { a.beat(ctx, begun, 4*time.Millisecond, due); close(done) }()
	ahead.Store(int64(3 * time.Millisecond))
	select {
	case <-due:
		t.Error("a tick after 3 of 4 ms")
	case <-time.After(50 * time.Millisecond): // many looks at the clock; a slow machine makes fewer of them and proves less, never more
	}
	ahead.Store(int64(4 * time.Millisecond))
	<-due
	end()
	<-done
}
