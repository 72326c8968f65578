package turnstile

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// expect lets everybody come to rest and counts.
func (q *Turnstile) expect(t *testing.T, taken, waiting int) {
	t.Helper()
	synctest.Wait()
	if inside, line := q.Load(); inside != taken || line != waiting {
		t.Fatalf("%d places taken, %d waiting; want %d and %d", inside, line, taken, waiting)
	}
}

func TestServesInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 9)
		if err := q.Enter(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		var served []int
		for i := range 5 {
			go func() {
				if err := q.Enter(t.Context(), time.Second); err != nil {
					t.Error(err)
				}
				served = append(served, i) // one at a time: there is one place
				q.Leave()
			}()
			q.expect(t, 1, i+1)
		}
		q.Leave()
		q.expect(t, 0, 0)
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(served, want) {
			t.Fatalf("served in the order %v", served)
		}
	})
}

func TestWaitsNoLongerThanItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 9)
		_ = q.Enter(t.Context(), time.Second)
		start := time.Now()
		if err := q.Enter(t.Context(), time.Second); !errors.Is(err, ErrTired) || time.Since(start) != time.Second {
			t.Fatalf("%v after %v, want tired after one second", err, time.Since(start))
		}
		q.Leave()
		q.expect(t, 0, 0)
	})
}

func TestIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 2)
		_ = q.Enter(t.Context(), time.Second)
		for i := range 2 {
			go func() { _ = q.Enter(t.Context(), time.Second) }()
			q.expect(t, 1, i+1)
		}
		start := time.Now()
		if err := q.Enter(t.Context(), time.Second); !errors.Is(err, ErrFull) || time.Since(start) != 0 {
			t.Fatalf("%v after %v, want full at once", err, time.Since(start))
		}
		q.Leave() // one of the two has the place now, the other loses patience
		time.Sleep(2 * time.Second)
		q.expect(t, 1, 0)
	})
}

func TestForgetsWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 9)
		_ = q.Enter(t.Context(), time.Second)
		ctx, leave := context.WithCancel(t.Context())
		results := make(chan error, 2)
		go func() { results <- q.Enter(ctx, time.Second) }()
		q.expect(t, 1, 1)
		go func() { results <- q.Enter(t.Context(), time.Second) }()
		q.expect(t, 1, 2)
		leave()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want canceled", err)
		}
		q.Leave()
		if err := <-results; err != nil {
			t.Fatalf("the next in line: %v", err)
		}
		q.Leave()
		q.expect(t, 0, 0)
		if err := q.Enter(ctx, time.Second); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want canceled", err)
		}
	})
}

// The place comes in the moment in which the one who waited for it goes: it is
// not lost.
func TestPassesOnAPlaceThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 9)
		_ = q.Enter(t.Context(), time.Second)
		ctx, leave := context.WithCancel(t.Context())
		place, _ := q.join()
		next, _ := q.join()
		q.Leave()
		leave()
		if err := q.outcome(ctx, place, place.Value.(*waiter)); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, want canceled", err)
		}
		select {
		case <-next.Value.(*waiter).called:
		default:
			t.Fatal("the next in line was not called")
		}
		q.Leave()
		q.expect(t, 0, 0)
	})
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 9)
		_ = q.Enter(t.Context(), time.Second)
		waits := make(chan error, 1)
		go func() { waits <- q.Enter(t.Context(), time.Second) }()
		q.expect(t, 1, 1)
		start := time.Now()
		q.Close()
		if err := <-waits; !errors.Is(err, ErrClosed) || time.Since(start) != 0 {
			t.Fatalf("who waited: %v, want closed at once", err)
		}
		q.Leave()
		if err := q.Enter(t.Context(), time.Second); !errors.Is(err, ErrClosed) {
			t.Fatalf("who came later: %v, want closed", err)
		}
		q.expect(t, 0, 0)
	})
}

func TestWithoutPatienceTheContextDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(1, 1)
		_ = q.Enter(t.Context(), 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		if err := q.Enter(ctx, 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour {
			t.Fatalf("%v after %v, want the end of the context after an hour", err, time.Since(start))
		}
		q.Leave()
		q.expect(t, 0, 0)
	})
}
