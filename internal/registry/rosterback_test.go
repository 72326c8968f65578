package registry_test

import (
	"context"
	"path/filepath"
	"testing"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/store/sqlite"
)

// turning is a store that another one can be put in the place of, as a database that fails over.
type turning struct{ registry.Store }

// A register that has lost its last changes, and has gone on with others, is read anew as a whole: also where the number of its last change is
// the one that is in force. Else a revocation with that number would be taken for live at a node that has never seen it.
func TestRule28ARegisterThatWasPutBackIsReadAnew(t *testing.T) {
	store := &turning{}
	w := newWorld(t)
	app := w.app()
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := w.db.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	back, err := sqlite.Open(ctx, sqlite.Config{Path: backup})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	store.Store = registry.Adapt(w.db)
	r := w.with(store)
	reader := r.Reader(nil)
	lost, err := r.CreatePartner(ctx, alice, "Lost")
	w.must(err)
	have, err := reader.Roster(ctx, 0)
	w.must(err)

	store.Store = registry.Adapt(back)
	if n, err := reader.Revision(ctx); err != nil || n == have.Revision {
		t.Fatalf("a register that lost a change: revision %d, %v", n, err)
	}
	w.must(r.RevokeCredential(ctx, alice, app.Credential.ID, "test"))
	n, err := back.Revision(context.Background())
	w.must(err)
	if n != have.Revision {
		t.Fatalf("revision %d, want the number %d anew", n, have.Revision)
	}
	if n, err := reader.Revision(ctx); err != nil || n == have.Revision {
		t.Errorf("another change with the number in force: revision %d, %v", n, err)
	}
	w.must(r.RevokeTokens(ctx, alice, app.Credential.ID)) // and one more: a part would go on from what was never read
	again, err := reader.Roster(ctx, have.Revision)
	w.must(err)
	if again.Since != 0 || again.Partners[0].ID == lost.ID || len(again.Partners) != 1 {
		t.Errorf("a part was read of a register that goes on from somewhere else: %+v", again)
	}
	if n, err := reader.Revision(ctx); err != nil || n != again.Revision {
		t.Errorf("behind the reading: revision %d, want %d: %v", n, again.Revision, err)
	}
}

// with is the registry over another store.
func (w *world) with(store registry.Store) *registry.Registry {
	w.t.Helper()
	cfg := w.cfg
	cfg.Store = store
	r, err := registry.New(cfg)
	w.must(err)
	return r
}
