package upstream

// The classes of RFC 9110 §5.5, §5.6.2 and RFC 3986 that decide what may stand
// in a head, as bits of one table: one look per byte.
const (
	isToken  = 1 << iota // name of a method or field
	isValue              // field value: visible, space, tab, obs-text
	isTarget             // request target: visible ASCII but "#"
	isLetter             // ASCII letter, for canonical names
)

var octet = octets()

func octets() (t [256]byte) {
	for i := range t {
		b := byte(i)
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		switch {
		case letter:
			t[i] |= isToken | isLetter
		case '0' <= b && b <= '9':
			t[i] |= isToken
		}
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[i] |= isValue
		}
		if b > ' ' && b < 0x7f && b != '#' {
			t[i] |= isTarget
		}
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] |= isToken
	}
	return t
}

// all reports whether every byte of s is of the class. Empty is true.
func all[T string | []byte](s T, class byte) bool {
	for i := 0; i < len(s); i++ {
		if octet[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

func validName[T string | []byte](s T) bool {
	return len(s) > 0 && all(s, isToken)
}

// validHost is stricter than a field value: no white space, no delimiters that
// would make it more than a host and a port, no zone, which means nothing to
// the other side.
func validHost(s string) bool {
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case octet[b]&isLetter != 0, '0' <= b && b <= '9':
		case b == '.', b == '-', b == '_', b == ':', b == '[', b == ']':
		default:
			return false
		}
	}
	return len(s) > 0
}

// equalFold compares with an ASCII lower-case word. It is no Unicode folding:
// a Kelvin sign is not a k.
func equalFold[T string | []byte](s T, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
