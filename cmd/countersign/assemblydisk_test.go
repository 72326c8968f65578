package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestADiskThatTakesNoWritesIsTold, and nothing of the question stays behind.
func TestADiskThatTakesNoWritesIsTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (&diskProbe{dir: dir}).trouble(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v were left behind", entries, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "disk-probe", "in-the-way"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := &diskProbe{dir: dir}
	for range 2 { // the second answer is the first one, kept
		if err := p.trouble(); err == nil || !strings.Contains(err.Error(), "takes no writes") {
			t.Errorf("%v", err)
		}
	}
}
