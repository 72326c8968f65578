package registry_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// narrow is a hasher with a few slots and a bounded queue, as the real one has; nothing in it ends before it is told to.
type narrow struct {
	hasher // counts, and compares the secrets
	slots  chan struct{}
	queue  chan struct{}
	hold   chan struct{} // dummies stay in their slot until it is closed

	inside, most atomic.Int32 // dummies in a slot, now and at most
}

func newNarrow(slots, queue int) *narrow {
	return &narrow{slots: make(chan struct{}, slots), queue: make(chan struct{}, slots+queue), hold: make(chan struct{})}
}

func (n *narrow) within(ctx context.Context, work func() error) error {
	select {
	case n.queue <- struct{}{}:
		defer func() { <-n.queue }()
	default:
		return secret.ErrBusy
	}
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return secret.ErrBusy
	}
	return work()
}

func (n *narrow) Verify(ctx context.Context, hash string, plain []byte) (match bool, err error) {
	err = n.within(ctx, func() error {
		match, err = n.hasher.Verify(ctx, hash, plain)
		return err
	})
	return match, err
}

func (n *narrow) Dummy(ctx context.Context, plain []byte) error {
	return n.within(ctx, func() error {
		for now := n.inside.Add(1); ; {
			if most := n.most.Load(); now <= most || n.most.CompareAndSwap(most, now) {
				break
			}
		}
		defer n.inside.Add(-1)
		<-n.hold
		return n.hasher.Dummy(ctx, plain)
	})
}

// narrowWorld has an honest partner in production and the app of another one in sandbox.
func narrowWorld(t *testing.T, h registry.Hasher) (w *world, honest, other registry.Issued) {
	t.Helper()
	w = newWorld(t, func(c *registry.Config) { c.Hasher, c.QueueWait = h, time.Minute })
	p, err := w.CreatePartner(ctx, alice, "Honest")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "production", ""))
	w.must(w.Approve(ctx, bob, p.ID, "production", ""))
	honest, err = w.IssueApp(ctx, alice, p.ID, "production")
	w.must(err)
	return w, honest, w.app()
}

// hammer presents what nobody has from many goroutines until stop is called, and returns after the first Busy.
func (w *world) hammer(goroutines int, call func() (registry.Outcome, error)) (stop func()) {
	w.t.Helper()
	var ended atomic.Bool
	var all sync.WaitGroup
	full := make(chan struct{})
	var once sync.Once
	for range goroutines {
		all.Go(func() {
			for !ended.Load() {
				outcome, err := call()
				if err != nil || outcome != registry.Wrong && outcome != registry.Busy {
					w.t.Errorf("%v, %v", outcome, err)
					return
				}
				if outcome == registry.Busy {
					once.Do(func() { close(full) })
				}
			}
		})
	}
	<-full
	return func() { ended.Store(true); all.Wait() }
}

func TestRule30StrangersOfOneAppKeyDoNotShutAnybodyElseOut(t *testing.T) {
	h := newNarrow(2, 4)
	w, honest, other := narrowWorld(t, h)
	stop := w.hammer(100, func() (registry.Outcome, error) {
		return w.Authenticate(ctx, other.Credential.ID, "1234567", []byte("wrong"))
	})
	for h.inside.Load() != 1 {
		runtime.Gosched()
	}
	for range 20 { // with a stranger in the hasher all the time
		w.try(honest, string(honest.Secret.Bytes()), registry.Proved)
	}
	if most, inside := h.most.Load(), h.inside.Load(); most != 1 || inside != 1 {
		t.Errorf("%d strangers of one app key were hashed at once, %d now", most, inside)
	}
	close(h.hold)
	stop()
	if n := w.failures(honest) + w.failures(other); n != 0 {
		t.Errorf("%d counted", n)
	}
	if w.Strangers() != 0 {
		t.Errorf("%d strangers still there", w.Strangers())
	}
}

// Whatever names no credential shares one gate, so that inventing names gains nothing.
func TestRule30UnknownCredentialsAreStrangersOfOne(t *testing.T) {
	h := newNarrow(2, 4)
	w, honest, _ := narrowWorld(t, h)
	var names atomic.Int64
	stop := w.hammer(100, func() (registry.Outcome, error) {
		return w.Authenticate(ctx, "crd_"+strconv.FormatInt(names.Add(1), 10), "1234567", []byte("wrong"))
	})
	for range 20 {
		w.try(honest, string(honest.Secret.Bytes()), registry.Proved)
	}
	close(h.hold)
	stop()
	if most := h.most.Load(); most != 1 {
		t.Errorf("%d were hashed at once", most)
	}
}

// A partner's own strangers do not keep it out either, and it never takes more than its share.
func TestRule30AnAppKeyTakesNoMoreThanItsShareOfTheHasher(t *testing.T) {
	for _, parallel := range []int{1, 2, 5} {
		h := newNarrow(20, 0)
		w := newWorld(t, func(c *registry.Config) { c.Hasher, c.Parallel, c.QueueWait = h, parallel, time.Minute })
		app := w.app()
		stop := w.hammer(40, func() (registry.Outcome, error) {
			return w.Authenticate(ctx, app.Credential.ID, "1", app.Secret.Bytes())
		})
		most := 0
		var mu sync.Mutex
		h.during = func() {
			mu.Lock()
			defer mu.Unlock()
			most = max(most, len(h.slots))
		}
		count := w.parallel(60, func(int) (registry.Outcome, error) {
			return w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
		})
		if count[registry.Proved] != 60 || most > parallel+1 {
			t.Errorf("Parallel %d: %v, %d slots taken", parallel, count, most)
		}
		close(h.hold)
		stop()
	}
}

func TestStrangersWaitTheirTurnAndMayLeave(t *testing.T) {
	h := newNarrow(100, 0)
	w, _, other := narrowWorld(t, h)
	leaving, leave := context.WithCancel(ctx)
	outcomes := make(chan registry.Outcome, 9)
	for range 9 {
		go func() {
			outcome, err := w.Authenticate(leaving, other.Credential.ID, "1", []byte("wrong"))
			if err != nil {
				t.Error(err)
			}
			outcomes <- outcome
		}()
	}
	for w.Strangers() != 9 || h.inside.Load() != 1 { // they arrive; nothing else can happen to them
		done := make(chan struct{})
		go close(done)
		<-done
	}
	if outcome, err := w.Authenticate(ctx, other.Credential.ID, "1", []byte("wrong")); outcome != registry.Busy || err != nil {
		t.Errorf("the tenth: %v, %v", outcome, err)
	}
	leave()
	for range 8 {
		if outcome := <-outcomes; outcome != registry.Busy {
			t.Errorf("one who left the queue: %v", outcome)
		}
	}
	close(h.hold)
	if outcome := <-outcomes; outcome != registry.Wrong {
		t.Errorf("the one who was hashed: %v", outcome)
	}
}
