package segment_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/audit/segment"
)

// recorded is a record of three segments, the first two compressed, and all of its lines.
func recorded(t testing.TB) (dir string, lines []byte) {
	t.Helper()
	dir = t.TempDir()
	r := recordtest.New(t, dir)
	r.Step = time.Second
	for i := range 3 {
		r.Write(50, i < 2)
	}
	return dir, copied(t, dir, segment.Extent{})
}

func copied(t testing.TB, dir string, part segment.Extent) []byte {
	t.Helper()
	var b bytes.Buffer
	c, err := segment.CopyLines(context.Background(), nil, dir, &b, part)
	if err != nil || int(c.Lines) != bytes.Count(b.Bytes(), []byte("\n")) || len(c.Bad) > 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	return b.Bytes()
}

// anchorAt is what a checkpoint has seen of a line.
func anchorAt(t testing.TB, lines []byte, seq int) checkpoint.Anchor {
	t.Helper()
	text := bytes.Split(lines, []byte("\n"))[seq-1]
	a := checkpoint.Anchor{Record: checkpoint.Decisions, ID: strings.Repeat("0", 31) + "7", Seq: uint64(seq), At: recordtest.Begin.Add(time.Hour)}
	if _, err := hex.Decode(a.Hash[:], text[len(text)-66:len(text)-2]); err != nil {
		t.Fatal(err)
	}
	return a
}

func streamed(t testing.TB, lines []byte, anchors ...checkpoint.Anchor) segment.StreamReport {
	t.Helper()
	r, err := segment.VerifyLines(bytes.NewReader(lines), anchors)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACopyOfTheRecordIsProvenWithoutItsFolder(t *testing.T) {
	_, lines := recorded(t)
	r := streamed(t, lines, anchorAt(t, lines, 100), anchorAt(t, lines, 153))
	if !r.OK() || r.Lines != 153 || r.First != 1 || r.Last != 153 || r.Pieces != 1 || r.Missing != 0 || r.Proven != 153 || r.Anchored != 153 || r.Beyond != 0 {
		t.Errorf("%+v", r)
	}
	r = streamed(t, lines, anchorAt(t, lines, 100))
	if !r.OK() || r.Proven != 100 || r.Anchored != 100 {
		t.Errorf("%+v", r)
	}
	if r := streamed(t, lines); !r.OK() || r.Proven != 0 || !strings.Contains(strings.Join(r.Text(), "\n"), "no checkpoint vouches") {
		t.Errorf("%+v", r)
	}
	if r := streamed(t, nil); !r.OK() || r.Lines != 0 || len(r.Text()) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestEveryByteOfACopyCounts: one that is changed is a fault, or, in the first line of a piece without its header, not proven.
func TestEveryByteOfACopyCounts(t *testing.T) {
	dir := t.TempDir()
	r := recordtest.New(t, dir)
	r.Write(3, false)
	lines := copied(t, dir, segment.Extent{})
	whole := streamed(t, lines, anchorAt(t, lines, 4))
	if !whole.OK() || whole.Proven != 4 {
		t.Fatalf("%+v", whole)
	}
	for i := range lines {
		other := bytes.Clone(lines)
		if other[i] ^= 1; other[i] == '\n' {
			continue
		}
		if got := streamed(t, other, anchorAt(t, lines, 4)); got.OK() && got.Proven == 4 {
			t.Errorf("byte %d of %d is not noticed", i, len(lines))
		}
	}
}

// TestAChoiceOfLinesSaysThatItIsOne: what a search exports.
func TestAChoiceOfLinesSaysThatItIsOne(t *testing.T) {
	_, lines := recorded(t)
	all := bytes.SplitAfter(lines, []byte("\n"))
	choice := bytes.Join([][]byte{all[9], all[10], all[11], all[40], all[41]}, nil) // 10 to 12, 41 and 42
	r := streamed(t, choice, anchorAt(t, lines, 11), anchorAt(t, lines, 42))
	if !r.OK() || r.Pieces != 2 || r.Missing != 28 || r.Lines != 5 || r.Proven != 2 || r.Anchored != 42 || r.Record != "" {
		t.Errorf("%+v", r)
	}
	swapped := bytes.Join([][]byte{all[10], all[9]}, nil)
	if r := streamed(t, swapped); r.OK() {
		t.Errorf("swapped lines: %+v", r)
	}
	if r := streamed(t, bytes.Join([][]byte{all[9], all[9]}, nil)); r.OK() {
		t.Errorf("a doubled line: %+v", r)
	}
}

func TestWhatIsDoneToACopyShows(t *testing.T) {
	_, lines := recorded(t)
	all := bytes.SplitAfter(lines, []byte("\n"))
	other := t.TempDir()
	second := recordtest.New(t, other)
	second.At = second.At.Add(time.Hour)
	second.Write(160, false)
	for _, c := range []struct {
		what  string
		lines []byte
		ok    bool
	}{
		{"cut in a line", lines[:len(lines)-10], false},
		{"no line between lines", bytes.Join([][]byte{all[0], []byte("{}\n"), all[1]}, nil), false},
		{"a line that is too long", append(bytes.Clone(all[0]), append(bytes.Repeat([]byte("x"), segment.MaxLine+10), '\n')...), false},
		{"another record, written anew", copied(t, other, segment.Extent{}), false},
		{"cut behind a line", bytes.Join(all[:100], nil), true}, // a part, and it says so
	} {
		r := streamed(t, c.lines, anchorAt(t, lines, 50), anchorAt(t, lines, 153))
		if r.OK() != c.ok {
			t.Errorf("%s: %+v", c.what, r)
		}
		if c.ok && (r.Beyond != 153 || !strings.Contains(strings.Join(r.Text(), "\n"), "cut off")) {
			t.Errorf("%s: %+v", c.what, r)
		}
	}
	if _, err := segment.VerifyLines(io.MultiReader(bytes.NewReader(lines[:1000]), iotest.ErrReader(errDisk)), nil); !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
}

var errDisk = errors.New("the disk is gone")

func TestAPartOfTheRecordIsOnePiece(t *testing.T) {
	dir, lines := recorded(t)
	part := copied(t, dir, segment.Extent{From: recordtest.Begin.Add(40 * time.Second), To: recordtest.Begin.Add(70 * time.Second)})
	r := streamed(t, part, anchorAt(t, lines, 120))
	if !r.OK() || r.Pieces != 1 || r.First < 20 || r.Last < 60 || r.Last > 153 || r.Missing != 0 || !bytes.Contains(lines, part) {
		t.Errorf("%+v", r)
	}
	if none := copied(t, dir, segment.Extent{From: recordtest.Begin.Add(time.Hour)}); len(none) != 0 {
		t.Errorf("%d bytes of an hour in which nothing was", len(none))
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := segment.CopyLines(ended, nil, dir, io.Discard, segment.Extent{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// FuzzVerifyLines: whatever the lines hold, their verification ends, and proves no line that the record does not have.
func FuzzVerifyLines(f *testing.F) {
	dir := f.TempDir()
	r := recordtest.New(f, dir)
	r.Write(3, false)
	lines := copied(f, dir, segment.Extent{})
	anchor := anchorAt(f, lines, 4)
	known := map[[32]byte]bool{}
	for line := range bytes.Lines(lines) {
		known[sha256.Sum256(line)] = true
	}
	f.Add(lines)
	f.Add(lines[300:])
	f.Add([]byte("{\"segment\":1\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := segment.VerifyLines(bytes.NewReader(text), []checkpoint.Anchor{anchor})
		if err != nil {
			t.Fatal(err)
		}
		have := uint64(0)
		for line := range bytes.Lines(text) {
			if known[sha256.Sum256(line)] {
				have++
			}
		}
		if r.Proven > have {
			t.Errorf("%d lines are proven, the record has %d of them: %q", r.Proven, have, text)
		}
		_ = r.Text()
	})
}

// TestWhoeverTakesTheHeadersAwayLeavesTheCheckpoints: a record that was written anew is told, whatever it says that it is.
func TestWhoeverTakesTheHeadersAwayLeavesTheCheckpoints(t *testing.T) {
	_, lines := recorded(t)
	other := t.TempDir()
	second := recordtest.New(t, other)
	second.At = second.At.Add(time.Hour)
	second.Write(160, false)
	anew := copied(t, other, segment.Extent{})
	headless := anew[bytes.IndexByte(anew, '\n')+1:]
	of := func(id string, seq int) checkpoint.Anchor {
		a := anchorAt(t, lines, seq)
		a.ID = strings.Repeat(id, 32)
		return a
	}
	for _, c := range []struct {
		what    string
		lines   []byte
		anchors []checkpoint.Anchor
		ok      bool
		beyond  uint64
	}{
		{"no header, and anew", headless, []checkpoint.Anchor{anchorAt(t, lines, 50)}, false, 0},
		{"no header, anchors of two records", headless, []checkpoint.Anchor{anchorAt(t, lines, 50), of("a", 60)}, true, 0},
		{"the header of another record", anew, []checkpoint.Anchor{of("a", 50)}, false, 0},
		{"no header, and cut", lines[bytes.IndexByte(lines, '\n')+1 : bytes.IndexByte(lines, '\n')+1], []checkpoint.Anchor{anchorAt(t, lines, 153)}, true, 153},
	} {
		r := streamed(t, c.lines, c.anchors...)
		if r.OK() != c.ok || r.Beyond != c.beyond || c.beyond > 0 && !strings.Contains(strings.Join(r.Text(), "\n"), "cut off") {
			t.Errorf("%s: %+v", c.what, r)
		}
	}
}
