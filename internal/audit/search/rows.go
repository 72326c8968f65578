package search

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// rowSet is a set of rows of one part.
type rowSet []uint64

func (s rowSet) fill(from, to uint32) {
	clear(s)
	for row := from; row < to && row%64 != 0; row++ {
		s[row/64] |= 1 << (row % 64)
	}
	for row := (from + 63) / 64 * 64; row < to; row += 64 {
		if to-row >= 64 {
			s[row/64] = math.MaxUint64
		} else {
			s[row/64] = 1<<(to-row) - 1
		}
	}
}

func (s rowSet) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// list are the rows in order, or the other way round.
func (s rowSet) list(to []uint32, forward bool) []uint32 {
	to = to[:0]
	for i := range s {
		if !forward {
			i = len(s) - 1 - i
		}
		for w := s[i]; w != 0; {
			bit := bits.TrailingZeros64(w)
			if !forward {
				bit = 63 - bits.LeadingZeros64(w)
			}
			to = append(to, uint32(i*64+bit))
			w &^= 1 << bit
		}
	}
	return to
}

// choose leaves in set the rows from low up to, but without, high that fit q as far as the index can tell: times are good to
// a millisecond. It reports whether any are left.
func (p asked) choose(set rowSet, q *Query, low, high uint32) (bool, error) {
	from, to, some := p.timeSpan(q)
	if !some || low >= high {
		return false, nil
	}
	wanted, some, err := p.wanted(q)
	if err != nil || !some {
		return false, err
	}
	if q.RequestID == "" {
		set.fill(low, high)
	} else if err := p.chooseRequest(set, q.RequestID, low, high); err != nil || set.empty() {
		return false, err
	}
	for _, w := range wanted {
		if err := p.keepColumn(set, w); err != nil || set.empty() {
			return false, err // what else stands in the part need not be read
		}
	}
	if err := p.keepKinds(set, q); err != nil {
		return false, err
	}
	if err := p.keepTimes(set, from, to); err != nil {
		return false, err
	}
	return !set.empty(), nil
}

// wish is what a query wants of one column: a run of its dictionary.
type wish struct {
	column column
	words  uint32 // in the dictionary
	first  uint32
	end    uint32
}

// wanted looks the texts of q up. some is false when one of them does not occur in this part.
func (p asked) wanted(q *Query) (list []wish, some bool, err error) {
	texts := [columnCount]string{byEnvironment: q.Environment, byAPI: q.API, byPartner: q.Partner, byCredential: q.Credential, byReason: q.Reason}
	columns := [columnCount]column{byEnvironment, byAPI, byPartner, byCredential, byReason, byAddress}
	// The short dictionaries first: one that lacks what is wanted spares reading those of ten thousand partners.
	slices.SortFunc(columns[:], func(a, b column) int {
		return cmp.Compare(p.blobs[blobWords+int(a)].length, p.blobs[blobWords+int(b)].length)
	})
	for _, c := range columns {
		low, high := texts[c], texts[c]
		if c == byAddress && q.Address.IsValid() {
			low, high = bounds(q.Address)
		}
		if low == "" && high == "" {
			continue
		}
		if list, some, err = p.wish(list, c, low, high); err != nil || !some {
			return nil, false, err
		}
	}
	slices.SortFunc(list, func(a, b wish) int { return cmp.Compare(a.share(), b.share()) })
	return list, true, nil
}

// share guesses how many of the rows are wanted: the narrowest wish comes first, the others look at what it leaves.
func (w wish) share() float64 { return float64(w.end-w.first) / float64(w.words) }

func (p asked) wish(list []wish, c column, low, high string) ([]wish, bool, error) {
	b, err := p.blob(blobWords + int(c))
	if err != nil {
		return nil, false, err
	}
	w, err := parseWords(b)
	if err != nil {
		return nil, false, err
	}
	first, end := w.between(low, high)
	return append(list, wish{column: c, words: w.count, first: first, end: end}), first < end, nil
}

// timeSpan is the part of the time span of q that lies here, as offsets, the last one included.
func (p asked) timeSpan(q *Query) (from, to uint32, some bool) {
	low, high := p.base, p.last
	if !q.From.IsZero() {
		low = max(low, q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		high = min(high, q.To.UnixMilli())
	}
	if low > high {
		return 0, 0, false
	}
	return uint32(min(low-p.base, math.MaxUint32)), uint32(min(high-p.base, math.MaxUint32)), true
}

func (p asked) chooseRequest(set rowSet, id string, low, high uint32) error {
	clear(set)
	wanted := hash([]byte(id))
	if p.former {
		wanted = hashFirst([]byte(id))
	}
	b, err := p.blob(blobRequest + int(wanted>>60))
	if err != nil {
		return err
	}
	for ; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		if row := uint32(v % partRows); v/partRows == wanted/partRows && row >= low && row < high {
			set[row/64] |= 1 << (row % 64)
		}
	}
	return nil
}

func (p asked) keepColumn(set rowSet, w wish) error {
	if w.first == 0 && w.end == w.words {
		return nil // all there is
	}
	b, err := p.blob(blobColumns + int(w.column))
	if err != nil {
		return err
	}
	switch len(b) {
	case int(p.rows):
		keepBytes(set, b, w.first, w.end)
	case 2 * int(p.rows):
		keepPairs(set, b, uint16(w.first), uint16(w.end-w.first-1))
	default:
		return fmt.Errorf("%w: a column of %d bytes for %d rows", errIndex, len(b), p.rows)
	}
	return nil
}

func (p asked) keepKinds(set rowSet, q *Query) error {
	low, high, _ := q.kinds()
	b, err := p.blob(blobKinds)
	if err != nil {
		return err
	}
	if len(b) != int(p.rows) {
		return fmt.Errorf("%w: %d kinds for %d rows", errIndex, len(b), p.rows)
	}
	keepBytes(set, b, uint32(low), uint32(high))
	return nil
}

// keepTimes keeps the rows with an offset from from to to; those that are too far from the base to say stay.
func (p asked) keepTimes(set rowSet, from, to uint32) error {
	whole := p.last - p.base
	if from == 0 && int64(to) >= min(whole, math.MaxUint32) {
		return nil
	}
	b, err := p.blob(blobTimes)
	if err != nil {
		return err
	}
	if len(b) != 4*int(p.rows) {
		return fmt.Errorf("%w: %d bytes of times for %d rows", errIndex, len(b), p.rows)
	}
	for i := range set {
		for w := set[i]; w != 0; w &= w - 1 {
			bit := bits.TrailingZeros64(w)
			if t := binary.LittleEndian.Uint32(b[4*(i*64+bit):]); (t < from || t > to) && t != math.MaxUint32 {
				set[i] &^= 1 << bit
			}
		}
	}
	return nil
}
