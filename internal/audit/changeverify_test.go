package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

var errRead = errors.New("cannot be read")

// ledger is a register of partners alone, as one consistent moment. Reading number failing fails.
type ledger struct {
	head     audit.Head
	changes  []audit.Change
	partners []partner.Partner
	readings int
	failing  int
}

// newLedger has n partners, each added by one change.
func newLedger(n int) *ledger {
	l := &ledger{head: audit.Head{Record: "00112233445566778899aabbccddeeff"}}
	l.head.Hash = audit.Genesis(l.head.Record)
	for i := range n {
		p := partner.Partner{ID: fmt.Sprintf("ptn_%06d", i), Name: "x", CreatedAt: time.Unix(1, 0)}
		l.partners = append(l.partners, p)
		l.add(audit.TouchPartner(p))
	}
	return l
}

func (l *ledger) add(touched ...audit.Touch) {
	c := audit.Change{Seq: l.head.Seq + 1, At: time.Unix(2, 0), Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_x",
		Touched: touched, Prev: l.head.Hash}
	c.Hash = audit.ChangeHash(c)
	l.changes = append(l.changes, c)
	l.head.Seq, l.head.Hash = c.Seq, c.Hash
}

func (l *ledger) read() error {
	if l.readings++; l.readings == l.failing {
		return errRead
	}
	return nil
}

func (l *ledger) Head() (audit.Head, error) { return l.head, l.read() }

func (l *ledger) Changes(after uint64, limit int) ([]audit.Change, error) {
	from := slices.IndexFunc(l.changes, func(c audit.Change) bool { return c.Seq > after })
	if from < 0 {
		return nil, l.read()
	}
	return l.changes[from:min(from+limit, len(l.changes))], l.read()
}

func (l *ledger) Partners() ([]partner.Partner, error)                        { return l.partners, l.read() }
func (l *ledger) Reviews(string) ([]partner.Review, error)                    { return nil, l.read() }
func (l *ledger) Credentials(string) ([]partner.Credential, error)            { return nil, l.read() }
func (l *ledger) Networks(string) ([]partner.NetworkRule, error)              { return nil, l.read() }
func (l *ledger) Limits(string) ([]partner.Limit, error)                      { return nil, l.read() }
func (l *ledger) SealingKeys(string) ([]partner.SealingKey, error)            { return nil, l.read() }
func (l *ledger) Documents(partner.DocumentQuery) ([]partner.Document, error) { return nil, l.read() }

func (l *ledger) anchor() audit.Anchor {
	return audit.Anchor{ID: l.head.Record, Seq: l.head.Seq, Hash: l.head.Hash, At: time.Unix(3, 0)}
}

func TestRule12AReadingThatFailsProvesNothing(t *testing.T) {
	for failing := 1; ; failing++ {
		l := newLedger(600)      // three pages of changes
		l.partners[0].Name = "y" // and a second pass over them
		l.failing = failing
		report, err := audit.VerifyChanges(l, []audit.Anchor{l.anchor()})
		if l.readings < failing {
			if failing != 1+3+7+3+1 {
				t.Errorf("%d readings", failing-1)
			}
			return
		}
		if !errors.Is(err, errRead) || report.Anchored != 0 || report.Changes != 0 || report.TailAnchored() {
			t.Errorf("reading %d fails: %+v, %v", failing, report, err)
		}
	}
}

func TestAnchorsOfAnyOrderAndNumber(t *testing.T) {
	l := newLedger(0)
	anchors := []audit.Anchor{l.anchor()} // of the empty record
	for range 600 {
		l.add()
		if l.head.Seq%100 == 0 {
			anchors = append(anchors, l.anchor(), l.anchor())
		}
	}
	slices.Reverse(anchors)
	report, err := audit.VerifyChanges(l, anchors)
	if err != nil || !report.OK() || !report.TailAnchored() || report.Anchored != 600 {
		t.Errorf("%q, %v", report.Lines(), err)
	}
	nameless := l.anchor()
	nameless.ID, nameless.At = "", time.Time{}
	if report, err = audit.VerifyChanges(l, []audit.Anchor{nameless}); err != nil || !report.TailAnchored() {
		t.Errorf("%q, %v", report.Lines(), err)
	}
	empty, foreign := anchors[len(anchors)-1], l.anchor()
	empty.Hash[0]++
	foreign.ID = strings.Repeat("f", 32)
	future := l.anchor()
	future.Seq++
	for name, test := range map[string]struct {
		anchor audit.Anchor
		want   audit.FaultKind
	}{
		"another beginning": {empty, audit.FaultAnchorDiffers},
		"another record":    {foreign, audit.FaultAnchorForeign},
		"the future":        {future, audit.FaultAnchorCut},
	} {
		report, err := audit.VerifyChanges(l, []audit.Anchor{test.anchor})
		if err != nil || len(report.Faults) != 1 || report.Faults[0].Kind != test.want || report.Anchored != 0 {
			t.Errorf("%s: %q, %v", name, report.Lines(), err)
		}
	}
}

func TestAnEmptyRecordIsSoundAndNotAnchored(t *testing.T) {
	l := newLedger(0)
	for _, anchors := range [][]audit.Anchor{nil, {l.anchor()}} {
		report, err := audit.VerifyChanges(l, anchors)
		if err != nil || !report.OK() || report.TailAnchored() {
			t.Errorf("%q, %v", report.Lines(), err)
		}
	}
}

// The report can be read by people and by programs, and what a manipulated row says cannot disguise it.
func TestTheReportIsOneFactALine(t *testing.T) {
	l := newLedger(3)
	l.changes[1].Actor = "operator:alice\nrecord is fine\x1b[2J" + strings.Repeat("x", 1000)
	l.changes[0].Action = audit.RegisterChained
	l.partners[0].ID = "ptn_\n"
	report, err := audit.VerifyChanges(l, nil)
	if err != nil || report.OK() {
		t.Fatal(report, err)
	}
	for _, line := range report.Lines() {
		if strings.ContainsAny(line, "\n\x1b") || len(line) > 300 {
			t.Errorf("%q", line)
		}
	}
	text, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(text), `"kind":"altered"`) || !strings.Contains(string(text), `"anchored":0`) {
		t.Errorf("%s, %v", text, err)
	}
}

// circle is a register whose change rows lead back to where they begin: a full page that ends with number 0.
type circle struct{ *ledger }

func (c circle) Changes(after uint64, limit int) ([]audit.Change, error) {
	if err := c.read(); err != nil || after > 0 {
		return nil, err
	}
	page := make([]audit.Change, limit)
	for i := range page {
		page[i].Seq = -uint64(limit - 1 - i)
	}
	return page, nil
}

// TestVerifyingEnds also where somebody has put rows in front, with numbers that no store gives.
func TestVerifyingEnds(t *testing.T) {
	l := newLedger(0)
	l.failing = 50
	report, err := audit.VerifyChanges(circle{l}, nil)
	if err != nil || report.OK() {
		t.Errorf("%v after %d readings, faults %v", err, l.readings, report.Faults)
	}
}

// TestAReportIsPlainText: what an altered register calls itself does not reach a terminal as it is.
func TestAReportIsPlainText(t *testing.T) {
	for _, record := range []string{"\x1b[2Jrecord ok", "00112233445566778899aabbccddeeff\nrecord", strings.Repeat("a", 10_000)} {
		l := newLedger(0)
		l.head = audit.Head{Record: record, Hash: audit.Genesis(record)}
		report, err := audit.VerifyChanges(l, nil)
		if err != nil {
			t.Fatal(err)
		}
		if line := report.Lines()[0]; strings.ContainsAny(line, "\x1b\n") || len(line) > 300 {
			t.Errorf("%q", line)
		}
	}
}
