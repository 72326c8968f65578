package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign.dev/internal/access"
)

// patience is the longest wait in a queue.
const patience = 30 * time.Second

// queues lets a few attempts of each source be under way at once and makes the others wait their turn, so that guesses in
// parallel see what those before them cost, and an honest burst from one address succeeds as a whole.
type queues struct {
	atOnce, room int

	mu   sync.Mutex
	open map[source]*queue // a queue exists while somebody is in it
}

type queue struct {
	callers int           // waiting and under way; guarded by queues.mu
	places  chan struct{} // holds one for each attempt under way; those who wait send in the order of arrival
}

func newQueues(t Throttle) *queues {
	atOnce := otherwise(t.AtOnce, 8)
	return &queues{atOnce: atOnce, room: atOnce + otherwise(t.Waiting, 256), open: map[source]*queue{}}
}

// enter waits for a place of from. The verdict is Allowed, Overloaded or ClientGone; whatever it is, the caller calls leave
// when the attempt is over.
func (q *queues) enter(ctx context.Context, from source) (leave func(), v verdict) {
	at := q.come(from)
	if at == nil {
		return func() {}, verdict{reason: access.Overloaded, cause: errors.New("token exchange: too many attempts of one source wait")}
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case at.places <- struct{}{}:
		return func() { <-at.places; q.leave(from, at) }, allowed
	case <-waiting.Done():
		return func() { q.leave(from, at) }, gaveUp(ctx, waiting)
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

// come finds or makes the queue of a source; nil when it is full.
func (q *queues) come(from source) *queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := q.open[from]
	if at == nil {
		at = &queue{places: make(chan struct{}, q.atOnce)}
		q.open[from] = at
	}
	if at.callers >= q.room {
		return nil
	}
	at.callers++
	return at
}

func (q *queues) leave(from source, at *queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at.callers--; at.callers == 0 {
		delete(q.open, from)
	}
}
