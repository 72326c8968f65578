package audit

import (
	"fmt"
	"maps"
	"slices"
)

// ChangeSource is one consistent moment of a register, as far as a verification reads it. A transaction of any engine is one.
type ChangeSource interface {
	Head() (Head, error)
	Changes(after uint64, limit int) ([]Change, error)
	RowSource
}

// changePage is how many change rows are in memory at once; one of them can have many touched rows.
const changePage = 256

// VerifyChanges reads the whole state-change record of src, computes its chain again, and compares every row of the register
// with what its last change left (design decision 6). anchors come from checkpoints whose signatures were verified; without
// any, a cut tail or a record that was hashed anew as a whole cannot be noticed, and the report says so. An error means that
// something could not be read, and then nothing is proven. The count of failed authentications is no part of the record.
func VerifyChanges(src ChangeSource, anchors []Anchor) (ChangeReport, error) {
	head, err := src.Head()
	if err != nil {
		return ChangeReport{}, fmt.Errorf("verify changes: %w", err)
	}
	v := &changeVerifier{report: ChangeReport{Record: head.Record}, prev: Genesis(head.Record), next: 1,
		left: newLeftRows(), anchors: anchorsOf(anchors, head.Record)}
	for _, a := range anchors {
		if a.ID != "" && a.ID != head.Record {
			v.fault(FaultAnchorForeign, a.Seq, "", "the checkpoint of change %d is of record %s, not of this one", a.Seq, a.ID)
		}
	}
	v.anchor(0, v.prev)
	if err := eachChange(src, v.change); err != nil {
		return ChangeReport{}, fmt.Errorf("verify changes: %w", err)
	}
	v.end(head)
	suspects, err := v.compare(src)
	if err == nil && len(suspects) > 0 {
		err = v.date(src, suspects)
	}
	if err != nil {
		return ChangeReport{}, fmt.Errorf("verify changes: %w", err)
	}
	return v.report, nil
}

// anchorsOf keeps the anchors of this record, by the number of their change.
func anchorsOf(anchors []Anchor, record string) map[uint64][]Anchor {
	out := map[uint64][]Anchor{}
	for _, a := range anchors {
		if a.ID == "" || a.ID == record {
			out[a.Seq] = append(out[a.Seq], a)
		}
	}
	return out
}

// eachChange ends where the numbers do not go on: in a register that somebody has altered they may lead back, for ever. They
// are then missing where they should be, which visit is shown.
func eachChange(src ChangeSource, visit func(Change)) error {
	for after := uint64(0); ; {
		page, err := src.Changes(after, changePage)
		if err != nil {
			return err
		}
		for _, c := range page {
			visit(c)
		}
		if len(page) < changePage || page[len(page)-1].Seq <= after {
			return nil
		}
		after = page[len(page)-1].Seq
	}
}

type changeVerifier struct {
	report  ChangeReport
	prev    [32]byte            // hash of the change before
	next    uint64              // number that the next change must have
	left    *leftRows           // what the last change left of each row; nil: nothing is compared with it
	anchors map[uint64][]Anchor // those that were not met yet
	broken  bool                // the chain is, somewhere before
}

func (v *changeVerifier) fault(kind FaultKind, seq uint64, row, format string, args ...any) {
	v.report.Add(Fault{Kind: kind, Seq: seq, Row: row, Text: fmt.Sprintf(format, args...)})
}

func (v *changeVerifier) change(c Change) {
	v.report.Changes++
	v.report.Last = c.Seq
	hash := ChangeHash(c)
	switch {
	case c.Seq != v.next:
		v.broken = true
		v.fault(FaultMissing, v.next, "", "change %d is missing: change %d is in its place", v.next, c.Seq)
	case c.Prev != v.prev:
		v.broken = true
		v.fault(FaultUnlinked, c.Seq, "", "change %d does not follow change %d", c.Seq, c.Seq-1)
	}
	if hash != c.Hash {
		v.broken = true
		v.fault(FaultAltered, c.Seq, "", "change %d (%s by %s) was altered", c.Seq, clip(string(c.Action)), clip(c.Actor))
	}
	if c.Action == RegisterChained {
		v.report.ChainedAt = c.Seq
	}
	v.anchor(c.Seq, hash)
	if v.left != nil {
		for _, t := range c.Touched {
			v.left.set(t.Row, t.Digest)
		}
	}
	v.prev, v.next = c.Hash, c.Seq+1
}

// clip keeps what an altered row says from filling or disguising a report.
func clip(s string) string { return fmt.Sprintf("%.60q", s) }

func (v *changeVerifier) anchor(seq uint64, hash [32]byte) {
	for _, a := range v.anchors[seq] {
		switch {
		case a.Hash != hash:
			v.fault(FaultAnchorDiffers, seq, "", "change %d is not the one that was signed in a checkpoint: the record was written anew", seq)
		case !v.broken:
			v.report.Anchored, v.report.AnchorAt = seq, a.At
		}
	}
	delete(v.anchors, seq)
}

// end looks at what must fit once all changes are read.
func (v *changeVerifier) end(head Head) {
	if head.Seq != v.report.Last {
		v.fault(FaultHead, v.report.Last, "", "the register counts %d changes, but the record ends at change %d", head.Seq, v.report.Last)
	} else if head.Hash != v.prev {
		v.fault(FaultHead, v.report.Last, "", "the register knows another last change than change %d of the record", v.report.Last)
	}
	for _, seq := range slices.Sorted(maps.Keys(v.anchors)) {
		v.fault(FaultAnchorCut, seq, "", "change %d was signed in a checkpoint, but the record ends at change %d", seq, v.report.Last)
	}
}
