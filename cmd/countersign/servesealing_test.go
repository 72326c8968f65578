package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/config"
)

// TestSealingKeysAreReplacedByAge, once each, and not at all where that is not wanted.
func TestSealingKeysAreReplacedByAge(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data)
	d.stop()
	r, store, err := openRegister(t.Context(), data, false)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := &server{cfg: &config.Config{}, assembly: newAssembly(data, []string{"sandbox"}, discard(), 1)}
	s.register = r
	k := &sealing{s: s}
	look := func(at time.Time, every time.Duration, want uint64) {
		t.Helper()
		before, err := r.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := k.look(t.Context(), at, every); err != nil {
			t.Fatal(err)
		}
		if after, err := r.Revision(context.Background()); err != nil || after-before != want {
			t.Errorf("%d changes, %v, want %d", after-before, err, want)
		}
	}
	now := time.Now()
	look(now, 0, 0)
	look(now, time.Hour, 0)
	look(now.Add(30*time.Minute), time.Hour, 0)
	look(now.Add(2*time.Hour), time.Hour, 1) // of the sandbox alone: production is not ours
	look(now.Add(2*time.Hour), time.Hour, 0)
}
