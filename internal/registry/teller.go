package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Teller is a server process as one of the nodes of a register: it tells the others how old its last reading is and for how long it decides
// by that, and keeps its own readings from counting for longer than the others expect. Safe for concurrent use. Make one with NewTeller.
type Teller struct {
	r     *Registry
	now   func() time.Time
	state func() Beat

	beating sync.Mutex // one beat after the other: the last one that arrived tells the latest reading

	mu       sync.Mutex
	told     time.Time     // the latest reading that the others know of, by the process's own clock; zero: they know of none
	promised time.Duration // the max_staleness that they know of
	coming   time.Duration // the one that is about to be in force; 0: none is
}

// NewTeller makes one that has told nothing. now is the clock that readings are taken by, whose readings have a monotonic part; state says what
// the process would tell now, and is called from several goroutines. Both must be set.
func (r *Registry) NewTeller(now func() time.Time, state func() Beat) (*Teller, error) {
	if now == nil || state == nil {
		return nil, errors.New("new teller: the clock and the state must be set")
	}
	return &Teller{r: r, now: now, state: state}, nil
}

// Beat tells what is so now. Errors: those of Registry.Beat.
func (t *Teller) Beat(ctx context.Context) error { return t.tell(ctx, time.Time{}) }

// Expect has the next beats tell the longer one of the max_staleness in force and this one, which is about to be: the others must know of it
// before anything is decided by it. 0: none is.
func (t *Teller) Expect(staleness time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.coming = staleness
}

// Vouch keeps a reading from counting that the others would not expect: they take it that this node decides for max_staleness from the
// reading that it has told of, and StopSlack longer. One that is later, the first one, and one that is to count for longer than they know, is told
// first: else a node that comes back for a moment would decide on while a revocation is said to be confirmed, because this node had stopped. An
// error: it must not count.
func (t *Teller) Vouch(ctx context.Context, at time.Time) error {
	staleness := t.state().MaxStaleness
	t.mu.Lock()
	expected := !t.told.IsZero() && at.Sub(t.told) <= StopSlack && max(staleness, t.coming) <= t.promised
	t.mu.Unlock()
	if expected {
		return nil
	}
	if err := t.tell(ctx, at); err != nil {
		return fmt.Errorf("tell the other nodes of it: %w", err)
	}
	return nil
}

// tell is a beat. A reading that is about to count is told as if it did; zero: there is none.
func (t *Teller) tell(ctx context.Context, reading time.Time) error {
	t.beating.Lock()
	defer t.beating.Unlock()
	b, now := t.state(), t.now()
	if counts := now.Add(-b.ReadAge); b.ReadAge >= 0 && counts.After(reading) {
		reading = counts
	}
	t.mu.Lock()
	if t.told.After(reading) { // no beat takes back what another one promised
		reading = t.told
	}
	b.MaxStaleness, b.ReadAge = max(b.MaxStaleness, t.coming), -1
	t.mu.Unlock()
	if !reading.IsZero() {
		b.ReadAge = max(now.Sub(reading), 0)
	}
	if err := t.r.Beat(ctx, b); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told, t.promised = reading, b.MaxStaleness
	return nil
}
