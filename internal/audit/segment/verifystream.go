package segment

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"countersign.dev/internal/audit/checkpoint"
)

// StreamReport is what VerifyLines has found out about lines that were taken out of a record.
type StreamReport struct {
	Record  string `json:"record"`  // id, as a header among the lines says it; empty: there is none
	Lines   uint64 `json:"lines"`   // that were read
	First   uint64 `json:"first"`   // seq of the first line; 0: there are no lines
	Last    uint64 `json:"last"`    // seq of the last one
	Pieces  int    `json:"pieces"`  // unbroken pieces of the chain; 1: nothing was left out between First and Last
	Missing uint64 `json:"missing"` // lines between the pieces
	Lost    uint64 `json:"lost"`    // lines of which the record itself says that they were never written

	// Proven counts the lines that a checkpoint vouches for: of a piece, those up to the last line that one has seen, without the
	// first line of a piece that does not begin with a header: of that one nothing is known but what it says.
	Proven     uint64    `json:"proven"`
	Anchored   uint64    `json:"anchored"` // seq of the last line that a checkpoint has seen; 0: none
	AnchoredAt time.Time `json:"anchored_at,omitzero"`
	Beyond     uint64    `json:"beyond,omitempty"` // seq of a checkpoint of this record behind Last: the export is a part, older, or was cut

	Faults []string `json:"faults"` // the first 1,000
	More   int      `json:"more"`   // faults beyond these
}

// OK reports that no fault was found: every piece is a chain. It says nothing about lines that no checkpoint vouches for.
func (r StreamReport) OK() bool { return len(r.Faults) == 0 }

func (r StreamReport) pieces() string {
	switch {
	case r.Pieces == 1:
		return "in one unbroken piece"
	case r.Missing == 1:
		return fmt.Sprintf("in %d unbroken pieces; 1 line between them is not there", r.Pieces)
	}
	return fmt.Sprintf("in %d unbroken pieces; %d lines between them are not there", r.Pieces, r.Missing)
}

// Text says the report in words, one fact a line.
func (r StreamReport) Text() []string {
	if r.Lines == 0 && r.OK() {
		return append([]string{"no lines: nothing is proven"}, r.beyond()...)
	}
	lines := []string{fmt.Sprintf("%d lines, %d to %d, %s", r.Lines, r.First, r.Last, r.pieces())}
	for _, f := range r.Faults {
		lines = append(lines, "WRONG: "+f)
	}
	if r.More > 0 {
		lines = append(lines, fmt.Sprintf("WRONG: and %d faults more", r.More))
	}
	if r.Record == "" {
		lines = append(lines, "no header of a segment is among them: they are a selection, and nothing is proven of lines that are left out")
	}
	if r.Lost > 0 {
		lines = append(lines, fmt.Sprintf("the record itself says that %d lines were never written", r.Lost))
	}
	if r.Anchored == 0 {
		lines = append(lines, "no checkpoint vouches for any of them: all of it could have been made anew")
	} else {
		lines = append(lines, fmt.Sprintf("%d lines are proven by checkpoints, the last of %s for line %d", r.Proven,
			r.AnchoredAt.UTC().Format(timeLayout), r.Anchored))
	}
	return append(lines, r.beyond()...)
}

func (r StreamReport) beyond() []string {
	if r.Beyond == 0 {
		return nil
	}
	return []string{fmt.Sprintf("a checkpoint has seen line %d: what is here is a part of the record, or older than that, or its "+
		"end was cut off", r.Beyond)}
}

// VerifyLines proves lines that were exported from a record, without its folder: that each is what was written, and that of an
// unbroken piece none is missing. It takes what CopyLines writes, which is one piece, and any choice of lines in their order, as a
// search exports them: then it says how many pieces they are, and nothing of what was left out: whether anything may be
// missing, whoever asked for the export knows. anchors are those of the record's checkpoints, verified. The error is r's; faults
// are in the report.
func VerifyLines(r io.Reader, anchors []checkpoint.Anchor) (StreamReport, error) {
	v := &streamProof{link: newLinker(), anchors: map[uint64][]checkpoint.Anchor{}, report: StreamReport{Faults: []string{}}}
	for _, a := range anchors {
		if a.Record == checkpoint.Decisions {
			v.anchors[a.Seq] = append(v.anchors[a.Seq], a)
		}
	}
	v.sole = soleID(anchors)
	lines := newScanner(r)
	for {
		text, whole, err := lines.next()
		switch {
		case err == nil && whole:
			v.next(text, lines.number)
		case errors.Is(err, ErrMalformed):
			v.skip(lines.number, err)
		case errors.Is(err, io.EOF):
			if len(text) > 0 {
				v.skip(lines.number+1, fmt.Errorf("%w: it has no end", ErrMalformed))
			}
			return v.end(anchors), nil
		default:
			return v.report, fmt.Errorf("read exported lines: %w", err)
		}
	}
}

// streamProof is a VerifyLines at work.
type streamProof struct {
	link    *linker
	anchors map[uint64][]checkpoint.Anchor
	report  StreamReport
	chain   [32]byte // that the line before has
	bound   bool     // the next line follows it, if its number does
	waiting uint64   // lines of the piece that the next anchor in it proves
	sole    string   // the record that all anchors are of; empty: there are none, or of several
}

// soleID is the record that all anchors of decisions are of; empty where they are of several, or there are none.
func soleID(anchors []checkpoint.Anchor) (id string) {
	for _, a := range anchors {
		switch {
		case a.Record != checkpoint.Decisions || a.ID == id:
		case id != "":
			return ""
		default:
			id = a.ID
		}
	}
	return id
}

// record is the id of the record that the lines are of: what a header among them says, or else the only one that the anchors know,
// since whoever takes the headers away must not have taken the anchors away with them.
func (v *streamProof) record() string { return cmp.Or(v.report.Record, v.sole) }

func (v *streamProof) fault(format string, args ...any) {
	if len(v.report.Faults) < maxFaults {
		v.report.Faults = append(v.report.Faults, fmt.Sprintf(format, args...))
	} else {
		v.report.More++
	}
}

// skip notes what is no line. What comes behind begins another piece.
func (v *streamProof) skip(number int, err error) {
	v.fault("line %d of the export: %v", number, err)
	v.report.Lines++
	v.bound = false
}

func (v *streamProof) next(text []byte, number int) {
	line, err := ParseLine(text)
	var header Header
	line.Number = number
	isHeader := err == nil && line.Kind() == KindHeader
	if isHeader {
		header, err = ParseHeader(text)
	}
	if err != nil {
		v.skip(number, err)
		return
	}
	v.place(line)
	if isHeader {
		v.header(header)
	}
	sealed := text[:len(text)-chainSize]
	switch {
	case v.bound && v.link.link(&v.chain, sealed) != line.Chain:
		v.fault("line %d of the record: the chain value does not fit: it, or the line before it, was changed", line.Seq)
		v.waiting = 0
	case v.bound:
		v.waiting++
	default: // the first of a piece that does not begin with a header: what it follows is not known
		v.waiting = 0
	}
	if gap, ok := parseGap(line); line.Kind() == KindGap && ok {
		v.report.Lost += gap.Lost
	}
	v.chain, v.bound = line.Chain, true
	v.meet(line)
}

// place holds a line's number against that of the line before.
func (v *streamProof) place(line Line) {
	r := &v.report
	r.Lines++
	switch {
	case r.First == 0:
		r.First, r.Pieces, v.bound = line.Seq, 1, false
	case line.Seq <= r.Last:
		v.fault("line %d of the record follows line %d: it is out of order, or there twice", line.Seq, r.Last)
		v.bound, r.Pieces = false, r.Pieces+1
	case line.Seq > r.Last+1:
		r.Missing += line.Seq - r.Last - 1
		v.bound, r.Pieces = false, r.Pieces+1
	case !v.bound: // behind something that was no line
		r.Pieces++
	}
	r.Last = max(r.Last, line.Seq)
}

// header takes a header: it says which record this is, and the chain value of the line before it.
func (v *streamProof) header(h Header) {
	switch {
	case v.report.Record == "":
		v.report.Record = h.Record
	case v.report.Record != h.Record:
		v.fault("line %d is the header of another record", h.Seq)
	}
	if v.bound && h.Previous != v.chain {
		v.fault("line %d: the header does not go on from the line before it", h.Seq)
	}
	if !v.bound {
		v.chain, v.bound = h.Previous, true
	}
}

// meet holds a line against the anchors of its number. Where no header says which record this is and there are anchors of several,
// one that differs is passed over.
func (v *streamProof) meet(line Line) {
	for _, a := range v.anchors[line.Seq] {
		switch {
		case a.Hash == line.Chain:
			v.report.Proven += v.waiting
			v.report.Anchored, v.report.AnchoredAt = line.Seq, a.At
			v.waiting = 0
		case a.ID == v.record():
			v.fault("the checkpoint of %s has seen another line %d: what is here was written anew, or is of another record",
				a.At.UTC().Format(timeLayout), a.Seq)
		}
	}
}

// end looks at what the anchors know beside the lines: more of this record, or another record in its place.
func (v *streamProof) end(anchors []checkpoint.Anchor) StreamReport {
	foreign := map[string]checkpoint.Anchor{}
	for _, a := range anchors {
		switch {
		case a.Record != checkpoint.Decisions:
		case a.ID == v.record():
			if a.Seq > v.report.Last {
				v.report.Beyond = max(v.report.Beyond, a.Seq)
			}
		case v.report.Record != "":
			foreign[a.ID] = a
		}
	}
	for _, id := range slices.Sorted(maps.Keys(foreign)) {
		a := foreign[id]
		v.fault("the checkpoint of %s has seen line %d of record %s, which is not here: the record was replaced, or the checkpoints are of another one",
			a.At.UTC().Format(timeLayout), a.Seq, id)
	}
	return v.report
}
