package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// sealing is which sealing keys the roster has, and which the store.
func (w *world) sealing() (roster, store []string) {
	w.t.Helper()
	name := func(k partner.SealingKey) string { return fmt.Sprintf("%s %d", k.Environment, k.ID) }
	r, err := w.Roster(ctx)
	w.must(err)
	for _, k := range r.SealingKeys {
		roster = append(roster, name(k))
	}
	w.must(w.cfg.Store.View(ctx, func(tx registry.Tx) error {
		keys, err := tx.SealingKeys("")
		for _, k := range keys {
			store = append(store, name(k))
		}
		return err
	}))
	return roster, store
}

func TestSupersededSealingKeysAreDropped(t *testing.T) {
	w := newWorld(t)
	want := func(roster, store []string) {
		t.Helper()
		r, s := w.sealing()
		if diff := cmp.Diff(roster, r) + cmp.Diff(store, s); diff != "" {
			t.Errorf("roster and store, expected (-) and got (+): %s", diff)
		}
	}
	w.must(w.EnsureSealingKey(ctx, robot, "other"))
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.must(w.RotateSealingKey(ctx, alice, "sandbox")) // key 1 is retired now
	both := []string{"other 1", "sandbox 1", "sandbox 2"}
	want(both, both)
	w.clock.pass(partner.KeptSealingKey)
	want(both, both) // the last moment
	w.clock.pass(time.Microsecond)
	want([]string{"other 1", "sandbox 2"}, both)
	w.must(w.EnsureSealingKey(ctx, alice, "sandbox")) // changes nothing
	w.must(w.RotateSealingKey(ctx, alice, "other"))   // another environment's keys are not its business
	want([]string{"other 1", "other 2", "sandbox 2"}, []string{"other 1", "other 2", "sandbox 1", "sandbox 2"})
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	kept := []string{"other 1", "other 2", "sandbox 2", "sandbox 3"}
	want(kept, kept)
	if row := w.last(alice, audit.SealingKeyRotated, "sandbox"); row.Detail != "key 3; deleted 1" {
		t.Error(row.Detail)
	}
}

// A sealing key that seals now is needed, however old it is.
func TestAnOldSealingKeyThatStillSealsIsKept(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.clock.pass(100 * partner.KeptSealingKey)
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	if roster, store := w.sealing(); len(roster) != 2 || len(store) != 2 {
		t.Errorf("%v, %v", roster, store)
	}
}

// One change names every key that it deletes, so it deletes a bounded number; ids are never used again.
func TestManySupersededSealingKeysGoInSeveralSteps(t *testing.T) {
	w := newWorld(t)
	for range 70 {
		w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	}
	w.clock.pass(2 * partner.KeptSealingKey)
	for _, left := range []int{70 - 32 + 1, 70 - 64 + 2, 3 + 1, 4 + 1} { // 69 of the 70 are retired
		w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
		if _, store := w.sealing(); len(store) != left {
			t.Fatalf("%d keys are left, expected %d: %v", len(store), left, store)
		}
	}
	if _, store := w.sealing(); store[len(store)-1] != "sandbox 74" {
		t.Error(store)
	}
}

// A superseded key that does not open any more is nobody's trouble; one that still counts is.
func TestADamagedSealingKeyMattersOnlyWhileItCounts(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	w.raw("UPDATE sealing_key SET sealed = x'00' WHERE id = 1")
	if _, err := w.Roster(ctx); err == nil {
		t.Error("a damaged key was read")
	}
	w.clock.pass(partner.KeptSealingKey + time.Second)
	if _, err := w.Roster(ctx); err != nil {
		t.Error(err)
	}
}

// A store that cannot delete a key makes no new one either.
func TestADeletionThatFailsTakesTheRotationBack(t *testing.T) {
	w := newWorld(t)
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	w.clock.pass(2 * partner.KeptSealingKey)
	w.cfg.Store = keeper{w.cfg.Store}
	var err error
	w.Registry, err = registry.New(w.cfg)
	w.must(err)
	w.refuse(errInjected, func() error { return w.RotateSealingKey(ctx, alice, "sandbox") })
	if _, store := w.sealing(); len(store) != 2 {
		t.Error(store)
	}
}

func TestTheRosterCanBeWiped(t *testing.T) {
	w := newWorld(t)
	key := w.signingKey()
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	roster, err := w.Roster(ctx)
	w.must(err)
	held := [][]byte{roster.Credentials[0].Versions[0].Secret.Bytes(), roster.SealingKeys[0].Key.Bytes()}
	roster.Wipe()
	for _, bytes := range held {
		if len(bytes) == 0 || !allZero(bytes) {
			t.Error("a secret is left in memory")
		}
	}
	again, err := w.Roster(ctx)
	w.must(err)
	if !again.Credentials[0].Versions[0].Secret.Equal(key.Secret) {
		t.Error("wiping one roster spoiled the next")
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
