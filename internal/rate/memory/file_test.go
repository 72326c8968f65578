package memory_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/rate/ratetest"
)

// fakeFile is a file in memory that fails when it is told to.
type fakeFile struct {
	mu      sync.Mutex
	content []byte
	writes  int
	err     error
	wrote   chan struct{} // if set, each write waits to be seen, once
	once    sync.Once
}

func (f *fakeFile) Read() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		return nil, fs.ErrNotExist
	}
	return f.content, f.err
}

func (f *fakeFile) Replace(content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.content = bytes.Clone(content)
	f.writes++
	if f.wrote != nil {
		f.once.Do(func() { close(f.wrote) })
	}
	return nil
}

func (f *fakeFile) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *fakeFile) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

var errDisk = errors.New("no space left on device")

// TestAFullDisk: counting goes on in memory, Ready says what is wrong, and what could not be written is written as soon as
// it can be.
func TestAFullDisk(t *testing.T) {
	clock, file := ratetest.NewClock(), &fakeFile{}
	l := open(t, memory.Config{File: file, Now: clock.Now})
	b := []rate.Bucket{ratetest.Bucket(1, 0, 0, 5)}
	take(t, l, b, true, 2)
	file.fail(errDisk)
	if err := l.Flush(); !errors.Is(err, errDisk) || !errors.Is(l.Ready(), errDisk) {
		t.Errorf("flush %v, ready %v", err, l.Ready())
	}
	take(t, l, b, true, 3)
	take(t, l, b, false, 1)
	file.fail(nil)
	if err := l.Flush(); err != nil || l.Ready() != nil {
		t.Errorf("flush %v, ready %v", err, l.Ready())
	}
	take(t, open(t, memory.Config{File: file, Now: clock.Now}), b, false, 1)
}

// TestADamagedFileIsRefused: every byte counts, and so does the length; a file that is cut or rots gives nobody a new day.
func TestADamagedFileIsRefused(t *testing.T) {
	clock, file := ratetest.NewClock(), &fakeFile{}
	l := open(t, memory.Config{File: file, Now: clock.Now})
	take(t, l, []rate.Bucket{ratetest.Bucket(1, 0, 0, 5)}, true, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole := file.content
	refused := func(what string, content []byte) {
		t.Helper()
		if _, err := memory.Open(memory.Config{File: &fakeFile{content: content}, Now: clock.Now}); !errors.Is(err, memory.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		refused("a changed byte", changed)
		refused("cut", whole[:i])
	}
	refused("longer", append(bytes.Clone(whole), 0))
	unreadable := &fakeFile{content: whole, err: errDisk}
	if _, err := memory.Open(memory.Config{File: unreadable, Now: clock.Now}); !errors.Is(err, errDisk) {
		t.Errorf("unreadable: %v", err)
	}
}

// TestRule39FilesArePrivate, and nothing is left beside them.
func TestRule39FilesArePrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "quota")
	if err := os.WriteFile(path+".new", []byte("left by a crash"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, memory.Config{Path: path, Now: ratetest.NewClock().Now})
	take(t, l, []rate.Bucket{ratetest.Bucket(1, 0, 0, 5)}, true, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, error %v; want the file alone", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}
