package registry_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// TestWhatHappensBesideTheRegisterIsInItsRecord: a key ring is a file and a backup is one, too; the record tells of them, and
// stays one chain.
func TestWhatHappensBesideTheRegisterIsInItsRecord(t *testing.T) {
	w := newWorld(t)
	w.must(w.NoteKeyAdded(ctx, alice, "", 0xab))
	w.must(w.NoteKeyRetired(ctx, bob, "sandbox", 7))
	w.must(w.NoteRestored(ctx, alice, time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), 28))
	changes, err := w.Changes(ctx, 0, 10)
	w.must(err)
	want := []audit.Change{
		{Actor: "operator:alice", Action: audit.KeyAdded, Subject: "register", Detail: "key 000000ab"},
		{Actor: "operator:bob", Action: audit.KeyRetired, Subject: "sandbox", Detail: "key 00000007"},
		{Actor: "operator:alice", Action: audit.RegisterRestored, Subject: "register", Detail: "from the backup of 2026-11-20T09:00:00Z, revision 28"},
	}
	if len(changes) != len(want) {
		t.Fatalf("%d changes, want %d", len(changes), len(want))
	}
	for i, c := range changes {
		if c.Actor != want[i].Actor || c.Action != want[i].Action || c.Subject != want[i].Subject || c.Detail != want[i].Detail {
			t.Errorf("change %d: %+v", i+1, c)
		}
	}
	if report, err := w.VerifyChanges(ctx, nil); err != nil || !report.OK() {
		t.Errorf("%v, %v", report.Lines(), err)
	}
	w.refuse(registry.ErrArgument, func() error { return w.NoteKeyAdded(ctx, alice, "no such\nname", 1) })
	w.refuse(registry.ErrActor, func() error { return w.NoteKeyAdded(ctx, registry.Actor{}, "", 1) })
}

func TestAnExportIsInTheRecord(t *testing.T) {
	w := newWorld(t)
	if err := w.Registry.NoteExported(t.Context(), bob, "changes", "asked for: format=csv\n&x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Registry.NoteExported(t.Context(), bob, "secrets", ""); !errors.Is(err, registry.ErrArgument) {
		t.Errorf("a record that is none: %v", err)
	}
	if err := w.Registry.NoteExported(t.Context(), registry.Actor{Kind: registry.Partner, Name: "1"}, "changes", ""); !errors.Is(err, registry.ErrActor) {
		t.Errorf("a partner: %v", err)
	}
	all, err := w.Registry.Changes(t.Context(), 0, 0)
	if last := all[len(all)-1]; err != nil || last.Action != audit.RecordExported || last.Subject != "changes" || last.Detail != "asked for: format=csv &x" {
		t.Errorf("%+v, %v", last, err)
	}
}
