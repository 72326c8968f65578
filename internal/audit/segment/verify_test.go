package segment_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/audit/segment"
)

// folder is a record in the operating system's files, of several small segments.
type folder struct {
	t   testing.TB
	dir string
	all int // lines
}

// newFolder writes a record of at least four segments.
func newFolder(t testing.TB) *folder {
	t.Helper()
	cfg := config(nil)
	cfg.Dir, cfg.MaxSize = filepath.Join(t.TempDir(), "decisions"), 4<<10
	var names []string
	for n := range 60 {
		names = append(names, fmt.Sprintf("%032x", n))
	}
	write(t, cfg, names...)
	f := &folder{t: t, dir: cfg.Dir}
	f.all = len(f.lines())
	if segments, err := segment.Segments(nil, f.dir); err != nil || len(segments) < 4 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	return f
}

func (f *folder) path(number int) string { return filepath.Join(f.dir, segment.Name(uint64(number))) }

// lines are all lines of the record, wherever they stand.
func (f *folder) lines() []string {
	f.t.Helper()
	return read(f.t, segment.ReaderConfig{Dir: f.dir})
}

// edit changes the lines of a segment; each has its line feed.
func (f *folder) edit(number int, change func(lines []string) []string) {
	f.t.Helper()
	text, err := os.ReadFile(f.path(number))
	if err != nil {
		f.t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	if err := os.WriteFile(f.path(number), []byte(strings.Join(change(lines), "")), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// remove removes segments.
func (f *folder) remove(numbers ...int) {
	f.t.Helper()
	for _, n := range numbers {
		if err := os.Remove(f.path(n)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// anchor is what a checkpoint of the record at a line would say.
func (f *folder) anchor(seq int) checkpoint.Anchor {
	f.t.Helper()
	hash, err := segment.ChainAt(nil, f.dir, uint64(seq))
	if err != nil {
		f.t.Fatal(err)
	}
	return checkpoint.Anchor{Record: checkpoint.Decisions, ID: strings.Repeat("07", 16), Seq: uint64(seq), Hash: hash, At: time.Unix(1, 0)}
}

// chain is written after the description of the format, not after the code: SHA-256 over a label, the chain value before,
// the length as eight bytes, and the line up to its chain value.
func chain(previous [32]byte, sealed string) [32]byte {
	length := binary.BigEndian.AppendUint64(nil, uint64(len(sealed)))
	return sha256.Sum256(bytes.Join([][]byte{[]byte("countersign decision 1\n"), previous[:], length, []byte(sealed)}, nil))
}

var (
	seqOf      = regexp.MustCompile(`,"seq":\d+,"chain":"[0-9a-f]{64}"}\n$`)
	previousOf = regexp.MustCompile(`"previous":"[0-9a-f]{64}"`)
)

// forge numbers and chains all lines anew, from a segment on, as whoever can write the files can.
func (f *folder) forge(from int) {
	f.t.Helper()
	seq, previous := 0, [32]byte{}
	segments, err := segment.Segments(nil, f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, s := range segments {
		f.edit(int(s.Number), func(lines []string) []string {
			for i, line := range lines {
				seq++
				if i == 0 && int(s.Number) > 1 {
					line = previousOf.ReplaceAllString(line, fmt.Sprintf(`"previous":"%x"`, previous[:]))
				}
				sealed := seqOf.ReplaceAllString(line, "") + fmt.Sprintf(`,"seq":%d`, seq)
				previous = chain(previous, sealed)
				if int(s.Number) >= from {
					lines[i] = sealed + fmt.Sprintf(`,"chain":"%x"}`, previous[:]) + "\n"
				}
			}
			return lines
		})
	}
}

func (f *folder) verify(anchors ...checkpoint.Anchor) segment.Report {
	f.t.Helper()
	report, err := segment.Verify(f.dir, anchors)
	if err != nil {
		f.t.Fatal(err)
	}
	return report
}

// TestTheChainIsWhatItsDescriptionSays: whoever verifies with another program needs these words only.
func TestTheChainIsWhatItsDescriptionSays(t *testing.T) {
	f := newFolder(t)
	previous := [32]byte{}
	for i, line := range f.lines() {
		sealed, rest, _ := strings.Cut(line, `,"chain":"`)
		previous = chain(previous, sealed)
		if want := hex.EncodeToString(previous[:]) + `"}`; rest != want || !strings.HasSuffix(sealed, fmt.Sprintf(`,"seq":%d`, i+1)) {
			t.Fatalf("line %d: %s", i+1, line)
		}
	}
	f.forge(1)
	if report := f.verify(f.anchor(f.all)); !report.OK() || report.Tail() != "" {
		t.Errorf("chained anew without a change: %+v", report)
	}
}

func TestASoundRecordVerifies(t *testing.T) {
	f := newFolder(t)
	last := f.all
	for _, c := range []struct {
		name    string
		anchors []checkpoint.Anchor
		tail    string
	}{
		{"no anchor", nil, fmt.Sprintf("not anchored: all of lines 1 to %d could have been written anew, and lines behind them cut off", last)},
		{"an anchor in the middle", []checkpoint.Anchor{f.anchor(20)}, fmt.Sprintf("tail not anchored: lines 21 to %d could have been written anew, and lines behind them cut off", last)},
		{"anchors in any order", []checkpoint.Anchor{f.anchor(50), f.anchor(1), f.anchor(50)}, fmt.Sprintf("tail not anchored: lines 51 to %d could have been written anew, and lines behind them cut off", last)},
		{"an anchor at the end", []checkpoint.Anchor{f.anchor(3), f.anchor(last)}, ""},
		{"an anchor of the other record", []checkpoint.Anchor{{Record: checkpoint.Changes, ID: "x", Seq: 9999}, f.anchor(last)}, ""},
	} {
		report := f.verify(c.anchors...)
		if !report.OK() || report.Tail() != c.tail || report.Lines != uint64(last) || report.Last != uint64(last) || report.First != 1 {
			t.Errorf("%s: %+v, tail %q", c.name, report, report.Tail())
		}
	}
}

func swap(i, k int) func([]string) []string {
	return func(lines []string) []string {
		lines[i], lines[k] = lines[k], lines[i]
		return lines
	}
}

func drop(i int) func([]string) []string {
	return func(lines []string) []string { return append(lines[:i:i], lines[i+1:]...) }
}

func flip(i int, old, with string) func([]string) []string {
	return func(lines []string) []string {
		lines[i] = strings.Replace(lines[i], old, with, 1)
		return lines
	}
}

// attacks are what somebody may do who can write the files, and what verifying says: without an anchor, and with one that was
// signed before at the last line. An empty text: nothing can be noticed, and the report says that the tail is not anchored.
var attacks = []struct {
	name             string
	do               func(f *folder)
	without, withOne string
}{
	{"a byte of a line is flipped", func(f *folder) { f.edit(2, flip(3, `"refuse"`, `"refusf"`)) }, "00000002.jsonl:4: the chain value does not fit: this line was changed", ""},
	{"a byte of a chain value is flipped", func(f *folder) {
		f.edit(2, func(lines []string) []string {
			at := len(lines[3]) - 4
			lines[3] = lines[3][:at] + string("01"[lines[3][at]&1^'1'&1]) + lines[3][at+1:]
			return lines
		})
	}, "00000002.jsonl:4: the chain value does not fit", ""},
	{"a byte of a header is flipped", func(f *folder) { f.edit(2, flip(0, `"opened":"2`, `"opened":"3`)) }, "00000002.jsonl:1: the chain value does not fit", ""},
	{"the end of a line is spoilt", func(f *folder) { f.edit(2, flip(3, "\"}\n", "\"]\n")) }, "00000002.jsonl:4: not a line of the record", ""},
	{"a line feed is taken out", func(f *folder) { f.edit(2, flip(3, "\n", " ")) }, "00000002.jsonl:4: line 21 follows line 19", ""},
	{"a line is dropped", func(f *folder) { f.edit(2, drop(3)) }, "00000002.jsonl:4: line 21 follows line 19: what was between them is missing", ""},
	{"a line is there twice", func(f *folder) { f.edit(2, func(l []string) []string { return append(l[:4:4], l[3:]...) }) }, "00000002.jsonl:5: line 20 follows line 20: it is out of order, or there twice", ""},
	{"two lines change places", func(f *folder) { f.edit(2, swap(3, 4)) }, "00000002.jsonl:4: line 21 follows line 19", ""},
	{"a segment is cut in the middle of the record", func(f *folder) { f.edit(2, func(l []string) []string { return l[:5] }) }, "00000003.jsonl:1: begins with line 33, but the segment before it ends with line 21", ""},
	{"a segment ends inside a line", func(f *folder) { f.edit(2, func(l []string) []string { l[len(l)-1] = l[len(l)-1][:50]; return l }) }, "00000002.jsonl:16: the segment ends inside a line", ""},
	{"a header is gone", func(f *folder) { f.edit(2, drop(0)) }, "00000002.jsonl:1: ", ""},
	{"a segment is empty", func(f *folder) { f.edit(2, func([]string) []string { return nil }) }, "00000002.jsonl:1: the segment has no header", ""},
	{"a segment is gone", func(f *folder) { f.remove(2) }, "00000002.jsonl to 00000002.jsonl are missing", ""},
	{"the first segments are gone", func(f *folder) { f.remove(1, 2) }, "00000001.jsonl to 00000002.jsonl are missing, and no line says that they were retired", ""},
	{"a segment takes the place of another", func(f *folder) { f.must(os.Rename(f.path(2), f.path(3))) }, "00000002.jsonl to 00000002.jsonl are missing", ""},
	{"one segment is written anew and not those behind it", func(f *folder) {
		f.edit(3, flip(3, `"refuse"`, `"allow"`))
		behind, err := os.ReadFile(f.path(4))
		f.must(err)
		f.forge(3)
		f.must(os.WriteFile(f.path(4), behind, 0o600))
	}, "00000004.jsonl:1: the chain does not go on from the segment before it", ""},

	{"a line is changed and the rest written anew", func(f *folder) { f.edit(2, flip(3, `"refuse"`, `"allow"`)); f.forge(1) }, "", "the checkpoint of 1970-01-01T00:00:01.000000Z has seen another line"},
	{"a line is dropped and the rest written anew", func(f *folder) { f.edit(2, drop(3)); f.forge(1) }, "", "the tail was cut off, or the record is an older copy"},
	{"a line is put in and the rest written anew", func(f *folder) { f.edit(2, func(l []string) []string { return append(l[:4:4], l[3:]...) }); f.forge(1) }, "", "has seen another line"},
	{"all of it is written anew", func(f *folder) { f.edit(1, flip(1, `"refuse"`, `"allow"`)); f.forge(1) }, "", "has seen another line"},
	{"the last line is cut off", func(f *folder) { f.cutLast() }, "", "the tail was cut off, or the record is an older copy"},
	{"the last segment is cut off", func(f *folder) { f.remove(f.segments()) }, "", "the tail was cut off, or the record is an older copy"},
	{"an older copy of the record is put in place", func(f *folder) {
		for n := 3; n <= f.segments(); n++ {
			f.remove(n)
		}
	}, "", "the tail was cut off, or the record is an older copy"},
	{"all segments are removed", func(f *folder) {
		for n := 1; n <= f.segments(); n++ {
			f.must(os.Remove(f.path(n)))
		}
	}, "", "of record 07070707070707070707070707070707, which is not here"},
	{"another record is put in place", func(f *folder) {
		f.each(func(l []string) []string {
			l[0] = strings.Replace(l[0], strings.Repeat("07", 16), strings.Repeat("08", 16), 1)
			return l
		})
		f.forge(1)
	}, "", "of record 07070707070707070707070707070707, which is not here: the record was replaced"},
}

func (f *folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) segments() (n int) {
	f.t.Helper()
	all, err := segment.Segments(nil, f.dir)
	f.must(err)
	for _, s := range all {
		n = max(n, int(s.Number))
	}
	return n
}

func (f *folder) each(change func(lines []string) []string) {
	f.t.Helper()
	for n := 1; n <= f.segments(); n++ {
		f.edit(n, change)
	}
}

func (f *folder) cutLast() {
	f.edit(f.segments(), func(l []string) []string { return l[:len(l)-1] })
}

// TestWhatIsDoneToARecordIsDetectedOrSaidToBeUndetectable, for each attack, without an anchor and with one.
func TestWhatIsDoneToARecordIsDetectedOrSaidToBeUndetectable(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			f := newFolder(t)
			anchor := f.anchor(f.all)
			early := f.anchor(10)
			a.do(f)
			report := f.verify()
			if a.without == "" {
				if !report.OK() || !strings.Contains(report.Tail(), "anchored") && !strings.Contains(report.Tail(), "no lines") {
					t.Errorf("without an anchor: %v, tail %q: want no fault, and the word that nothing is proven", report.Faults, report.Tail())
				}
			} else {
				detects(t, report, a.without)
			}
			report = f.verify(early, anchor)
			detects(t, report, a.without+a.withOne)
			if report.Anchored == uint64(f.all) {
				t.Error("the report says that the changed record is anchored to its end")
			}
		})
	}
}

// detects checks that the first fault is the expected one.
func detects(t *testing.T, report segment.Report, want string) {
	t.Helper()
	if report.OK() || !strings.Contains(report.Faults[0].String(), want) {
		t.Errorf("faults %v, want first %q", report.Faults, want)
	}
}

// TestAFaultIsNamedOnce: one changed line is one fault, at its place; what stands behind it is as it was.
func TestAFaultIsNamedOnce(t *testing.T) {
	for name, do := range map[string]func(f *folder){
		"a line":          func(f *folder) { f.edit(2, flip(3, `"refuse"`, `"refusf"`)) },
		"its chain value": func(f *folder) { attacks[1].do(f) },
		"its form":        func(f *folder) { f.edit(2, flip(3, "\"}\n", "\"]\n")) },
		"dropped":         func(f *folder) { f.edit(2, drop(3)) },
	} {
		f := newFolder(t)
		anchors := []checkpoint.Anchor{f.anchor(10), f.anchor(40)}
		do(f)
		if report := f.verify(anchors...); len(report.Faults) != 1 || report.Anchored != 10 {
			t.Errorf("%s: anchored to %d, faults %v", name, report.Anchored, report.Faults)
		}
	}
}

// TestEveryFlippedByteIsDetected, in every place of a segment in the middle, whatever it becomes.
func TestEveryFlippedByteIsDetected(t *testing.T) {
	f := newFolder(t)
	whole, err := os.ReadFile(f.path(2))
	f.must(err)
	for at := range whole[:1200] { // the header and three lines: the others are no different
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 1 << (at % 8)
		f.must(os.WriteFile(f.path(2), spoilt, 0o600))
		if report := f.verify(); report.OK() {
			t.Fatalf("byte %d: %q became %q, and nothing is said", at, whole[at], spoilt[at])
		}
	}
}

// TestCompressedSegmentsVerifyAndAreProtected.
func TestCompressedSegmentsVerifyAndAreProtected(t *testing.T) {
	f := newFolder(t)
	anchor := f.anchor(f.all)
	plain, err := os.ReadFile(f.path(2))
	f.must(err)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(plain)
	f.must(err)
	f.must(z.Close())
	f.must(os.WriteFile(f.path(2)+".gz", zipped.Bytes(), 0o600))
	f.remove(2)
	if report := f.verify(anchor); !report.OK() || report.Tail() != "" || report.Lines != uint64(f.all) {
		t.Errorf("%+v", report)
	}
	for name, spoil := range map[string][]byte{
		"cut":         zipped.Bytes()[:zipped.Len()-20],
		"cut to nil":  nil,
		"junk behind": append(bytes.Clone(zipped.Bytes()), "junk"...),
		"flipped":     flipped(zipped.Bytes(), zipped.Len()/2),
		"no gzip":     plain,
	} {
		f.must(os.WriteFile(f.path(2)+".gz", spoil, 0o600))
		if report := f.verify(); report.OK() {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x40
	return b
}

// TestVerifyIsBounded: a segment of garbage has many faults, and the report names a bounded number of them.
func TestVerifyIsBounded(t *testing.T) {
	f := newFolder(t)
	f.must(os.WriteFile(f.path(2), bytes.Repeat([]byte("x\n"), 5000), 0o600))
	report := f.verify()
	if len(report.Faults) != 1000 || report.More < 4000 {
		t.Errorf("%d faults and %d more", len(report.Faults), report.More)
	}
	f.must(os.WriteFile(f.path(2), bytes.Repeat([]byte("x"), 2<<20), 0o600))
	if report := f.verify(); report.OK() {
		t.Error("a line of 2 MiB is no fault")
	}
	if _, err := segment.Verify(filepath.Join(f.dir, "nothing"), nil); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

var _ io.Reader = randomness(0)

// TestARecordThatClaimsToBeWhatIsLeftIsAFault: somebody removes everything and begins a record of the same id that says of all
// lines which a checkpoint has seen that they were retired. The chain fits, and no signed line is left to compare with.
func TestARecordThatClaimsToBeWhatIsLeftIsAFault(t *testing.T) {
	f := newFolder(t)
	early, anchor := f.anchor(10), f.anchor(f.all)
	last := f.segments()
	f.edit(last, func(lines []string) []string {
		previous := sha256.Sum256([]byte("nothing of the old record"))
		header := previousOf.ReplaceAllString(lines[0], fmt.Sprintf(`"previous":"%x"`, previous[:]))
		told := fmt.Sprintf(`{"time":"2026-01-01T00:00:00.000000Z","retired":{"segments":%d,"to":%d,"last":"%x"}`, last-1, f.all+100, previous[:])
		seq := f.all + 100
		made := []string{header, told}
		for i, line := range made {
			seq++
			sealed := seqOf.ReplaceAllString(line, "") + fmt.Sprintf(`,"seq":%d`, seq)
			previous = chain(previous, sealed)
			made[i] = sealed + fmt.Sprintf(`,"chain":"%x"}`, previous[:]) + "\n"
		}
		return made
	})
	for n := 1; n < last; n++ {
		f.remove(n)
	}
	if report := f.verify(); !report.OK() || report.Retired == nil || !strings.Contains(report.Tail(), "not anchored") {
		t.Fatalf("without a checkpoint: %v, retired %v, tail %q", report.Faults, report.Retired, report.Tail())
	}
	detects(t, f.verify(early, anchor), "no checkpoint shows that what is here goes on from there")
}

// TestWhatARecordSaysOfItselfIsBoundedAndPlain: a hostile file repeats the lines that a report keeps, and hides text for a
// terminal in one.
func TestWhatARecordSaysOfItselfIsBoundedAndPlain(t *testing.T) {
	f := newFolder(t)
	const gaps = 1500
	f.edit(1, func(lines []string) []string {
		for range gaps {
			lines = append(lines, `{"time":"2026-01-01T00:00:00.000000Z","gap":true,"lost":2,"seq":1,"chain":""}`+"\n")
		}
		return lines
	})
	for n := f.segments(); n > 1; n-- {
		f.remove(n)
	}
	f.edit(1, func(lines []string) []string {
		for i, line := range lines {
			if !seqOf.MatchString(line) {
				lines[i] = strings.Replace(line, `,"seq":1,"chain":""}`, fmt.Sprintf(`,"seq":1,"chain":"%064d"}`, 0), 1)
			}
		}
		return lines
	})
	f.forge(1)
	report := f.verify()
	if !report.OK() || len(report.Gaps) != 1000 || report.Lost != 2*gaps {
		t.Errorf("faults %v, %d gaps, %d lost; want none, 1000 and %d", report.Faults, len(report.Gaps), report.Lost, 2*gaps)
	}
	for _, kept := range []string{"\u001b[2J", "../../elsewhere", strings.Repeat("a", 65), "\u202e", `\u001b`} {
		f.edit(1, func(lines []string) []string {
			lines[len(lines)-1] = fmt.Sprintf(`{"time":"2026-01-01T00:00:00.000000Z","gap":true,"kept":"%s","seq":1,"chain":"%064d"}`, kept, 0) + "\n"
			return lines
		})
		f.forge(1)
		report := f.verify()
		detects(t, report, "it begins like a gap")
		for _, gap := range report.Gaps {
			if gap.Kept != "" {
				t.Errorf("the report repeats %q", gap.Kept)
			}
		}
	}
}
