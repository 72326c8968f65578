package segment_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// zip compresses a segment as another program would, and removes the plain file.
func (f *folder) zip(number int) {
	f.t.Helper()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(slurp(f.t, f.path(number))); err != nil {
		f.t.Fatal(err)
	}
	f.must(z.Close())
	put(f.t, f.path(number)+".gz", zipped.Bytes())
	f.remove(number)
}

// segmentFiles are the files of the record, but for the mark that it is open.
func segmentFiles(t *testing.T, disk faultfile.FS) string {
	t.Helper()
	entries, err := disk.ReadDir("/decisions")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.Name() != "running" {
			all = append(all, e.Name())
		}
	}
	return strings.Join(all, " ")
}

// TestSegmentsRotateBySizeAndAge, never exceed the size, and are never empty.
func TestSegmentsRotateBySizeAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.MaxSize, cfg.MaxAge = 8<<10, time.Hour
		w := open(t, cfg)
		time.Sleep(3 * time.Hour)
		if got := segmentFiles(t, disk); got != "00000001.jsonl" {
			t.Errorf("without a line: %s", got)
		}
		fill(w, 1)
		time.Sleep(2 * time.Minute)
		if got := segmentFiles(t, disk); got != "00000001.jsonl 00000002.jsonl" {
			t.Errorf("of age: %s", got)
		}
		time.Sleep(3 * time.Hour)
		fill(w, 30)
		time.Sleep(time.Second)
		if got := segmentFiles(t, disk); got != "00000001.jsonl 00000002.jsonl 00000003.jsonl 00000004.jsonl 00000005.jsonl 00000006.jsonl" {
			t.Errorf("full: %s", got)
		}
		for n := range 6 {
			if info, err := disk.Lstat("/decisions/" + segment.Name(uint64(n+1))); err != nil || info.Size() > cfg.MaxSize {
				t.Errorf("segment %d: %d bytes, %v", n+1, info.Size(), err)
			}
		}
		if err := w.Close(); err != nil || w.Counters().Rotations != 5 {
			t.Errorf("%v, %d rotations", err, w.Counters().Rotations)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() || report.Lines != 37 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestANextSegmentThatCannotBeMade lets the last one grow, and is made when it can be.
func TestANextSegmentThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(blocked{disk})
		cfg.MaxSize = 8 << 10
		w := open(t, cfg)
		fill(w, 7)
		time.Sleep(time.Second)
		if err := disk.MkdirAll("/blocked", 0o700); err != nil {
			t.Fatal(err)
		}
		fill(w, 7)
		time.Sleep(5 * time.Second)
		if w.Counters().Lost != 0 || w.Counters().Failures == 0 || w.Head().Seq != 15 {
			t.Errorf("%+v, head %d", w.Counters(), w.Head().Seq)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		cfg.FS = disk
		write(t, cfg, "a")
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() || report.Segments != 2 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// blocked is a disk on which no file can be made once there is a folder /blocked.
type blocked struct{ *faultfile.Disk }

func (b blocked) OpenFile(name string, flag int, mode fs.FileMode) (faultfile.File, error) {
	if _, err := b.Lstat("/blocked"); err == nil && flag&os.O_EXCL != 0 {
		return nil, errors.New("too many files")
	}
	return b.Disk.OpenFile(name, flag, mode)
}

// TestClosedSegmentsAreCompressed in members that begin with a line, and read as before.
func TestClosedSegmentsAreCompressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.Compress, cfg.MaxSize = true, 1<<20
		w := open(t, cfg)
		var before []string
		fill(w, 1500)
		time.Sleep(time.Minute)
		if got := segmentFiles(t, disk); got != "00000001.jsonl.gz 00000002.jsonl" {
			t.Fatalf("%s", got)
		}
		before = read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})
		if len(before) != 1502 {
			t.Errorf("%d lines", len(before))
		}
		f, err := disk.OpenFile("/decisions/00000001.jsonl.gz", os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		zipped, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := members(t, zipped); n < 16 {
			t.Errorf("%d members in 1 MiB, want one for every 64 KiB", n)
		}
		if err := w.Close(); err != nil || w.Counters().Compressed != 1 {
			t.Errorf("%v, %d compressed", err, w.Counters().Compressed)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() || report.Lines != 1502 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// members counts gzip members and sees that each begins and ends with a line.
func members(t *testing.T, zipped []byte) (n int) {
	t.Helper()
	in := bytes.NewReader(zipped)
	z, err := gzip.NewReader(in)
	for ; err == nil; err = z.Reset(in) {
		z.Multistream(false)
		text, err := io.ReadAll(z)
		if err != nil || len(text) == 0 || len(text) > 256<<10 || text[0] != '{' || text[len(text)-1] != '\n' {
			t.Errorf("member %d: %d bytes, %v", n, len(text), err)
		}
		n++
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	return n
}

// TestACompressedFileIsComparedBeforeThePlainOneGoes: one that was left half-way by a crash, or is a forgery, is made anew.
func TestACompressedFileIsComparedBeforeThePlainOneGoes(t *testing.T) {
	f := newFolder(t)
	whole := slurp(t, f.path(1))
	put(t, f.path(1)+".gz", []byte("half"))
	f.zip(2)
	forged := slurp(t, f.path(2)+".gz")
	put(t, f.path(3)+".gz", forged)
	put(t, f.dir+"/gzip.tmp", []byte("left behind"))
	cfg := config(nil)
	cfg.Dir, cfg.Compress, cfg.MaxSize = f.dir, true, 4<<10
	synctest.Test(t, func(t *testing.T) {
		w := open(t, cfg)
		time.Sleep(time.Second)
		if err := w.Close(); err != nil || w.Counters().Compressed != 2 {
			t.Errorf("%v, %d compressed, want the two whose files are not both sound", err, w.Counters().Compressed)
		}
	})
	in, err := segment.OpenSegment(nil, f.dir, 1)
	f.must(err)
	got, err := io.ReadAll(in)
	f.must(err)
	f.must(in.Close())
	if !bytes.Equal(got, whole) {
		t.Error("the segment is another one now")
	}
	if report := f.verify(); !report.OK() {
		t.Errorf("%+v", report)
	}
}

// TestRetiredSegmentsLeaveATrace: what is removed is told before, by a line of the record; the report says where the record
// begins now; what is held back stays; and the same removal without the line is a fault.
func TestRetiredSegmentsLeaveATrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		var held atomic.Bool
		held.Store(true)
		cfg.MaxAge, cfg.Keep, cfg.Compress = time.Hour, 24*time.Hour, true
		cfg.Hold = func(number, last uint64) string {
			if number >= 2 && held.Load() {
				return fmt.Sprintf("line %d is not shipped", last)
			}
			return ""
		}
		w := open(t, cfg)
		for n := range 5 {
			w.Record(&audit.Decision{RequestID: fmt.Sprint(n), Time: time.Now()})
			time.Sleep(2 * time.Hour)
		}
		anchor := w.Head()
		before := segmentFiles(t, disk)
		time.Sleep(20 * time.Hour)
		if got := segmentFiles(t, disk); before != "00000001.jsonl.gz 00000002.jsonl.gz 00000003.jsonl.gz 00000004.jsonl.gz 00000005.jsonl.gz 00000006.jsonl" ||
			!strings.HasPrefix(got, "00000002.jsonl.gz ") || w.Counters().Retired != 1 {
			t.Errorf("before %s, after a day %s, %d retired", before, got, w.Counters().Retired)
		}
		held.Store(false)
		time.Sleep(2 * time.Hour)
		report, err := segment.VerifyIn(disk, "/decisions", nil)
		if err != nil || !report.OK() || report.Retired == nil || report.Retired.Seq+1 != report.First || report.Retired.Segments < 2 {
			t.Errorf("%+v, %v", report, err)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", []checkpoint.Anchor{anchor}); err != nil || !report.OK() || report.Anchored != anchor.Seq {
			t.Errorf("with a checkpoint: %+v, %v", report, err)
		}
		segments, err := segment.Segments(disk, "/decisions")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(26 * time.Hour) // everything but what grows is old
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		after, err := segment.Segments(disk, "/decisions")
		if err != nil || after[0].Number <= segments[len(segments)-2].Number {
			t.Errorf("%v became %v, %v", segments, after, err)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() || report.Retired == nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestAClockThatWasSetForwardRemovesNothing: an hour or less is nothing, a year would otherwise empty the record.
func TestAClockThatWasSetForwardRemovesNothing(t *testing.T) {
	for step, want := range map[time.Duration]uint64{time.Hour: 1, -time.Hour: 0, 8760 * time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			disk := faultfile.NewDisk()
			cfg := config(disk)
			var ahead atomic.Int64
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			cfg.MaxAge, cfg.Keep = time.Hour, 3*time.Hour
			w := open(t, cfg)
			fill(w, 1)
			time.Sleep(61 * time.Minute)
			fill(w, 1)
			time.Sleep(2 * time.Hour)
			ahead.Store(int64(step))
			time.Sleep(2 * time.Minute)
			if got := w.Counters().Retired; got != want {
				t.Errorf("set by %s: %d segments are removed, want %d", step, got, want)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// TestAClockThatIsWrongAtTheStartRemovesNothing: a machine boots a year ahead, and is put right by the network minutes later.
func TestAClockThatIsWrongAtTheStartRemovesNothing(t *testing.T) {
	for right, want := range map[bool]bool{true: false, false: true} { // right: the clock is put right
		synctest.Test(t, func(t *testing.T) {
			disk := faultfile.NewDisk()
			cfg := config(disk)
			var ahead atomic.Int64
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			cfg.MaxAge, cfg.Keep = time.Hour, 24*time.Hour
			w := open(t, cfg)
			for range 3 {
				fill(w, 1)
				time.Sleep(61 * time.Minute)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			ahead.Store(int64(8760 * time.Hour))
			w = open(t, cfg)
			time.Sleep(5 * time.Minute)
			if right {
				ahead.Store(0)
			}
			time.Sleep(15 * time.Minute)
			if got := w.Counters().Retired; (got > 0) != want {
				t.Errorf("put right %t: %d segments are removed", right, got)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestARetirementThatDoesNotFitIsAFault: the line that tells it names the last line that was removed, and what is there now has
// to follow it; more than it tells must not be missing either.
func TestARetirementThatDoesNotFitIsAFault(t *testing.T) {
	f := &folder{t: t, dir: t.TempDir() + "/decisions"}
	synctest.Test(t, func(t *testing.T) {
		cfg := config(nil)
		cfg.Dir, cfg.MaxAge, cfg.Keep = f.dir, time.Hour, 3*time.Hour
		w := open(t, cfg)
		for range 6 {
			fill(w, 2)
			time.Sleep(61 * time.Minute)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	report := f.verify()
	if !report.OK() || report.Retired == nil {
		t.Fatalf("%+v", report)
	}
	first := int(report.Retired.Segments) + 1
	kept := slurp(t, f.path(first))
	f.remove(first)
	detects(t, f.verify(), "no line says that they were retired")
	put(t, f.path(first), kept)
	f.forge(1) // numbered from 1, behind nothing
	detects(t, f.verify(), "no line says that they were retired")
}
