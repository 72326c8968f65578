package access

import (
	"encoding/binary"
)

// keyLine is where the second line of a row begins, in which most of its key stands.
const keyLine = 64

// slabRows is how many rows stand in one piece of memory: 12 MiB.
const slabRows = 1 << 16

// index finds the credentials of one kind in one environment, with their secrets prepared for one scheme. It is an open
// table of positions: key ids are random bits, issued by us, so that their first bytes serve as their hash, and a look-up
// reads one slot and then the row itself. It grows by pieces, so that nobody has to know before how many there will be.
type index struct {
	slots []uint32 // see entry; 0: free; a power of two, at most half full
	slabs [][]row  // all but the last have slabRows
	count int
	texts texts
	more  []*credentialMore // by position, as far as the last row that has any

	partners []Partner  // whose the rows are
	others   []*Partner // the same by position of the row, where they stand in no one list; nil: partners

	air *breath // while it is filled; nil: nobody is served meanwhile

	newer *index // those that stand before what this one has of them; nil: none. See patch.go
}

// reserve makes room for about count rows; more may come.
func (x *index) reserve(count int) {
	size := 2
	for size < 2*count {
		size *= 2
	}
	x.slots = room[uint32](size, x.air)[:size]
	if count > 0 {
		x.slabs = append(x.slabs, room[row](min(count, slabRows), x.air))
	}
}

func (x *index) row(at uint32) *row { return &x.slabs[at/slabRows][at%slabRows] }

// home is the slot where the search for an id begins.
func (x *index) home(id keyID) uint64 {
	return binary.LittleEndian.Uint64(id[:]) & uint64(len(x.slots)-1)
}

// entry is what a slot says of the row at a position: the position and one in its lower bits, and in the others some of the id, so that
// rows of other ids are hardly ever looked at.
func (x *index) entry(id keyID, at uint32) uint32 {
	low := uint32(len(x.slots) - 1)
	return binary.LittleEndian.Uint32(id[8:])&^low | (at + 1)
}

// position is the row that a slot names; it names one.
func (x *index) position(slot uint32) uint32 {
	return slot&uint32(len(x.slots)-1) - 1
}

// slot is where id stands, or where it would be put. blind: as far as can be told without looking at a row.
func (x *index) slot(id keyID, blind bool) *uint32 {
	mask := uint64(len(x.slots) - 1)
	mark := binary.LittleEndian.Uint32(id[8:])
	for i := x.home(id); ; i = (i + 1) & mask {
		n := x.slots[i]
		if n == 0 || (n^mark)&^uint32(mask) == 0 && (blind || x.row(x.position(n)).id == id) {
			return &x.slots[i]
		}
	}
}

// place is a row of an index.
type place struct {
	*index
	at uint32
}

func (x *index) find(id keyID) (p place, found bool) {
	if x.newer != nil {
		if p, found = x.newer.find(id); found {
			return p, true
		}
	}
	if n := *x.slot(id, false); n != 0 {
		return place{x, x.position(n)}, true
	}
	return place{}, false
}

func (x *index) holds(id keyID) bool {
	_, found := x.find(id)
	return found
}

// partner is whose the row is; nil: nobody's.
func (p place) partner() *Partner {
	if p.others != nil {
		return p.others[p.at]
	}
	if owner := p.row(p.at).owner; owner != 0 {
		return &p.partners[owner-1]
	}
	return nil
}

// view fills c with what stands there, and asks for the memory of the partner, which is read when the signature has been judged.
func (p place) view(c *Credential) {
	r := p.row(p.at)
	c.row, c.Partner, c.more = r, p.partner(), nil
	if r.flags&special != 0 {
		c.more = p.more[p.at]
	}
	r.fetch()
	if c.Partner != nil {
		c.Partner.fetch()
	}
	c.ID = p.texts.at(r.text, uint32(r.idSize))
	c.Login = ""
	if r.loginSize != 0 {
		c.Login = p.texts.at(r.text+uint32(r.idSize), uint32(r.loginSize))
	}
}

// put adds a row whose id is not there yet, with its names, its partner where those stand in no one list, and what it has beyond others.
func (x *index) put(r row, id, login string, owner *Partner, more *credentialMore) {
	if 2*(x.count+1) > len(x.slots) {
		x.grow()
	}
	r.text, r.idSize, r.loginSize = x.texts.add(id+login), uint8(len(id)), uint8(len(login))
	if r.flags &^= special; more != nil {
		r.flags |= special
		x.more = append(append(x.more, make([]*credentialMore, x.count-len(x.more))...), more)
	}
	if x.others != nil {
		x.others = append(x.others, owner)
	}
	*x.slot(r.id, false) = x.entry(r.id, uint32(x.count))
	x.push(r)
	x.count++
}

// push adds a row behind the last one. A first slab grows by copying, so that a small register is a small one.
func (x *index) push(r row) {
	last := len(x.slabs) - 1
	switch {
	case last < 0 || len(x.slabs[last]) == slabRows:
		x.slabs = append(x.slabs, room[row](min(slabRows, max(16, x.count)), x.air))
		last++
	case len(x.slabs[last]) == cap(x.slabs[last]):
		x.resize(last, min(slabRows, 2*cap(x.slabs[last])))
	}
	x.slabs[last] = append(x.slabs[last], r)
}

func (x *index) resize(slab, rows int) {
	x.slabs[slab] = moved(x.slabs[slab], rows, x.air)
}

// grow makes the table twice as large.
func (x *index) grow() {
	size := max(2, 2*len(x.slots))
	x.slots = room[uint32](size, x.air)[:size]
	for at := range uint32(x.count) {
		x.air.take(1)
		id := x.row(at).id
		*x.slot(id, false) = x.entry(id, at)
	}
}

// seal ends the filling: what was taken for rows that did not come is given back, and the rest is made quick to look up.
func (x *index) seal() {
	x.texts.seal()
	if last := len(x.slabs) - 1; last >= 0 && len(x.slabs[last]) < cap(x.slabs[last]) {
		x.resize(last, len(x.slabs[last]))
	}
	for _, slab := range x.slabs {
		settled(slab, x.air)
	}
	settled(x.slots, x.air)
	x.air = nil
}
