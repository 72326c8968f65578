package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/registry"
)

// closedFolder is a data folder that others cannot read.
func closedFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := openFolder(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// leasing are two servers that share a register and want the same leases.
func leasing(t *testing.T, length time.Duration) (all [2]*chores, rights [2]*leasedRights) {
	t.Helper()
	r, db, err := openRegister(t.Context(), closedFolder(t), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range all {
		id, err := r.NewNodeID()
		if err != nil {
			t.Fatal(err)
		}
		a := newAssembly(t.TempDir(), []string{"sandbox"}, discard(), 1)
		t.Cleanup(a.close)
		rights[i] = newLeasedRights(r, id, a.environments, func(err error) { t.Log(err) })
		rights[i].length = length
		all[i] = &chores{a: a, causes: map[string]error{}, rights: rights[i]}
	}
	return all, rights
}

// TestOneNodeDoesTheChores: of two that share a register one does each, with a registry that asks for the lease; the other one when that
// has ended, at once and not at its next tick.
func TestOneNodeDoesTheChores(t *testing.T) {
	all, rights := leasing(t, time.Minute)
	var done [2]atomic.Int64
	round := func(i int, scope choreScope) {
		all[i].round(t.Context(), chore{name: "count", scope: scope, do: func(_ context.Context, granted []grant) (int, error) {
			if scope != ofItself && (len(granted) != 1 || granted[0].environments[0] != "sandbox") {
				t.Errorf("granted %+v", granted)
			}
			done[i].Add(1)
			return 1, nil
		}})
	}
	for i := range rights {
		if err := rights[i].round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		for _, scope := range []choreScope{ofRegister, ofServed} {
			round(0, scope)
			round(1, scope)
		}
	}
	if one, other := done[0].Load(), done[1].Load(); one != 6 || other != 0 {
		t.Errorf("the first did %d rounds, the second %d", one, other)
	}
	round(1, ofItself)
	if other := done[1].Load(); other != 1 {
		t.Errorf("what is its own the second did %d times", other)
	}
	news := rights[1].news()
	if err := rights[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := rights[1].round(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-news:
	default:
		t.Error("nobody tells that a lease was gained")
	}
	round(0, ofRegister)
	round(1, ofRegister)
	if one, other := done[0].Load(), done[1].Load(); one != 6 || other != 2 {
		t.Errorf("after the first has ended: %d and %d", one, other)
	}
}

// TestAPausedNodeDoesNothingOnALostLease: it believes that it holds the lease, as a process does that was stopped and goes on; what it
// changes is refused in the transaction itself, and is no trouble. The other one has taken over.
func TestAPausedNodeDoesNothingOnALostLease(t *testing.T) {
	all, rights := leasing(t, time.Millisecond)
	if err := rights[0].round(t.Context()); err != nil {
		t.Fatal(err)
	}
	rights[1].length = time.Minute
	deadline, again := time.NewTimer(time.Minute), time.NewTicker(time.Millisecond)
	defer deadline.Stop()
	defer again.Stop()
	for len(rights[1].under(choresLease)) == 0 {
		select {
		case <-deadline.C:
			t.Fatal("the lease is never taken over")
		case <-again.C:
		}
		if err := rights[1].round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var outcome [2]error
	for i := range all {
		all[i].round(t.Context(), chore{name: "add", scope: ofRegister, do: func(ctx context.Context, granted []grant) (int, error) {
			_, outcome[i] = granted[0].register.CreatePartner(ctx, choreActor, "Example")
			return 0, outcome[i]
		}})
	}
	if !errors.Is(outcome[0], registry.ErrLease) || all[0].trouble() != nil {
		t.Errorf("the paused one: %v, trouble %v", outcome[0], all[0].trouble())
	}
	if errors.Is(outcome[1], registry.ErrLease) {
		t.Errorf("the holder: %v", outcome[1])
	}
	if err := rights[0].round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, _ := rights[0].whole(t.Context()); held != nil {
		t.Error("asked again, it still believes that it holds the lease")
	}
}
