package upstream

import (
	"context"
	"errors"
	"net"
	"time"

	"countersign.dev/internal/turnstile"
)

// queue hands out the places of running exchanges, first come, first served.
// Waiting for a moment is better than a refusal here: the request has been
// admitted and remembered, so an honest caller who repeats it is taken for a
// replay.
type queue struct {
	places   *turnstile.Turnstile
	patience time.Duration
}

func newQueue(cfg Config) *queue {
	return &queue{places: turnstile.New(cfg.MaxConns, cfg.MaxWaiting), patience: cfg.QueueTimeout}
}

// enter takes a place, or waits for one. On success the caller owes a leave.
func (q *queue) enter(ctx context.Context) error {
	switch err := q.places.Enter(ctx, q.patience); {
	case err == nil:
		return nil
	case errors.Is(err, turnstile.ErrClosed):
		return errClientClosed
	case errors.Is(err, turnstile.ErrFull):
		return fail(ErrOverloaded, "too many wait", nil)
	case errors.Is(err, turnstile.ErrTired):
		return fail(ErrOverloaded, "all in use", nil)
	}
	return ended(ctx)
}

// leave gives a place back.
func (q *queue) leave() { q.places.Leave() }

// close sends everybody away who waits or comes later.
func (q *queue) close() { q.places.Close() }

var errClientClosed = fail(ErrUnreachable, "client", net.ErrClosed)
