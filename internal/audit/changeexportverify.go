package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// MaxExportLine is how long a line of an export may be, in bytes: a change that touched half a million rows fits.
const MaxExportLine = 64 << 20

// ChangeExportReport is what VerifyChangeExport found. Rows is always 0: the rows of the register are not in an export, and
// nothing is said of them.
type ChangeExportReport struct {
	ChangeReport
	Selection bool   `json:"selection"` // rows were chosen: each is what was hashed, but others may be missing
	LeftOut   uint64 `json:"left_out"`  // numbers that are not in a selection, up to its last row
}

// VerifyChangeExport proves an export of changes (JSON Lines), without the register: every row is what was hashed, they follow one
// another from the first one on, none is missing, and the export was not cut. anchors come from checkpoints whose signatures were
// verified, and prove it up to the last of them; without any, the whole export could have been made anew, and the report says so.
// The error wraps ErrExport where r is no export at all, or is r's; what is wrong in it is in the report.
func VerifyChangeExport(r io.Reader, anchors []Anchor) (ChangeExportReport, error) {
	in := &exportReader{in: bufio.NewReaderSize(r, 1<<16)}
	text, err := in.next()
	var head exportHead
	if err != nil || !spelt(text, &head) || head.Export != exportLabel {
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, errTooLong) {
			err = fmt.Errorf("%w: it does not begin like one of JSON Lines", ErrExport)
		}
		return ChangeExportReport{}, err
	}
	v := newExportVerifier(head, anchors)
	for {
		text, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			v.finish()
			return v.found(), nil
		case errors.Is(err, errTooLong):
			v.bad(in.number, "is too long to be one")
		case err != nil:
			return ChangeExportReport{}, fmt.Errorf("read the export of changes: %w", err)
		default:
			v.line(in.number, text)
		}
	}
}

// errTooLong is the fault of a line beyond MaxExportLine.
var errTooLong = errors.New("line too long")

// exportReader takes lines, within their bound.
type exportReader struct {
	in     *bufio.Reader
	number int
	buf    []byte
}

// next is the next line without its line feed, valid until the call after; io.EOF behind the last one. What stands behind the last
// line feed is a line, too.
func (e *exportReader) next() ([]byte, error) {
	e.buf = e.buf[:0]
	e.number++
	long := false
	for {
		part, err := e.in.ReadSlice('\n')
		if len(e.buf)+len(part) > MaxExportLine {
			long = true
		}
		if !long {
			e.buf = append(e.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !(errors.Is(err, io.EOF) && (len(e.buf) > 0 || long)):
			return nil, err
		case long:
			return nil, errTooLong
		}
		return bytes.TrimSuffix(e.buf, []byte("\n")), nil
	}
}

// spelt reads a line in the one spelling that an export has.
func spelt(text []byte, into any) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		return false
	}
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(into) == nil && bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), text)
}

// exportVerifier goes through the rows with the verifier of the register's own record.
type exportVerifier struct {
	*changeVerifier
	head    exportHead
	leftOut uint64
	rows    uint64
	ended   bool
}

func newExportVerifier(head exportHead, anchors []Anchor) *exportVerifier {
	v := &exportVerifier{head: head, changeVerifier: &changeVerifier{report: ChangeReport{Record: head.Record},
		prev: Genesis(head.Record), next: 1, anchors: anchorsOf(anchors, head.Record)}}
	for _, a := range anchors {
		if a.ID != "" && a.ID != head.Record {
			v.fault(FaultAnchorForeign, a.Seq, "", "the checkpoint of change %d is of record %s, not of this one", a.Seq, clip(a.ID))
		}
	}
	v.anchor(0, v.prev)
	return v
}

func (v *exportVerifier) found() ChangeExportReport {
	return ChangeExportReport{ChangeReport: v.report, Selection: v.head.Selection, LeftOut: v.leftOut}
}

func (v *exportVerifier) bad(number int, why string) {
	v.broken = true
	v.fault(FaultAltered, 0, "", "line %d of the export %s", number, why)
}

// line takes a line behind the first one.
func (v *exportVerifier) line(number int, text []byte) {
	var end exportEnd
	var row exportRow
	switch {
	case v.ended:
		v.bad(number, "stands behind its end")
	case bytes.HasPrefix(text, []byte(`{"end":`)) && spelt(text, &end):
		v.ended = true
		if end.End != v.rows {
			v.fault(FaultMissing, 0, "", "the export says that it has %d changes, and has %d", end.End, v.rows)
		}
	case !spelt(text, &row):
		v.bad(number, "is no change in the form of an export")
	default:
		c, ok := row.change()
		if !ok {
			v.bad(number, "is no change: its time or a digest is none")
			return
		}
		v.rows++
		v.take(c)
	}
}

// take proves one row. In a selection the numbers may leave some out; a row behind such a gap is only what it says that it is.
func (v *exportVerifier) take(c Change) {
	if v.head.Selection && c.Seq > v.next {
		v.leftOut += c.Seq - v.next
		v.next, v.prev = c.Seq, c.Prev
	}
	v.change(c)
}

// change reads the row back; false where a field has not its form.
func (r exportRow) change() (c Change, ok bool) {
	at, err := time.Parse(exportTime, r.At)
	c = Change{Seq: r.Seq, At: at, Actor: r.Actor, Action: Action(r.Action), Subject: r.Subject, Detail: r.Detail}
	ok = err == nil && at.Format(exportTime) == r.At && digest(r.Prev, &c.Prev) && digest(r.Hash, &c.Hash) && r.Seq > 0
	for _, t := range r.Touched {
		touch := Touch{Row: t.Row}
		ok = ok && digest(t.Digest, &touch.Digest)
		c.Touched = append(c.Touched, touch)
	}
	return c, ok
}

// digest reads 64 lower-case hexadecimal digits.
func digest(text string, into *[32]byte) bool {
	if len(text) != 2*len(into) {
		return false
	}
	_, err := hex.Decode(into[:], []byte(text))
	return err == nil && hex.EncodeToString(into[:]) == text
}

// finish looks at what must fit once all rows are read.
func (v *exportVerifier) finish() {
	var hash [32]byte
	last := v.report.Last
	switch {
	case !v.ended:
		v.fault(FaultMissing, last, "", "the export was cut: its end is not there")
	case !digest(v.head.Hash, &hash):
		v.fault(FaultHead, last, "", "the first line of the export names no hash")
	case v.head.Selection:
	case last != v.head.Through:
		v.fault(FaultHead, last, "", "the export says that it goes through change %d, but it ends at change %d", v.head.Through, last)
	case hash != v.prev:
		v.fault(FaultHead, last, "", "the first line of the export knows another last change than change %d", last)
	}
	if v.head.Selection { // up to where the record as a whole is proven cannot be said of a part
		v.report.Anchored, v.report.AnchorAt = 0, time.Time{}
		return
	}
	v.beyond()
}

// beyond names what checkpoints have seen and the export does not have. Fetch checkpoints before the export: then none is newer.
func (v *exportVerifier) beyond() {
	for _, seq := range slices.Sorted(maps.Keys(v.anchors)) {
		v.fault(FaultAnchorCut, seq, "", "change %d was signed in a checkpoint, but the export ends at change %d: it is older than that "+
			"checkpoint, or its end was cut off", seq, v.report.Last)
	}
}

// Lines says the report in words, one fact a line.
func (r ChangeExportReport) Lines() []string {
	lines := []string{fmt.Sprintf("record %s: %d changes in the export", clip(r.Record), r.Changes)}
	for _, f := range r.Faults {
		lines = append(lines, "WRONG: "+f.Text)
	}
	if r.MoreFaults > 0 {
		lines = append(lines, fmt.Sprintf("WRONG: and %d faults more", r.MoreFaults))
	}
	if r.Selection {
		return append(lines, fmt.Sprintf("it is a selection: %d changes are left out, and nothing is proven of them; each that is there is "+
			"what its own hash says, and anybody can make such a hash", r.LeftOut))
	}
	if r.OK() && r.Last > 0 {
		lines = append(lines, fmt.Sprintf("changes 1 to %d are one chain", r.Last))
	}
	lines = append(lines, "the rows of the register are not in an export: whether they are as their changes left them, only audit verify "+
		"on the register itself can say")
	return append(lines, r.tail()...)
}
