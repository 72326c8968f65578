// Package turnstile hands out a bounded number of places, strictly first come, first served, with a bounded queue in front:
// hash computations, connections to an upstream. It refuses beyond the queue at once, so that a flood costs a known amount,
// and it lets nobody overtake, so that a flood of newcomers cannot starve those who wait.
package turnstile

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// The ways in which Enter ends without a place; beside them the cause of the caller's context.
var (
	ErrFull   = errors.New("too many wait already")
	ErrTired  = errors.New("no place came free in time")
	ErrClosed = errors.New("closed")
)

// Turnstile is one set of places. Safe for concurrent use; make it with New.
type Turnstile struct {
	places, room int

	mu     sync.Mutex
	taken  int
	line   list.List // of *waiter, longest wait first; empty while a place is free
	closed bool
}

// waiter is one who waits for a place.
type waiter struct {
	called chan struct{} // closed when the wait is over
	closed bool          // because everything is; valid after called
}

// New makes a Turnstile with so many places, at least one, and room for so many callers who wait; 0: none.
func New(places, room int) *Turnstile {
	return &Turnstile{places: max(places, 1), room: max(room, 0)}
}

// Enter takes a place, or waits for one no longer than patience; 0: as long as ctx lasts. Only after nil does the caller owe a
// Leave. Errors: ErrFull, ErrTired, ErrClosed, and the cause of ctx when it ends first.
func (t *Turnstile) Enter(ctx context.Context, patience time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	place, err := t.join()
	if place == nil {
		return err
	}
	var tired <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		tired = timer.C
	}
	w := place.Value.(*waiter)
	select {
	case <-w.called:
	case <-ctx.Done():
	case <-tired:
	}
	return t.outcome(ctx, place, w)
}

// join takes a free place, which is nil and no error, or one in the line.
func (t *Turnstile) join() (*list.Element, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.taken < t.places:
		t.taken++
		return nil, nil
	case t.line.Len() >= t.room:
		return nil, ErrFull
	}
	return t.line.PushBack(&waiter{called: make(chan struct{})}), nil
}

// outcome ends a wait. A place that was handed over in the moment in which the caller left goes to the next one.
func (t *Turnstile) outcome(ctx context.Context, place *list.Element, w *waiter) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.called:
		switch {
		case w.closed:
			return ErrClosed
		case ctx.Err() != nil:
			t.next()
			return context.Cause(ctx)
		}
		return nil
	default:
	}
	t.line.Remove(place)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ErrTired
}

// Leave gives a place back, to the one who has waited longest.
func (t *Turnstile) Leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next passes a place on. The lock is held.
func (t *Turnstile) next() {
	first := t.line.Front()
	if first == nil {
		t.taken--
		return
	}
	close(t.line.Remove(first).(*waiter).called)
}

// Close sends everybody away who waits or comes later, with ErrClosed. Those who have a place keep it until they leave.
func (t *Turnstile) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for e := t.line.Front(); e != nil; e = t.line.Front() {
		w := t.line.Remove(e).(*waiter)
		w.closed = true
		close(w.called)
	}
}

// Load is how many places are taken and how many callers wait, at this moment.
func (t *Turnstile) Load() (taken, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken, t.line.Len()
}
