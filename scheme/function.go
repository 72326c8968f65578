package scheme

// funcID names a function of the language. The zero value is none.
type funcID uint8

const (
	fnNone funcID = iota
	fnJoin
	fnHex
	fnB64
	fnB64URL
	fnUpper
	fnLower
	fnSHA1
	fnSHA256
	fnSHA384
	fnSHA512
	fnMD5
	fnUnhex
	fnUnb64
	fnUnb64URL
	fnTrimPrefix
	fnPct
)

// function is what the compiler knows of a function.
type function struct {
	id        funcID
	least     int // number of arguments
	most      int
	pad       bool // takes pad=
	digest    int  // bytes of its result, for the digests
	injective bool // two arguments never share a result (digests count as such)
	two       bool // of language 2
}

// functionNames lists the language's functions, for the "did you mean" of errors.
var functionNames = []string{"join", "hex", "b64", "b64url", "upper", "lower", "sha1", "sha256", "sha384", "sha512", "md5",
	"unhex", "unb64", "unb64url", "trim_prefix", "pct"}

func functionOf(name string) (function, bool) {
	one := func(id funcID, injective bool) (function, bool) {
		return function{id: id, least: 1, most: 1, injective: injective}, true
	}
	encoding := func(id funcID) (function, bool) {
		return function{id: id, least: 1, most: 1, pad: true, injective: true}, true
	}
	digest := func(id funcID, size int) (function, bool) {
		return function{id: id, least: 1, most: 1, digest: size, injective: true}, true
	}
	switch name {
	case "join":
		return function{id: fnJoin, least: 2, most: maxParts, injective: true}, true
	case "hex":
		return one(fnHex, true)
	case "b64":
		return encoding(fnB64)
	case "b64url":
		return encoding(fnB64URL)
	case "upper":
		return one(fnUpper, false)
	case "lower":
		return one(fnLower, false)
	case "sha1":
		return digest(fnSHA1, 20)
	case "sha256":
		return digest(fnSHA256, 32)
	case "sha384":
		return digest(fnSHA384, 48)
	case "sha512":
		return digest(fnSHA512, 64)
	case "md5":
		return digest(fnMD5, 16)
	case "unhex":
		return one(fnUnhex, false)
	case "unb64":
		return function{id: fnUnb64, least: 1, most: 1, pad: true}, true
	case "unb64url":
		return function{id: fnUnb64URL, least: 1, most: 1, pad: true}, true
	case "trim_prefix":
		return function{id: fnTrimPrefix, least: 2, most: 2}, true
	case "pct":
		return one(fnPct, true)
	}
	return function{}, false
}

// shapeOf is the shape of the function's result for an argument of shape in.
func (f function) shapeOf(in shape, pad bool) shape {
	scale := func(n int, g func(int) int) int {
		if n < 0 {
			return -1
		}
		return g(n)
	}
	sized := func(g func(int) int, set byteSet) shape { return between(g(in.min), scale(in.max, g), set) }
	switch f.id {
	case fnHex:
		return sized(func(n int) int { return 2 * n }, hexLower)
	case fnB64:
		return sized(func(n int) int { return encodedLen(n, pad) }, base64Set)
	case fnB64URL:
		return sized(func(n int) int { return encodedLen(n, pad) }, base64URL)
	case fnUpper:
		return shape{min: in.min, max: in.max, any: in.any.mapped(upperByte), first: in.first.mapped(upperByte)}
	case fnLower:
		return shape{min: in.min, max: in.max, any: in.any.mapped(lowerByte), first: in.first.mapped(lowerByte)}
	case fnSHA1, fnSHA256, fnSHA384, fnSHA512, fnMD5:
		return fixed(f.digest, anyByte)
	case fnPct:
		if !in.any.minus(unreserved).meets(anyByte) {
			return in
		}
		return between(in.min, scale(in.max, func(n int) int { return 3 * n }), unreserved.union(setOf("%")))
	}
	return between(0, in.max, anyByte)
}

// keepsApart says whether two values of shape in always have two results. Changing case does when only one case can occur.
func (f function) keepsApart(in shape) bool {
	if f.id == fnUpper || f.id == fnLower {
		return !in.any.meets(upperSet) || !in.any.meets(lowerSet)
	}
	return f.injective
}

func encodedLen(n int, pad bool) int {
	if pad {
		return (n + 2) / 3 * 4
	}
	return (n*8 + 5) / 6
}

func upperByte(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 32
	}
	return b
}

func lowerByte(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 32
	}
	return b
}
