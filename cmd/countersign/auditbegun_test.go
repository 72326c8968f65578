package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifySaysWhereABookBegins: books that were taken away come back as new ones, which prove nothing about what was before.
func TestVerifySaysWhereABookBegins(t *testing.T) {
	r := newAnchored(t)
	for _, name := range []string{"changes.checkpoints", "decisions.checkpoints"} {
		if err := os.Remove(filepath.Join(r.books, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.decide(5)
	if code, out := r.verify(); code != exitOK || !strings.Contains(out, "decisions.checkpoints was begun at seq 26, on ") {
		t.Errorf("%d %s", code, out)
	}
	_, out := r.verify("-o", "json")
	var told struct {
		Begun []struct {
			Book string
			Seq  uint64
		}
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || len(told.Begun) != 2 || told.Begun[1].Seq != 26 {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRebuildsAreTheServersUsers: what root makes again, the server could not open.
func TestRebuildsAreTheServersUsers(t *testing.T) {
	mine, others := t.TempDir(), "/"
	if os.Geteuid() == 0 {
		others = t.TempDir()
		if err := os.Chown(others, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, record, made string
		refused            bool
	}{
		{"both one's own", mine, mine, false},
		{"nothing made yet", mine, filepath.Join(mine, "none"), false},
		{"another user's record", others, filepath.Join(mine, "none"), true},
		{"made by another user", mine, others, true},
	} {
		r := &recordSession{record: recordPlace{dir: c.record}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		if err := r.mine(c.made); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
