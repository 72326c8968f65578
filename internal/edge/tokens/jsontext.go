package tokens

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// literal reads true, false or null.
func (r *jsonReader) literal(word string) {
	if !bytes.HasPrefix(r.b[r.i:], []byte(word)) {
		r.syntax()
		return
	}
	r.i += len(word)
}

// number reads a number by the grammar of RFC 8259 §6.
func (r *jsonReader) number() {
	r.take('-')
	if !r.take('0') && !r.digits() {
		r.syntax()
		return
	}
	if r.take('.') && !r.digits() {
		r.syntax()
		return
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			r.syntax()
		}
	}
}

func (r *jsonReader) digits() bool {
	start := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > start
}

// text reads a string and decodes it where it stands. The result is never nil unless something was wrong.
func (r *jsonReader) text() []byte {
	if !r.take('"') {
		r.syntax()
		return nil
	}
	start, end := r.i, r.i
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return r.b[start:end:end]
		case c < 0x20:
			r.syntax()
			return nil
		case c == '\\':
			n, ok := r.escape(end)
			if !ok {
				r.syntax()
				return nil
			}
			end += n
		default:
			r.b[end] = c
			end, r.i = end+1, r.i+1
		}
	}
	r.syntax()
	return nil
}

const (
	shortEscapes = `"\/bfnrt`
	shortMeaning = "\"\\/\b\f\n\r\t"
)

// escape decodes the escape at r.i to end, which is not behind it, and says how many bytes that became.
func (r *jsonReader) escape(end int) (int, bool) {
	r.i++
	c := r.peek()
	if c == 'u' {
		return r.unicodeEscape(end)
	}
	i := strings.IndexByte(shortEscapes, c)
	if i < 0 || c == 0 {
		return 0, false
	}
	r.b[end] = shortMeaning[i]
	r.i++
	return 1, true
}

// unicodeEscape decodes u and four digits at r.i, and the second half behind it where it is a surrogate. A lone one is refused:
// readers replace it in different ways.
func (r *jsonReader) unicodeEscape(end int) (int, bool) {
	char, ok := r.hex4()
	if ok && utf16.IsSurrogate(char) {
		var low rune
		if !r.take('\\') {
			return 0, false
		}
		low, ok = r.hex4()
		if char = utf16.DecodeRune(char, low); char == utf8.RuneError {
			return 0, false
		}
	}
	if !ok {
		return 0, false
	}
	return utf8.EncodeRune(r.b[end:end+utf8.RuneLen(char)], char), true
}

// hex4 reads u and four hexadecimal digits.
func (r *jsonReader) hex4() (rune, bool) {
	if !r.take('u') || len(r.b)-r.i < 4 {
		return 0, false
	}
	var char rune
	for _, c := range r.b[r.i : r.i+4] {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		char = char<<4 | rune(digit)
	}
	r.i += 4
	return char, true
}
