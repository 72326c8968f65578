package scheme

const upperDigits = "0123456789ABCDEF"

// notHex marks what is no hexadecimal digit in hexValue.
const notHex = 0xff

// hexValue is the value of each hexadecimal digit of either case. Never written after its construction.
var hexValue = func() (table [256]byte) {
	for b := range table {
		switch {
		case '0' <= b && b <= '9':
			table[b] = byte(b - '0')
		case 'a' <= b && b <= 'f':
			table[b] = byte(b - 'a' + 10)
		case 'A' <= b && b <= 'F':
			table[b] = byte(b - 'A' + 10)
		default:
			table[b] = notHex
		}
	}
	return table
}()

// unhex reads hex of either case into dst, which may be text itself, and returns the number of bytes; ok is false when text is not an even number of hex
// digits that fit.
func unhex[T string | []byte](dst []byte, text T) (n int, ok bool) {
	n = len(text) / 2
	if len(text)%2 != 0 || n > len(dst) {
		return 0, false
	}
	var seen byte
	for i := range n {
		high, low := hexValue[text[2*i]], hexValue[text[2*i+1]]
		seen |= high | low
		dst[i] = high<<4 | low
	}
	return n, seen < 16
}

// unpct reads percent-encoded text strictly: what pct would have escaped must be escaped, in either case, and nothing else.
func unpct(dst, src []byte) (int, bool) {
	n := 0
	for i := 0; i < len(src); i++ {
		b := src[i]
		if b == '%' {
			if i+2 >= len(src) {
				return 0, false
			}
			high, low := hexValue[src[i+1]], hexValue[src[i+2]]
			b = high<<4 | low
			if high > 15 || low > 15 || unreserved.has(b) {
				return 0, false
			}
			i += 2
		} else if !unreserved.has(b) {
			return 0, false
		}
		dst[n] = b
		n++
	}
	return n, true
}

// appendPct appends src with everything but the unreserved characters of RFC 3986 §2.3 escaped, in upper case.
func appendPct(dst, src []byte) []byte {
	for _, b := range src {
		if unreserved.has(b) {
			dst = append(dst, b)
			continue
		}
		dst = append(dst, '%', upperDigits[b>>4], upperDigits[b&15])
	}
	return dst
}
