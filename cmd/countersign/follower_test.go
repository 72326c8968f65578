package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
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

func (b *book) Revision(context.Context) (uint64, error) {
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

// following runs a follower of b, in the caller's bubble of time, until the test ends.
func following(t *testing.T, b *book) (*follower, *lockedBuffer) {
	t.Helper()
	apis, err := devAPIs(&devOptions{tokenLifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	decider, err := access.New(access.Config{APIs: apis, Replay: noReplay{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	f := &follower{register: b, now: time.Now, log: slog.New(slog.NewTextHandler(log, nil))}
	if err := f.adopt(t.Context(), decider, func() {}); err != nil {
		t.Fatal(err)
	}
	go f.run(t.Context())
	return f, log
}

// TestRule28ARevisionThatCannotBePutInForceIsTold: not ready, with the cause, one line in the log; tried again ever more
// seldom; a new revision is tried at once.
func TestRule28ARevisionThatCannotBePutInForceIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		f, log := following(t, b)
		pass(time.Minute)
		if b.readings() != 1 || f.ready() != nil || f.failing() != 0 {
			t.Fatalf("unchanged for a minute: %d readings, %v", b.readings(), f.ready())
		}
		b.change(func(b *book) { b.revision, b.bad = 2, errors.New("credential crd_1 does not open") })
		pass(time.Minute)
		if n := b.readings() - 1; n < 10 || n > 20 {
			t.Errorf("%d readings in a minute, want some 17: after 0.2, 0.4, 0.8, 1.6, 3.2 and then every 5 seconds", n)
		}
		if err := f.ready(); err == nil || !strings.Contains(err.Error(), "revision 2") || !strings.Contains(err.Error(), "crd_1 does not open") || f.failing() != 1 {
			t.Errorf("ready: %v, failing: %v", err, f.failing())
		}
		if got := f.decider.Load().Revision(); got != 1 {
			t.Errorf("revision %d is in force", got)
		}
		b.change(func(b *book) { b.bad = errors.New("something else") })
		pass(time.Minute)
		b.change(func(b *book) { b.unread = errors.New("disk gone") })
		pass(time.Minute)
		if err := f.ready(); err == nil || !strings.Contains(err.Error(), "disk gone") {
			t.Errorf("ready: %v", err)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors in the log, want one for each cause:\n%s", n, log)
		}
		b.change(func(b *book) { b.revision, b.bad, b.unread = 3, nil, nil })
		pass(2 * followEvery)
		if f.ready() != nil || f.failing() != 0 || f.decider.Load().Revision() != 3 || !strings.Contains(log.String(), "in force again") {
			t.Errorf("a good revision: %v, %v, revision %d:\n%s", f.ready(), f.failing(), f.decider.Load().Revision(), log)
		}
	})
}

// TestAFailingRegisterIsServedForAWhile: decisions go on, and end when what was read last is too old (design decision 3).
func TestAFailingRegisterIsServedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{revision: 1}
		f, _ := following(t, b)
		b.change(func(b *book) { b.unread = errors.New("disk gone") })
		pass(14 * time.Minute)
		if err := f.decider.Load().Ready(); err != nil {
			t.Errorf("after 14 minutes: %v", err)
		}
		pass(2 * time.Minute)
		if f.decider.Load().Ready() == nil {
			t.Error("after 16 minutes decisions still go on")
		}
		b.change(func(b *book) { b.unread = nil })
		pass(2 * followEvery)
		if err := f.ready(); err != nil {
			t.Errorf("read again: %v", err)
		}
	})
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

// TestOneBadRowIsSeenByOperators, on the operations listener, while the partner is still served, until it is mended.
func TestOneBadRowIsSeenByOperators(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data)
	operator := registry.Actor{Kind: registry.Operator, Name: "test"}
	var rule partner.NetworkRule
	beside := func(change func(r *registry.Registry, p partner.Partner) error) {
		t.Helper()
		err := withRegister(t.Context(), data, func(r *registry.Registry) error {
			p, err := r.FindPartner(t.Context(), d.ready.Environments["sandbox"].Aggregation.PartnerID)
			if err != nil {
				return err
			}
			return change(r, p)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	beside(func(r *registry.Registry, p partner.Partner) (err error) {
		rule, err = r.Allow(t.Context(), operator, partner.NetworkRule{PartnerID: p.ID, Environment: "sandbox", Country: "CA"})
		return err
	})
	d.untilPage("/readyz", http.StatusServiceUnavailable, "rule for country CA, but no country file")
	d.untilPage("/metrics", http.StatusOK, "countersign_register_failing 1")
	if status, body := d.get(); status != http.StatusNotFound {
		t.Errorf("meanwhile: %d %s", status, body)
	}
	beside(func(r *registry.Registry, _ partner.Partner) error {
		return r.RemoveNetwork(t.Context(), operator, rule.ID)
	})
	d.untilPage("/readyz", http.StatusOK, "ready")
	d.untilPage("/metrics", http.StatusOK, "countersign_register_failing 0")
	if n := strings.Count(d.errOut.String(), "rule for country CA"); n != 1 {
		t.Errorf("the cause stands %d times in the log, want once", n)
	}
}

// untilPage waits until a page of the operations listener says so.
func (d *devRun) untilPage(path string, status int, text string) {
	d.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got, body := d.page(path)
		if got == status && strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: %s, want %d and %q in it", path, fmt.Sprintf("%d %.500s", got, body), status, text)
		}
	}
}

// ready is what the checks of register and snapshot come to.
func (f *follower) ready() error {
	if err := f.trouble(); err != nil {
		return err
	}
	return f.young()
}
