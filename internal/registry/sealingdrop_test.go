package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// A key that leaked is gone with every other of its environment, the one that seals now among them; its id never comes back.
func TestDroppedSealingKeysAreGoneAtOnce(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "other"))
	for range 40 { // more than a rotation deletes
		w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	}
	n, err := w.DropSealingKeys(ctx, alice, "sandbox")
	w.must(err)
	roster, store := w.sealing()
	want := []string{"other 1", "sandbox 41"}
	if diff := cmp.Diff(want, roster) + cmp.Diff(want, store); diff != "" || n != 40 {
		t.Errorf("%d deleted; roster and store, expected (-) and got (+): %s", n, diff)
	}
	row := w.last(alice, audit.SealingKeyDropped, "sandbox")
	if row.Detail != "key 41; deleted all 40 before it, 1 to 40" || len(row.Touched) != 41 {
		t.Errorf("%s, %d rows touched", row.Detail, len(row.Touched))
	}
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() {
		t.Error(report.Lines())
	}
}

func TestTheFirstSealingKeyCanComeFromADrop(t *testing.T) {
	w := newWorld(t)
	n, err := w.DropSealingKeys(ctx, alice, "sandbox")
	w.must(err)
	if _, store := w.sealing(); n != 0 || len(store) != 1 || w.last(alice, audit.SealingKeyDropped, "sandbox").Detail != "key 1" {
		t.Errorf("%d deleted, %v", n, store)
	}
}

// A store that cannot delete one key deletes none, and makes none.
func TestADropThatFailsIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	w.clock.pass(partner.KeptSealingKey + time.Hour)
	w.cfg.Store = keeper{w.cfg.Store}
	var err error
	w.Registry, err = registry.New(w.cfg)
	w.must(err)
	w.refuse(errInjected, func() error { _, err := w.DropSealingKeys(ctx, alice, "sandbox"); return err })
	if _, store := w.sealing(); len(store) != 1 || store[0] != "sandbox 1" {
		t.Error(store)
	}
}

func TestWhoMayDropSealingKeys(t *testing.T) {
	w := newWorld(t)
	w.refuse(registry.ErrArgument, func() error { _, err := w.DropSealingKeys(ctx, alice, ""); return err })
	w.refuse(registry.ErrActor, func() error { _, err := w.DropSealingKeys(ctx, registry.Actor{}, "sandbox"); return err })
}
