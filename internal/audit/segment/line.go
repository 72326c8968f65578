package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"time"
)

const (
	// MaxLine bounds a line of the record, in bytes without its line feed.
	MaxLine = 256 << 10

	label      = "countersign decision 1\n"
	seqMark    = `,"seq":`
	chainMark  = `,"chain":"`
	chainSize  = len(chainMark) + 2*sha256.Size + len(`"}`)
	timeLayout = "2006-01-02T15:04:05.000000Z"
	timeMark   = `{"time":"`
)

// ErrMalformed is wrapped by the errors that say that something is not a line of a record, or that a line cannot be what it
// claims to be. They name segment and line.
var ErrMalformed = errors.New("not a line of the record")

// Line is one line of a record, as a Reader finds it or a Writer has written it.
type Line struct {
	Segment uint64   // number of the segment
	Number  int      // of the line in its segment, from 1
	Offset  int64    // of its first byte in the segment's plain bytes
	Seq     uint64   // of the line in the record, from 1
	Chain   [32]byte // what the line says of itself; only Verify proves it
	Text    []byte   // the line without its line feed; valid until the next call
}

// Kind says what a line is about.
type Kind string

// The kinds of lines.
const (
	KindHeader   Kind = "header"   // the first line of a segment
	KindDecision Kind = "decision" // of a request: "admit", "allow" or "refuse"
	KindGap      Kind = "gap"      // lines are missing here, and the record says so
	KindRetired  Kind = "retired"  // old segments were removed
)

// Kind is what l is about, by its form.
func (l Line) Kind() Kind {
	rest := l.Text
	if bytes.HasPrefix(rest, []byte(`{"segment":`)) {
		return KindHeader
	}
	if n := len(timeMark) + len(timeLayout); len(rest) > n {
		rest = rest[n:]
	}
	switch {
	case bytes.HasPrefix(rest, []byte(`","gap":`)):
		return KindGap
	case bytes.HasPrefix(rest, []byte(`","retired":`)):
		return KindRetired
	}
	return KindDecision
}

// Body is the line as it was before the record added seq and chain, without its closing brace; nil if l.Text is not the
// text of a line.
func (l Line) Body() []byte {
	sealed, _, err := split(l.Text)
	if err != nil {
		return nil
	}
	return sealed[:bytes.LastIndex(sealed, []byte(seqMark))]
}

// Time is the time with which the line begins: of a request, its arrival. ok is false for a header and for anything else
// that does not begin with one.
func (l Line) Time() (at time.Time, ok bool) {
	if !bytes.HasPrefix(l.Text, []byte(timeMark)) || len(l.Text) < len(timeMark)+len(timeLayout) {
		return time.Time{}, false
	}
	at, err := time.Parse(timeLayout, string(l.Text[len(timeMark):len(timeMark)+len(timeLayout)]))
	return at, err == nil
}

// ParseLine reads the text of a line, without its line feed: its form, seq and chain value. It does not check the chain, and
// not the JSON before it. The error wraps ErrMalformed.
func ParseLine(text []byte) (Line, error) {
	sealed, chain, err := split(text)
	if err != nil {
		return Line{}, err
	}
	seq, err := seqOf(sealed)
	if err != nil {
		return Line{}, err
	}
	return Line{Seq: seq, Chain: chain, Text: text}, nil
}

// split parts a line into the bytes that its chain value is of, and that value.
func split(text []byte) (sealed []byte, chain [32]byte, err error) {
	cut := len(text) - chainSize
	if len(text) > MaxLine || cut < len(`{`)+len(seqMark)+1 || text[0] != '{' {
		return nil, chain, fmt.Errorf("%w: %d bytes do not begin and end like one", ErrMalformed, len(text))
	}
	if !bytes.HasPrefix(text[cut:], []byte(chainMark)) || !bytes.HasSuffix(text, []byte(`"}`)) {
		return nil, chain, fmt.Errorf("%w: it does not end in a chain value", ErrMalformed)
	}
	digits := text[cut+len(chainMark) : len(text)-2]
	if !lowerHex(chain[:], digits) {
		return nil, chain, fmt.Errorf("%w: its chain value is not 64 lower-case hexadecimal digits", ErrMalformed)
	}
	return text[:cut], chain, nil
}

// lowerHex decodes lower-case hexadecimal digits; false: there is something else among them.
func lowerHex(to, digits []byte) bool {
	for i := range to {
		high, low := nibbles[digits[2*i]], nibbles[digits[2*i+1]]
		if high|low > 15 {
			return false
		}
		to[i] = high<<4 | low
	}
	return true
}

// nibbles are the values of the digits; 255: it is none.
var nibbles = func() (table [256]byte) {
	for c := range table {
		table[c] = 255
	}
	for value, c := range []byte("0123456789abcdef") {
		table[c] = byte(value)
	}
	return table
}()

// seqOf reads the number at the end of a line's sealed bytes, spelt in the one way in which a writer spells it.
func seqOf(sealed []byte) (uint64, error) {
	from := len(sealed)
	for from > 0 && len(sealed)-from < 20 && sealed[from-1] >= '0' && sealed[from-1] <= '9' {
		from--
	}
	digits := sealed[from:]
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || seq == 0 || digits[0] == '0' || !bytes.HasSuffix(sealed[:from], []byte(seqMark)) {
		return 0, fmt.Errorf("%w: it has no seq before its chain value", ErrMalformed)
	}
	return seq, nil
}

// linker computes chain values. Not safe for concurrent use.
type linker struct {
	h   hash.Hash
	pre [len(label) + 32 + 8]byte
	sum [32]byte
}

func newLinker() *linker { return &linker{h: sha256.New()} }

// link is the chain value of the line with these sealed bytes behind the value prev.
func (l *linker) link(prev *[32]byte, sealed []byte) [32]byte {
	n := copy(l.pre[:], label)
	n += copy(l.pre[n:], prev[:])
	binary.BigEndian.PutUint64(l.pre[n:], uint64(len(sealed)))
	l.h.Reset()
	_, _ = l.h.Write(l.pre[:])
	_, _ = l.h.Write(sealed)
	l.h.Sum(l.sum[:0])
	return l.sum
}

// seal appends the line of an open body (a JSON object without its closing brace) and its line feed, and returns the line's
// chain value.
func (l *linker) seal(b, body []byte, seq uint64, prev *[32]byte) ([]byte, [32]byte) {
	begin := len(b)
	b = append(append(b, body...), seqMark...)
	b = strconv.AppendUint(b, seq, 10)
	chain := l.link(prev, b[begin:])
	b = hex.AppendEncode(append(b, chainMark...), chain[:])
	return append(b, '"', '}', '\n'), chain
}
