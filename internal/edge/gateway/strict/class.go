package strict

// The classes of bytes, one bit each.
const (
	isToken  = 1 << iota // RFC 9110 §5.6.2 tchar
	isPath               // visible ASCII but '%' and '?'
	isQuery              // visible ASCII
	isValue              // SP, HT, visible ASCII and 0x80-0xff: RFC 9110 §5.5
	isHex                // hexadecimal digit
	isDigit              // decimal digit
	isHost               // bytes of uri-host and port, RFC 9110 §4.2.3
	isLetter             // ASCII letter
)

// class holds the classes of every byte. Read only.
var class = makeClass()

func makeClass() (t [256]uint8) {
	for c := range 256 {
		if c >= 0x80 || c == '\t' || c == ' ' || visible(c) {
			t[c] |= isValue
		}
		if visible(c) {
			t[c] |= isQuery
		}
		if visible(c) && c != '%' && c != '?' {
			t[c] |= isPath
		}
	}
	add(&t, "0123456789", isDigit|isHex|isToken|isHost)
	add(&t, "abcdefABCDEF", isHex)
	add(&t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", isLetter|isToken|isHost)
	add(&t, "!#$%&'*+-.^_`|~", isToken)
	add(&t, "-._:[]", isHost)
	return t
}

func add(t *[256]uint8, set string, bits uint8) {
	for i := range len(set) {
		t[set[i]] |= bits
	}
}

func visible(c int) bool { return c > 0x20 && c < 0x7f }

// lower folds an ASCII letter; other bytes are returned as they are.
func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// unhex gives the value of a byte of class isHex.
func unhex(c byte) uint64 {
	if class[c]&isDigit != 0 {
		return uint64(c - '0')
	}
	return uint64(lower(c)-'a') + 10
}
