package stream_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/stream"
)

// TestAFileForACollector has every line once, over its own rotation, a renaming by somebody else, and a torn line.
func TestAFileForACollector(t *testing.T) {
	w := newWorld(t)
	r := recordtest.New(t, w.dir)
	path := r.Write(2000, false)
	out := filepath.Join(t.TempDir(), "siem.jsonl")
	if err := os.WriteFile(out, []byte(`{"torn`), 0o600); err != nil {
		t.Fatal(err)
	}
	sink, err := stream.NewFile(stream.FileConfig{Path: out, MaxSize: 300_000, Keep: 50})
	if err != nil {
		t.Fatal(err)
	}
	batch := func(from, to int) (list []stream.Message) {
		all, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(all), "\n")[from:to] {
			list = append(list, stream.Message{Text: []byte(line)})
		}
		return list
	}
	for i := range 10 {
		if err := sink.Send(t.Context(), batch(200*i, 200*i+200)); err != nil {
			t.Fatal(err)
		}
		if i == 5 {
			if err := os.Rename(out, out+".moved"); err != nil {
				t.Fatal(err)
			}
		}
		if i == 7 {
			sink.Reopen()
		}
	}
	if err := sink.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(out + "*")
	found := map[string]int{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
		for _, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
			found[line]++
		}
	}
	for _, m := range batch(0, 2000) {
		if found[string(m.Text)] != 1 {
			t.Fatalf("%d times: %s", found[string(m.Text)], m.Text)
		}
	}
	if len(names) < 3 || found[`{"torn`] != 1 {
		t.Errorf("files %v, the torn line %d times", names, found[`{"torn`])
	}
}

// TestAFileIsNoLink: whoever can put a link there must not choose what is written to.
func TestAFileIsNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "victim"), filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	sink, err := stream.NewFile(stream.FileConfig{Path: filepath.Join(dir, "out")})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Send(t.Context(), []stream.Message{{Text: []byte("{}")}}); err == nil {
		t.Error("written through a link")
	}
}
