package registry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// parallel runs n calls at once and counts their outcomes.
func (w *world) parallel(n int, call func(i int) (registry.Outcome, error)) map[registry.Outcome]int {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	count := map[registry.Outcome]int{}
	for i := range n {
		all.Go(func() {
			outcome, err := call(i)
			if err != nil {
				w.t.Error(err)
			}
			mu.Lock()
			count[outcome]++
			mu.Unlock()
		})
	}
	all.Wait()
	return count
}

func TestRule30ParallelGuessesDoNotOutrunTheCounter(t *testing.T) {
	for name, parallel := range map[string]int{"default": 0, "one": 1, "most": 5} {
		w := newWorld(t, func(c *registry.Config) { c.Parallel, c.QueueWait = parallel, time.Minute })
		app := w.app()
		count := w.parallel(100, func(int) (registry.Outcome, error) {
			return w.Authenticate(ctx, app.Credential.ID, app.Login, []byte("wrong"))
		})
		verified, dummies := w.hasher.counts()
		if verified != 5 || dummies != 0 || count[registry.Wrong] != 5 || count[registry.Locked] != 95 {
			t.Errorf("%s: %d hashes, %d dummies, %v", name, verified, dummies, count)
		}
		if w.failures(app) != 5 || w.credential(app.Credential.ID).LockedAt.IsZero() {
			t.Errorf("%s: %d failures", name, w.failures(app))
		}
	}
}

func TestRule30ParallelHonestCallsAllSucceed(t *testing.T) {
	for _, before := range []int{0, 4} {
		w := newWorld(t, func(c *registry.Config) { c.QueueWait = time.Minute })
		app := w.app()
		for range before {
			w.try(app, "wrong", registry.Wrong)
		}
		count := w.parallel(100, func(int) (registry.Outcome, error) {
			return w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
		})
		if count[registry.Proved] != 100 || w.failures(app) != 0 {
			t.Errorf("after %d failures: %v, %d counted", before, count, w.failures(app))
		}
	}
}

func TestRule30RightAndWrongTogetherNeverExceedFiveInARow(t *testing.T) {
	w := newWorld(t, func(c *registry.Config) { c.Parallel, c.QueueWait = 5, time.Minute })
	app := w.app()
	var mu sync.Mutex
	most := 0
	w.hasher.during = func() {
		n := w.failures(app)
		mu.Lock()
		most = max(most, n)
		mu.Unlock()
	}
	count := w.parallel(60, func(i int) (registry.Outcome, error) {
		presented := app.Secret.Bytes()
		if i%3 == 0 {
			presented = []byte("wrong")
		}
		return w.Authenticate(ctx, app.Credential.ID, app.Login, presented)
	})
	if most > partner.MaxFailures || count[registry.Busy] != 0 {
		t.Errorf("the count went up to %d; %v", most, count)
	}
	if count[registry.Locked] > 0 && w.credential(app.Credential.ID).LockedAt.IsZero() {
		t.Errorf("answered as locked, but is not: %v", count)
	}
}

func TestBusyIsNotCounted(t *testing.T) {
	w := newWorld(t, func(c *registry.Config) { c.Queue, c.Parallel = 2, 1 })
	app := w.app()
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.hasher.during = func() {
		once.Do(func() { close(inside); <-release })
	}
	var all sync.WaitGroup
	all.Go(func() { w.try(app, string(app.Secret.Bytes()), registry.Proved) })
	<-inside // one is hashing
	leaving, leave := context.WithCancel(ctx)
	waited := make(chan registry.Outcome)
	all.Go(func() {
		outcome, err := w.Authenticate(leaving, app.Credential.ID, app.Login, []byte("wrong"))
		if err != nil {
			t.Error(err)
		}
		waited <- outcome
	})
	for w.Callers(app.Credential.ID) != 2 { // the second arrives; nothing else can happen to it
		done := make(chan struct{})
		go close(done)
		<-done
	}
	w.try(app, "wrong", registry.Busy) // the third finds no room
	leave()
	if outcome := <-waited; outcome != registry.Busy {
		t.Errorf("a caller that left the queue: %v", outcome)
	}
	close(release)
	all.Wait()
	if n := w.failures(app); n != 0 || w.Callers(app.Credential.ID) != 0 {
		t.Errorf("%d counted, %d still there", n, w.Callers(app.Credential.ID))
	}
}

func TestRule30SuccessDoesNotForgetAnAttemptUnderWay(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	inside, release := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	w.hasher.during = func() {
		if first.CompareAndSwap(false, true) {
			close(inside)
			<-release
		}
	}
	var all sync.WaitGroup
	all.Go(func() { w.try(app, "wrong", registry.Wrong) })
	<-inside
	w.try(app, string(app.Secret.Bytes()), registry.Proved)
	if n := w.failures(app); n != 1 {
		t.Errorf("%d written down while one is under way; a kill now would forget it", n)
	}
	close(release)
	all.Wait()
	if n := w.failures(app); n != 1 {
		t.Errorf("%d counted", n)
	}
}
