package scheme

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// The faults of values that a function cannot take; shared and read-only.
var (
	faultDecimal = &Fault{Kind: FaultMalformed, Detail: "a value is not a decimal number"}
	faultUnpct   = &Fault{Kind: FaultMalformed, Detail: "a value has a percent sign without two hexadecimal digits"}
	faultCompact = &Fault{Kind: FaultMalformed, Detail: "a value is not JSON"}
)

// textFunction appends the result of a function of one text.
func (c *scratch) textFunction(n *node, dst []byte, text string) []byte {
	lit := string(n.lit)
	switch n.fn.id {
	case fnSlice:
		return append(dst, text[min(n.from, len(text)):min(n.to, len(text))]...)
	case fnTail:
		return append(dst, text[max(0, len(text)-n.to):]...)
	case fnStripWS:
		return appendWithout(dst, text, " \t\r\n\v\f")
	case fnRemove:
		return appendWithout(dst, text, lit)
	case fnTrim:
		return append(dst, strings.Trim(text, " \t\r\n")...)
	case fnSqueeze:
		return appendSqueezed(dst, text)
	case fnReplace:
		if len(n.text) > len(lit) && len(text)/len(lit)*len(n.text) > maxOutput {
			c.fail(faultLarge)
			return dst
		}
		return append(dst, strings.ReplaceAll(text, lit, n.text)...)
	case fnBefore:
		before, _, _ := strings.Cut(text, lit)
		return append(dst, before...)
	case fnAfter:
		_, after, _ := strings.Cut(text, lit)
		return append(dst, after...)
	case fnTrimSuffix:
		return append(dst, strings.TrimSuffix(text, lit)...)
	case fnStripPrefix:
		return append(dst, strings.TrimPrefix(text, lit)...)
	case fnNormalize:
		return appendNormalized(dst, text)
	case fnLen:
		return strconv.AppendInt(dst, int64(len(text)), 10)
	}
	return c.textFunction2(n, dst, text)
}

// textFunction2 has those that can fail.
func (c *scratch) textFunction2(n *node, dst []byte, text string) []byte {
	ok := true
	switch n.fn.id {
	case fnUnpct:
		if dst, ok = appendUnpct(dst, text, n.enc.plus); !ok {
			c.fail(faultUnpct)
		}
	case fnDecimal:
		if dst, ok = appendDecimal(dst, text, n.to); !ok {
			c.fail(faultDecimal)
		}
	case fnCompact:
		if text == "" {
			return dst
		}
		v, fault := parseJSON([]byte(text))
		if fault != nil {
			c.fail(faultCompact)
			return dst
		}
		if n.isCompactBody() {
			v.dropSignature(c.ext.scheme)
		}
		dst = v.appendCompact(dst, n.pad)
	}
	return dst
}

func appendWithout(dst []byte, text, drop string) []byte {
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(drop, text[i]) < 0 {
			dst = append(dst, text[i])
		}
	}
	return dst
}

// appendSqueezed trims white space and makes each run of it one space.
func appendSqueezed(dst []byte, text string) []byte {
	start := len(dst)
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b == ' ' || b == '\t' || b == '\r' || b == '\n' {
			if len(dst) > start && dst[len(dst)-1] != ' ' {
				dst = append(dst, ' ')
			}
			continue
		}
		dst = append(dst, b)
	}
	if len(dst) > start && dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendNormalized resolves "." and ".." and joins runs of slashes (RFC 3986 §5.2.4, and what Amazon asks beyond it).
func appendNormalized(dst []byte, path string) []byte {
	var kept []string
	for _, segment := range strings.Split(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	for _, segment := range kept {
		dst = append(append(dst, '/'), segment...)
	}
	if len(kept) == 0 || strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") {
		dst = append(dst, '/')
	}
	return dst
}

// appendDecimal writes a decimal number without an exponent: with so many places, or without needless zeros when places is negative.
func appendDecimal(dst []byte, text string, places int) ([]byte, bool) {
	if len(text) == 0 || len(text) > 40 || strings.Trim(text, "0123456789.-") != "" {
		return dst, false
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		return dst, false
	}
	if places >= 0 {
		return append(dst, v.FloatString(places)...), true
	}
	out := []byte(v.FloatString(40))
	return append(dst, bytes.TrimSuffix(bytes.TrimRight(out, "0"), []byte("."))...), true
}
