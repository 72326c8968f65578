package search

import (
	"bytes"
	"math"
	"slices"
)

// partRows is how many rows one part of an index describes at most; row numbers and the values of columns fit 16 bits.
const partRows = 1 << 16

// column is a field that has a dictionary and a row of numbers in a part.
type column int

const (
	byEnvironment column = iota
	byAPI
	byPartner
	byCredential
	byReason
	byAddress
	columnCount
)

// value is what stands in the dictionary of c for l; empty: nothing.
func (c column) value(l *Line) []byte {
	switch c {
	case byEnvironment:
		return l.Environment
	case byAPI:
		return l.API
	case byPartner:
		return l.Partner
	case byCredential:
		return l.Credential
	case byReason:
		return l.Reason
	}
	return l.Address // byAddress: as text; it becomes a key when the part is sealed
}

// builder gathers the rows of one part.
type builder struct {
	first   uint64 // row in the segment
	chunks  []chunk
	kinds   []byte
	times   []int64 // milliseconds; the last known one where a line has none
	hashes  []requestRow
	columns [columnCount]gathering
	line    Line
}

// gathering is a column in the making: numbers in the order in which values came.
type gathering struct {
	numbers map[string]uint16
	values  []string
	rows    []uint16
}

// requestRow is the hash of a request id, above the row.
type requestRow uint64

func newBuilder(first uint64) *builder {
	b := &builder{first: first}
	for i := range b.columns {
		b.columns[i].numbers = map[string]uint16{}
	}
	return b
}

func (b *builder) rows() int { return len(b.kinds) }

// room is how many rows may still be added.
func (b *builder) room() int { return partRows - len(b.kinds) }

// add takes the lines of a chunk, for which there must be room.
func (b *builder) add(c chunk, lines []byte) {
	b.chunks = append(b.chunks, c)
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		if end == 0 {
			end = len(lines)
		}
		b.row(lines[:end])
		lines = lines[end:]
	}
}

func (b *builder) row(line []byte) {
	_ = b.line.Parse(line) // what cannot be read is a row of the kind Unreadable
	row := len(b.kinds)
	b.kinds = append(b.kinds, byte(b.line.Kind))
	b.times = append(b.times, b.instant(row))
	if len(b.line.RequestID) > 0 {
		b.hashes = append(b.hashes, requestRow(hash(b.line.RequestID)&^(partRows-1)|uint64(row)))
	}
	for c := range b.columns {
		b.columns[c].add(column(c).value(&b.line))
	}
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

// add numbers a value. No part has more values than rows, but for the empty one, which is always there.
func (g *gathering) add(value []byte) {
	n, ok := g.numbers[string(value)]
	if !ok {
		n = uint16(len(g.values))
		text := string(value)
		g.numbers[text] = n
		g.values = append(g.values, text)
	}
	g.rows = append(g.rows, n)
}

// sorted gives the dictionary in order, and the rows in its numbers. key turns a value into what it is sorted by.
func (g *gathering) sorted(key func(string) string) (values []string, rows []uint16) {
	keys := make([]string, len(g.values))
	for i, v := range g.values {
		keys[i] = key(v)
	}
	values = slices.Clone(keys)
	slices.Sort(values)
	values = slices.Compact(values)
	renumbered := make([]uint16, len(keys))
	for i, k := range keys {
		n, _ := slices.BinarySearch(values, k)
		renumbered[i] = uint16(n)
	}
	rows = make([]uint16, len(g.rows))
	for i, n := range g.rows {
		rows[i] = renumbered[n]
	}
	return values, rows
}

// key is what the values of c are sorted by.
func (c column) key(value string) string {
	if c != byAddress {
		return value
	}
	l := Line{Address: []byte(value)}
	if a := l.IP(); a.IsValid() {
		return addressKey(a)
	}
	return ""
}

// span is the time base of the rows and each row's distance from it, in milliseconds; beyond 32 bits it is the highest.
func (b *builder) span() (base, last int64, offsets []uint32) {
	first := slices.IndexFunc(b.times, func(t int64) bool { return t != unknown })
	for i := range b.times {
		switch {
		case first < 0:
			b.times[i] = 0
		case i < first:
			b.times[i] = b.times[first] // a header stands with what follows it
		}
	}
	base, last = slices.Min(b.times), slices.Max(b.times)
	offsets = make([]uint32, len(b.times))
	for i, t := range b.times {
		offsets[i] = uint32(min(t-base, math.MaxUint32))
	}
	return base, last, offsets
}

// hash spreads a request id over 64 bits (FNV-1a, then mixed). It guards nothing: a collision costs one more look.
func hash(id []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range id {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
