package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"countersign.dev/internal/registry"
)

// countEvery is how often open break-glass sessions are counted; countWaiting of these counts, also what waits for operators.
const (
	countEvery   = 5 * time.Second
	countWaiting = 6
)

// planeCounts is what waits for operators, counted from time to time and told by metrics and readiness. At most one page of each
// is counted: so many or more is all that anybody needs to know.
type planeCounts struct{ proposals, reviews, breakGlass atomic.Int64 }

// startCounting counts once and then from time to time.
func (a *assembly) startCounting(ctx context.Context) error {
	a.countGlass(ctx)
	a.countWaiting(ctx)
	a.ticking(countEvery, func(ctx context.Context, tick <-chan time.Time) {
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
			if a.countGlass(ctx); n%countWaiting == 0 {
				a.countWaiting(ctx)
			}
		}
	})
	c := &a.counts
	return errors.Join(
		a.metrics.Gauge("countersign_open_proposals", "Changes that wait for a second person, up to 500.", func() float64 { return float64(c.proposals.Load()) }),
		a.metrics.Gauge("countersign_waiting_reviews", "Reviews that wait for somebody, up to 500.", func() float64 { return float64(c.reviews.Load()) }),
		a.metrics.Gauge("countersign_break_glass_open", "Break-glass sessions that are open.", func() float64 { return float64(c.breakGlass.Load()) }),
		a.metrics.Gauges("countersign_versions_ending", "Versions of credentials that were used within a week and end within credentials.warn_before, by environment.", "environment", a.endingVersions),
	)
}

// countWaiting counts what waits. Where the register cannot be read, the former numbers stay: that is told elsewhere.
func (a *assembly) countWaiting(ctx context.Context) {
	if p, err := a.register.Proposals(ctx, registry.ProposalQuery{State: registry.ProposalOpen, Limit: registry.MaxPage}); err == nil {
		a.counts.proposals.Store(int64(len(p.Items)))
	}
	if p, err := a.register.ReviewFiles(ctx, registry.ReviewQuery{Waiting: true, Limit: registry.MaxReviewPage}); err == nil {
		a.counts.reviews.Store(int64(len(p.Files)))
	}
}

// countGlass counts the break-glass sessions that are open.
func (a *assembly) countGlass(ctx context.Context) {
	if n, err := a.register.OpenBreakGlass(ctx); err == nil {
		a.counts.breakGlass.Store(int64(n))
	}
}

// brokenGlass says that somebody works without a second person.
func (a *assembly) brokenGlass() error {
	if n := a.counts.breakGlass.Load(); n > 0 {
		return fmt.Errorf("%d break-glass sessions are open: countersign break-glass list tells whose, countersign break-glass end ends one", n)
	}
	return nil
}

// keepPlane starts what a server does for operators and by itself. Everything that it asks must be open.
func (a *assembly) keepPlane(ctx context.Context) error {
	a.expect("chores", false, func() error { return a.chores.Load().trouble() })
	a.expect("break_glass", false, a.brokenGlass)
	return a.startCounting(ctx)
}
