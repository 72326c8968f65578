package segment

import (
	"fmt"
	"time"
)

// maxFaults bounds the faults that a Report names; what comes after is only counted.
const maxFaults = 1000

// Fault is one thing that is not as it was written.
type Fault struct {
	Segment uint64 // 0: it is about the record as a whole
	Line    int    // of the segment; 0: it is about the segment as a whole
	What    string
}

// String is the fault with its place.
func (f Fault) String() string {
	switch {
	case f.Segment == 0:
		return f.What
	case f.Line == 0:
		return fmt.Sprintf("%s: %s", Name(f.Segment), f.What)
	}
	return fmt.Sprintf("%s:%d: %s", Name(f.Segment), f.Line, f.What)
}

// Report is what Verify has found out.
type Report struct {
	Record   string // id; empty: there are no lines
	Segments int
	Lines    uint64    // that were read
	First    uint64    // seq of the first line; 0: there are no lines
	Last     uint64    // seq of the last line
	Begun    time.Time // when the first segment that is there was opened
	Torn     int64     // bytes of an unfinished line at the end: it is being written, or a crash has torn it
	Gaps     []Gap     // what the record itself says is missing, in order; the first 1,000
	Lost     uint64    // sum of what all gaps have lost
	Retired  *Retired  // the record begins behind segments that were removed, and says so; nil: it begins at its beginning

	// Anchored is the seq up to which checkpoints prove that the record is what it was when they were signed; 0: none does.
	// It holds from First on: of lines that were retired, nothing can be proven any more.
	Anchored   uint64
	AnchoredAt time.Time // when the last of these was signed
	Faults     []Fault   // in order; the first 1,000
	More       int       // faults beyond these
}

// OK reports that no fault was found. It says nothing about lines behind Anchored: see Tail.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// Tail says what no checkpoint proves; empty: every line is proven.
func (r Report) Tail() string {
	switch {
	case r.Last == 0:
		return "no lines: a record that was removed as a whole would look the same"
	case r.Anchored == 0:
		return fmt.Sprintf("not anchored: all of lines %d to %d could have been written anew, and lines behind them cut off", r.First, r.Last)
	case r.Anchored < r.Last:
		return fmt.Sprintf("tail not anchored: lines %d to %d could have been written anew, and lines behind them cut off", r.Anchored+1, r.Last)
	}
	return ""
}

func (r *Report) fault(f Fault) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, f)
	} else {
		r.More++
	}
}
