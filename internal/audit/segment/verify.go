package segment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

// Verify proves the record in dir: that every line is what was written, in its place, and none is missing between two others
// (design decision 6). What a chain cannot show, that lines behind the last one were cut off, that all of it was written
// anew, or that the folder is an older copy, only anchors can: they prove it up to the last of them, and Report.Tail says
// what is left. Anchors of other records are passed over; those of a decision record with another id are a fault: they speak
// of a record that is not here. The anchors are read before the record: a server goes on signing. A server may write
// meanwhile. Segments are read in parallel, in bounded memory. The error is the disk's; faults are in the Report.
func Verify(dir string, anchors []checkpoint.Anchor) (Report, error) {
	return VerifyIn(faultfile.OS{}, dir, anchors)
}

// VerifyIn is Verify on a given file system; nil is the operating system's.
func VerifyIn(fsys faultfile.FS, dir string, anchors []checkpoint.Anchor) (Report, error) {
	fsys = orOS(fsys)
	segments, err := Segments(fsys, dir)
	if err != nil {
		return Report{}, fmt.Errorf("verify the decision record: %w", err)
	}
	anchors = slices.DeleteFunc(slices.Clone(anchors), func(a checkpoint.Anchor) bool { return a.Record != checkpoint.Decisions })
	slices.SortStableFunc(anchors, func(a, b checkpoint.Anchor) int { return cmp.Compare(a.Seq, b.Seq) })
	proofs, err := prove(fsys, dir, segments, anchors)
	if err != nil {
		return Report{}, fmt.Errorf("verify the decision record: %w", err)
	}
	return join(proofs, anchors), nil
}

// prove proves each segment by itself.
func prove(fsys faultfile.FS, dir string, segments []Segment, anchors []checkpoint.Anchor) ([]*proof, error) {
	proofs, faults := make([]*proof, len(segments)), make([]error, len(segments))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(len(segments), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(segments); i = int(next.Add(1)) - 1 {
				p := &proof{number: segments[i].Number, link: newLinker(), anchors: anchors}
				faults[i] = p.read(fsys, dir)
				proofs[i] = p
			}
		})
	}
	all.Wait()
	return proofs, errors.Join(faults...)
}

// join puts the proofs of the segments together.
func join(proofs []*proof, anchors []checkpoint.Anchor) (r Report) {
	j := joint{report: &r}
	for i, p := range proofs {
		if i == 0 {
			r.First, r.Begun, j.before = p.header.Seq, p.header.Opened, p.header.Previous
			j.begin(p, proofs)
		} else {
			j.follow(proofs[i-1], p)
		}
		or(&r.Record, p.header.Record)
		j.add(p, i == len(proofs)-1)
	}
	j.anchor(anchors)
	return r
}

// joint is a record that is being put together.
type joint struct {
	report *Report
	broken bool              // a fault was found
	before [32]byte          // chain value that the first line says it follows
	met    checkpoint.Anchor // the last that agrees
}

func (j *joint) fault(f Fault) {
	j.report.fault(f)
	j.broken = true
}

// begin checks how the record begins: at its beginning, or behind what was retired, and says so.
func (j *joint) begin(p *proof, proofs []*proof) {
	if p.number == 1 {
		if p.lines > 0 && (p.header.Seq != 1 || p.header.Previous != [32]byte{}) {
			j.fault(Fault{p.number, 1, "the first segment does not begin with line 1"})
		}
		return
	}
	for i := len(proofs) - 1; i >= 0 && j.report.Retired == nil; i-- {
		if said := proofs[i].retired; said.Segments >= p.number-1 && fits(said, proofs) {
			j.report.Retired = &said
		}
	}
	if j.report.Retired == nil {
		j.fault(Fault{0, 0, fmt.Sprintf("%s to %s are missing, and no line says that they were retired", Name(1), Name(p.number-1))})
	}
}

// fits reports whether the segment behind those that were retired follows the last line of these.
func fits(said Retired, proofs []*proof) bool {
	for _, p := range proofs {
		if p.number == said.Segments+1 {
			return p.header.Previous == said.Chain && p.header.Seq == said.Seq+1
		}
	}
	return false
}

// follow checks that a segment follows the one before it.
func (j *joint) follow(before, p *proof) {
	switch {
	case p.number != before.number+1:
		j.fault(Fault{0, 0, fmt.Sprintf("%s to %s are missing", Name(before.number+1), Name(p.number-1))})
	case p.header.Seq == 0 || before.header.Seq == 0: // a header that is none: said already
	case p.header.Record != before.header.Record:
		j.fault(Fault{p.number, 1, "it is a segment of another record"})
	case p.header.Seq != before.last+1:
		j.fault(Fault{p.number, 1, fmt.Sprintf("begins with line %d, but the segment before it ends with line %d", p.header.Seq, before.last)})
	case p.header.Previous != before.chain && p.header.Previous != before.other:
		j.fault(Fault{p.number, 1, "the chain does not go on from the segment before it: one of the two was replaced"})
	}
}

// add takes over what was found in a segment.
func (j *joint) add(p *proof, last bool) {
	r := j.report
	r.Segments++
	r.Lines += p.lines
	if p.lines > 0 {
		r.Last = p.last
	}
	if last {
		r.Torn = p.torn
	} else if p.torn > 0 {
		p.fault(int(p.lines)+1, "the segment ends inside a line")
	}
	if p.met.Seq > 0 && !j.broken {
		j.met = p.met
	}
	for _, f := range p.faults {
		j.fault(f)
	}
	r.More += p.more
	r.Lost += p.lost
	for _, gap := range p.gaps {
		if len(r.Gaps) < maxFaults {
			r.Gaps = append(r.Gaps, gap)
		}
	}
}

// anchor says up to where checkpoints prove the record, and what they prove that is not there.
func (j *joint) anchor(anchors []checkpoint.Anchor) {
	r := j.report
	r.Anchored, r.AnchoredAt = j.met.Seq, j.met.At
	foreign := map[string]checkpoint.Anchor{}
	var newest, beyond checkpoint.Anchor
	for _, a := range anchors {
		switch {
		case a.ID != r.Record:
			foreign[a.ID] = a
			continue
		case a.Seq > r.Last:
			beyond = a
		}
		newest = a
	}
	j.seam(newest)
	if beyond.Seq > 0 {
		r.fault(Fault{What: fmt.Sprintf("the record ends with line %d, but the checkpoint of %s has seen line %d: the tail was cut off, or the record is an older copy",
			r.Last, beyond.At.UTC().Format(timeLayout), beyond.Seq)})
	}
	for _, id := range slices.Sorted(maps.Keys(foreign)) {
		a := foreign[id]
		r.fault(Fault{What: fmt.Sprintf("the checkpoint of %s has seen line %d of record %s, which is not here: the record was replaced", a.At.UTC().Format(timeLayout), a.Seq, id)})
	}
}

// seam holds the newest anchor of the record against its beginning, where that is behind the anchor: somebody who writes a new
// record that claims to be what a retention has left of the old one would otherwise need no line that was ever signed.
func (j *joint) seam(newest checkpoint.Anchor) {
	r := j.report
	if newest.Seq == 0 || newest.Seq >= r.First || newest.Seq+1 == r.First && newest.Hash == j.before {
		return
	}
	r.fault(Fault{What: fmt.Sprintf("the checkpoint of %s has seen line %d, but the record begins behind it, with line %d: no checkpoint shows that what is here goes on from there",
		newest.At.UTC().Format(timeLayout), newest.Seq, r.First)})
}
