package segment

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

const version = 1

// Header is what the first line of a segment says.
type Header struct {
	Segment  uint64
	Record   string // id of the record: 32 lower-case hexadecimal digits
	Opened   time.Time
	Previous [32]byte // chain value of the line before; zero in the first segment
	Seq      uint64   // of the header line itself
	Chain    [32]byte
}

// body appends the header's line up to its seq.
func (h Header) body(b []byte) []byte {
	return fmt.Appendf(b, `{"segment":%d,"version":%d,"record":"%s","opened":"%s","previous":"%x"`,
		h.Segment, version, h.Record, h.Opened.UTC().Format(timeLayout), h.Previous[:])
}

// ParseHeader reads the first line of a segment, in the one spelling that a writer has. It does not check the chain. The
// error wraps ErrMalformed.
func ParseHeader(text []byte) (Header, error) {
	line, err := ParseLine(text)
	if err != nil {
		return Header{}, fmt.Errorf("the header: %w", err)
	}
	var said struct {
		Segment          uint64
		Version          int
		Record, Previous string
		Opened           string
	}
	if len(text) > 1024 || json.Unmarshal(text, &said) != nil {
		return Header{}, fmt.Errorf("%w: it is no header", ErrMalformed)
	}
	if said.Version != version {
		return Header{}, fmt.Errorf("%w: version %d is not known to this program", ErrMalformed, said.Version)
	}
	h := Header{Segment: said.Segment, Record: said.Record, Seq: line.Seq, Chain: line.Chain}
	h.Opened, err = time.Parse(timeLayout, said.Opened)
	if id, fault := hex.DecodeString(said.Record); err != nil || fault != nil || len(id) != 16 || len(said.Previous) != 64 {
		return Header{}, fmt.Errorf("%w: it is no header", ErrMalformed)
	}
	if _, err := hex.Decode(h.Previous[:], []byte(said.Previous)); err != nil {
		return Header{}, fmt.Errorf("%w: it is no header", ErrMalformed)
	}
	sealed, _, _ := split(text)
	if !bytes.HasPrefix(sealed, h.body(nil)) || !bytes.HasPrefix(sealed[len(h.body(nil)):], []byte(seqMark)) {
		return Header{}, fmt.Errorf("%w: the header is spelt in another way", ErrMalformed)
	}
	return h, nil
}

// Retired is what a record says of segments that were removed because of their age.
type Retired struct {
	At       time.Time
	Segments uint64   // the segments 1 to this one are gone
	Seq      uint64   // of the last line in them
	Chain    [32]byte // of that line
}

func (r Retired) body(b []byte) []byte {
	return fmt.Appendf(b, `{"time":"%s","retired":{"segments":%d,"to":%d,"last":"%x"}`,
		r.At.UTC().Format(timeLayout), r.Segments, r.Seq, r.Chain[:])
}

// parseRetired reads a line of KindRetired.
func parseRetired(line Line) (r Retired, ok bool) {
	var said struct {
		Retired struct {
			Segments, To uint64
			Last         string
		}
	}
	if json.Unmarshal(line.Text, &said) != nil || len(said.Retired.Last) != 64 {
		return r, false
	}
	at, ok := line.Time()
	r = Retired{At: at, Segments: said.Retired.Segments, Seq: said.Retired.To}
	_, err := hex.Decode(r.Chain[:], []byte(said.Retired.Last))
	return r, ok && err == nil && bytes.HasPrefix(line.Text, r.body(nil))
}

// Gap is what a record says of lines that are missing in it.
type Gap struct {
	Segment uint64
	Line    int
	Seq     uint64 // of the line that tells it
	At      time.Time
	Lost    uint64 // lines that were never written; 0: their number is not known
	Torn    int64  // bytes behind the last whole line that were cut off when the record was opened again
	Kept    string // file or folder, below the record's, with what was cut off or set aside; empty: nothing
	Crash   bool   // the last run did not end with Close: what it had not written yet is missing
	Former  string // id of the damaged record that was set aside; empty: none was
}

func (g Gap) body(b []byte) []byte {
	b = fmt.Appendf(b, `{"time":"%s","gap":true`, g.At.UTC().Format(timeLayout))
	if g.Lost > 0 {
		b = fmt.Appendf(b, `,"lost":%d`, g.Lost)
	}
	if g.Torn > 0 {
		b = fmt.Appendf(b, `,"torn":%d`, g.Torn)
	}
	if g.Kept != "" {
		b = fmt.Appendf(b, `,"kept":"%s"`, g.Kept)
	}
	if g.Crash {
		b = append(b, `,"crash":true`...)
	}
	if g.Former != "" {
		b = fmt.Appendf(b, `,"former":"%s"`, g.Former)
	}
	return b
}

// parseGap reads a line of KindGap, in the one spelling that a writer has.
func parseGap(line Line) (g Gap, ok bool) {
	var said struct {
		Lost         uint64
		Torn         int64
		Kept, Former string
		Crash        bool
	}
	if json.Unmarshal(line.Text, &said) != nil {
		return g, false
	}
	at, ok := line.Time()
	g = Gap{line.Segment, line.Number, line.Seq, at, said.Lost, said.Torn, said.Kept, said.Crash, said.Former}
	return g, ok && isName(g.Kept) && isName(g.Former) && bytes.HasPrefix(line.Text, append(g.body(nil), seqMark...))
}

// isName holds a text to what a writer calls files and records: it goes into lines and reports as it is.
func isName(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(text) <= 64
}
