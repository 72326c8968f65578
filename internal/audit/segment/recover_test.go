package segment_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// fresh writes a record of a few lines in the operating system's files and returns how to open it.
func fresh(t testing.TB) segment.Config {
	t.Helper()
	cfg := config(nil)
	cfg.Dir = filepath.Join(t.TempDir(), "decisions")
	write(t, cfg, "a", "b", "c")
	return cfg
}

func slurp(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func put(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// story of a record: the ids of its lines.
func storyOf(t testing.TB, cfg segment.Config) string {
	t.Helper()
	return strings.Join(ids(t, read(t, segment.ReaderConfig{Dir: cfg.Dir})), " ")
}

// TestATornLineIsKeptAndTold, wherever the last line was cut, and whatever a crash leaves of it: nothing is cut silently, and
// opening twice tells it once.
func TestATornLineIsKeptAndTold(t *testing.T) {
	cfg := fresh(t)
	path := filepath.Join(cfg.Dir, segment.Name(1))
	whole := slurp(t, path)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	tails := map[string][]byte{
		"zeros behind the last line": append(bytes.Clone(whole[last:]), make([]byte, 5000)...),
		"zeros in the line":          append(append(bytes.Clone(whole[last:last+40]), make([]byte, 100)...), whole[last+140:]...),
		"only zeros":                 make([]byte, 300_000),
		"junk without an end":        []byte("junk"),
	}
	for at := last + 1; at < len(whole); at += 7 {
		tails["cut after "+string(whole[last:at])] = whole[last:at]
	}
	for name, tail := range tails {
		cfg.Dir = filepath.Join(t.TempDir(), "decisions")
		if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(cfg.Dir, segment.Name(1))
		put(t, path, append(bytes.Clone(whole[:last]), tail...))
		write(t, cfg, "d")
		write(t, cfg, "e")
		want, torn := "header a b gap d e", tail
		if strings.HasPrefix(name, "zeros behind") {
			want, torn = "header a b c gap d e", tail[len(tail)-5000:]
		}
		if got := storyOf(t, cfg); got != want {
			t.Errorf("%s: %s", name, got)
		}
		if kept := slurp(t, filepath.Join(cfg.Dir, "torn-00000001-1")); !bytes.Equal(kept, torn) {
			t.Errorf("%s: kept %.80q", name, kept)
		}
		report, err := segment.Verify(cfg.Dir, nil)
		if err != nil || !report.OK() || len(report.Gaps) != 1 || report.Gaps[0].Torn != int64(len(torn)) || report.Gaps[0].Kept != "torn-00000001-1" {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// TestACrashIsTold: a run that did not end with Close may have lost what waited in memory, and the record says that it does not
// know; one that ended well leaves no word.
func TestACrashIsTold(t *testing.T) {
	disk := faultfile.NewDisk()
	cfg := config(disk)
	write(t, cfg, "a")
	write(t, cfg, "b")
	for range 2 {
		w := open(t, cfg)
		disk.CutPowerAfter(0)
		_ = w.Close() // its goroutines end; nothing that it still does reaches the disk
		disk.Restore(faultfile.Loss{Bytes: func(unsynced int) (int, int) { return unsynced, 0 }, Names: func(int) bool { return true }})
	}
	write(t, cfg, "c")
	write(t, cfg, "d")
	if got := strings.Join(ids(t, read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})), " "); got != "header a b gap gap c d" {
		t.Error(got)
	}
	report, err := segment.VerifyIn(disk, "/decisions", nil)
	if err != nil || !report.OK() || len(report.Gaps) != 2 || !report.Gaps[0].Crash || report.Gaps[0].Lost != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestARunThatEndedWithAFullSegmentIsToldThere: the process was killed when the segment had no room left, not even for the line that tells
// of it. It opens all the same, with that line in the full segment, and goes on in the next one.
func TestARunThatEndedWithAFullSegmentIsToldThere(t *testing.T) {
	full := config(nil)
	full.Dir = filepath.Join(t.TempDir(), "decisions")
	w := open(t, full)
	fill(w, 30)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := slurp(t, filepath.Join(full.Dir, segment.Name(1)))
	full.MaxSize = int64(len(whole))
	for name, torn := range map[string]string{"killed": "", "torn": "half a line"} {
		cfg := full
		cfg.Dir = filepath.Join(t.TempDir(), "decisions")
		if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(cfg.Dir, segment.Name(1)), append(bytes.Clone(whole), torn...))
		put(t, filepath.Join(cfg.Dir, "running"), nil)
		write(t, cfg, "after")
		report, err := segment.Verify(cfg.Dir, nil)
		if err != nil || !report.OK() || len(report.Gaps) != 1 || !report.Gaps[0].Crash || report.Gaps[0].Torn != int64(len(torn)) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if segments, err := segment.Segments(nil, cfg.Dir); err != nil || len(segments) != 2 {
			t.Errorf("%s: %d segments, %v", name, len(segments), err)
		}
		if got := storyOf(t, cfg); !strings.HasSuffix(got, " gap header after") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestAHoleInTheMiddleIsNoTornEnd: a crash can leave zeros where the last seconds should be, not anywhere.
func TestAHoleInTheMiddleIsNoTornEnd(t *testing.T) {
	cfg := config(nil)
	cfg.Dir, cfg.MaxQueue = filepath.Join(t.TempDir(), "decisions"), 64<<10
	for range 20 {
		w := open(t, cfg)
		fill(w, 50)
		if err := w.Close(); err != nil || w.Counters().Lost > 0 {
			t.Fatal(err, w.Counters().Lost)
		}
	}
	path := filepath.Join(cfg.Dir, segment.Name(1))
	whole := slurp(t, path)
	for at, want := range map[int]error{len(whole) / 10: segment.ErrDamaged, len(whole) - 5000: nil} {
		put(t, path, append(append(bytes.Clone(whole[:at]), 0, 0, 0), whole[at+3:]...))
		w, err := segment.Open(cfg)
		if !errors.Is(err, want) {
			t.Errorf("a hole %d bytes before the end of %d: %v", len(whole)-at, len(whole), err)
		}
		if err == nil {
			_ = w.Close()
		}
	}
}

// TestATornLineIsToldEvenIfTheMachineStopsMeanwhile: the bytes were kept and cut off, and the gap line was not written.
func TestATornLineIsToldEvenIfTheMachineStopsMeanwhile(t *testing.T) {
	cfg := fresh(t)
	put(t, filepath.Join(cfg.Dir, "torn-00000001-1"), []byte("half a line"))
	write(t, cfg, "d")
	write(t, cfg, "e")
	if got := storyOf(t, cfg); got != "header a b c gap d e" {
		t.Error(got)
	}
}

// TestADamagedRecordDoesNotOpen, says where and what to do, and is kept when a new one is begun on purpose.
func TestADamagedRecordDoesNotOpen(t *testing.T) {
	for name, spoil := range map[string]func(whole string) string{
		"a line is changed":           func(w string) string { return strings.Replace(w, `"request_id":"b"`, `"request_id":"x"`, 1) },
		"the last line is changed":    func(w string) string { return strings.Replace(w, `"request_id":"c"`, `"request_id":"x"`, 1) },
		"a line is gone":              func(w string) string { return strings.Replace(w, line(w, 2), "", 1) },
		"a line is there twice":       func(w string) string { return w + line(w, 3) },
		"a line of another program":   func(w string) string { return w + "{\"msg\":\"started\"}\n" },
		"the header is changed":       func(w string) string { return strings.Replace(w, `"version":1`, `"version":2`, 1) },
		"the header is that of 2":     func(w string) string { return strings.Replace(w, `"segment":1`, `"segment":2`, 1) },
		"torn, and then a whole line": func(w string) string { return w + "half" + line(w, 3) },
		"a line longer than any":      func(w string) string { return w + strings.Repeat("x", 300<<10) + "\n" },
	} {
		cfg := fresh(t)
		path := filepath.Join(cfg.Dir, segment.Name(1))
		spoilt := []byte(spoil(string(slurp(t, path))))
		put(t, path, spoilt)
		_, err := segment.Open(cfg)
		if !errors.Is(err, segment.ErrDamaged) || !strings.Contains(err.Error(), "00000001.jsonl line ") || !strings.Contains(err.Error(), "audit verify") {
			t.Errorf("%s: opened with %v", name, err)
		}
		if !bytes.Equal(slurp(t, path), spoilt) {
			t.Errorf("%s: the damaged segment was changed", name)
		}
		cfg.Renew = true
		write(t, cfg, "d")
		cfg.Renew = false
		write(t, cfg, "e")
		if got := storyOf(t, cfg); got != "header gap d e" {
			t.Errorf("%s: begun anew: %s", name, got)
		}
		if !bytes.Equal(slurp(t, filepath.Join(cfg.Dir, "damaged-1", segment.Name(1))), spoilt) {
			t.Errorf("%s: the damaged segment was changed", name)
		}
		report, err := segment.Verify(cfg.Dir, nil)
		if err != nil || !report.OK() || len(report.Gaps) != 1 || report.Gaps[0].Kept != "damaged-1" {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// line is the n-th line of a text, from 0, with its line feed.
func line(text string, n int) string { return strings.SplitAfter(text, "\n")[n] }

// TestRenewLeavesASoundRecordAlone.
func TestRenewLeavesASoundRecordAlone(t *testing.T) {
	cfg := fresh(t)
	cfg.Renew = true
	write(t, cfg, "d")
	if got := storyOf(t, cfg); got != "header a b c d" {
		t.Error(got)
	}
}

// TestASegmentWithoutAHeaderHoldsNothing: the one before it goes on.
func TestASegmentWithoutAHeaderHoldsNothing(t *testing.T) {
	for name, text := range map[string][]byte{"empty": nil, "zeros": make([]byte, 4096), "half a header": []byte(`{"segment":2,"vers`)} {
		cfg := fresh(t)
		put(t, filepath.Join(cfg.Dir, segment.Name(2)), text)
		write(t, cfg, "d")
		if got := storyOf(t, cfg); got != "header a b c gap d" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTheRecordGoesOnBehindACompressedSegment: the plain one that should be last is gone, and its absence is not hidden.
func TestTheRecordGoesOnBehindACompressedSegment(t *testing.T) {
	f := newFolder(t)
	f.zip(f.segments())
	cfg := config(nil)
	cfg.Dir = f.dir
	write(t, cfg, "d")
	if report := f.verify(f.anchor(f.all)); !report.OK() || int(report.Last) != f.all+2 {
		t.Errorf("%+v", report)
	}
	put(t, f.path(f.segments())+".gz", []byte("junk"))
	f.remove(f.segments())
	if _, err := segment.Open(cfg); err == nil {
		t.Error("a compressed segment of junk opens")
	}
}

// TestRule39FilesOfTheRecord: private modes, no symbolic links, nothing that others can write, one writer.
func TestRule39FilesOfTheRecord(t *testing.T) {
	cfg := fresh(t)
	path := filepath.Join(cfg.Dir, segment.Name(1))
	for name, want := range map[string]os.FileMode{cfg.Dir: 0o700, path: 0o600, filepath.Join(cfg.Dir, "lock"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	refuse := func(what, text string) {
		t.Helper()
		if _, err := segment.Open(cfg); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: opened with %v", what, err)
		}
	}
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(path, 0o620)
	refuse("others can write the segment", "mode 0620")
	chmod(path, 0o600)
	chmod(cfg.Dir, 0o770)
	refuse("others can write into the folder", "mode 0770")
	chmod(cfg.Dir, 0o700)
	w := open(t, cfg)
	if _, err := segment.Open(cfg); !errors.Is(err, faultfile.ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	away := filepath.Join(t.TempDir(), "away")
	if err := errors.Join(os.Rename(path, away), os.Symlink(away, path)); err != nil {
		t.Fatal(err)
	}
	refuse("a symbolic link for a segment", "not a regular file")
	link := cfg
	link.Dir = filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(cfg.Dir, link.Dir); err != nil {
		t.Fatal(err)
	}
	cfg = link
	refuse("a symbolic link for the folder", "is not a folder")
}

// TestAConfigurationThatIsNoneIsRefused.
func TestAConfigurationThatIsNoneIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*segment.Config){
		"no folder":      func(c *segment.Config) { c.Dir = "" },
		"short key":      func(c *segment.Config) { c.Key = c.Key[:15] },
		"no clock":       func(c *segment.Config) { c.Now = nil },
		"no randomness":  func(c *segment.Config) { c.Rand = nil },
		"no log":         func(c *segment.Config) { c.Log = nil },
		"durability":     func(c *segment.Config) { c.Durability = "perhaps" },
		"when full":      func(c *segment.Config) { c.WhenFull = "drop" },
		"queries":        func(c *segment.Config) { c.Queries = "all" },
		"small segments": func(c *segment.Config) { c.MaxSize = 100 },
		"short age":      func(c *segment.Config) { c.MaxAge = 1 },
		"negative keep":  func(c *segment.Config) { c.Keep = -1 },
		"long flush":     func(c *segment.Config) { c.FlushEvery = 1 << 60 },
		"small queue":    func(c *segment.Config) { c.MaxQueue = 1 },
		"no patience":    func(c *segment.Config) { c.Patience = 1 },
	} {
		cfg := config(faultfile.NewDisk())
		spoil(&cfg)
		if w, err := segment.Open(cfg); err == nil {
			t.Errorf("%s: opened", name)
			_ = w.Close()
		}
	}
}

// TestANameThatIsNotOursDoesNotWriteIntoTheRecord: whoever can put a file into the folder must not write a line of the record
// with its name, nor break one.
func TestANameThatIsNotOursDoesNotWriteIntoTheRecord(t *testing.T) {
	for _, name := range []string{`torn-00000001-","decision":"allow`, "torn-00000001-1\n{}", "torn-00000001-\u202e", "torn-00000001-" + strings.Repeat("1", 80)} {
		cfg := fresh(t)
		write(t, cfg, "a")
		put(t, filepath.Join(cfg.Dir, name), []byte("x"))
		write(t, cfg, "b")
		if report, err := segment.Verify(cfg.Dir, nil); err != nil || !report.OK() || report.Lines != 6 || len(report.Gaps) != 0 {
			t.Errorf("%q: %+v, %v", name, report, err)
		}
	}
}
