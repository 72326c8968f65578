package access

import "encoding/binary"

// keyID is a key id as its 16 bytes: keys of a fixed size are compared without following a pointer.
type keyID [16]byte

// parseKeyID takes the one form in which key ids are issued, 32 lower-case hex digits; anything else is unknown without a
// look-up. Eight digits are taken at a time, each in a byte of one number.
func parseKeyID(s string) (id keyID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	var odd uint64
	for i := 0; i < len(id); i += 4 {
		digits := uint64(s[2*i]) | uint64(s[2*i+1])<<8 | uint64(s[2*i+2])<<16 | uint64(s[2*i+3])<<24 |
			uint64(s[2*i+4])<<32 | uint64(s[2*i+5])<<40 | uint64(s[2*i+6])<<48 | uint64(s[2*i+7])<<56
		value, bad := unhex(digits)
		binary.LittleEndian.PutUint32(id[i:], value)
		odd |= bad
	}
	return id, odd == 0
}

const (
	each = 0x0101010101010101 // times b: b in every byte
	top  = each * 0x80
)

// unhex is the value of eight lower-case hex digits, the first in the lowest byte; bad is not 0 if one is none. '0' to '9' are 0x30
// to 0x39, 'a' to 'f' are 0x61 to 0x66: bit 6 tells which it can be.
func unhex(digits uint64) (value uint32, bad uint64) {
	letter := digits >> 6 & each
	less := (digits | top) - (each*'0' + letter*('a'-'0')) // a byte below its first digit loses its top bit; none borrows from the next
	bad = digits&top | ^less&top
	less &^= top
	bad |= (less + (each*(0x7f-9) + letter*4)) & top // more than 9, or for a letter more than 5
	half := less + letter*10
	pairs := (half<<4 | half>>8) & 0x00ff00ff00ff00ff
	pairs = (pairs | pairs>>8) & 0x0000ffff0000ffff
	return uint32(pairs | pairs>>16), bad
}
