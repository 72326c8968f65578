package search

import (
	"bytes"
	"math"
	"slices"

	"countersign.dev/internal/audit/segment"
)

// partRows is how many rows one part of an index describes at most; row numbers and the values of columns fit 16 bits.
const partRows = 1 << 16

// builder gathers the rows of one part. It goes on where it ended, so that what is added to a segment later on costs no more than
// that; it is used for one part after another.
type builder struct {
	first   uint64 // row in the segment
	end     spot   // behind the last line
	chunks  []chunk
	kinds   []byte
	times   []int64 // milliseconds; the last known one where a line has none
	hashes  []requestRow
	columns [columnCount]gathering
	line    Line
}

// requestRow is the hash of a request id, above the row.
type requestRow uint64

// begin empties b for the rows from first on, which begin at a spot.
func (b *builder) begin(first uint64, at spot) {
	b.first, b.end = first, at
	b.chunks, b.kinds, b.times, b.hashes = b.chunks[:0], b.kinds[:0], b.times[:0], b.hashes[:0]
	for i := range b.columns {
		c := &b.columns[i]
		c.rows, c.last = c.rows[:0], 0
		clear(c.values)
		c.values, c.numbers = c.values[:0], map[string]uint16{}
	}
}

func (b *builder) rows() int { return len(b.kinds) }

// room is how many rows may still be added.
func (b *builder) room() int { return partRows - len(b.kinds) }

// fits reports whether there is room for lines.
func (b *builder) fits(lines []byte) bool {
	return len(lines) <= b.room() || countRows(lines) <= b.room()
}

// add takes the lines of a chunk, for which there must be room, up to end. heard hears of each; nil: nobody does.
func (b *builder) add(c chunk, lines []byte, end spot, heard Companion) {
	b.end = end
	before := b.rows()
	if heard != nil {
		heard.Begin()
		defer heard.End(false)
	}
	for len(lines) > 0 {
		size := bytes.IndexByte(lines, '\n') + 1
		if size == 0 {
			size = len(lines)
		}
		b.row(lines[:size], heard)
		lines = lines[size:]
	}
	c.rows = uint32(b.rows() - before)
	b.chunk(c)
}

// chunk notes where lines are found. One that is small is made larger: a segment that grows by a few lines at a time has as many
// chunks as one that was read in one go.
func (b *builder) chunk(c chunk) {
	if n := len(b.chunks); n > 0 {
		if last := &b.chunks[n-1]; last.length < chunkSize && c.at == (spot{member: last.at.member + uint64(last.length)}) {
			last.length += c.length
			last.rows += c.rows
			return
		}
	}
	b.chunks = append(b.chunks, c)
}

func (b *builder) row(line []byte, heard Companion) {
	ours, err := b.line.parse(line) // what cannot be read is a row of the kind Unreadable
	row := len(b.kinds)
	b.kinds = append(b.kinds, byte(b.line.Kind))
	b.times = append(b.times, b.instant(row))
	if len(b.line.RequestID) > 0 {
		b.hashes = append(b.hashes, requestRow(hash(b.line.RequestID)&^(partRows-1)|uint64(row)))
	}
	b.columns[byEnvironment].add(b.line.Environment)
	b.columns[byAPI].add(b.line.API)
	b.columns[byPartner].add(b.line.Partner)
	b.columns[byCredential].add(b.line.Credential)
	b.columns[byReason].add(b.line.Reason)
	b.columns[byAddress].add(b.line.Address) // as text; it becomes a key when the part is sealed
	switch {
	case heard == nil:
	case ours || err == nil && sealed(line):
		heard.Line(&b.line)
	default:
		heard.Unread()
	}
}

// sealed reports whether a line has the form that package segment asks for.
func sealed(line []byte) bool {
	_, err := segment.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
	return err == nil
}

// unknown is the time of rows before the first one that has one.
const unknown = math.MinInt64

// instant is the time of the line that is being added, or of the one before where it has none.
func (b *builder) instant(row int) int64 {
	switch {
	case !b.line.Time.IsZero():
		return b.line.Time.UnixMilli()
	case row > 0:
		return b.times[row-1]
	}
	return unknown
}

// span is the time base of the rows, the latest of them, and the row from which on times are known: what stands before, such as a
// header, stands with it.
func (b *builder) span() (base, last int64, known int) {
	known = slices.IndexFunc(b.times, func(t int64) bool { return t != unknown })
	if known < 0 {
		return 0, 0, len(b.times)
	}
	return slices.Min(b.times[known:]), slices.Max(b.times[known:]), known
}
