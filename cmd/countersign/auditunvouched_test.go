package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoeverGivesAKeyIsToldThatCheckpointsAreGone: an export whose books were taken away could have been made anew, and its
// verification with a key must not come out well.
func TestWhoeverGivesAKeyIsToldThatCheckpointsAreGone(t *testing.T) {
	dir, r := exportOf(t)
	for _, step := range []struct {
		what, flags string
		missing     []string // records of which no checkpoint speaks
	}{
		{"the key alone", "--checkpoint-key " + r.key + ".pub", []string{"changes.jsonl", "decisions.jsonl"}},
		{"the changes alone", "--only changes --checkpoint-key " + r.key + ".pub", []string{"changes.jsonl"}},
		{"no key", "", nil},
		{"both", "--checkpoint " + r.books + " --checkpoint-key " + r.key + ".pub", nil},
	} {
		books, err := filepath.Glob(filepath.Join(dir, "*.checkpoints"))
		for _, book := range books {
			if err == nil {
				err = os.Remove(book)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		code, out, said := command(t, append([]string{"audit", "verify", "--export", dir}, strings.Fields(step.flags)...)...)
		want := exitOK
		if step.missing != nil {
			want = exitRefused
		}
		if code != want || strings.Count(out, "there is no checkpoint of") != len(step.missing) {
			t.Errorf("%s: exit code %d, %q %q", step.what, code, out, said)
		}
		for _, file := range step.missing {
			if !strings.Contains(out, "checkpoints: WRONG: there is no checkpoint of "+file) {
				t.Errorf("%s: %s is not named: %q", step.what, file, out)
			}
		}
	}
}
