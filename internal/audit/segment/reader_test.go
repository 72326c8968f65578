package segment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/faultfile"
)

// TestAReaderBeginsWhereItIsAsked, by seq or by time, over plain and compressed segments.
func TestAReaderBeginsWhereItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.MaxAge, cfg.Compress = time.Hour, true
		w := open(t, cfg)
		begun := time.Now()
		for n := range 10 {
			w.Record(&audit.Decision{RequestID: fmt.Sprint(n), Time: time.Now()})
			time.Sleep(31 * time.Minute)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all := read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk})
		for seq := range uint64(len(all) + 3) {
			got := read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk, Seq: seq})
			if want := all[min(len(all), max(0, int(seq)-1)):]; strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("from line %d: %d lines, want %d", seq, len(got), len(want))
			}
		}
		for n := range 12 {
			got := ids(t, read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk, From: begun.Add(time.Duration(n) * 31 * time.Minute)}))
			got = strings.Fields(strings.ReplaceAll(strings.Join(got, " "), "header", ""))
			var want []string
			for k := n; k < 10; k++ {
				want = append(want, fmt.Sprint(k))
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("from request %d: %v", n, got)
			}
		}
	})
}

// TestAReaderFollowsTheWriter over rotation, compression and retention, sees every line once and in order.
func TestAReaderFollowsTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		cfg.MaxSize, cfg.Compress, cfg.MaxAge, cfg.Keep = 8<<10, true, time.Hour, time.Hour
		var told []uint64
		cfg.OnLine = func(line segment.Line) { told = append(told, line.Seq) }
		r, err := segment.NewReader(segment.ReaderConfig{Dir: "/decisions", FS: disk}) // before there is a record
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var seen []uint64
		done := make(chan error)
		go func() {
			done <- r.Follow(ctx, 10*time.Second, func(line segment.Line) error {
				seen = append(seen, line.Seq)
				return nil
			}, func(err error) { t.Error(err) })
		}()
		w := open(t, cfg)
		for n := range 300 {
			fill(w, n%5)
			time.Sleep(time.Duration(n%7) * time.Minute)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(seen) < 600 || fmt.Sprint(seen) != fmt.Sprint(told) || uint64(len(seen)) != w.Head().Seq {
			t.Errorf("%d lines are seen, %d told, %d written", len(seen), len(told), w.Head().Seq)
		}
	})
}

// TestAReaderPassesOverWhatIsNoLine, says where it was, and goes on behind it.
func TestAReaderPassesOverWhatIsNoLine(t *testing.T) {
	f := newFolder(t)
	long := strings.Repeat("x", 300<<10) + "\n"
	f.edit(2, func(l []string) []string { l[3], l[5] = "junk\n", long; return l })
	f.remove(3)
	r, err := segment.NewReader(segment.ReaderConfig{Dir: f.dir})
	f.must(err)
	defer r.Close()
	var faults []string
	lines := 0
	offset := int64(0)
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			lines++
			if text := slurp(t, f.path(int(line.Segment))); !bytes.HasPrefix(text[line.Offset:], line.Text) {
				t.Errorf("%s line %d is not at byte %d", segment.Name(line.Segment), line.Number, line.Offset)
			}
			offset = line.Offset
			continue
		}
		if !errors.Is(err, segment.ErrMalformed) {
			t.Fatal(err)
		}
		faults = append(faults, err.Error())
	}
	if offset == 0 || len(faults) != 3 || !strings.HasPrefix(faults[0], "00000002.jsonl line 4: ") || !strings.HasPrefix(faults[1], "00000002.jsonl line 6: ") ||
		!strings.Contains(faults[2], "00000003.jsonl to 00000003.jsonl are missing") {
		t.Errorf("%d lines, faults %q", lines, faults)
	}
	if want := f.all - 2 - 16; lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
}

// TestALineInTheMakingIsNoLineYet: what has no end in the last segment is waited for; in one that was closed it is a fault.
func TestALineInTheMakingIsNoLineYet(t *testing.T) {
	cfg := fresh(t)
	path := filepath.Join(cfg.Dir, segment.Name(1))
	whole := slurp(t, path)
	r, err := segment.NewReader(segment.ReaderConfig{Dir: cfg.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines := 0
	for at := 0; at <= len(whole); at += 11 {
		put(t, path, whole[:at])
		for {
			_, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			lines++
		}
		if want := bytes.Count(whole[:at], []byte{'\n'}); lines != want {
			t.Fatalf("%d bytes: %d lines, want %d", at, lines, want)
		}
	}
}

// TestAReaderOutlivesACrashOfTheWriter: a line that was torn under its eyes is cut off, and what takes its place is read whole.
func TestAReaderOutlivesACrashOfTheWriter(t *testing.T) {
	cfg := fresh(t)
	path := filepath.Join(cfg.Dir, segment.Name(1))
	whole := slurp(t, path)
	put(t, path, whole[:len(whole)-40])
	r, err := segment.NewReader(segment.ReaderConfig{Dir: cfg.Dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var texts []string
	for range 2 {
		for line, err := r.Next(); !errors.Is(err, io.EOF); line, err = r.Next() {
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(line.Text))
		}
		if len(texts) == 3 {
			write(t, cfg, "d") // the writer comes back
		}
	}
	if got := strings.Join(ids(t, texts), " "); got != "header a b gap d" {
		t.Error(got)
	}
}

func TestLinesTellWhatTheyAre(t *testing.T) {
	texts := read(t, segment.ReaderConfig{Dir: fresh(t).Dir})
	header := segment.Line{Text: []byte(texts[0])}
	if _, ok := header.Time(); ok || header.Kind() != segment.KindHeader {
		t.Error("a header has a time")
	}
	line := segment.Line{Text: []byte(texts[1])}
	if at, ok := line.Time(); !ok || time.Since(at) > time.Hour || line.Kind() != segment.KindDecision || !bytes.HasSuffix(line.Body(), []byte(`"bytes_out":0`)) {
		t.Errorf("%s: %s, body %s", line.Text, at, line.Body())
	}
	if (segment.Line{Text: []byte("junk")}).Body() != nil {
		t.Error("junk has a body")
	}
}

// FuzzParseLine: no bytes make it panic, and what is taken for a line is spelt in the one way.
func FuzzParseLine(f *testing.F) {
	for _, text := range read(f, segment.ReaderConfig{Dir: fresh(f).Dir}) {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{,"seq":18446744073709551616,"chain":"` + strings.Repeat("0", 64) + `"}`))
	f.Add([]byte(`{,"seq":01,"chain":"` + strings.Repeat("0", 64) + `"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		header, err := segment.ParseHeader(text)
		if err != nil && !errors.Is(err, segment.ErrMalformed) {
			t.Fatal(err)
		}
		line, fault := segment.ParseLine(text)
		_, _ = line.Kind(), line.Body()
		_, _ = line.Time()
		if fault != nil {
			if err == nil || !errors.Is(fault, segment.ErrMalformed) {
				t.Fatalf("a header that is no line: %v", fault)
			}
			return
		}
		if err == nil && (header.Seq != line.Seq || header.Chain != line.Chain) {
			t.Fatalf("%+v and %+v", header, line)
		}
		if want := fmt.Sprintf(`%s,"seq":%d,"chain":"%x"}`, line.Body(), line.Seq, line.Chain); want != string(text) {
			t.Fatalf("%s is spelt %s", text, want)
		}
	})
}

// FuzzRecord: any bytes as a plain or a compressed segment make neither the reader nor the verifier nor the writer panic;
// a record that opens is sound afterwards.
func FuzzRecord(f *testing.F) {
	whole := slurp(f, filepath.Join(fresh(f).Dir, segment.Name(1)))
	f.Add(whole, false)
	f.Add(whole[:len(whole)-30], false)
	f.Add(append(bytes.Clone(whole), make([]byte, 70)...), false)
	f.Add(bytes.Replace(whole, []byte("refuse"), []byte("allow"), 1), false)
	f.Add([]byte("\n\n\n"), false)
	f.Add([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, true)
	f.Fuzz(func(t *testing.T, text []byte, zipped bool) {
		disk := faultfile.NewDisk()
		if err := disk.MkdirAll("/decisions", 0o700); err != nil {
			t.Fatal(err)
		}
		name := "/decisions/" + segment.Name(1)
		if zipped {
			name += ".gz"
		}
		plant(t, disk, name, text)
		if _, err := segment.VerifyIn(disk, "/decisions", nil); err != nil {
			t.Fatal(err)
		}
		r, err := segment.NewReader(segment.ReaderConfig{Dir: "/decisions", FS: disk, From: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; !errors.Is(err, io.EOF) && n <= len(text)*1000+10; n++ {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatalf("there is no end: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		cfg := config(disk)
		w, err := segment.Open(cfg)
		if err != nil {
			return
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if report, err := segment.VerifyIn(disk, "/decisions", nil); err != nil || !report.OK() {
			t.Fatalf("it opens, and %v %v", report.Faults, err)
		}
	})
}

// TestAReaderMissesNothingWhereTheClockWasSetBack by up to an hour: then segments are not opened in the order of their times.
func TestAReaderMissesNothingWhereTheClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := faultfile.NewDisk()
		cfg := config(disk)
		begun, back := time.Now(), time.Duration(0)
		cfg.Now = func() time.Time { return time.Now().Add(-back) }
		cfg.MaxSize = 4 << 10
		var want []string
		for n := range 60 {
			if n == 30 {
				back = time.Hour
			}
			id := fmt.Sprintf("%032x", n)
			write(t, cfg, id)
			if at := cfg.Now().Sub(begun); at >= 80*time.Minute {
				want = append(want, id)
			}
			time.Sleep(4 * time.Minute)
		}
		var got []string
		for _, id := range ids(t, read(t, segment.ReaderConfig{Dir: "/decisions", FS: disk, From: begun.Add(80 * time.Minute)})) {
			if id != "header" {
				got = append(got, id)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("got %d lines, want %d", len(got), len(want))
		}
	})
}
