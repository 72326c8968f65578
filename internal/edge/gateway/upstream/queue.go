package upstream

import (
	"container/list"
	"context"
	"net"
	"sync"
	"time"
)

// queue hands out the places of running exchanges, first come, first served.
// Waiting for a moment is better than a refusal here: the request has been
// admitted and remembered, so an honest caller who repeats it is taken for a
// replay.
type queue struct {
	places   int
	waiting  int // at most
	patience time.Duration

	mu     sync.Mutex
	taken  int
	line   list.List // of *waiter, longest wait first; empty while a place is free
	closed bool
}

// waiter is one who waits for a place.
type waiter struct {
	called chan struct{} // closed when the wait is over
	err    error         // why there is no place; valid after called
}

func newQueue(cfg Config) *queue {
	return &queue{places: cfg.MaxConns, waiting: cfg.MaxWaiting, patience: cfg.QueueTimeout}
}

// enter takes a place, or waits for one. On success the caller owes a leave.
func (q *queue) enter(ctx context.Context) error {
	if err := ended(ctx); err != nil {
		return err
	}
	place, err := q.join()
	if place == nil {
		return err
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	w := place.Value.(*waiter)
	select {
	case <-w.called:
	case <-ctx.Done():
	case <-timer.C:
	}
	return q.outcome(ctx, place, w)
}

// join takes a free place, which is nil and no error, or one in the line.
func (q *queue) join() (*list.Element, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, errClientClosed
	case q.taken < q.places:
		q.taken++
		return nil, nil
	case q.line.Len() >= q.waiting:
		return nil, fail(ErrOverloaded, "too many wait", nil)
	}
	return q.line.PushBack(&waiter{called: make(chan struct{})}), nil
}

// outcome ends a wait. A place that was handed over in the moment in which the
// caller left goes to the next one.
func (q *queue) outcome(ctx context.Context, place *list.Element, w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	gone := ended(ctx)
	select {
	case <-w.called:
		if w.err == nil && gone != nil {
			q.next()
			return gone
		}
		return w.err
	default:
	}
	q.line.Remove(place)
	if gone != nil {
		return gone
	}
	return fail(ErrOverloaded, "all in use", nil)
}

// leave gives a place back.
func (q *queue) leave() {
	q.mu.Lock()
	q.next()
	q.mu.Unlock()
}

// next passes a place on to the one who has waited longest. The lock is held.
func (q *queue) next() {
	first := q.line.Front()
	if first == nil {
		q.taken--
		return
	}
	close(q.line.Remove(first).(*waiter).called)
}

// close sends everybody away who waits or comes later.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for e := q.line.Front(); e != nil; e = q.line.Front() {
		w := q.line.Remove(e).(*waiter)
		w.err = errClientClosed
		close(w.called)
	}
}

var errClientClosed = fail(ErrUnreachable, "client", net.ErrClosed)
