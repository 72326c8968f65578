package follow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// book is a register that can break.
type book struct {
	mu       sync.Mutex
	revision uint64
	unread   error // Revision fails with it
	bad      error // Roster fails with it
	rosters  int   // readings
	last     *partner.Roster
	silent   bool // Revision says nothing
}

func (b *book) change(change func(*book)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *book) readings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rosters
}

// pass lets time pass, and whatever is due be done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *book) Revision(ctx context.Context) (uint64, error) {
	b.mu.Lock()
	silent := b.silent
	b.mu.Unlock()
	if silent {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.revision, b.unread
}

func (b *book) Roster(context.Context, uint64) (*partner.Roster, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rosters++
	if b.bad != nil {
		return nil, b.bad
	}
	b.last = &partner.Roster{Revision: b.revision, SealingKeys: []partner.SealingKey{
		{Environment: "sandbox", ID: 1, Key: secret.NewValue(bytes.Repeat([]byte{1}, 32))}}}
	return b.last, nil
}

type noReplay struct{}

func (noReplay) Claim([32]byte, int64, int64) (bool, error) { return true, nil }

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// following runs a follower of b, in the caller's bubble of time, until the test ends.
func following(t *testing.T, b *book) (*follow.Follower, *access.Decider, *lockedBuffer) {
	t.Helper()
	decider := newDecider(t)
	log := new(lockedBuffer)
	f, err := follow.New(follow.Config{Register: b, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Adopt(t.Context(), decider, func() {}); err != nil {
		t.Fatal(err)
	}
	go f.Run(t.Context())
	return f, decider, log
}

// ready is what the checks of register and snapshot come to.
func ready(f *follow.Follower) error {
	if err := f.Trouble(); err != nil {
		return err
	}
	return f.Young()
}

// TestRule28ARevisionThatCannotBePutInForceIsTold: not ready, with the cause, one line in the log; tried again ever more
// seldom; a new revision is tried at once.
func TestRule28ARevisionThatCannotBePutInForceIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		f, decider, log := following(t, b)
		pass(time.Minute)
		if b.readings() != 1 || ready(f) != nil || f.Failing() != 0 {
			t.Fatalf("unchanged for a minute: %d readings, %v", b.readings(), ready(f))
		}
		b.change(func(b *book) { b.revision, b.bad = 2, errors.New("credential crd_1 does not open") })
		pass(time.Minute)
		if n := b.readings() - 1; n < 10 || n > 20 {
			t.Errorf("%d readings in a minute, want some 17: after 0.2, 0.4, 0.8, 1.6, 3.2 and then every 5 seconds", n)
		}
		if err := ready(f); err == nil || !strings.Contains(err.Error(), "revision 2") || !strings.Contains(err.Error(), "crd_1 does not open") || f.Failing() != 1 {
			t.Errorf("ready: %v, failing: %v", err, f.Failing())
		}
		if got := decider.Revision(); got != 1 {
			t.Errorf("revision %d is in force", got)
		}
		b.change(func(b *book) { b.bad = errors.New("something else") })
		pass(time.Minute)
		b.change(func(b *book) { b.unread = errors.New("disk gone") })
		pass(time.Minute)
		if err := ready(f); err == nil || !strings.Contains(err.Error(), "disk gone") {
			t.Errorf("ready: %v", err)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors in the log, want one for each cause:\n%s", n, log)
		}
		b.change(func(b *book) { b.revision, b.bad, b.unread = 3, nil, nil })
		pass(2 * follow.Every)
		if ready(f) != nil || f.Failing() != 0 || decider.Revision() != 3 || !strings.Contains(log.String(), "in force again") {
			t.Errorf("a good revision: %v, %v, revision %d:\n%s", ready(f), f.Failing(), decider.Revision(), log)
		}
	})
}

// TestAFailingRegisterIsServedForAWhile: decisions go on, and end when what was read last is too old (design decision 3).
func TestAFailingRegisterIsServedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		f, decider, _ := following(t, b)
		b.change(func(b *book) { b.unread = errors.New("disk gone") })
		pass(14 * time.Minute)
		if err := decider.Ready(); err != nil {
			t.Errorf("after 14 minutes: %v", err)
		}
		pass(2 * time.Minute)
		if decider.Ready() == nil {
			t.Error("after 16 minutes decisions still go on")
		}
		b.change(func(b *book) { b.unread = nil })
		pass(2 * follow.Every)
		if err := ready(f); err != nil {
			t.Errorf("read again: %v", err)
		}
	})
}

// TestAChangeThatIsToldIsInForceAtOnce: a wake brings the register's revision before its next turn, and the turns go on without wakes.
func TestAChangeThatIsToldIsInForceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		wakes := make(chan func(), 1)
		var ended atomic.Bool
		var told atomic.Uint64
		f, decider := waiting(t, b, follow.Config{Every: time.Minute, InForce: told.Store, Wake: func(ctx context.Context, told func()) {
			wakes <- told
			<-ctx.Done()
			ended.Store(true)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		wake := <-wakes
		b.change(func(b *book) { b.revision = 2 })
		pass(time.Second)
		if decider.Revision() != 1 {
			t.Error("nobody told, and its turn has not come")
		}
		for range 1000 { // news gathers into one
			wake()
		}
		pass(0)
		if decider.Revision() != 2 || told.Load() != 2 {
			t.Errorf("told of it, revision %d is in force, and %d is told", decider.Revision(), told.Load())
		}
		b.change(func(b *book) { b.revision = 3 })
		pass(time.Minute)
		if decider.Revision() != 3 {
			t.Error("a wake that was missed is a revision that is missed")
		}
		cancel()
		<-done
		if !ended.Load() {
			t.Error("who wakes goes on after the end")
		}
	})
}

// TestRule28ARegisterThatSaysNothingIsTold: a question that is not answered is a register that cannot be read, after a few seconds.
func TestRule28ARegisterThatSaysNothingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		f, _ := waiting(t, b, follow.Config{})
		go f.Run(t.Context())
		b.change(func(b *book) { b.silent = true })
		pass(10 * time.Second)
		if err := ready(f); err == nil || !strings.Contains(err.Error(), "it said nothing for 5s") {
			t.Errorf("ready: %v", err)
		}
		if age, read := f.ReadAge(); !read || age < 9*time.Second || age > 10*time.Second {
			t.Errorf("the last reading is %s old, %v", age, read)
		}
		b.change(func(b *book) { b.silent = false })
		pass(6 * time.Second)
		if err := ready(f); err != nil {
			t.Errorf("it speaks again: %v", err)
		}
	})
}

// waiting is a follower that has adopted a decider and does not run yet.
func waiting(t *testing.T, b *book, cfg follow.Config) (*follow.Follower, *access.Decider) {
	t.Helper()
	cfg.Register, cfg.Now, cfg.Log = b, time.Now, slog.New(slog.DiscardHandler)
	f, err := follow.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, read := f.ReadAge(); read {
		t.Error("nothing was read, and has an age")
	}
	decider := newDecider(t)
	if err := f.Adopt(t.Context(), decider, func() {}); err != nil {
		t.Fatal(err)
	}
	return f, decider
}

func newDecider(t *testing.T) *access.Decider {
	t.Helper()
	apis := []*access.API{{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, TokenLifetime: time.Hour,
		BasePaths: []string{"/aggregation"}, TokenEndpoint: "/aggregation/token"}}
	decider, err := access.New(access.Config{APIs: apis, Replay: noReplay{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return decider
}

func TestARosterIsWipedOnceItIsInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		following(t, b)
		if b.last.SealingKeys[0].Key.Equal(secret.NewValue(bytes.Repeat([]byte{1}, 32))) {
			t.Error("a sealing key is still in the roster")
		}
	})
}

// TestAReadingThatIsNotVouchedForDoesNotCount: neither one that finds nothing new nor one that finds a change; decisions go on by the last
// one that was, and end when that is too old.
func TestAReadingThatIsNotVouchedForDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		var away atomic.Bool
		f, decider := waiting(t, b, follow.Config{Vouch: func(_ context.Context, at time.Time) error {
			if time.Since(at) > follow.Every {
				t.Errorf("it is asked about a reading of %s ago", time.Since(at))
			}
			if away.Load() {
				return errors.New("nobody hears it")
			}
			return nil
		}})
		go f.Run(t.Context())
		away.Store(true)
		b.change(func(b *book) { b.revision = 2 })
		pass(time.Minute)
		if decider.Revision() != 2 || f.Trouble() == nil || !strings.Contains(f.Trouble().Error(), "nobody hears it") {
			t.Errorf("revision %d is in force, and what was revoked by 2 is not: %v", decider.Revision(), f.Trouble())
		}
		if err := f.Adopt(t.Context(), newDecider(t), func() { t.Error("a reading that does not count is adopted") }); err == nil {
			t.Error("adopted")
		}
		pass(16 * time.Minute)
		if decider.Ready() == nil {
			t.Error("readings that do not count keep it young")
		}
		away.Store(false)
		pass(2 * follow.Every)
		if err := ready(f); err != nil {
			t.Errorf("vouched for again: %v", err)
		}
	})
}
