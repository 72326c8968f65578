package tokens

import (
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a body may be nested (security rule 27); the object or element around everything is level 1.
const maxDepth = 8

// jsonReader reads one JSON text (RFC 8259) in one pass. Strings are decoded in place: what is decoded is never longer
// than what was read, so no copy of a secret is made. encoding/json is not used because it takes doubled keys, keys in the
// wrong case and lone surrogates, and leaves secrets in strings (trap 8).
type jsonReader struct {
	b   []byte
	i   int
	bad *fault // the first fault; once it is set, nothing counts any more
}

// parseJSON takes exactly one object. Keys count byte for byte; no key may come twice in any object; keys other than the
// known ones may have any value. partnerId and the secrets are strings, immediate is true or false; null is absent.
func parseJSON(body []byte, known parameter) (form, *fault) {
	r := jsonReader{b: body}
	var f form
	if !utf8.Valid(body) {
		return f, &fault{"", "the body is not UTF-8"}
	}
	r.space()
	if r.peek() != '{' {
		return f, &fault{"", "the body is not one JSON object"}
	}
	r.object(1, func(key []byte) {
		if p, ok := find(key, known); ok {
			f[p] = r.parameter(p)
			return
		}
		r.value(2)
	})
	r.space()
	if r.bad == nil && r.i != len(r.b) {
		r.fail("", "something follows the JSON object")
	}
	if r.bad != nil {
		return form{}, r.bad
	}
	return f, nil
}

func (r *jsonReader) fail(where, detail string) {
	if r.bad == nil {
		r.bad = &fault{where, detail}
	}
	r.i = len(r.b)
}

// syntax is the fault of all that is not JSON.
func (r *jsonReader) syntax() { r.fail("", "the body is not valid JSON") }

// peek is the next byte, or 0 at the end. A NUL itself is valid nowhere, so the two need not be told apart.
func (r *jsonReader) peek() byte {
	if r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

func (r *jsonReader) take(c byte) bool {
	if r.peek() != c || r.i >= len(r.b) {
		return false
	}
	r.i++
	return true
}

func (r *jsonReader) space() {
	for r.i < len(r.b) && strings.IndexByte(whiteSpace, r.b[r.i]) >= 0 {
		r.i++
	}
}

// parameter reads the value of one that we know.
func (r *jsonReader) parameter(p parameter) []byte {
	switch c := r.peek(); {
	case c == 0:
		r.syntax()
	case c == 'n':
		r.literal("null")
		return nil
	case p == immediate && (c == 't' || c == 'f'):
		start := r.i
		r.value(2)
		return r.b[start:r.i:r.i]
	case p == immediate:
		r.fail(p.String(), "immediate is neither true nor false")
	case c == '"':
		return r.text()
	default:
		r.fail(p.String(), p.String()+" is not a string")
	}
	return nil
}

// value reads and drops a value at a level of nesting.
func (r *jsonReader) value(depth int) {
	switch c := r.peek(); {
	case c == '{':
		r.object(depth, func([]byte) { r.value(depth + 1) })
	case c == '[':
		r.members(depth, ']', func() { r.value(depth + 1) })
	case c == '"':
		r.text()
	case c == 't':
		r.literal("true")
	case c == 'f':
		r.literal("false")
	case c == 'n':
		r.literal("null")
	default:
		r.number()
	}
}

// object reads an object and leaves the value of each key to value.
func (r *jsonReader) object(depth int, value func(key []byte)) {
	seen := map[string]bool{}
	r.members(depth, '}', func() {
		key := r.text()
		r.space()
		switch {
		case r.bad != nil || !r.take(':'):
			r.syntax()
		case seen[string(key)]:
			r.doubled(key)
		default:
			seen[string(key)] = true
			r.space()
			value(key)
		}
	})
}

func (r *jsonReader) doubled(key []byte) {
	if p, ok := find(key, parameters); ok {
		r.fail(p.String(), p.String()+" comes twice")
		return
	}
	r.fail("", "a key comes twice")
}

// members reads from the bracket at r.i to its end, with one call of member for each thing between the commas.
func (r *jsonReader) members(depth int, end byte, member func()) {
	if depth > maxDepth {
		r.fail("", "the body is nested too deeply")
		return
	}
	r.i++
	if r.space(); r.take(end) {
		return
	}
	for r.bad == nil {
		r.space()
		member()
		r.space()
		if r.bad != nil || r.take(end) {
			return
		}
		if !r.take(',') {
			r.syntax()
		}
	}
}
