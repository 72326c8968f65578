package scheme

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a JSON body.
const (
	maxJSONDepth = 32
	maxJSONNodes = 20000
)

// jsonValue is a JSON value that keeps the text it came from: a number is signed as it was written.
type jsonValue struct {
	kind  byte   // '{', '[', '"', '0' for numbers, 't', 'f', 'n'
	raw   []byte // the text in the body
	text  string // of a string, decoded
	names []string
	items []*jsonValue
}

type jsonReader struct {
	src   []byte
	pos   int
	nodes int
}

// parseJSON reads one JSON value (RFC 8259), strictly: a name that an object has twice is refused, because two readers would see two values.
func parseJSON(src []byte) (*jsonValue, *Fault) {
	j := &jsonReader{src: src}
	v := j.value(0)
	if j.space(); v == nil || j.pos != len(src) {
		return nil, faultJSON
	}
	return v, nil
}

func (j *jsonReader) space() {
	for j.pos < len(j.src) && strings.IndexByte(" \t\r\n", j.src[j.pos]) >= 0 {
		j.pos++
	}
}

func (j *jsonReader) accept(b byte) bool {
	j.space()
	if j.pos < len(j.src) && j.src[j.pos] == b {
		j.pos++
		return true
	}
	return false
}

// value reads a value, or returns nil.
func (j *jsonReader) value(depth int) *jsonValue {
	if j.space(); j.pos == len(j.src) || depth > maxJSONDepth {
		return nil
	}
	if j.nodes++; j.nodes > maxJSONNodes {
		return nil
	}
	start := j.pos
	v := &jsonValue{kind: j.src[j.pos]}
	ok := false
	switch v.kind {
	case '{':
		ok = j.object(v, depth)
	case '[':
		ok = j.array(v, depth)
	case '"':
		v.text, ok = j.text()
	case 't':
		ok = j.word("true")
	case 'f':
		ok = j.word("false")
	case 'n':
		ok = j.word("null")
	default:
		v.kind = '0'
		ok = j.number()
	}
	if !ok {
		return nil
	}
	v.raw = j.src[start:j.pos]
	return v
}

func (j *jsonReader) word(w string) bool {
	if !strings.HasPrefix(string(j.src[j.pos:min(len(j.src), j.pos+len(w))]), w) {
		return false
	}
	j.pos += len(w)
	return true
}

func (j *jsonReader) object(v *jsonValue, depth int) bool {
	j.pos++
	if j.accept('}') {
		return true
	}
	seen := map[string]bool{}
	for {
		if j.space(); j.pos == len(j.src) || j.src[j.pos] != '"' {
			return false
		}
		name, ok := j.text()
		if !ok || seen[name] || !j.accept(':') {
			return false
		}
		seen[name] = true
		item := j.value(depth + 1)
		if item == nil {
			return false
		}
		v.names, v.items = append(v.names, name), append(v.items, item)
		if j.accept('}') {
			return true
		}
		if !j.accept(',') {
			return false
		}
	}
}

func (j *jsonReader) array(v *jsonValue, depth int) bool {
	j.pos++
	if j.accept(']') {
		return true
	}
	for {
		item := j.value(depth + 1)
		if item == nil {
			return false
		}
		v.items = append(v.items, item)
		if j.accept(']') {
			return true
		}
		if !j.accept(',') {
			return false
		}
	}
}

// number reads -? int frac? exp? and nothing looser.
func (j *jsonReader) number() bool {
	digits := func() bool {
		start := j.pos
		for j.pos < len(j.src) && digitSet.has(j.src[j.pos]) {
			j.pos++
		}
		return j.pos > start
	}
	next := func(set string) bool {
		if j.pos < len(j.src) && strings.IndexByte(set, j.src[j.pos]) >= 0 {
			j.pos++
			return true
		}
		return false
	}
	next("-")
	if !next("0") && !digits() {
		return false
	}
	if next(".") && !digits() {
		return false
	}
	if next("eE") {
		next("+-")
		return digits()
	}
	return true
}

// text reads a string. Lone surrogates, control bytes and bytes that are not UTF-8 are refused.
func (j *jsonReader) text() (string, bool) {
	var out []byte
	for j.pos++; j.pos < len(j.src); j.pos++ {
		switch b := j.src[j.pos]; {
		case b == '"':
			j.pos++
			return string(out), utf8.Valid(out)
		case b < ' ':
			return "", false
		case b == '\\':
			var ok bool
			if out, ok = j.escape(out); !ok {
				return "", false
			}
		default:
			out = append(out, b)
		}
	}
	return "", false
}

// escape reads the escape at pos and leaves pos on its last byte.
func (j *jsonReader) escape(out []byte) ([]byte, bool) {
	if j.pos++; j.pos >= len(j.src) {
		return out, false
	}
	if i := strings.IndexByte(`"\/bfnrt`, j.src[j.pos]); i >= 0 {
		return append(out, "\"\\/\b\f\n\r\t"[i]), true
	}
	if j.src[j.pos] != 'u' {
		return out, false
	}
	first, ok := j.unit()
	if !ok {
		return out, false
	}
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(out, first), true
	}
	if j.pos+2 >= len(j.src) || j.src[j.pos+1] != '\\' || j.src[j.pos+2] != 'u' {
		return out, false
	}
	j.pos += 2
	second, ok := j.unit()
	joined := utf16.DecodeRune(first, second)
	return utf8.AppendRune(out, joined), ok && joined != utf8.RuneError
}

func (j *jsonReader) unit() (rune, bool) {
	if j.pos+4 >= len(j.src) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(j.src[j.pos+1:j.pos+5]), 16, 16)
	j.pos += 4
	return rune(n), err == nil
}

// find follows a path such as a.b.0.c; nil means that there is nothing there. A member whose name is the whole rest of the path comes first.
func (v *jsonValue) find(path string) *jsonValue {
	for path != "" && v != nil {
		if i := slices.Index(v.names, path); v.kind == '{' && i >= 0 {
			return v.items[i]
		}
		var step string
		step, path, _ = strings.Cut(path, ".")
		switch v.kind {
		case '{':
			i := slices.Index(v.names, step)
			if i < 0 {
				return nil
			}
			v = v.items[i]
		case '[':
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v.items) || strconv.Itoa(i) != step {
				return nil
			}
			v = v.items[i]
		default:
			return nil
		}
	}
	return v
}

// value is what is signed of it: strings decoded, numbers and words as written, null nothing, objects and arrays as they stand in the body.
func (v *jsonValue) value() string {
	switch v.kind {
	case '"':
		return v.text
	case 'n':
		return ""
	}
	return string(v.raw)
}

// appendCompact writes v without white space between its tokens, names sorted by bytes if that is asked. Texts and numbers keep their spelling.
func (v *jsonValue) appendCompact(dst []byte, sorted bool) []byte {
	switch v.kind {
	case '{':
		order := make([]int, len(v.names))
		for i := range order {
			order[i] = i
		}
		if sorted {
			slices.SortFunc(order, func(a, b int) int { return strings.Compare(v.names[a], v.names[b]) })
		}
		dst = append(dst, '{')
		for i, at := range order {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONText(dst, v.names[at]), ':')
			dst = v.items[at].appendCompact(dst, sorted)
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendCompact(dst, sorted)
		}
		return append(dst, ']')
	}
	return append(dst, v.raw...)
}

// dropSignature takes out the members of an object that carry the signature: it cannot sign itself.
func (v *jsonValue) dropSignature(s *Scheme) {
	for i := len(v.names) - 1; i >= 0; i-- {
		if s.carriesSignature(InJSON, v.names[i]) {
			v.names, v.items = slices.Delete(v.names, i, i+1), slices.Delete(v.items, i, i+1)
		}
	}
}

// appendJSONText writes a name with the fewest escapes.
func appendJSONText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, lowerDigits[b>>4], lowerDigits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}
