package search

import (
	"errors"
	"net/netip"
	"time"
)

// MaxLine is how long a line may be, in bytes, its line feed included. What is longer is taken for several unreadable lines.
const MaxLine = 256<<10 + 1

// ErrLine is wrapped by every error of Line.Parse.
var ErrLine = errors.New("not a line of a decision record")

// Kind says what a line of the record tells.
type Kind uint8

// The kinds. The values stand in index files.
const (
	Unreadable Kind = iota // not a line of a decision record
	Header                 // the first line of a segment
	Retired                // old segments were removed
	Gap                    // lines are missing here
	Admit                  // let in; what became of it follows in a line of its own
	Allow                  // the final line of a request that was let in
	Refuse                 // the final line of one that was refused
	kindCount
)

var kindNames = [kindCount]string{"unreadable", "segment", "retired", "gap", "admit", "allow", "refuse"}

// String is the word for k: that of the field "decision" for Admit, Allow and Refuse.
func (k Kind) String() string {
	if k >= kindCount {
		return kindNames[Unreadable]
	}
	return kindNames[k]
}

// Final reports whether k is the one last line of a request.
func (k Kind) Final() bool { return k == Allow || k == Refuse }

// Line is what a line of the decision record says. The texts are parts of the bytes that were parsed, unless they had to be
// unescaped: whoever keeps one longer than those bytes copies it. A field that the line does not have is empty or zero.
type Line struct {
	Kind        Kind
	Time        time.Time // UTC, to the microsecond
	RequestID   []byte
	Environment []byte
	API         []byte
	Reason      []byte
	Where       []byte
	Status      int
	Method      []byte
	Path        []byte
	Query       []byte // as recorded, where queries are recorded
	QueryDigest []byte
	Protocol    []byte
	Partner     []byte
	Credential  []byte
	Version     int
	Proved      bool
	Address     []byte // see IP
	Peer        []byte
	Country     []byte
	Derivation  []byte
	Other       []byte
	Cause       []byte
	Warnings    []byte // a JSON list of texts, as it stands in the line
	Skew        time.Duration
	Duration    time.Duration
	BytesIn     int64
	BytesOut    int64
	Seq         uint64 // 0: without one
	Lost        uint64 // of a Gap: how many lines are missing

	Timed         bool          // the line has Lead; lines of earlier versions have none
	Lead          time.Duration // the caller's time minus ours, to the millisecond, of a signed request
	Tried         []byte        // a JSON list of version numbers, as it stands in the line
	Shadow        []byte        // what the shadow profile made of the request: "ok", or why it would have been refused
	ShadowProfile []byte
}

// IP is the address that the request came from, without zone and unmapped; the zero value where the line has none, or
// something else in its place.
func (l *Line) IP() netip.Addr {
	if len(l.Address) == 0 || len(l.Address) > 64 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(string(l.Address))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Parse reads one line, with or without its line feed, into l, whatever l held. The line is one flat JSON object: texts,
// numbers, true, false and lists of these, no white space, no name twice; unknown names are passed over. Of the line that
// tells of removed segments only its kind and time are read. The error wraps
// ErrLine, and l is then of the kind Unreadable.
func (l *Line) Parse(line []byte) error {
	_, err := l.parse(line)
	return err
}

// parse is Parse, and says whether the line is spelt as our writer spells it, seq and chain value included.
func (l *Line) parse(line []byte) (ours bool, err error) {
	*l = Line{}
	if len(line) > MaxLine {
		return false, ErrLine
	}
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if l.quick(line) {
		return true, nil
	}
	*l = Line{}
	if s := (scanner{rest: line}); s.object(l) {
		return false, nil
	}
	*l = Line{}
	return false, ErrLine
}

// settle derives the kind from what was found.
func (l *Line) settle(s *scanner) bool {
	switch {
	case s.seen&(1<<nameSegment) != 0:
		l.Kind = Header
	case s.seen&(1<<nameRetired) != 0:
		l.Kind = Retired
	case s.seen&(1<<nameGap) != 0:
		l.Kind = Gap
	default:
		l.Kind = outcome(s.decision)
	}
	return l.Kind != Unreadable
}

func outcome(text []byte) Kind {
	for k := Admit; k < kindCount; k++ {
		if string(text) == kindNames[k] {
			return k
		}
	}
	return Unreadable
}
