package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// errUnproven says that a stream does not unpack to what was put in: then the compressor, or this machine, is broken.
var errUnproven = errors.New("what was compressed does not unpack to what it was")

// prover proves that a deflate stream (RFC 1951) unpacks to given bytes, without unpacking it: it reads the stream and compares where
// one who unpacks would copy. What a stream refers back to has been compared by then, so it is looked up in the given bytes
// themselves. It accepts what the standard library unpacks to the same bytes, and nothing else (FuzzProve). Not safe for concurrent use.
type prover struct {
	in   []byte
	pos  int    // of the next byte of in that is not in hold
	hold uint64 // bits that were taken from in, the next one lowest; above held bits there may be some of the following ones
	held int    // how many count; negative: more was asked for than there is

	plain []byte
	out   int // bytes of plain that are proven

	lengths   [maxLiterals + maxDistances]byte // of codes
	literals  codeTable
	distances codeTable
}

// prove returns nil where stream, all of it, unpacks to plain.
func (p *prover) prove(stream, plain []byte) error {
	p.in, p.pos, p.hold, p.held = stream, 0, 0, 0
	p.plain, p.out = plain, 0
	for last, ok := false, true; !last; {
		last = p.take(1) == 1
		switch p.take(2) {
		case 0:
			ok = p.stored()
		case 1:
			ok = p.fixed() && p.compressed()
		case 2:
			ok = p.dynamic() && p.compressed()
		default:
			ok = false
		}
		if !ok || p.held < 0 {
			return fmt.Errorf("%w: byte %d of the stream, %d of %d bytes", errUnproven, p.pos, p.out, len(plain))
		}
	}
	if p.pos -= p.held >> 3; p.pos != len(stream) || p.out != len(plain) {
		return fmt.Errorf("%w: it ends at byte %d of %d, with %d of %d bytes", errUnproven, p.pos, len(stream), p.out, len(plain))
	}
	return nil
}

// refill makes held at least 56, unless in ends before.
func (p *prover) refill() {
	if rest := p.in[p.pos:]; len(rest) >= 8 {
		p.hold |= binary.LittleEndian.Uint64(rest) << (uint(p.held) & 63)
		p.pos += (63 - p.held) >> 3
		p.held |= 56
		return
	}
	for p.held < 56 && p.pos < len(p.in) {
		p.hold |= uint64(p.in[p.pos]) << (uint(p.held) & 63)
		p.pos++
		p.held += 8
	}
}

// take returns the next n bits, at most 16. Where in ends before, held is negative from then on.
func (p *prover) take(n int) uint64 {
	if p.held < 0 {
		return 0
	}
	if p.held < n {
		p.refill()
	}
	value := p.hold & (1<<uint(n) - 1)
	p.hold >>= uint(n)
	p.held -= n
	return value
}

// stored proves a block that is not compressed (§3.2.4).
func (p *prover) stored() bool {
	if p.held < 0 {
		return false
	}
	p.pos -= p.held >> 3
	p.hold, p.held = 0, 0
	rest := p.in[p.pos:]
	if len(rest) < 4 {
		return false
	}
	n, inverted := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:])
	rest = rest[4:]
	if n != ^inverted || int(n) > len(rest) || int(n) > len(p.plain)-p.out || !bytes.Equal(rest[:n], p.plain[p.out:p.out+int(n)]) {
		return false
	}
	p.pos += 4 + int(n)
	p.out += int(n)
	return true
}

// compressed proves the codes of a block up to its end (§3.2.3). What changes with each code is held in variables of its own:
// nearly all of the time that a proof takes goes by here.
func (p *prover) compressed() bool {
	p.literals.pair()
	in, pos, hold, held := p.in, p.pos, p.hold, p.held
	plain, out := p.plain, p.out
	for {
		if held < mostBits {
			if pos+8 <= len(in) {
				hold |= binary.LittleEndian.Uint64(in[pos:]) << (uint(held) & 63)
				pos += (63 - held) >> 3
				held |= 56
			} else {
				p.pos, p.hold, p.held = pos, hold, held
				p.refill()
				pos, hold, held = p.pos, p.hold, p.held
			}
		}
		e := p.literals.entry(hold)
		hold >>= e & entryBits
		held -= int(e & entryBits)
		if e&isLiteral != 0 {
			n := literal(e, plain[out:])
			if n == 0 {
				return false
			}
			out += n
			continue
		}
		if e&isBase == 0 {
			p.pos, p.hold, p.held, p.out = pos, hold, held, out
			return e&isEnd != 0
		}
		length := extra(e, hold)
		hold >>= e >> entryExtra & 15
		held -= int(e >> entryExtra & 15)
		e = p.distances.entry(hold)
		hold >>= e & entryBits
		back := extra(e, hold)
		hold >>= e >> entryExtra & 15
		held -= int(e&entryBits + e>>entryExtra&15)
		if e&isBase == 0 || held < 0 || back > out || length > len(plain)-out || !again(plain, out, back, length) {
			return false
		}
		out += length
	}
}

// literal says how many bytes the literals of an entry are with which rest begins; 0: it does not.
func literal(e uint32, rest []byte) int {
	pair := e & isPair / isPair
	if len(rest) < 2 {
		if pair == 1 || len(rest) == 0 || rest[0] != byte(e>>entryValue) {
			return 0
		}
		return 1
	}
	different := uint32(binary.LittleEndian.Uint16(rest)) ^ e>>entryValue
	if different&(0xff|-pair&0xff00) != 0 { // no branch on pair: it cannot be guessed
		return 0
	}
	return int(1 + pair)
}

// extra is the number that an entry and the bits behind it say.
func extra(e uint32, hold uint64) int {
	return int(e>>entryValue) + int(hold&(1<<(e>>entryExtra&15)-1))
}

// again reports that length bytes at out are those that stand back bytes before them; they may overlap.
func again(plain []byte, out, back, length int) bool {
	a, b := plain[out:], plain[out-back:]
	if length <= 8 && len(a) >= 8 {
		different := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
		return bits.TrailingZeros64(different) >= 8*length
	}
	return bytes.Equal(a[:length], b[:length])
}
