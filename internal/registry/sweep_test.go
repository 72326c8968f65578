package registry_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/registry"
)

// TestSweepingTakesNothingThatCounts: a ticket that counts survives a sweep, one that ended long ago is gone, and neither is a
// change: the revision stays.
func TestSweepingTakesNothingThatCounts(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	old, err := w.KeepTicket(ctx, registry.OIDCTicket, []byte("old"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.pass(2 * time.Hour)
	name, err := w.KeepTicket(ctx, registry.OIDCTicket, []byte("new"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SweepTransients(ctx); err != nil {
		t.Fatal(err)
	}
	if after, err := w.Revision(ctx); err != nil || after != before {
		t.Errorf("the revision went from %d to %d, %v", before, after, err)
	}
	if body, err := w.TakeTicket(ctx, registry.OIDCTicket, name); err != nil || string(body) != "new" {
		t.Errorf("the ticket that counts: %q, %v", body, err)
	}
	w.clock.pass(-2 * time.Hour) // by the clock of then it would still count, if it were there
	if _, err := w.TakeTicket(ctx, registry.OIDCTicket, old); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("the ticket that ended: %v", err)
	}
}
