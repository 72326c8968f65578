package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
)

const (
	followEvery  = 200 * time.Millisecond // a change made by another process is live within one second
	followAtMost = 5 * time.Second        // the longest pause before a revision that failed is tried again
)

// followed is the register as a follower needs it.
type followed interface {
	Revision(ctx context.Context) (uint64, error)
	Roster(ctx context.Context) (*partner.Roster, error)
}

// follower keeps the snapshot as new as the register. While it cannot, decisions go on from what was read last until that is
// too old (design decision 3), and it says so: not ready, with the cause (security rule 28), because what it could not put
// in force may be a revocation. It belongs to one goroutine, but for ready and failing.
type follower struct {
	register followed
	decider  *access.Decider
	log      *slog.Logger

	tried uint64        // the revision that failed
	pause time.Duration // until it is tried again; 0: nothing failed
	retry time.Time
	last  error

	cause atomic.Pointer[error] // nil: the snapshot is as new as the register
}

// run follows until ctx ends.
func (f *follower) run(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.step(ctx); ctx.Err() == nil {
			f.note(err)
		}
	}
}

// step reads the register if it has changed since. Reading all of it is dear: a revision that failed is tried again after a
// pause that doubles, a new one at once.
func (f *follower) step(ctx context.Context) error {
	at := time.Now() // before the reading: the snapshot is at least as old as this
	revision, err := f.register.Revision(ctx)
	if err != nil {
		return fmt.Errorf("the register cannot be read: %w", err)
	}
	if revision == f.decider.Revision() && f.decider.Ready() == nil {
		f.decider.Confirm(at)
		f.pause = 0
		return nil
	}
	if revision != f.tried {
		f.pause = 0
	}
	if f.pause > 0 && at.Before(f.retry) {
		return f.last
	}
	if err := f.load(ctx, at); err != nil {
		f.last = fmt.Errorf("revision %d of the register cannot be put in force: %w", revision, err)
		f.tried, f.pause = revision, min(max(2*f.pause, followEvery), followAtMost)
		f.retry = at.Add(f.pause)
		return f.last
	}
	f.pause = 0
	return nil
}

func (f *follower) load(ctx context.Context, at time.Time) error {
	roster, err := f.register.Roster(ctx)
	if err != nil {
		return err
	}
	defer roster.Wipe() // the snapshot has what it needs in forms of its own
	return f.decider.Load(roster, at)
}

// note keeps the outcome for ready and failing, and logs each cause once.
func (f *follower) note(err error) {
	before := f.cause.Load()
	switch {
	case err == nil && before != nil:
		f.cause.Store(nil)
		f.log.Info("the register is in force again", "revision", f.decider.Revision())
	case err != nil && (before == nil || (*before).Error() != err.Error()):
		f.cause.Store(&err)
		f.log.Error("decisions go on from what was read last of the register", "in_force", f.decider.Revision(), "cause", err.Error())
	}
}

// ready is nil, or says why decisions are not taken, or not from the newest revision.
func (f *follower) ready() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return f.decider.Ready()
}

// failing is 1 while the register cannot be followed.
func (f *follower) failing() float64 {
	if f.cause.Load() != nil {
		return 1
	}
	return 0
}
