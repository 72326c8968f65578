package segment

import "fmt"

// Trace is how far a record was proven, line by line. The zero value: nothing of it is known yet.
type Trace struct {
	Record  string // id; empty: not known yet
	Segment uint64
	Line    int      // of that segment; 0: none was proven
	Seq     uint64   // of the last proven line
	Chain   [32]byte // of that line
}

// Tracer proves the lines of a record as they arrive from elsewhere, one after another. Not safe for concurrent use.
type Tracer struct {
	link *linker
	at   Trace
}

// NewTracer goes on behind a trace. With a zero one it begins with any header, that of segment 1 being the beginning of the record;
// with nothing but a Record, it is the header of that record.
func NewTracer(from Trace) *Tracer { return &Tracer{newLinker(), from} }

// Trace is what was proven.
func (t *Tracer) Trace() Trace { return t.at }

// Next proves the text of a line, without its line feed: its form, its number, its chain value, and of a header that it goes on from the
// segment before. The error wraps ErrMalformed, and nothing has moved. Line.Text is text.
func (t *Tracer) Next(text []byte) (Line, error) {
	line, err := ParseLine(text)
	if err != nil {
		return line, err
	}
	next := Trace{t.at.Record, t.at.Segment, t.at.Line + 1, line.Seq, line.Chain}
	before := t.at.Chain
	switch kind := line.Kind(); {
	case kind == KindHeader:
		h, err := ParseHeader(text)
		if err == nil {
			err = t.follows(h)
		}
		if err != nil {
			return line, err
		}
		next.Record, next.Segment, next.Line, before = h.Record, h.Segment, 1, h.Previous
	case t.at.Line == 0:
		return line, fmt.Errorf("%w: a segment begins with a header", ErrMalformed)
	case line.Seq != t.at.Seq+1:
		return line, fmt.Errorf("%w: line %d follows line %d", ErrMalformed, line.Seq, t.at.Seq)
	case kind == KindGap:
		if _, ok := parseGap(line); !ok {
			return line, fmt.Errorf("%w: it begins like a gap, and does not say one as a writer does", ErrMalformed)
		}
	}
	if t.link.link(&before, text[:len(text)-chainSize]) != line.Chain {
		return line, fmt.Errorf("%w: the chain value does not fit: it, or the line before it, was changed", ErrMalformed)
	}
	t.at = next
	line.Segment, line.Number = next.Segment, next.Line
	return line, nil
}

// follows holds a header against what was proven before it.
func (t *Tracer) follows(h Header) error {
	at := t.at
	switch {
	case at.Record != "" && h.Record != at.Record:
		return fmt.Errorf("%w: it is a segment of record %s", ErrMalformed, h.Record)
	case h.Segment == 1 && (h.Seq != 1 || h.Previous != [32]byte{}):
		return fmt.Errorf("%w: the first segment does not begin with line 1", ErrMalformed)
	case at.Line == 0:
		return nil
	case h.Segment != at.Segment+1:
		return fmt.Errorf("%w: segment %d follows segment %d", ErrMalformed, h.Segment, at.Segment)
	case h.Seq != at.Seq+1:
		return fmt.Errorf("%w: the segment begins with line %d, but the one before it ends with line %d", ErrMalformed, h.Seq, at.Seq)
	case h.Previous != at.Chain:
		return fmt.Errorf("%w: the chain does not go on from the segment before", ErrMalformed)
	}
	return nil
}
