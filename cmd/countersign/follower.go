package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	// Roster is what has changed since a revision, or the whole register.
	Roster(ctx context.Context, since uint64) (*partner.Roster, error)
}

// follower keeps the snapshot as new as the register. While it cannot, decisions go on from what was read last until that is
// too old (design decision 3), and it says so: not ready, with the cause (security rule 28), because what it could not put
// in force may be a revocation. One step, or one adoption of another decider, runs at a time; what it says may be asked at
// any time.
type follower struct {
	register followed
	now      func() time.Time
	log      *slog.Logger
	inForce  func(revision uint64) // told after each revision that was put in force; nil: nobody

	mu      sync.Mutex
	decider atomic.Pointer[access.Decider]
	tried   uint64        // the revision that failed
	pause   time.Duration // until it is tried again; 0: nothing failed
	retry   time.Time
	last    error

	read  atomic.Pointer[time.Time] // when the register was last read successfully
	cause atomic.Pointer[error]     // nil: the snapshot is as new as the register
}

// adopt gives decider the register as it stands and follows with it from now on. swap puts whatever belongs to the decider in
// force; where the register cannot be read or does not fit, it is not called and nothing changes.
func (f *follower) adopt(ctx context.Context, decider *access.Decider, swap func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now()
	if err := f.load(ctx, decider, at); err != nil {
		return fmt.Errorf("the register cannot be put in force: %w", err)
	}
	f.decider.Store(decider)
	f.pause = 0
	swap()
	f.tell(at)
	f.note(nil)
	return nil
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
		f.follow(ctx)
	}
}

func (f *follower) follow(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(ctx); ctx.Err() == nil {
		f.note(err)
	}
}

// step reads the register if it has changed since. Reading all of it is dear: a revision that failed is tried again after a
// pause that doubles, a new one at once.
func (f *follower) step(ctx context.Context) error {
	decider, at := f.decider.Load(), f.now() // before the reading: the snapshot is at least as old as this
	revision, err := f.register.Revision(ctx)
	if err != nil {
		return fmt.Errorf("the register cannot be read: %w", err)
	}
	if revision == decider.Revision() && decider.Ready() == nil {
		decider.Confirm(at)
		f.read.Store(&at)
		f.pause = 0
		return nil
	}
	if revision != f.tried {
		f.pause = 0
	}
	if f.pause > 0 && at.Before(f.retry) {
		return f.last
	}
	if err := f.load(ctx, decider, at); err != nil {
		f.last = fmt.Errorf("revision %d of the register cannot be put in force: %w", revision, err)
		f.tried, f.pause = revision, min(max(2*f.pause, followEvery), followAtMost)
		f.retry = at.Add(f.pause)
		return f.last
	}
	f.pause = 0
	f.tell(at)
	return nil
}

func (f *follower) load(ctx context.Context, decider *access.Decider, at time.Time) error {
	roster, err := f.register.Roster(ctx, decider.Revision())
	if err != nil {
		return err
	}
	defer roster.Wipe() // the snapshot has what it needs in forms of its own
	err = decider.Load(roster, at)
	if err == nil || roster.Since == 0 {
		return err
	}
	whole, err := f.register.Roster(ctx, 0) // what cannot be put in force as a part may be something that the whole explains better
	if err != nil {
		return err
	}
	defer whole.Wipe()
	return decider.Load(whole, at)
}

// tell says that a revision is in force.
func (f *follower) tell(at time.Time) {
	f.read.Store(&at)
	if f.inForce != nil {
		f.inForce(f.decider.Load().Revision())
	}
}

// note keeps the outcome for trouble and failing, and logs each cause once.
func (f *follower) note(err error) {
	before := f.cause.Load()
	switch {
	case err == nil && before != nil:
		f.cause.Store(nil)
		f.log.Info("the register is in force again", "revision", f.decider.Load().Revision())
	case err != nil && (before == nil || (*before).Error() != err.Error()):
		f.cause.Store(&err)
		f.log.Error("decisions go on from what was read last of the register", "in_force", f.decider.Load().Revision(), "cause", err.Error())
	}
}

// trouble says why decisions are not taken from the newest revision; nil: they are.
func (f *follower) trouble() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// young says why no decisions are taken: nothing was read yet, or what was read is too old.
func (f *follower) young() error {
	if d := f.decider.Load(); d != nil {
		return d.Ready()
	}
	return errors.New("the register has not been read yet")
}

// failing is 1 while the register cannot be followed.
func (f *follower) failing() float64 {
	if f.cause.Load() != nil {
		return 1
	}
	return 0
}

func (f *follower) revision() float64 {
	if d := f.decider.Load(); d != nil {
		return float64(d.Revision())
	}
	return 0
}

// age is how many seconds ago the register was last read.
func (f *follower) age() float64 {
	if at := f.read.Load(); at != nil {
		return f.now().Sub(*at).Seconds()
	}
	return 0
}
