package audit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
)

// pages is a ledger as it is read page by page.
type pages struct{ *ledger }

func (p pages) Head(context.Context) (audit.Head, error) { return p.ledger.Head() }

func (p pages) Changes(_ context.Context, after uint64, limit int) ([]audit.Change, error) {
	return p.ledger.Changes(after, limit)
}

func exported(t testing.TB, l *ledger, what audit.ChangeExport) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := audit.ExportChanges(context.Background(), pages{l}, &b, what); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var asLines = audit.ChangeExport{Format: audit.ExportJSONL}

func verified(t testing.TB, export []byte, anchors ...audit.Anchor) audit.ChangeExportReport {
	t.Helper()
	r, err := audit.VerifyChangeExport(bytes.NewReader(export), anchors)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnExportOfChangesIsProvenWithoutTheRegister(t *testing.T) {
	l := newLedger(600) // three pages
	l.changes[3].Detail = "<&> é \u2028"
	r := verified(t, exported(t, rehashed(l), asLines))
	if !r.OK() || r.TailAnchored() || r.Changes != 600 || r.Last != 600 || r.Rows != 0 || r.Selection {
		t.Errorf("%+v", r)
	}
	text := strings.Join(r.Lines(), "\n")
	if !strings.Contains(text, "changes 1 to 600 are one chain") || !strings.Contains(text, "the rows of the register are not in an export") || !strings.Contains(text, "tail not anchored") {
		t.Errorf("%s", text)
	}
	r = verified(t, exported(t, l, asLines), l.anchor())
	if !r.TailAnchored() || r.Anchored != 600 || strings.Contains(strings.Join(r.Lines(), "\n"), "tail not anchored") {
		t.Errorf("%+v", r)
	}
	if r := verified(t, exported(t, newLedger(0), asLines)); !r.OK() || r.Changes != 0 {
		t.Errorf("of an empty record: %+v", r)
	}
}

// rehashed makes the chain of a ledger whose rows were changed anew, as somebody would who can write everything but checkpoints.
func rehashed(l *ledger) *ledger {
	prev := audit.Genesis(l.head.Record)
	for i := range l.changes {
		c := &l.changes[i]
		c.Seq, c.Prev = uint64(i+1), prev
		c.Hash = audit.ChangeHash(*c)
		prev = c.Hash
	}
	l.head.Seq, l.head.Hash = uint64(len(l.changes)), prev
	return l
}

// TestEveryByteOfAnExportCounts: whichever is changed, the export is not what was written any more.
func TestEveryByteOfAnExportCounts(t *testing.T) {
	l := newLedger(3)
	export := exported(t, l, asLines)
	for i := range export {
		for _, c := range []byte{export[i] ^ 1, ' ', '"', '0'} {
			if c == export[i] {
				continue
			}
			other := bytes.Clone(export)
			other[i] = c
			if r, err := audit.VerifyChangeExport(bytes.NewReader(other), []audit.Anchor{l.anchor()}); err == nil && r.TailAnchored() {
				t.Errorf("byte %d of %d: %q for %q is not noticed", i, len(export), c, export[i])
			}
		}
	}
}

func TestWhatIsDoneToAnExportShows(t *testing.T) {
	l := newLedger(6)
	lines := bytes.SplitAfter(exported(t, l, asLines), []byte("\n"))
	lines = lines[:len(lines)-1] // head, six changes, end
	without := func(n int) [][]byte {
		return append(append([][]byte{}, lines[:n]...), lines[n+1:]...)
	}
	swapped := append([][]byte{}, lines...)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	rewritten := rehashed(newLedger(6))
	rewritten.changes[2].Actor = "operator:mallory"
	for _, c := range []struct {
		what   string
		export []byte
		kind   audit.FaultKind
	}{
		{"a row is gone", bytes.Join(without(3), nil), audit.FaultMissing},
		{"the last row is gone", bytes.Join(without(6), nil), audit.FaultMissing},
		{"two rows are swapped", bytes.Join(swapped, nil), audit.FaultMissing},
		{"cut inside", bytes.Join(lines[:5], nil), audit.FaultMissing},
		{"cut in a line", bytes.Join(lines, nil)[:900], audit.FaultAltered},
		{"a row behind the end", bytes.Join(append(append([][]byte{}, lines...), lines[6]), nil), audit.FaultAltered},
		{"another spelling", bytes.Replace(bytes.Join(lines, nil), []byte(`"seq":2`), []byte(`"seq": 2`), 1), audit.FaultAltered},
		{"a field more", bytes.Replace(bytes.Join(lines, nil), []byte(`{"seq":2`), []byte(`{"note":1,"seq":2`), 1), audit.FaultAltered},
		{"written anew", exported(t, rehashed(rewritten), asLines), audit.FaultAnchorDiffers},
		{"the export of an older state", exported(t, newLedger(4), asLines), audit.FaultAnchorCut},
	} {
		r := verified(t, c.export, l.anchor())
		if r.OK() || r.Faults[0].Kind != c.kind && !has(r.Faults, c.kind) {
			t.Errorf("%s: %+v", c.what, r.Faults)
		}
	}
	foreign := l.anchor()
	foreign.ID = strings.Repeat("f", 32)
	if r := verified(t, exported(t, l, asLines), foreign); !has(r.Faults, audit.FaultAnchorForeign) {
		t.Errorf("a checkpoint of another record: %+v", r.Faults)
	}
}

func has(faults []audit.Fault, kind audit.FaultKind) bool {
	for _, f := range faults {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

// TestASelectionProvesNothingOfTheRest.
func TestASelectionProvesNothingOfTheRest(t *testing.T) {
	l := newLedger(10)
	odd := audit.ChangeExport{Format: audit.ExportJSONL, Keep: func(c audit.Change) bool { return c.Seq%2 == 0 || c.Seq == 5 }}
	export := exported(t, l, odd)
	r := verified(t, export, l.anchor())
	if !r.OK() || !r.Selection || r.Changes != 6 || r.LeftOut != 4 || r.Anchored != 0 || r.TailAnchored() || !strings.Contains(strings.Join(r.Lines(), "\n"), "selection") {
		t.Errorf("%+v", r)
	}
	if r := verified(t, bytes.Replace(export, []byte("operator:alice"), []byte("operator:alicf"), 1)); r.OK() {
		t.Errorf("an altered row of a selection: %+v", r)
	}
}

func TestWhatIsNoExportIsSaid(t *testing.T) {
	for what, text := range map[string]string{"nothing": "", "CSV": string(exported(t, newLedger(1), audit.ChangeExport{Format: audit.ExportCSV})), "another program's": "{\"a\":1}\n"} {
		if _, err := audit.VerifyChangeExport(strings.NewReader(text), nil); !errors.Is(err, audit.ErrExport) {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := io.MultiReader(bytes.NewReader(exported(t, newLedger(2), asLines)[:400]), iotest.ErrReader(errRead))
	if _, err := audit.VerifyChangeExport(broken, nil); !errors.Is(err, errRead) {
		t.Errorf("%v", err)
	}
	if _, err := audit.ExportChanges(context.Background(), pages{newLedger(1)}, io.Discard, audit.ChangeExport{Format: "xml"}); !errors.Is(err, audit.ErrExport) {
		t.Errorf("%v", err)
	}
}

// TestAnExportThatFailsHasNoEnd: nobody takes a part for the whole.
func TestAnExportThatFailsHasNoEnd(t *testing.T) {
	for failing := 1; failing <= 4; failing++ {
		l := newLedger(600)
		l.failing = failing
		var b bytes.Buffer
		if _, err := audit.ExportChanges(context.Background(), pages{l}, &b, asLines); !errors.Is(err, errRead) {
			t.Errorf("reading %d: %v", failing, err)
		}
		if r, err := audit.VerifyChangeExport(&b, nil); err == nil && r.OK() {
			t.Errorf("reading %d: the part is taken for the whole: %+v", failing, r)
		}
	}
	if _, err := audit.ExportChanges(context.Background(), pages{newLedger(600)}, failingWriter{}, asLines); !errors.Is(err, errRead) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errRead }

func TestTheSheetIsSafe(t *testing.T) {
	l := newLedger(2)
	l.changes[1].Detail, l.changes[1].At = `=HYPERLINK("x"),1`, time.UnixMicro(1_700_000_000_123456)
	rows, err := csv.NewReader(bytes.NewReader(exported(t, l, audit.ChangeExport{Format: audit.ExportCSV}))).ReadAll()
	if err != nil || len(rows) != 3 || fmt.Sprint(rows[0]) != fmt.Sprint(audit.ChangeColumns()) {
		t.Fatalf("%q, %v", rows, err)
	}
	if rows[2][5] != `'=HYPERLINK("x"),1` || rows[2][1] != "2023-11-14T22:13:20.123456Z" || rows[2][6] != "partner/ptn_000001" {
		t.Errorf("%q", rows[2])
	}
	for _, text := range []string{"", "a", "=a", " =a", "\u200b+a", "@", "＝", "-1", "a=b", "\tx", "\ufeff|"} {
		if audit.Cell(text) != search.Cell(text) {
			t.Errorf("%q: changes %q, decisions %q", text, audit.Cell(text), search.Cell(text))
		}
	}
}

// FuzzChangeExport: whatever an export holds, its verification ends, and finds nothing proven that a checkpoint does not know.
func FuzzChangeExport(f *testing.F) {
	l := newLedger(3)
	whole := exported(f, l, asLines)
	f.Add(whole)
	f.Add(whole[:500])
	f.Add(bytes.Replace(whole, []byte(`"selection":false`), []byte(`"selection":true`), 1))
	f.Add([]byte("{\"export\":\"countersign changes 1\",\"record\":\"\",\"through\":0,\"hash\":\"\",\"selection\":true}\n{\"end\":0}\n"))
	f.Fuzz(func(t *testing.T, export []byte) {
		r, err := audit.VerifyChangeExport(bytes.NewReader(export), []audit.Anchor{l.anchor()})
		if err == nil && r.TailAnchored() && !bytes.Equal(bytes.TrimSuffix(export, []byte("\n")), bytes.TrimSuffix(whole, []byte("\n"))) {
			t.Errorf("%q counts as the record", export)
		}
		if err == nil && len(r.Lines()) == 0 {
			t.Error("a report without words")
		}
	})
}
