package main

import (
	"fmt"
	"time"

	"countersign.dev/internal/audit/segment"
)

// decisionsView is what a verification of the decision record found, as JSON.
type decisionsView struct {
	Server   string       `json:"server,omitempty"` // the environments that it serves alone; empty: all
	Dir      string       `json:"dir"`
	Record   string       `json:"record"`
	Segments int          `json:"segments"`
	Lines    uint64       `json:"lines"`
	First    uint64       `json:"first"`
	Last     uint64       `json:"last"`
	Lost     uint64       `json:"lost"`
	Gaps     []gapView    `json:"gaps"`
	Retired  uint64       `json:"retired,omitempty"` // lines up to this one were removed because of their age
	Anchored uint64       `json:"anchored"`
	AnchorAt time.Time    `json:"anchor_at,omitzero"`
	Tail     string       `json:"tail,omitempty"`
	Faults   []placeFault `json:"faults"`
	More     int          `json:"more_faults,omitempty"`
}

type gapView struct {
	Segment uint64    `json:"segment"`
	Line    int       `json:"line"`
	At      time.Time `json:"at"`
	Lost    uint64    `json:"lost"`
	Torn    int64     `json:"torn_bytes,omitempty"`
	Kept    string    `json:"kept,omitempty"`
	Former  string    `json:"former_record,omitempty"`
}

type placeFault struct {
	Segment uint64 `json:"segment,omitempty"`
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text"`
}

func viewDecisions(at recordPlace, r segment.Report) decisionsView {
	v := decisionsView{Server: at.scope, Dir: at.dir, Record: r.Record, Segments: r.Segments, Lines: r.Lines, First: r.First, Last: r.Last, Lost: r.Lost,
		Anchored: r.Anchored, AnchorAt: r.AnchoredAt.UTC(), Tail: r.Tail(), More: r.More,
		Gaps: views(r.Gaps, func(g segment.Gap) gapView {
			return gapView{Segment: g.Segment, Line: g.Line, At: g.At.UTC(), Lost: g.Lost, Torn: g.Torn, Kept: g.Kept, Former: g.Former}
		}),
		Faults: views(r.Faults, func(f segment.Fault) placeFault { return placeFault{f.Segment, f.Line, f.What} }),
	}
	if r.Retired != nil {
		v.Retired = r.Retired.Seq
	}
	return v
}

// maxGapLines is how many gaps the text lists; JSON has all that the report has.
const maxGapLines = 20

// decisionLines says a report in words, one fact a line.
func decisionLines(r segment.Report) []string {
	if r.Lines == 0 && r.OK() {
		return []string{"there are no lines"}
	}
	lines := []string{fmt.Sprintf("record %s: %s in %s", r.Record, plural(int(r.Lines), "line"), plural(r.Segments, "segment"))}
	if r.Retired != nil {
		lines = append(lines, fmt.Sprintf("it begins at line %d: what is before was removed because of its age, last on %s", r.First, when(r.Retired.At)))
	}
	for i, g := range r.Gaps {
		if i == maxGapLines {
			lines = append(lines, fmt.Sprintf("and %d gaps more", len(r.Gaps)-i))
			break
		}
		lines = append(lines, gapLine(g))
	}
	for _, f := range r.Faults {
		lines = append(lines, "WRONG: "+f.String())
	}
	if r.More > 0 {
		lines = append(lines, fmt.Sprintf("WRONG: and %d faults more", r.More))
	}
	if r.OK() {
		lines = append(lines, fmt.Sprintf("lines %d to %d are one chain", r.First, r.Last))
	}
	if r.Anchored > 0 {
		lines = append(lines, fmt.Sprintf("proven up to line %d by the checkpoint of %s", r.Anchored, when(r.AnchoredAt)))
	}
	if tail := r.Tail(); tail != "" {
		lines = append(lines, tail)
	}
	return lines
}

func gapLine(g segment.Gap) string {
	return fmt.Sprintf("gap told in segment %d, line %d, at %s: %s", g.Segment, g.Line, when(g.At), gapText(g))
}

// gapText says what is missing.
func gapText(g segment.Gap) string {
	what := fmt.Sprintf("%d lines could not be written", g.Lost)
	switch {
	case g.Former != "":
		what = "the damaged record " + g.Former + " was set aside"
	case g.Torn > 0:
		what = fmt.Sprintf("a line was torn by a crash, its %d bytes are kept in %s", g.Torn, g.Kept)
	case g.Lost == 0:
		what = "lines are missing, nobody knows how many"
	}
	return what
}
