package audit

import (
	"hash/maphash"
	"slices"
)

// leftRows is what the changes left of each row, by its name. A register has millions of them: they stand in a few large pieces of
// memory without pointers, about a hundred bytes each. The seed is drawn anew each time, so that nobody can choose names that share a place.
type leftRows struct {
	hash  func(name string) uint64
	first map[uint64]uint32 // by the hash of a name: the number of a row, from 1 on
	rows  [][]leftRow       // in pieces, so that none is ever copied
	names [][]byte
	count uint32
}

// leftRow is one row. All zero as a digest: it is gone.
type leftRow struct {
	digest    [32]byte
	piece, at uint32 // of its name
	next      uint32 // the row whose name has the same hash; 0: there is none
	long      uint32
	seen      bool
}

const (
	leftPiece = 4096
	namePiece = 1 << 18
)

func newLeftRows() *leftRows {
	seed := maphash.MakeSeed()
	return &leftRows{hash: func(name string) uint64 { return maphash.String(seed, name) }, first: map[uint64]uint32{}}
}

func (l *leftRows) row(number uint32) *leftRow {
	return &l.rows[(number-1)/leftPiece][(number-1)%leftPiece]
}

func (l *leftRows) name(r *leftRow) []byte { return l.names[r.piece][r.at : r.at+r.long] }

// find is the row of a name; nil: no change has named it.
func (l *leftRows) find(name string) *leftRow {
	for number := l.first[l.hash(name)]; number != 0; {
		r := l.row(number)
		if string(l.name(r)) == name {
			return r
		}
		number = r.next
	}
	return nil
}

// set notes what a change left of a row.
func (l *leftRows) set(name string, digest [32]byte) {
	if r := l.find(name); r != nil {
		r.digest = digest
		return
	}
	if l.count%leftPiece == 0 {
		l.rows = append(l.rows, make([]leftRow, leftPiece))
	}
	if last := len(l.names) - 1; last < 0 || cap(l.names[last])-len(l.names[last]) < len(name) {
		l.names = append(l.names, make([]byte, 0, max(namePiece, len(name))))
	}
	piece := len(l.names) - 1
	l.count++
	hash := l.hash(name)
	*l.row(l.count) = leftRow{digest: digest, piece: uint32(piece), at: uint32(len(l.names[piece])), long: uint32(len(name)), next: l.first[hash]}
	l.names[piece] = append(l.names[piece], name...)
	l.first[hash] = l.count
}

// unseen are the names of the rows that should be there and were not seen, in their order.
func (l *leftRows) unseen() (names []string) {
	for number := uint32(1); number <= l.count; number++ {
		if r := l.row(number); !r.seen && !r.gone() {
			names = append(names, string(l.name(r)))
		}
	}
	slices.Sort(names)
	return names
}

// gone reports whether no row is left, or no change has ever named it.
func (r *leftRow) gone() bool { return r == nil || r.digest == [32]byte{} }
