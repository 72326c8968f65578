package segment_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/segment"
)

// TestARecordThatWasTakenBackIsRewound, and one that goes on, or has retired what is asked for, is not.
func TestARecordThatWasTakenBackIsRewound(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(f *folder)
		seq  int
		want bool
	}{
		"it goes on":                  {func(*folder) {}, 40, false},
		"its last line":               {func(*folder) {}, 0, false},
		"a line before is damaged":    {func(f *folder) { f.edit(3, flip(2, "\"}\n", "\"]\n")) }, 40, false},
		"its end was cut off":         {func(f *folder) { f.cutLast() }, 0, true},
		"an older copy":               {func(f *folder) { f.remove(4, 3) }, 40, true},
		"written anew":                {func(f *folder) { f.edit(1, flip(1, `"refuse"`, `"allow"`)); f.forge(1) }, 40, true},
		"retired":                     {func(f *folder) { f.remove(1, 2) }, 10, false},
		"removed, and not retired":    {func(f *folder) { f.remove(3) }, 40, true},
		"its first header is damaged": {func(f *folder) { f.edit(1, flip(0, `"record"`, `"rekord"`)); f.cutLast() }, 0, false},
		"begun anew, without lines":   {func(f *folder) { f.must(os.RemoveAll(f.dir)); f.must(os.Mkdir(f.dir, 0o700)) }, 40, false},
	} {
		f := newFolder(t)
		if c.seq == 0 {
			c.seq = f.all
		}
		hash := f.anchor(c.seq).Hash
		for n := f.segments(); n > 4; n-- {
			if c.seq != f.all {
				f.remove(n)
			}
		}
		c.do(f)
		if got, err := segment.Rewound(nil, f.dir, uint64(c.seq), hash); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := segment.Rewound(nil, filepath.Join(t.TempDir(), "none"), 0, [32]byte{}); err != nil || got {
		t.Errorf("the begin: %v, %v", got, err)
	}
}

// TestALineThatIsGoneIsNotThere, and its error says so to a checkpoint book.
func TestALineThatIsGoneIsNotThere(t *testing.T) {
	f := newFolder(t)
	if _, err := segment.ChainAt(nil, f.dir, uint64(f.all)+1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f.edit(2, flip(3, "\"}\n", "\"]\n"))
	damaged := 0
	for n, line := range strings.Split(string(slurp(t, f.path(2))), "\n") {
		if strings.HasSuffix(line, "]") {
			damaged = n
		}
	}
	seq := 0
	for range strings.Split(strings.TrimSpace(string(slurp(t, f.path(1)))), "\n") {
		seq++
	}
	if _, err := segment.ChainAt(nil, f.dir, uint64(seq+damaged+1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("line %d: %v", seq+damaged+1, err)
	}
	if _, err := segment.ChainAt(nil, f.dir, uint64(seq+damaged+2)); err != nil {
		t.Errorf("the line behind it: %v", err)
	}
}
