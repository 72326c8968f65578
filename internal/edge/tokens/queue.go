package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/turnstile"
)

// patience is the longest wait in a queue.
const patience = 30 * time.Second

// queues lets a few attempts of each source be under way at once and makes the others wait their turn, so that guesses in
// parallel see what those before them cost, and an honest burst from one address succeeds as a whole. The channel of a source
// holds one for each attempt under way; those who wait send in the order of arrival.
type queues struct {
	*turnstile.Keyed[source, chan struct{}]
}

func newQueues(t Throttle) *queues {
	atOnce := otherwise(t.AtOnce, 8)
	room := atOnce + otherwise(t.Waiting, 256)
	return &queues{turnstile.NewKeyed[source](room, func() chan struct{} { return make(chan struct{}, atOnce) })}
}

// enter waits for a place of from. The verdict is Allowed, Overloaded or ClientGone; whatever it is, the caller calls leave
// when the attempt is over.
func (q *queues) enter(ctx context.Context, from source) (leave func(), v verdict) {
	places, ok := q.Come(from)
	if !ok {
		return func() {}, verdict{reason: access.Overloaded, cause: errors.New("token exchange: too many attempts of one source wait")}
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case places <- struct{}{}:
		return func() { <-places; q.Leave(from) }, allowed
	case <-waiting.Done():
		return func() { q.Leave(from) }, gaveUp(ctx, waiting)
	}
}

// gaveUp is the verdict on somebody who left the queue, or whose turn did not come in time.
func gaveUp(ctx, waiting context.Context) verdict {
	reason := access.Overloaded
	if errors.Is(ctx.Err(), context.Canceled) {
		reason = access.ClientGone
	}
	return verdict{reason: reason, cause: fmt.Errorf("token exchange: waiting for other attempts of the source: %w", context.Cause(waiting))}
}
