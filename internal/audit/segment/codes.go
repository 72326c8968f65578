package segment

import "math/bits"

const (
	maxLiterals  = 288 // codes for literals and lengths; the fixed ones have two that mean nothing
	maxDistances = 32  // with two that mean nothing
	maxCode      = 15  // bits of a code
	mostBits     = 48  // of a length and a distance together: 15 + 5 + 15 + 13

	tableBits = 10 // of a code are looked up at once; the rest of a longer one in a second table
	tableSize = 1<<tableBits + maxLiterals<<(maxCode-tableBits)
)

// An entry of a table says how many bits the code has, how many extra bits follow, what it is, and its value: the literal, what
// the extra bits are added to, or where the second table begins. The zero entry is of no code.
const (
	entryBits  = 15
	entryExtra = 4 // shift
	entryValue = 16

	isLiteral = 1 << 8
	isBase    = 1 << 9
	isEnd     = 1 << 10
	isLink    = 1 << 11
	isPair    = 1 << 12 // two literals, the first one below the other
)

// codeTable finds a code by the bits that come next (RFC 1951 §3.2.2).
type codeTable struct {
	entries [tableSize]uint32
	used    int
}

// entry is that of the code with which hold begins.
func (t *codeTable) entry(hold uint64) uint32 {
	e := t.entries[hold&(1<<tableBits-1)]
	if e&isLink != 0 {
		e = t.entries[uint64(e>>entryValue)+hold>>tableBits&(1<<(maxCode-tableBits)-1)]
	}
	return e
}

// build makes the table of codes with these lengths; meaning says what each is. It refuses what the standard library refuses:
// lengths that say too much or too little. No codes at all are a table, and so is one code of one bit.
func (t *codeTable) build(lengths []byte, meaning func(symbol int) uint32) bool {
	var count, next [maxCode + 2]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	code, longest := 0, 0
	for n := 1; n <= maxCode; n++ {
		code = (code + count[n-1]) << 1
		next[n] = code
		if count[n] > 0 {
			longest = n
		}
	}
	if total := next[longest] + count[longest]; longest > 0 && total != 1<<longest && !(total == 1 && longest == 1) {
		return false
	}
	clear(t.entries[:1<<tableBits])
	t.used = 1 << tableBits
	for symbol, n := range lengths {
		if n > 0 {
			t.put(uint(bits.Reverse16(uint16(next[n]))>>(16-n)), uint(n), meaning(symbol)|uint32(n))
			next[n]++
		}
	}
	return true
}

// pair lets one look find two literals where the codes of both fit. It goes down, since what follows an index is never above it.
func (t *codeTable) pair() {
	for i := 1<<tableBits - 1; i >= 0; i-- {
		e := t.entries[i]
		if e&isLiteral == 0 {
			continue
		}
		n := e & entryBits
		next := t.entries[i>>n]
		if next&isLiteral != 0 && n+next&entryBits <= tableBits {
			t.entries[i] = e&^entryBits | isPair | next>>entryValue<<(entryValue+8) | n + next&entryBits
		}
	}
}

// put enters a code, whose first bit is its lowest, wherever it is followed by anything.
func (t *codeTable) put(code, n uint, e uint32) {
	if n <= tableBits {
		for ; code < 1<<tableBits; code += 1 << n {
			t.entries[code] = e
		}
		return
	}
	first := &t.entries[code&(1<<tableBits-1)]
	if *first == 0 {
		*first = isLink | uint32(t.used)<<entryValue
		clear(t.entries[t.used : t.used+1<<(maxCode-tableBits)])
		t.used += 1 << (maxCode - tableBits)
	}
	second := t.entries[*first>>entryValue:]
	for code >>= tableBits; code < 1<<(maxCode-tableBits); code += 1 << (n - tableBits) {
		second[code] = e
	}
}

// meanLiteral is what a code for literals and lengths means, but for its bits (§3.2.5).
func meanLiteral(symbol int) uint32 {
	switch {
	case symbol < 256:
		return isLiteral | uint32(symbol)<<entryValue
	case symbol == 256:
		return isEnd
	case symbol < 265:
		return isBase | uint32(symbol-257+3)<<entryValue
	case symbol < 285:
		extra := uint32(symbol-261) / 4
		return isBase | extra<<entryExtra | (uint32(4+(symbol-261)%4)<<extra+3)<<entryValue
	case symbol == 285:
		return isBase | 258<<entryValue
	}
	return 0
}

// meanDistance is what a code for distances means, but for its bits.
func meanDistance(symbol int) uint32 {
	switch {
	case symbol < 4:
		return isBase | uint32(symbol+1)<<entryValue
	case symbol < 30:
		extra := uint32(symbol-2) / 2
		return isBase | extra<<entryExtra | (uint32(2+symbol%2)<<extra+1)<<entryValue
	}
	return 0
}

// meanSymbol is what a code for lengths of codes means: itself.
func meanSymbol(symbol int) uint32 { return isBase | uint32(symbol)<<entryValue }

// fixed makes the tables that need no saying (§3.2.6).
func (p *prover) fixed() bool {
	for symbol := range maxLiterals {
		switch {
		case symbol < 144:
			p.lengths[symbol] = 8
		case symbol < 256:
			p.lengths[symbol] = 9
		case symbol < 280:
			p.lengths[symbol] = 7
		default:
			p.lengths[symbol] = 8
		}
	}
	for symbol := range maxDistances {
		p.lengths[maxLiterals+symbol] = 5
	}
	return p.literals.build(p.lengths[:maxLiterals], meanLiteral) && p.distances.build(p.lengths[maxLiterals:], meanDistance)
}

// dynamic makes the tables that a block says itself (§3.2.7).
func (p *prover) dynamic() bool {
	literals, distances, codes := int(p.take(5))+257, int(p.take(5))+1, int(p.take(4))+4
	if literals > 286 || distances > 30 {
		return false
	}
	var lengths [19]byte
	order := [19]byte{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, symbol := range order[:codes] {
		lengths[symbol] = byte(p.take(3))
	}
	return p.distances.build(lengths[:], meanSymbol) && p.readLengths(literals+distances) &&
		p.literals.build(p.lengths[:literals], meanLiteral) && p.distances.build(p.lengths[literals:literals+distances], meanDistance)
}

// readLengths reads the lengths of n codes, by the codes that are in distances meanwhile.
func (p *prover) readLengths(n int) bool {
	for i := 0; i < n; {
		if p.held < mostBits {
			p.refill()
		}
		e := p.distances.entry(p.hold)
		p.hold >>= e & entryBits
		if p.held -= int(e & entryBits); e == 0 || p.held < 0 {
			return false
		}
		repeat, value := 1, byte(0)
		switch symbol := e >> entryValue; symbol {
		case 16:
			if i == 0 {
				return false
			}
			repeat, value = 3+int(p.take(2)), p.lengths[i-1]
		case 17:
			repeat = 3 + int(p.take(3))
		case 18:
			repeat = 11 + int(p.take(7))
		default:
			value = byte(symbol)
		}
		if repeat > n-i {
			return false
		}
		for range repeat {
			p.lengths[i] = value
			i++
		}
	}
	return p.held >= 0
}
