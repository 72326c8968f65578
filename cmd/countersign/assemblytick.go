package main

import (
	"context"
	"time"
)

// beatEvery is how often a tick looks at the clock at least.
const beatEvery = 500 * time.Millisecond

// ticking runs do in the background with a tick that comes whenever the clock has gone on by every. It looks at the clock often
// instead of sleeping for all of it: a clock that is set forward by days brings the next tick now, and one that is set back
// does not keep it away for days. What is not taken in time is not made up for: ticks do not gather.
func (a *assembly) ticking(every time.Duration, do func(ctx context.Context, tick <-chan time.Time)) {
	begun := a.now()
	a.inBackground(func(ctx context.Context) {
		due := make(chan time.Time, 1)
		ctx, end := context.WithCancel(ctx)
		defer end()
		a.running.Go(func() { a.beat(ctx, begun, every, due) })
		do(ctx, due)
	})
}

// beat gives due something whenever the clock has gone on by every since last.
func (a *assembly) beat(ctx context.Context, last time.Time, every time.Duration, due chan<- time.Time) {
	ticker := time.NewTicker(min(max(every/4, time.Millisecond), beatEvery))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := a.now()
		if gone := now.Sub(last); gone < every && gone >= 0 {
			continue
		}
		last = now
		select {
		case due <- now:
		default:
		}
	}
}
