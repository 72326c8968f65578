package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/registry"
)

// slowRegistry proves or refuses by the secret, when it is told to go on.
type slowRegistry struct {
	fakeRegistry
	goOn chan struct{} // closed: everybody may

	inside, most, reached int // guarded by the mutex of the fake
}

func (s *slowRegistry) Authenticate(ctx context.Context, id, login string, presented []byte) (registry.Outcome, error) {
	s.count(1)
	<-s.goOn
	s.count(-1)
	return s.fakeRegistry.Authenticate(ctx, id, login, presented)
}

func (s *slowRegistry) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside += n
	s.most = max(s.most, s.inside)
	s.reached += max(n, 0)
}

func (s *slowRegistry) within() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside
}

// crowd is an Exchange over a slow registry, and callers of any source side by side.
type crowd struct {
	t        *testing.T
	registry *slowRegistry
	exchange *tokens.Exchange
	all      sync.WaitGroup
	mu       sync.Mutex
	statuses map[int]int
}

func newCrowd(t *testing.T, throttle tokens.Throttle) *crowd {
	t.Helper()
	c := &crowd{t: t, registry: &slowRegistry{goOn: make(chan struct{})}, statuses: map[int]int{}}
	b := newBench(t)
	var err error
	c.exchange, err = tokens.New(tokens.Config{Registry: c.registry, Issuer: lockedIssuer{}, Now: b.clock.now, Throttle: throttle})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lockedIssuer may be asked by many at once.
type lockedIssuer struct{}

func (lockedIssuer) Issue(*access.Decision, time.Time) (string, error) { return token, nil }
func (lockedIssuer) Admitted(*access.Decision) access.Reason           { return access.Allowed }

func (c *crowd) call(ctx context.Context, environment, address, body string) (problem.Answer, *access.Decision) {
	b := &bench{}
	b.reset()
	b.d.API = &access.API{Name: "aggregation", Environment: environment, Protocol: access.Token}
	b.d.Address = netip.MustParseAddr(address)
	a := c.exchange.Serve(ctx, "POST", http.Header{"Content-Type": {jsonType}}, []byte(body), b.d, nil)
	return a, b.d
}

// come starts n calls that end when the registry goes on, and waits until all are there.
func (c *crowd) come(n int, environment, address, body string) {
	before := c.exchange.InQueue()
	for range n {
		c.all.Go(func() {
			a, _ := c.call(context.Background(), environment, address, body)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.statuses[a.Status]++
		})
	}
	c.until(func() bool { return c.exchange.InQueue() == before+n })
}

// until waits for what must happen, as nothing else can.
func (c *crowd) until(happened func() bool) {
	for !happened() {
		done := make(chan struct{})
		go close(done)
		<-done
	}
}

func (c *crowd) finish(want map[int]int) {
	c.t.Helper()
	close(c.registry.goOn)
	c.all.Wait()
	for status, n := range want {
		if c.statuses[status] != n {
			c.t.Errorf("answers by status: %v, want %v", c.statuses, want)
			break
		}
	}
	if n := c.exchange.InQueue(); n != 0 {
		c.t.Errorf("%d are still there", n)
	}
}

func TestRule30AnHonestBurstOfOneSourceSucceedsAsAWhole(t *testing.T) {
	c := newCrowd(t, tokens.Throttle{})
	c.come(100, "sandbox", "192.0.2.1", goodJSON)
	c.until(func() bool { return c.registry.within() >= 8 })
	c.finish(map[int]int{200: 100})
	if c.registry.most != 8 {
		t.Errorf("%d under way at once", c.registry.most)
	}
}

// Without the queue all hundred would be let through before the first one has cost anything.
func TestRule30ParallelGuessesOfOneSourceDoNotOutrunTheThrottle(t *testing.T) {
	c := newCrowd(t, tokens.Throttle{Burst: 10, AtOnce: 3})
	c.come(100, "sandbox", "192.0.2.1", badJSON)
	close(c.registry.goOn)
	c.all.Wait()
	if c.registry.reached < 10 || c.registry.reached > 10+3-1 || c.statuses[401] != c.registry.reached || c.statuses[429] != 100-c.registry.reached {
		t.Errorf("%d guesses reached the registry: %v", c.registry.reached, c.statuses)
	}
}

func TestASourceThatFillsItsQueueFillsNobodyElses(t *testing.T) {
	c := newCrowd(t, tokens.Throttle{AtOnce: 2, Waiting: 3})
	c.come(5, "sandbox", "2001:db8::1", goodJSON)
	if a, d := c.call(context.Background(), "sandbox", "2001:db8::2", goodJSON); a.Status != 503 || d.Reason != access.Overloaded || d.Cause == nil {
		t.Errorf("the sixth, from the same /64: %d %s %v", a.Status, d.Reason, d.Cause)
	}
	c.until(func() bool { return c.registry.within() >= 2 })
	c.come(2, "production", "2001:db8::1", goodJSON)
	c.come(2, "sandbox", "2001:db8:0:1::1", goodJSON)
	c.until(func() bool { return c.registry.within() >= 6 })
	c.finish(map[int]int{200: 9})
}

func TestWhoLeavesTheQueueTakesNoPlace(t *testing.T) {
	c := newCrowd(t, tokens.Throttle{AtOnce: 1, Waiting: 2})
	c.come(1, "sandbox", "192.0.2.1", goodJSON)
	c.until(func() bool { return c.registry.within() == 1 })
	leaving, leave := context.WithCancel(context.Background())
	left := make(chan *access.Decision, 1)
	go func() {
		_, d := c.call(leaving, "sandbox", "192.0.2.1", goodJSON)
		left <- d
	}()
	c.until(func() bool { return c.exchange.InQueue() == 2 })
	leave()
	if d := <-left; d.Reason != access.ClientGone || !errors.Is(d.Cause, context.Canceled) {
		t.Errorf("%s %v", d.Reason, d.Cause)
	}
	c.come(2, "sandbox", "192.0.2.1", goodJSON)
	c.finish(map[int]int{200: 3})
}
