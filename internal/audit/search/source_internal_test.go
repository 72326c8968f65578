package search

import (
	"os"
	"path/filepath"
	"testing"
)

// TestASegmentThatIsCompressedWhileItIsListed stays in the list: without it, the lines of the next one were told before its own, and all of
// them were read once more.
func TestASegmentThatIsCompressedWhileItIsListed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"00000001.jsonl.gz", "00000002.jsonl", "00000003.jsonl", "00000004.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a line\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "00000002.jsonl"), filepath.Join(dir, "00000002.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "00000003.jsonl")); err != nil {
		t.Fatal(err)
	}
	list := listed(dir, entries)
	want := []segmentFile{{number: 1, gz: true}, {number: 2, gz: true}, {number: 4}}
	if len(list) != len(want) {
		t.Fatalf("%d segments: %+v", len(list), list)
	}
	for i, f := range list {
		if f.number != want[i].number || f.gz != want[i].gz || f.size != 7 {
			t.Errorf("%+v in place of %+v", f, want[i])
		}
	}
}
