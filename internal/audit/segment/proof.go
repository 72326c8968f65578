package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// proof is what is known of one segment by itself, from its header on.
type proof struct {
	number  uint64
	link    *linker
	anchors []checkpoint.Anchor // by seq

	header Header
	lines  uint64
	last   uint64   // seq
	chain  [32]byte // that the last line says it has
	other  [32]byte // that it must have; the same, unless its chain value itself was changed
	free   bool     // the line before was no line: nothing is known of what must follow
	torn   int64

	faults  []Fault
	more    int
	gaps    []Gap
	lost    uint64            // sum of all gaps
	retired Retired           // the last one
	met     checkpoint.Anchor // the last that agrees before the first fault
}

func (p *proof) fault(line int, what string) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, Fault{p.number, line, what})
	} else {
		p.more++
	}
}

// read reads the segment to its end. A fault of the disk is an error, unless it is one of a compressed file's bytes.
func (p *proof) read(fsys faultfile.FS, dir string) error {
	in, err := openSegment(fsys, dir, p.number)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s was removed while the record was read; try again: %w", Name(p.number), err)
	case errors.Is(err, ErrMalformed):
		p.fault(0, err.Error())
		return nil
	case err != nil:
		return err
	}
	defer in.Close()
	lines := newScanner(in)
	for {
		text, whole, err := lines.next()
		switch {
		case err == nil && whole:
			p.next(text, lines)
		case errors.Is(err, ErrMalformed):
			p.skip(lines.number, err)
		case errors.Is(err, io.EOF):
			p.end(int64(len(text)), lines.number)
			return nil
		case in.zipped:
			p.fault(lines.number+1, fmt.Sprintf("the compressed file is broken from here on: %v", err))
			return nil
		default:
			return fmt.Errorf("%s: %w", Name(p.number), err)
		}
	}
}

func (p *proof) end(torn int64, lines int) {
	p.torn = torn
	if lines == 0 {
		p.fault(1, "the segment has no header")
	}
}

// skip notes a line that is none.
func (p *proof) skip(number int, err error) {
	p.fault(number, err.Error())
	p.last++ // if nothing else was done to it
	p.free = true
	p.lines++
}

// next proves one line.
func (p *proof) next(text []byte, lines *scanner) {
	line, err := ParseLine(text)
	if err == nil && lines.number == 1 {
		err = p.begin(text)
	}
	if err != nil {
		p.skip(lines.number, err)
		return
	}
	line.Segment, line.Number, line.Offset = p.number, lines.number, lines.offset
	sealed := text[:len(text)-chainSize]
	must := p.link.link(&p.chain, sealed)
	switch {
	case p.free:
		must = line.Chain
	case line.Seq > p.last+1:
		p.fault(line.Number, fmt.Sprintf("line %d follows line %d: what was between them is missing or out of order", line.Seq, p.last))
		must = line.Chain
	case line.Seq < p.last+1:
		p.fault(line.Number, fmt.Sprintf("line %d follows line %d: it is out of order, or there twice", line.Seq, p.last))
		must = line.Chain
	case must != line.Chain && p.link.link(&p.other, sealed) != line.Chain:
		p.fault(line.Number, "the chain value does not fit: this line was changed")
	default:
		must = line.Chain
	}
	p.free = false
	p.lines++
	p.last, p.chain, p.other = line.Seq, line.Chain, must
	p.meet(line)
	p.hear(line)
}

// begin takes the first line.
func (p *proof) begin(text []byte) (err error) {
	if p.header, err = ParseHeader(text); err != nil {
		return err
	}
	if p.header.Segment != p.number {
		return fmt.Errorf("%w: the header is that of segment %d", ErrMalformed, p.header.Segment)
	}
	p.last, p.chain, p.other = p.header.Seq-1, p.header.Previous, p.header.Previous
	return nil
}

// meet compares a line with the anchors of its seq.
func (p *proof) meet(line Line) {
	at := sort.Search(len(p.anchors), func(i int) bool { return p.anchors[i].Seq >= line.Seq })
	for _, a := range p.anchors[at:] {
		switch {
		case a.Seq != line.Seq:
			return
		case a.ID != p.header.Record: // said for the record as a whole
		case a.Hash == line.Chain:
			if p.faults == nil {
				p.met = a
			}
		default:
			p.fault(line.Number, fmt.Sprintf("the checkpoint of %s has seen another line %d: lines up to this one were written anew", a.At.UTC().Format(timeLayout), a.Seq))
		}
	}
}

// hear takes what the record says of itself.
func (p *proof) hear(line Line) {
	switch line.Kind() {
	case KindGap:
		gap, ok := parseGap(line)
		switch {
		case !ok:
			p.fault(line.Number, "it begins like a gap, and does not say one as a writer does")
		case len(p.gaps) < maxFaults:
			p.gaps = append(p.gaps, gap)
		}
		p.lost += gap.Lost
	case KindRetired:
		if said, ok := parseRetired(line); ok {
			p.retired = said
		}
	case KindHeader:
		if line.Number > 1 {
			p.fault(line.Number, "a header in the middle of a segment")
		}
	}
}
