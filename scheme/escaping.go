package scheme

// escaping is one way of percent-encoding. The zero value writes bytes as they are.
type escaping struct {
	on    bool    // encode at all
	raw   bool    // parameters only: the text as sent, neither decoded nor encoded
	plain byteSet // what stands for itself
	plus  bool    // a space becomes "+"
	lower bool    // escapes in lower case
}

// encodingOf knows the names of encodings. Each vendor's is that of the library it was written with.
func encodingOf(name string) (escaping, bool) {
	switch name {
	case "rfc3986":
		return escaping{on: true, plain: unreserved}, true
	case "form": // WHATWG, Java
		return escaping{on: true, plain: alnumSet.union(setOf("*-._")), plus: true}, true
	case "quote_plus": // Python, Go
		return escaping{on: true, plain: unreserved, plus: true}, true
	case "php": // urlencode
		return escaping{on: true, plain: alnumSet.union(setOf("-._")), plus: true}, true
	case "js": // encodeURIComponent
		return escaping{on: true, plain: unreserved.union(setOf("!*'()"))}, true
	case "raw":
		return escaping{raw: true}, true
	case "none", "":
		return escaping{}, true
	}
	return escaping{}, false
}

// alphabet is every byte that the encoding can write.
func (e *escaping) alphabet() byteSet {
	switch {
	case e.raw:
		return looseTarget.minus(setOf("&#"))
	case !e.on:
		return anyByte
	}
	out := e.plain.union(setOf("%")).union(digitSet).union(setOf("ABCDEF"))
	if e.lower {
		out = e.plain.union(setOf("%")).union(hexLower)
	}
	if e.plus {
		out = out.union(setOf("+"))
	}
	return out
}

const lowerDigits = "0123456789abcdef"

// appendTo writes text in this encoding.
func appendEncoded[T string | []byte](e *escaping, dst []byte, text T) []byte {
	if !e.on {
		return append(dst, text...)
	}
	digits := upperDigits
	if e.lower {
		digits = lowerDigits
	}
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case e.plain.has(b):
			dst = append(dst, b)
		case b == ' ' && e.plus:
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[b>>4], digits[b&15])
		}
	}
	return dst
}

// appendUnpct undoes percent-encoding; plus makes "+" a space. ok is false for a "%" without two hexadecimal digits.
func appendUnpct[T string | []byte](dst []byte, text T, plus bool) (out []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case b == '%':
			if i+2 >= len(text) {
				return dst, false
			}
			high, low := hexValue[text[i+1]], hexValue[text[i+2]]
			if high > 15 || low > 15 {
				return dst, false
			}
			b = high<<4 | low
			i += 2
		case b == '+' && plus:
			b = ' '
		}
		dst = append(dst, b)
	}
	return dst, true
}

// encoded is text in this encoding; text that needs none is itself, without a copy.
func encoded(e *escaping, text string) string {
	if !e.on || e.plain.all(text) {
		return text
	}
	return string(appendEncoded(e, make([]byte, 0, 3*len(text)), text))
}
