package tokens

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// declaration reads the XML declaration, which may only stand at the very start, in the one order that XML 1.0 §2.8 knows.
func (r *xmlReader) declaration() {
	if !r.take("<?xml") {
		return
	}
	versioned := false
	for _, part := range []struct {
		name string
		ok   func(string) bool
	}{
		{"version", func(v string) bool { versioned = true; return v == "1.0" }},
		{"encoding", func(v string) bool { return strings.EqualFold(v, "UTF-8") }},
		{"standalone", func(v string) bool { return v == "yes" || v == "no" }},
	} {
		if start := r.i; !r.space() || !r.take(part.name) {
			r.i = start
			continue
		}
		if value, ok := r.assigned(); !ok || !part.ok(string(value)) {
			r.fail("", "the XML declaration asks for something other than XML 1.0 in UTF-8")
			return
		}
	}
	if r.space(); !r.take("?>") || !versioned {
		r.syntax()
	}
}

// assigned reads = and a quoted value.
func (r *xmlReader) assigned() ([]byte, bool) {
	r.space()
	if !r.take("=") {
		return nil, false
	}
	r.space()
	if r.i == len(r.b) || r.b[r.i] != '"' && r.b[r.i] != '\'' {
		return nil, false
	}
	quote := r.b[r.i]
	r.i++
	end := bytes.IndexByte(r.rest(), quote)
	if end < 0 {
		return nil, false
	}
	value := r.rest()[:end]
	r.i += end + 1
	return value, true
}

// attributes reads the attributes of a start tag. Their values are checked and dropped.
func (r *xmlReader) attributes(k kind) {
	var seen map[string]bool
	for r.space() && r.bad == nil && r.i < len(r.b) && r.b[r.i] != '>' && r.b[r.i] != '/' {
		name := r.attributeName()
		value, ok := r.assigned()
		if r.bad != nil || !ok || seen[string(name)] || !isAttributeValue(value) {
			r.syntax()
			return
		}
		if k == knownElement || k == rootElement && !bytes.HasPrefix(name, []byte("xmlns:")) {
			r.fail("", "an element of ours has an attribute")
			return
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[string(name)] = true
	}
}

func isAttributeValue(value []byte) bool {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '<':
			return false
		case '&':
			_, n := reference(value[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		}
	}
	return true
}

// name reads an element name. A prefix is refused: without name spaces x:partnerId is somebody else's element for one
// reader and partnerId for another.
func (r *xmlReader) name() []byte {
	start := r.i
	for r.i < len(r.b) && isNameByte(r.b[r.i], r.i == start) {
		r.i++
	}
	if r.i == start || r.i < len(r.b) && r.b[r.i] == ':' {
		r.syntax()
		return nil
	}
	return r.b[start:r.i]
}

// attributeName reads a name with or without a prefix.
func (r *xmlReader) attributeName() []byte {
	start := r.i
	for r.i < len(r.b) && isNameByte(r.b[r.i], r.i == start) {
		r.i++
	}
	if r.i > start && r.take(":") {
		r.name()
	}
	if r.i == start {
		r.syntax()
	}
	if r.bad != nil {
		return nil
	}
	return r.b[start:r.i]
}

func isNameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		return true
	case c >= '0' && c <= '9', c == '-', c == '.':
		return !first
	}
	return false
}

// text decodes the content of a known element where it stands, up to its end tag. CDATA counts as text. A comment or a
// child is refused: readers disagree on what is left around it.
func (r *xmlReader) text() []byte {
	start, end := r.i, r.i
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case bytes.HasPrefix(r.rest(), []byte("</")):
			return r.b[start:end:end]
		case r.take("<![CDATA["):
			end += copy(r.b[end:], newLines(r.cdata()))
		case c == '<':
			r.fail("", "an element of ours has more than text in it")
			return nil
		case c == '&':
			char, n := reference(r.rest())
			if n == 0 {
				r.fail("", "the body has an entity that is not predefined")
				return nil
			}
			end += utf8.EncodeRune(r.b[end:end+utf8.RuneLen(char)], char)
			r.i += n
		default:
			end += copy(r.b[end:], newLines(r.run()))
		}
	}
	r.syntax()
	return nil
}

// run reads text up to the next markup or reference.
func (r *xmlReader) run() []byte {
	rest := r.rest()
	if i := bytes.IndexAny(rest, "<&"); i >= 0 {
		rest = rest[:i]
	}
	if bytes.Contains(rest, []byte("]]>")) {
		r.syntax()
		return nil
	}
	r.i += len(rest)
	return rest
}

// cdata reads a CDATA section whose opening is read.
func (r *xmlReader) cdata() []byte {
	content, _, ok := bytes.Cut(r.rest(), []byte("]]>"))
	if !ok {
		r.syntax()
		return nil
	}
	r.i += len(content) + len("]]>")
	return content
}

// blankText skips text and references outside known elements and reports whether it was only white space.
func (r *xmlReader) blankText() bool {
	if r.i < len(r.b) && r.b[r.i] == '&' {
		_, n := reference(r.rest())
		if n == 0 {
			r.fail("", "the body has an entity that is not predefined")
		}
		r.i = min(r.i+n, len(r.b))
		return false
	}
	return len(bytes.Trim(r.run(), whiteSpace)) == 0
}

// newLines makes every end of line a single LF in place, as XML 1.0 §2.11 demands.
func newLines(b []byte) []byte {
	end := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\r' {
			if i+1 < len(b) && b[i+1] == '\n' {
				i++
			}
			c = '\n'
		}
		b[end] = c
		end++
	}
	return b[:end]
}

var predefined = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "apos": '\'', "quot": '"'}

// maxReference is the longest reference that is looked at, with & and semicolon.
const maxReference = 12

// reference decodes the reference at the start of b and says how long it is; 0: it is none of ours.
func reference(b []byte) (rune, int) {
	end := bytes.IndexByte(b[:min(len(b), maxReference)], ';')
	if end < 2 {
		return 0, 0
	}
	name := string(b[1:end])
	if char, ok := predefined[name]; ok {
		return char, end + 1
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, 0
	}
	if hex := strings.TrimPrefix(digits, "x"); hex != digits {
		digits, base = hex, 16
	}
	char, err := strconv.ParseUint(digits, base, 32)
	if err != nil || char > utf8.MaxRune || !isXMLChar(rune(char)) {
		return 0, 0
	}
	return rune(char), end + 1
}
