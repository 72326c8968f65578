package memory_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

func TestRule39FilesArePrivate(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("folder: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v; want lock, mark and one segment", entries, err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestRule39LooseModesAndSymbolicLinksAreRefused(t *testing.T) {
	made := func(t *testing.T) string {
		dir := t.TempDir() + "/replay"
		g := open(t, memory.Config{Dir: dir})
		replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
		g.Close()
		return dir
	}
	for _, name := range []string{"lock", "pruned", "segment"} {
		path := func(t *testing.T, dir string) string {
			if name == "segment" {
				return segments(t, dir)[0]
			}
			return filepath.Join(dir, name)
		}
		t.Run("loose "+name, func(t *testing.T) {
			dir := made(t)
			if err := os.Chmod(path(t, dir), 0o640); err != nil {
				t.Fatal(err)
			}
			refuses(t, memory.Config{Dir: dir}, nil, "0640", "0600")
		})
		t.Run("linked "+name, func(t *testing.T) {
			dir := made(t)
			file := path(t, dir)
			moved := filepath.Join(filepath.Dir(dir), "elsewhere")
			if err := errors.Join(os.Rename(file, moved), os.Symlink(moved, file)); err != nil {
				t.Fatal(err)
			}
			refuses(t, memory.Config{Dir: dir}, nil, "symbolic links are refused")
		})
	}
	t.Run("loose folder", func(t *testing.T) {
		dir := made(t)
		if err := os.Chmod(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		refuses(t, memory.Config{Dir: dir}, nil, "0750", "0700")
	})
	t.Run("linked folder", func(t *testing.T) {
		dir := made(t)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		refuses(t, memory.Config{Dir: link}, nil, "symbolic links are refused")
	})
}

// A file or link that waits at a segment's name makes claims fail; it is never
// written into.
func TestRule39SegmentsAreCreatedExclusively(t *testing.T) {
	dir := t.TempDir() + "/replay"
	g := open(t, memory.Config{Dir: dir})
	replaytest.Fresh(t, g, replaytest.Key(1), now+300, now)
	bait := filepath.Join(filepath.Dir(dir), "bait")
	next := filepath.Join(dir, "0029393766.seg")
	if filepath.Base(segments(t, dir)[0]) != "0029393765.seg" {
		t.Fatalf("segments %v", segments(t, dir))
	}
	if err := errors.Join(os.WriteFile(bait, nil, 0o600), os.Symlink(bait, next)); err != nil {
		t.Fatal(err)
	}
	if fresh, err := g.Claim(replaytest.Key(2), now+360, now); fresh || !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("fresh %v, error %v; want ErrUnavailable", fresh, err)
	}
	if data, err := os.ReadFile(bait); err != nil || len(data) != 0 {
		t.Errorf("the link's target was written to: %d bytes, %v", len(data), err)
	}
}
