package upstream

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func smallQueue(places, waiting int) *queue {
	return newQueue(Config{MaxConns: places, MaxWaiting: waiting, QueueTimeout: time.Second})
}

// expect lets everybody come to rest and counts.
func (q *queue) expect(t *testing.T, taken, waiting int) {
	t.Helper()
	synctest.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken != taken || q.line.Len() != waiting {
		t.Fatalf("%d places taken, %d waiting; want %d and %d", q.taken, q.line.Len(), taken, waiting)
	}
}

func TestQueueServesInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 9)
		if err := q.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var served []int
		for i := range 5 {
			go func() {
				if err := q.enter(t.Context()); err != nil {
					t.Error(err)
				}
				served = append(served, i) // one at a time: there is one place
				q.leave()
			}()
			q.expect(t, 1, i+1)
		}
		q.leave()
		q.expect(t, 0, 0)
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(served, want) {
			t.Fatalf("served in the order %v", served)
		}
	})
}

func TestQueueWaitsNoLongerThanItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 9)
		_ = q.enter(t.Context())
		start := time.Now()
		if err := q.enter(t.Context()); !errors.Is(err, ErrOverloaded) || time.Since(start) != time.Second {
			t.Fatalf("%v after %v, want overloaded after one second", err, time.Since(start))
		}
		q.leave()
		q.expect(t, 0, 0)
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 2)
		_ = q.enter(t.Context())
		for i := range 2 {
			go func() { _ = q.enter(t.Context()) }()
			q.expect(t, 1, i+1)
		}
		start := time.Now()
		if err := q.enter(t.Context()); !errors.Is(err, ErrOverloaded) || time.Since(start) != 0 {
			t.Fatalf("%v after %v, want overloaded at once", err, time.Since(start))
		}
		q.leave() // one of the two has the place now, the other loses patience
		time.Sleep(2 * time.Second)
		q.expect(t, 1, 0)
	})
}

func TestQueueForgetsWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 9)
		_ = q.enter(t.Context())
		ctx, leave := context.WithCancel(t.Context())
		results := make(chan error, 2)
		go func() { results <- q.enter(ctx) }()
		q.expect(t, 1, 1)
		go func() { results <- q.enter(t.Context()) }()
		q.expect(t, 1, 2)
		leave()
		if err := <-results; !errors.Is(err, ErrCanceled) {
			t.Fatalf("%v, want canceled", err)
		}
		q.leave()
		if err := <-results; err != nil {
			t.Fatalf("the next in line: %v", err)
		}
		q.leave()
		q.expect(t, 0, 0)
		if err := q.enter(ctx); !errors.Is(err, ErrCanceled) {
			t.Fatalf("%v, want canceled", err)
		}
	})
}

// The place comes in the moment in which the one who waited for it goes: it is
// not lost.
func TestQueuePassesOnAPlaceThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 9)
		_ = q.enter(t.Context())
		ctx, leave := context.WithCancel(t.Context())
		place, _ := q.join()
		next, _ := q.join()
		q.leave()
		leave()
		if err := q.outcome(ctx, place, place.Value.(*waiter)); !errors.Is(err, ErrCanceled) {
			t.Fatalf("%v, want canceled", err)
		}
		select {
		case <-next.Value.(*waiter).called:
		default:
			t.Fatal("the next in line was not called")
		}
		q.leave()
		q.expect(t, 0, 0)
	})
}

func TestQueueClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := smallQueue(1, 9)
		_ = q.enter(t.Context())
		waits := make(chan error, 1)
		go func() { waits <- q.enter(t.Context()) }()
		q.expect(t, 1, 1)
		start := time.Now()
		q.close()
		if err := <-waits; !errors.Is(err, ErrUnreachable) || time.Since(start) != 0 {
			t.Fatalf("who waited: %v, want unreachable at once", err)
		}
		q.leave()
		if err := q.enter(t.Context()); !errors.Is(err, ErrUnreachable) {
			t.Fatalf("who came later: %v, want unreachable", err)
		}
		q.expect(t, 0, 0)
	})
}
