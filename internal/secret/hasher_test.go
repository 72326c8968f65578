package secret_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/secret"
)

var cheap = secret.Cost{Memory: 64, Time: 1, Threads: 1}

func newHasher(t testing.TB, cfg secret.HasherConfig) *secret.Hasher {
	t.Helper()
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	h, err := secret.NewHasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHasherTellsRightFromWrong(t *testing.T) {
	h, ctx := newHasher(t, secret.HasherConfig{Cost: cheap}), context.Background()
	phc, err := h.Hash(ctx, []byte("right"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(ctx, []byte("right"))
	if err != nil || again == phc {
		t.Fatalf("two hashes of one secret are equal, or %v", err)
	}
	for plain, want := range map[string]bool{"right": true, "wrong": false, "": false, "right ": false, "Right": false} {
		if got, err := h.Verify(ctx, phc, []byte(plain)); err != nil || got != want {
			t.Errorf("%q: %v, %v", plain, got, err)
		}
	}
	if err := h.Dummy(ctx, []byte("any")); err != nil {
		t.Error(err)
	}
}

func TestHasherDefaultCost(t *testing.T) {
	phc, err := newHasher(t, secret.HasherConfig{}).Hash(context.Background(), []byte("x"))
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s, %v", phc, err)
	}
}

// A hash made with another cost is verified with that cost, so that the default may be raised later.
func TestHasherVerifiesHashesOfAnotherCost(t *testing.T) {
	h := newHasher(t, secret.HasherConfig{Cost: cheap})
	other := newHasher(t, secret.HasherConfig{Cost: secret.Cost{Memory: 128, Time: 3, Threads: 2}})
	phc, err := other.Hash(context.Background(), []byte("moved"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(context.Background(), phc, []byte("moved")); err != nil || !ok {
		t.Errorf("a hash of another cost: %v, %v", ok, err)
	}
}

func TestHasherRefusesDamagedHashes(t *testing.T) {
	h := newHasher(t, secret.HasherConfig{Cost: cheap})
	for _, phc := range []string{"", "x", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"} {
		if ok, err := h.Verify(context.Background(), phc, []byte("x")); ok || !errors.Is(err, secret.ErrHash) {
			t.Errorf("%q: %v, %v", phc, ok, err)
		}
	}
}

func TestNewHasherRefusesBadSettings(t *testing.T) {
	for name, cfg := range map[string]secret.HasherConfig{
		"no randomness":        {},
		"too much memory":      {Rand: rand.Reader, Cost: secret.Cost{Memory: 1 << 30}},
		"too little memory":    {Rand: rand.Reader, Cost: secret.Cost{Memory: 7}},
		"too many passes":      {Rand: rand.Reader, Cost: secret.Cost{Time: 17}},
		"too many threads":     {Rand: rand.Reader, Cost: secret.Cost{Threads: 9}},
		"negative concurrency": {Rand: rand.Reader, Concurrency: -1},
	} {
		if _, err := secret.NewHasher(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// blocking is a source of randomness that stops a Hash in its slot.
type blocking struct {
	entered chan struct{}
	release chan struct{}
	inside  atomic.Int32
	most    atomic.Int32
}

func (b *blocking) Read(p []byte) (int, error) {
	n := b.inside.Add(1)
	for {
		most := b.most.Load()
		if n <= most || b.most.CompareAndSwap(most, n) {
			break
		}
	}
	b.entered <- struct{}{}
	<-b.release
	b.inside.Add(-1)
	return io.ReadFull(rand.Reader, p)
}

func TestHasherBoundsConcurrencyAndItsQueue(t *testing.T) {
	source := &blocking{entered: make(chan struct{}, 10), release: make(chan struct{})}
	h := newHasher(t, secret.HasherConfig{Rand: source, Cost: cheap, Concurrency: 2, Waiting: 3})
	ctx, leave := context.WithCancel(context.Background())
	errs := make(chan error, 5)
	var all sync.WaitGroup
	start := func(ctx context.Context) {
		all.Go(func() {
			_, err := h.Hash(ctx, []byte("x"))
			errs <- err
		})
	}
	start(context.Background())
	start(context.Background())
	<-source.entered
	<-source.entered // both slots are taken
	for range 3 {
		start(ctx)
	}
	for h.Queued() != 3 { // they arrive; nothing else can happen to them
		<-yield()
	}
	if err := h.Dummy(context.Background(), []byte("x")); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("the sixth caller: %v", err)
	}
	leave()
	for range 3 {
		if err := <-errs; !errors.Is(err, secret.ErrBusy) || !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that left the queue: %v", err)
		}
	}
	close(source.release)
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if most := source.most.Load(); most != 2 {
		t.Errorf("%d hashes at once", most)
	}
}

func yield() <-chan struct{} {
	c := make(chan struct{})
	go close(c)
	return c
}

// Whoever came first is hashed first, and one who leaves the queue takes nobody's turn with him.
func TestHasherServesInTheOrderOfArrival(t *testing.T) {
	source := &blocking{entered: make(chan struct{}, 10), release: make(chan struct{})}
	h := newHasher(t, secret.HasherConfig{Rand: source, Cost: cheap, Concurrency: 1, Waiting: 8})
	leaving, leave := context.WithCancel(context.Background())
	finished := make(chan int, 10)
	left := make(chan error, 1)
	var all sync.WaitGroup
	for i := range 9 {
		all.Go(func() {
			ctx := context.Background()
			if i == 3 {
				ctx = leaving
			}
			_, err := h.Hash(ctx, []byte("x"))
			if i == 3 {
				left <- err
				return
			}
			if err != nil {
				t.Error(err)
			}
			finished <- i
		})
		if i == 0 {
			<-source.entered
		}
		for h.Queued() != i { // it arrives; nothing else can happen to it
			<-yield()
		}
	}
	leave()
	if err := <-left; !errors.Is(err, secret.ErrBusy) {
		t.Errorf("the one who left: %v", err)
	}
	for _, want := range []int{0, 1, 2, 4, 5, 6, 7, 8} {
		source.release <- struct{}{}
		if got := <-finished; got != want {
			t.Errorf("number %d was served in the place of number %d", got, want)
		}
	}
	all.Wait()
}

// The default uses the processors there are, and never fewer than two places.
func TestHasherUsesTheProcessors(t *testing.T) {
	for processors, want := range map[int]int{1: 2, 5: 5} {
		before := runtime.GOMAXPROCS(processors)
		source := &blocking{entered: make(chan struct{}, 10), release: make(chan struct{})}
		h := newHasher(t, secret.HasherConfig{Rand: source, Cost: cheap, Waiting: -1})
		runtime.GOMAXPROCS(before)
		var all sync.WaitGroup
		for range want {
			all.Go(func() {
				if _, err := h.Hash(context.Background(), []byte("x")); err != nil {
					t.Errorf("%d processors: %v", processors, err)
				}
				source.entered <- struct{}{} // also of one that was refused
			})
		}
		for range want {
			<-source.entered
		}
		if err := h.Dummy(context.Background(), nil); !errors.Is(err, secret.ErrBusy) {
			t.Errorf("%d processors: there are more than %d places: %v", processors, want, err)
		}
		close(source.release)
		all.Wait()
	}
}
