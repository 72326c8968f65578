// Package follow keeps the snapshot that decisions are taken from as new as the register. It owns when the register is read,
// what happens where that fails, and what is said of it: a revision that cannot be put in force may be a revocation, so nothing
// is passed over in silence (security rule 28), and what was read too long ago decides nothing (design decision 3). It knows no
// engine of the register, no door and no configuration: it is given what to read and whom to load.
package follow

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
	// Every is how often the register is asked for its revision: a change made by another process is live within one second.
	Every = 200 * time.Millisecond

	atMost  = 5 * time.Second // the longest pause before a revision that failed is tried again
	askFor  = 5 * time.Second // how long the register may take to say its revision
	readFor = 5 * time.Minute // how long it may take to be read
)

// Register is what is followed. Implementations are safe for concurrent use.
type Register interface {
	// Revision is the revision that stands in the register now.
	Revision(ctx context.Context) (uint64, error)
	// Roster is what has changed since a revision, or the whole register.
	Roster(ctx context.Context, since uint64) (*partner.Roster, error)
}

// Config is what a follower needs.
type Config struct {
	// Register is what is followed. It is required.
	Register Register
	// Now is the clock that the age of a reading is measured by. It is required.
	Now func() time.Time
	// Log takes one line for each new cause of trouble, and one when it is over. It is required.
	Log *slog.Logger
	// InForce is told each revision that was put in force, while the follower is locked: it must not call it. Nil: nobody is.
	InForce func(revision uint64)
	// Wake calls told whenever the register may have changed, until ctx ends; the register is then asked at once, and not only at its
	// next turn. Nil: nothing tells.
	Wake func(ctx context.Context, told func())
	// Vouch is asked before a reading counts, with its moment, while the follower is locked: an error keeps it from counting. It is for those
	// who promise others for how long decisions go on by a reading. Nil: every reading counts.
	Vouch func(ctx context.Context, at time.Time) error
	// Every is how often the register is asked where nothing tells. Zero: the constant Every.
	Every time.Duration
}

// Follower keeps the snapshot as new as the register. While it cannot, decisions go on from what was read last until that is
// too old (design decision 3), and it says so: not ready, with the cause (security rule 28), because what it could not put
// in force may be a revocation. One step, or one adoption of another decider, runs at a time; what it says may be asked at
// any time, also before the first adoption. Make one with New. There is nothing to close: Run ends with its context.
type Follower struct {
	register Register
	now      func() time.Time
	log      *slog.Logger
	inForce  func(revision uint64) // nil: nobody
	wake     func(ctx context.Context, told func())
	vouch    func(ctx context.Context, at time.Time) error
	every    time.Duration

	mu      sync.Mutex
	decider atomic.Pointer[access.Decider]
	tried   uint64        // the revision that failed
	pause   time.Duration // until it is tried again; 0: nothing failed
	retry   time.Time
	last    error

	read  atomic.Pointer[time.Time] // when the register was last read successfully
	cause atomic.Pointer[error]     // nil: the snapshot is as new as the register
}

// New makes a follower that has read nothing yet. A missing register, clock or log is an error.
func New(cfg Config) (*Follower, error) {
	if cfg.Register == nil || cfg.Now == nil || cfg.Log == nil || cfg.Every < 0 {
		return nil, errors.New("follow: Register, Now and Log are required, and Every is not negative")
	}
	if cfg.Every == 0 {
		cfg.Every = Every
	}
	if cfg.Vouch == nil {
		cfg.Vouch = func(context.Context, time.Time) error { return nil }
	}
	return &Follower{register: cfg.Register, now: cfg.Now, log: cfg.Log, inForce: cfg.InForce, wake: cfg.Wake, vouch: cfg.Vouch, every: cfg.Every}, nil
}

// Adopt gives decider the register as it stands and follows with it from now on. swap puts whatever belongs to the decider in
// force; where the register cannot be read or does not fit, it is not called and nothing changes.
func (f *Follower) Adopt(ctx context.Context, decider *access.Decider, swap func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now()
	if err := f.counts(ctx, at); err != nil {
		return err
	}
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

// Run follows until ctx ends. It is called once, after the first Adopt.
func (f *Follower) Run(ctx context.Context) {
	ticker := time.NewTicker(f.every)
	defer ticker.Stop()
	told := make(chan struct{}, 1) // what comes while one is waiting is the same news
	if f.wake != nil {
		var waking sync.WaitGroup
		defer waking.Wait()
		waking.Go(func() {
			f.wake(ctx, func() {
				select {
				case told <- struct{}{}:
				default:
				}
			})
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-told:
		}
		f.follow(ctx)
	}
}

func (f *Follower) follow(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(ctx); ctx.Err() == nil {
		f.note(err)
	}
}

// ask bounds the question: a register that says nothing is one that cannot be read, and has to be told of.
func (f *Follower) ask(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askFor, fmt.Errorf("it said nothing for %s", askFor))
	defer cancel()
	revision, err := f.register.Revision(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return revision, err
}

// step reads the register if it has changed since. Reading all of it is dear: a revision that failed is tried again after a
// pause that doubles, a new one at once.
func (f *Follower) step(ctx context.Context) error {
	decider, at := f.decider.Load(), f.now() // before the reading: the snapshot is at least as old as this
	revision, err := f.ask(ctx)
	if err != nil {
		return fmt.Errorf("the register cannot be read: %w", err)
	}
	if err := f.counts(ctx, at); err != nil {
		return errors.Join(err, f.catchUp(ctx, decider, revision))
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
		f.tried, f.pause = revision, min(max(2*f.pause, Every), atMost)
		f.retry = at.Add(f.pause)
		return f.last
	}
	f.pause = 0
	f.tell(at)
	return nil
}

// catchUp puts a revision in force whose reading does not count: what it revokes is over, and decisions grow no younger by it.
func (f *Follower) catchUp(ctx context.Context, decider *access.Decider, revision uint64) error {
	counted := f.read.Load()
	if revision == decider.Revision() || revision == f.tried || counted == nil {
		return nil
	}
	f.tried = revision
	return f.load(ctx, decider, *counted)
}

// counts is nil where a reading may count.
func (f *Follower) counts(ctx context.Context, at time.Time) error {
	if err := f.vouch(ctx, at); err != nil {
		return fmt.Errorf("what is read of the register does not count: %w", err)
	}
	return nil
}

func (f *Follower) load(ctx context.Context, decider *access.Decider, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
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
func (f *Follower) tell(at time.Time) {
	f.read.Store(&at)
	if f.inForce != nil {
		f.inForce(f.decider.Load().Revision())
	}
}

// note keeps the outcome for Trouble and Failing, and logs each cause once.
func (f *Follower) note(err error) {
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

// Trouble says why decisions are not taken from the newest revision; nil: they are.
func (f *Follower) Trouble() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Young says why no decisions are taken: nothing was read yet, or what was read is too old.
func (f *Follower) Young() error {
	if d := f.decider.Load(); d != nil {
		return d.Ready()
	}
	return errors.New("the register has not been read yet")
}

// Failing is 1 while the register cannot be followed.
func (f *Follower) Failing() float64 {
	if f.cause.Load() != nil {
		return 1
	}
	return 0
}

// Revision is the revision in force as a metric has it; 0 before the first Adopt.
func (f *Follower) Revision() float64 {
	if d := f.decider.Load(); d != nil {
		return float64(d.Revision())
	}
	return 0
}

// ReadAge is how long ago the register was last read successfully, by the clock of Config, whose readings have a monotonic part: nobody who
// sets the clock makes a reading younger or older. False: it has not been read yet.
func (f *Follower) ReadAge() (time.Duration, bool) {
	if at := f.read.Load(); at != nil {
		return max(0, f.now().Sub(*at)), true
	}
	return 0, false
}

// Age is how many seconds ago the register was last read; 0: never.
func (f *Follower) Age() float64 {
	if at := f.read.Load(); at != nil {
		return f.now().Sub(*at).Seconds()
	}
	return 0
}
