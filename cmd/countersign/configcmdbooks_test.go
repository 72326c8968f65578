package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigCheckKnowsTheKeyOfTheBooks: a key that is good as such, but not that of the books, would keep the server from starting.
func TestConfigCheckKnowsTheKeyOfTheBooks(t *testing.T) {
	file := initServed(t, nil)
	serveOnce(t, file, nil)
	if out, _ := must(t, "config", "check", file); !strings.Contains(out, ": good") {
		t.Error(out)
	}
	dir := filepath.Dir(file)
	key := filepath.Join(dir, "keys", "checkpoint.key")
	for _, name := range []string{key, key + ".pub"} {
		if err := os.Rename(name, name+".old"); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "key", "checkpoint-new", "--out", key)
	code, out, _ := command(t, "config", "check", file)
	if code == exitOK || !strings.Contains(out, "records.checkpoints.key_file: ") || !strings.Contains(out, "it was signed with key ") || !strings.Contains(out, "put the key of these books back") {
		t.Errorf("another key: %d %s", code, out)
	}
	books, err := filepath.Glob(filepath.Join(dir, "*", "*.checkpoints"))
	if err != nil || len(books) == 0 {
		t.Fatal(books, err)
	}
	if err := os.WriteFile(books[0], []byte("not a statement\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := command(t, "config", "check", file); code == exitOK || !strings.Contains(out, "records.checkpoints.dir: ") {
		t.Errorf("a damaged book: %d %s", code, out)
	}
}
