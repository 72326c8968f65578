package audit

import (
	"fmt"
	"strings"
	"time"
)

// Anchor is what a checkpoint that was kept elsewhere says of the state-change record: whoever verified its signature makes
// one of it.
type Anchor struct {
	ID   string    // of the record; empty: not said, and then not compared
	Seq  uint64    // the change that was the last one then
	Hash [32]byte  // of that change
	At   time.Time // when it was signed; for people
}

// FaultKind says what is wrong in one place. The list is closed.
type FaultKind string

// The kinds of fault.
const (
	FaultAltered       FaultKind = "altered"        // a change row is not what was hashed
	FaultMissing       FaultKind = "missing"        // change rows are gone
	FaultUnlinked      FaultKind = "unlinked"       // a change row does not follow the one before it
	FaultHead          FaultKind = "head"           // the record does not end where the register says
	FaultRowChanged    FaultKind = "row_changed"    // a row of the register is not as its last change left it
	FaultRowOld        FaultKind = "row_old"        // a row of the register is as an older change left it
	FaultRowRemoved    FaultKind = "row_removed"    // a row of the register is gone without a change
	FaultRowAdded      FaultKind = "row_added"      // a row of the register is there without a change
	FaultFile          FaultKind = "file"           // a file that a row names by its digest is gone, or another one
	FaultAnchorCut     FaultKind = "anchor_cut"     // a checkpoint knows changes that the record does not have
	FaultAnchorDiffers FaultKind = "anchor_differs" // a checkpoint knows another change under this number: the record was written anew
	FaultAnchorForeign FaultKind = "anchor_foreign" // a checkpoint is of another record: the register was exchanged, or the checkpoint is of another one
)

// Fault is one thing that is not as it must be.
type Fault struct {
	Kind FaultKind `json:"kind"`
	Seq  uint64    `json:"seq,omitempty"` // the change concerned; 0: none
	Row  string    `json:"row,omitempty"` // the row of the register concerned; empty: none
	Text string    `json:"text"`          // one line for people
}

// MaxFaults is how many faults a ChangeReport lists; the others are counted.
const MaxFaults = 100

// ChangeReport is what a verification of the state-change record found.
type ChangeReport struct {
	Record   string    `json:"record"`    // id of the record
	Changes  uint64    `json:"changes"`   // change rows that were read
	Last     uint64    `json:"last"`      // number of the last of them; 0: there is none
	Rows     int       `json:"rows"`      // rows of the register that were compared
	Anchored uint64    `json:"anchored"`  // up to this change the record is proven to be what a checkpoint saw; 0: nothing is
	AnchorAt time.Time `json:"anchor_at"` // when that checkpoint was signed; zero: there is none, or it does not say
	// ChainedAt is the change with which a register of version 1 got its chain; what is before it was hashed afterwards. 0: the
	// register had a chain from its first change on.
	ChainedAt  uint64  `json:"chained_at,omitempty"`
	Faults     []Fault `json:"faults,omitempty"`
	MoreFaults int     `json:"more_faults,omitempty"` // beyond MaxFaults
}

// Add notes one more fault: for what is outside of the chain and is named by a row of it. Beyond MaxFaults it is counted.
func (r *ChangeReport) Add(f Fault) {
	if len(r.Faults) == MaxFaults {
		r.MoreFaults++
		return
	}
	r.Faults = append(r.Faults, f)
}

// OK reports whether nothing is wrong. It does not say that the tail is anchored: see TailAnchored.
func (r ChangeReport) OK() bool { return len(r.Faults) == 0 }

// TailAnchored reports whether a checkpoint vouches for the very last change, so that nothing after it can have been cut off.
// Without it a chain cannot show that its tail was cut or that all of it was hashed anew.
func (r ChangeReport) TailAnchored() bool { return r.OK() && r.Anchored == r.Last && r.Anchored != 0 }

// Lines says the report in words, one fact a line.
func (r ChangeReport) Lines() []string {
	record := r.Record
	if strings.Trim(record, "0123456789abcdef") != "" || len(record) > RecordIDLen {
		record = clip(record) // somebody has put it there
	}
	lines := []string{fmt.Sprintf("record %s: %d changes, %d rows of the register", record, r.Changes, r.Rows)}
	for _, f := range r.Faults {
		lines = append(lines, "WRONG: "+f.Text)
	}
	if r.MoreFaults > 0 {
		lines = append(lines, fmt.Sprintf("WRONG: and %d faults more", r.MoreFaults))
	}
	if r.OK() && r.Last > 0 {
		lines = append(lines, fmt.Sprintf("changes 1 to %d are one chain, and every row of the register is as they left it", r.Last))
	}
	if r.ChainedAt > 1 {
		lines = append(lines, fmt.Sprintf("changes 1 to %d are older than the chain: they were hashed when the register was converted, by change %d",
			r.ChainedAt-1, r.ChainedAt))
	}
	return append(lines, r.tail()...)
}

func (r ChangeReport) tail() []string {
	var lines []string
	if r.Anchored > 0 {
		at := ""
		if !r.AnchorAt.IsZero() {
			at = " of " + r.AnchorAt.UTC().Format(time.RFC3339)
		}
		lines = append(lines, fmt.Sprintf("proven up to change %d by the checkpoint%s", r.Anchored, at))
	}
	switch {
	case r.TailAnchored():
	case r.Anchored > 0 && r.Anchored < r.Last:
		lines = append(lines, fmt.Sprintf("tail not anchored: changes %d to %d could be written anew, and later ones could be missing", r.Anchored+1, r.Last))
	default:
		lines = append(lines, "tail not anchored: no checkpoint vouches for it, so the end could be cut off, or the whole record written anew")
	}
	return lines
}
