package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.DiscardHandler)

var id = strings.Repeat("0a", 16)

// key is a key in the operating system's files.
func key(t testing.TB, seed byte) (*checkpoint.Signer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoint.key")
	s, err := checkpoint.NewKey(nil, path, bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

func anchor(seq uint64, hash byte) checkpoint.Anchor {
	return checkpoint.Anchor{Record: checkpoint.Decisions, ID: id, Seq: seq, Hash: [32]byte{hash}, At: time.Unix(int64(seq), 0).UTC()}
}

// says is a head that says a.
func says(a checkpoint.Anchor) func() (checkpoint.Anchor, error) {
	return func() (checkpoint.Anchor, error) { return a, nil }
}

func book(t testing.TB, disk faultfile.FS, s *checkpoint.Signer) *checkpoint.Book {
	t.Helper()
	b, err := checkpoint.OpenBook(checkpoint.BookConfig{Dir: "/elsewhere", Record: checkpoint.Decisions, Signer: s, Log: quiet, FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const bookPath = "/elsewhere/decisions.checkpoints"

func TestAKeyIsFoundAgain(t *testing.T) {
	s, path := key(t, 1)
	again, err := checkpoint.LoadKey(nil, path)
	if err != nil || again.Public().ID() != s.Public().ID() {
		t.Errorf("%v, %v", again, err)
	}
	public, err := checkpoint.LoadPublic(nil, path+".pub")
	if err != nil || public.ID() != s.Public().ID() || len(public.ID()) != 16 {
		t.Errorf("%v, %v", public, err)
	}
	other, _ := key(t, 2)
	if other.Public().ID() == s.Public().ID() {
		t.Error("two keys have one id")
	}
}

// TestRule39CheckpointKeyFiles are made with O_EXCL and 0600; looser ones, symbolic links and what is no key are refused.
func TestRule39CheckpointKeyFiles(t *testing.T) {
	_, path := key(t, 1)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	everybodys, err := os.Stat(plain) // what the umask leaves
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, path + ".pub": everybodys.Mode().Perm()} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := checkpoint.NewKey(nil, path, bytes.NewReader(make([]byte, 32))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was written over: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"others can read it": func() error { return os.Chmod(path, 0o640) },
		"no key":             func() error { return os.WriteFile(path, []byte("key"), 0o600) },
		"cut":                func() error { return os.WriteFile(path, whole[:len(whole)-2], 0o600) },
		"upper case":         func() error { return os.WriteFile(path, bytes.ToUpper(whole), 0o600) },
		"two lines":          func() error { return os.WriteFile(path, append(bytes.Clone(whole), whole...), 0o600) },
		"the public one":     func() error { return errors.Join(os.Remove(path), os.Rename(path+".pub", path), os.Chmod(path, 0o600)) },
		"a symbolic link":    func() error { return errors.Join(os.Rename(path, path+".away"), os.Symlink(path+".away", path)) },
		"not there":          func() error { return os.Remove(path) },
	} {
		_, path = key(t, 1)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		_, err := checkpoint.LoadKey(nil, path)
		if !errors.Is(err, checkpoint.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "0101010101") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
	_, path = key(t, 1)
	if err := os.Chmod(path+".pub", 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.LoadPublic(nil, path+".pub"); !errors.Is(err, checkpoint.ErrKey) {
		t.Errorf("a public key that others can write: %v", err)
	}
}

// TestRule4NothingPrintsAKey, whatever verb prints it.
func TestRule4NothingPrintsAKey(t *testing.T) {
	s, _ := key(t, 1)
	for _, verb := range []string{"%q", "%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if text := fmt.Sprintf(verb+verb, s, *s); strings.Contains(text, "0101010101") || strings.Contains(text, "1 1 1 1 1 1") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestABookIsReadBack(t *testing.T) {
	disk := faultfile.NewDisk()
	s, _ := key(t, 1)
	b := book(t, disk, s)
	want := []checkpoint.Anchor{anchor(3, 1), anchor(4, 2), anchor(900, 3)}
	for _, a := range want {
		for range 2 { // the second says nothing new, and adds nothing
			if err := b.Add(says(a)); err != nil {
				t.Fatal(err)
			}
		}
		b = book(t, disk, s)
		if last, ok, err := b.Last(); err != nil || !ok || last != a {
			t.Errorf("last %+v %v %v, want %+v", last, ok, err, a)
		}
	}
	got, err := checkpoint.ReadBook(disk, bookPath, s.Public())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	disk.Restore(faultfile.Loss{})
	if got, err := checkpoint.ReadBook(disk, bookPath, s.Public()); err != nil || len(got) != 3 {
		t.Errorf("after a loss of power: %d, %v", len(got), err)
	}
}

// TestABookRefusesToContradictItself: a record that was rolled back, replaced or written anew is noticed when the next
// checkpoint is due, and nothing is signed.
func TestABookRefusesToContradictItself(t *testing.T) {
	other := anchor(11, 1)
	other.ID = strings.Repeat("0b", 16)
	wrong := anchor(11, 1)
	wrong.Record = checkpoint.Changes
	for name, c := range map[string]struct {
		head checkpoint.Anchor
		want error
	}{
		"rolled back":           {anchor(9, 1), checkpoint.ErrContradiction},
		"another entry":         {anchor(10, 2), checkpoint.ErrContradiction},
		"another record":        {other, checkpoint.ErrContradiction},
		"of the other kind":     {wrong, checkpoint.ErrMalformed},
		"of nothing":            {checkpoint.Anchor{Record: checkpoint.Decisions, ID: id}, checkpoint.ErrMalformed},
		"an id that is none":    {checkpoint.Anchor{Record: checkpoint.Decisions, ID: "a\"b", Seq: 11}, checkpoint.ErrMalformed},
		"the same":              {anchor(10, 1), nil},
		"one that has grown":    {anchor(11, 1), nil},
		"a head that is unread": {checkpoint.Anchor{}, errUnread},
	} {
		disk := faultfile.NewDisk()
		s, _ := key(t, 1)
		b := book(t, disk, s)
		if err := b.Add(says(anchor(10, 1))); err != nil {
			t.Fatal(err)
		}
		err := b.Add(func() (checkpoint.Anchor, error) {
			if errors.Is(c.want, errUnread) {
				return checkpoint.Anchor{}, errUnread
			}
			return c.head, nil
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		anchors, err := checkpoint.ReadBook(disk, bookPath, s.Public())
		if want := 1; err != nil || name == "one that has grown" && len(anchors) != 2 || name != "one that has grown" && len(anchors) != want {
			t.Errorf("%s: %d anchors, %v", name, len(anchors), err)
		}
	}
}

var errUnread = errors.New("unread")

// TestConfirmAsksTheRecord for what was signed last: also a record that was rolled back and has grown again is noticed.
func TestConfirmAsksTheRecord(t *testing.T) {
	s, _ := key(t, 1)
	b := book(t, faultfile.NewDisk(), s)
	if err := b.Confirm(func(uint64) ([32]byte, error) { return [32]byte{}, fs.ErrNotExist }); err != nil {
		t.Errorf("an empty book: %v", err)
	}
	if err := b.Add(says(anchor(10, 1))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hash byte
		err  error
		want error
	}{
		"there":      {1, nil, nil},
		"other":      {2, nil, checkpoint.ErrContradiction},
		"gone":       {0, fmt.Errorf("line: %w", fs.ErrNotExist), checkpoint.ErrContradiction},
		"disk fault": {0, errUnread, errUnread},
	} {
		err := b.Confirm(func(seq uint64) ([32]byte, error) {
			if seq != 10 {
				t.Errorf("asked for %d", seq)
			}
			return [32]byte{c.hash}, c.err
		})
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAChangedBookIsNoticed: any byte, a line taken out of the middle, moved, doubled, of another key. One that is cut off at
// the end is not: that is what the other place is for.
func TestAChangedBookIsNoticed(t *testing.T) {
	disk := faultfile.NewDisk()
	s, _ := key(t, 1)
	stranger, _ := key(t, 2)
	b := book(t, disk, s)
	for seq := range uint64(4) {
		if err := b.Add(says(anchor(seq+1, byte(seq)))); err != nil {
			t.Fatal(err)
		}
	}
	whole := slurp(t, disk, bookPath)
	lines := strings.SplitAfter(string(whole), "\n")[:4]
	read := func(text string, keys ...checkpoint.Public) ([]checkpoint.Anchor, error) {
		changed := faultfile.NewDisk()
		if err := changed.MkdirAll("/elsewhere", 0o700); err != nil {
			t.Fatal(err)
		}
		plant(t, changed, bookPath, []byte(text))
		return checkpoint.ReadBook(changed, bookPath, keys...)
	}
	for at := range lines[0] + lines[1] { // its line feeds too: there are lines behind them
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 1
		if anchors, err := read(string(spoilt), s.Public()); err == nil {
			t.Fatalf("byte %d: %q became %q: %d anchors", at, whole[at], spoilt[at], len(anchors))
		}
	}
	for name, text := range map[string]string{
		"the first is gone":   lines[1] + lines[2] + lines[3],
		"one is gone":         lines[0] + lines[2] + lines[3],
		"one is moved":        lines[1] + lines[0] + lines[2],
		"one is there twice":  lines[0] + lines[0],
		"something else":      lines[0] + "{}\n",
		"too long":            strings.Repeat("x", 5000) + "\n",
		"an empty line":       "\n",
		"another spelling":    strings.Replace(lines[0], `"checkpoint":1,`, `"checkpoint":1, `, 1),
		"a key twice":         strings.Replace(lines[0], `"seq":1,`, `"seq":2,"seq":1,`, 1),
		"a signature in caps": strings.Replace(lines[0], lines[0][len(lines[0])-20:], strings.ToUpper(lines[0][len(lines[0])-20:]), 1),
	} {
		if anchors, err := read(text, s.Public()); err == nil {
			t.Errorf("%s: %d anchors", name, len(anchors))
		}
	}
	if _, err := read(string(whole), stranger.Public()); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := read(string(whole), checkpoint.Public{}); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("without a key: %v", err)
	}
	if anchors, err := read(string(whole), stranger.Public(), s.Public()); err != nil || len(anchors) != 4 {
		t.Errorf("with two keys: %d, %v", len(anchors), err)
	}
	if anchors, err := read(lines[0]+lines[1]+lines[2][:40], s.Public()); err != nil || len(anchors) != 2 {
		t.Errorf("cut off: %d anchors, %v", len(anchors), err)
	}
}

// TestATornCheckpointIsWrittenOver: it was never said to be durable.
func TestATornCheckpointIsWrittenOver(t *testing.T) {
	s, _ := key(t, 1)
	for cut := range 4 {
		disk := faultfile.NewDisk()
		b := book(t, disk, s)
		if err := b.Add(says(anchor(1, 1))); err != nil {
			t.Fatal(err)
		}
		disk.CutPowerAfter(cut)
		err := b.Add(says(anchor(2, 2)))
		disk.Restore(faultfile.Loss{Bytes: func(unsynced int) (int, int) { return unsynced / 2, 0 }})
		b = book(t, disk, s)
		if after := b.Add(says(anchor(3, 3))); after != nil {
			t.Errorf("cut after %d: %v", cut, after)
		}
		anchors, fault := checkpoint.ReadBook(disk, bookPath, s.Public())
		if want := 3; err != nil {
			want = 2
			if len(anchors) != want && len(anchors) != 3 || fault != nil {
				t.Errorf("cut after %d: %d anchors, %v", cut, len(anchors), fault)
			}
		} else if len(anchors) != want || fault != nil {
			t.Errorf("cut after %d: %d anchors, %v, and the second was said to be durable", cut, len(anchors), fault)
		}
	}
	disk := faultfile.NewDisk()
	b := book(t, disk, s)
	disk.SetRoom(50)
	if err := b.Add(says(anchor(1, 1))); err == nil {
		t.Error("a full disk takes a checkpoint")
	}
	disk.SetRoom(-1)
	if err := b.Add(says(anchor(2, 1))); err != nil {
		t.Error(err)
	}
	if anchors, err := checkpoint.ReadBook(disk, bookPath, s.Public()); err != nil || len(anchors) != 1 {
		t.Errorf("%d, %v", len(anchors), err)
	}
}

// TestABookOfAnotherKeyDoesNotOpen.
func TestABookOfAnotherKeyDoesNotOpen(t *testing.T) {
	disk := faultfile.NewDisk()
	s, _ := key(t, 1)
	stranger, _ := key(t, 2)
	if err := book(t, disk, s).Add(says(anchor(1, 1))); err != nil {
		t.Fatal(err)
	}
	cfg := checkpoint.BookConfig{Dir: "/elsewhere", Record: checkpoint.Decisions, Signer: stranger, Log: quiet, FS: disk}
	if _, err := checkpoint.OpenBook(cfg); !errors.Is(err, checkpoint.ErrSignature) {
		t.Errorf("opened with %v", err)
	}
	for name, spoil := range map[string]func(c *checkpoint.BookConfig){
		"no folder": func(c *checkpoint.BookConfig) { c.Dir = "" },
		"no record": func(c *checkpoint.BookConfig) { c.Record = "both" },
		"no signer": func(c *checkpoint.BookConfig) { c.Signer = nil },
		"no log":    func(c *checkpoint.BookConfig) { c.Log = nil },
	} {
		cfg := checkpoint.BookConfig{Dir: "/other", Record: checkpoint.Decisions, Signer: s, Log: quiet, FS: disk}
		spoil(&cfg)
		if _, err := checkpoint.OpenBook(cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestOneAddsAtATime: two processes never number two statements alike.
func TestOneAddsAtATime(t *testing.T) {
	s, _ := key(t, 1)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := checkpoint.BookConfig{Dir: dir, Record: checkpoint.Decisions, Signer: s, Log: quiet}
	one, err := checkpoint.OpenBook(cfg)
	if err != nil {
		t.Fatal(err)
	}
	two, err := checkpoint.OpenBook(cfg)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // in time of its own: two waits for a while
		err := one.Add(func() (checkpoint.Anchor, error) {
			if err := two.Add(says(anchor(1, 1))); !errors.Is(err, faultfile.ErrLocked) {
				t.Errorf("both add: %v", err)
			}
			return anchor(1, 1), nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	if err := two.Add(says(anchor(2, 1))); err != nil {
		t.Error(err)
	}
	if anchors, err := checkpoint.ReadBook(nil, filepath.Join(dir, checkpoint.FileName(checkpoint.Decisions)), s.Public()); err != nil || len(anchors) != 2 {
		t.Errorf("%d, %v", len(anchors), err)
	}
}

// FuzzParse: no bytes make it panic, and what is parsed is spelt in the one way.
func FuzzParse(f *testing.F) {
	disk := faultfile.NewDisk()
	s, _ := key(f, 1)
	if err := book(f, disk, s).Add(says(anchor(1, 1))); err != nil {
		f.Fatal(err)
	}
	good := bytes.TrimSuffix(slurp(f, disk, bookPath), []byte("\n"))
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"seq":1`), []byte(`"seq":1e0`), 1))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		st, err := checkpoint.Parse(line)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrMalformed) || st.Seq != 0 && st.Number != 0 {
				t.Fatalf("%+v, %v", st, err)
			}
			return
		}
		if s.Public().Verify(st) == nil && !bytes.Equal(line, good) {
			t.Fatalf("%s verifies", line)
		}
	})
}

func slurp(t testing.TB, disk faultfile.FS, name string) []byte {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, info.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return text
}

func plant(t testing.TB, disk faultfile.FS, name string, text []byte) {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		t.Fatal(err)
	}
}
