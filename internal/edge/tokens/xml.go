package tokens

import (
	"bytes"
	"unicode/utf8"
)

// xmlReader reads one XML document of the small kind that credentials come in, in one pass, and decodes known elements in
// place, as jsonReader does. encoding/xml is not used because it takes doubled elements, prefixed names, any root and a
// DTD, and keeps what it read (trap 8). What is taken is a subset of XML 1.0: elements with ASCII names without a prefix,
// attributes, comments, CDATA sections, the five predefined entities and numeric references.
type xmlReader struct {
	b     []byte
	i     int
	known parameter
	f     form
	bad   *fault // the first fault; once it is set, nothing counts any more
}

// kind is what is expected of an element.
type kind uint8

const (
	rootElement    kind = iota // credentials: children, white space, comments; attributes only to declare prefixes
	knownElement               // a parameter: text and CDATA alone, so that no two readers see two values
	unknownElement             // anything else: tolerated, with whatever is well-formed inside
)

const rootName = "credentials"

// parseXML takes exactly one document with the root credentials and its parameters as children. An element that comes
// twice within its parent is refused, known or not. Other elements are tolerated. The prefix declarations that some
// serializers put on every root are tolerated too; a default name space is not: it would make these other elements.
func parseXML(body []byte, known parameter) (form, *fault) {
	r := xmlReader{b: body, known: known}
	if !isXMLText(body) {
		return form{}, &fault{"", "the body is not UTF-8, or has characters that XML does not know"}
	}
	if bytes.HasPrefix(body, byteOrderMark) {
		r.i = len(byteOrderMark)
	}
	r.declaration()
	r.miscellany()
	switch {
	case r.bad == nil && !r.take("<"):
		r.syntax()
	case r.bad == nil:
		r.root()
	}
	r.miscellany()
	if r.bad == nil && r.i != len(r.b) {
		r.fail("", "something follows the root element")
	}
	if r.bad != nil {
		return form{}, r.bad
	}
	return r.f, nil
}

// isXMLText reports whether b is UTF-8 and holds only what XML 1.0 §2.2 calls a Char.
func isXMLText(b []byte) bool {
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 || !isXMLChar(c) {
			return false
		}
		b = b[n:]
	}
	return true
}

func isXMLChar(c rune) bool {
	switch {
	case c < 0x20:
		return c == '\t' || c == '\n' || c == '\r'
	case c >= 0xd800 && c <= 0xdfff, c == 0xfffe, c == 0xffff:
		return false
	}
	return c <= utf8.MaxRune
}

func (r *xmlReader) fail(where, detail string) {
	if r.bad == nil {
		r.bad = &fault{where, detail}
	}
	r.i = len(r.b)
}

// syntax is the fault of all that is not XML, or not of our subset.
func (r *xmlReader) syntax() { r.fail("", "the body is not plain XML") }

// rest is what is still to be read.
func (r *xmlReader) rest() []byte { return r.b[r.i:] }

func (r *xmlReader) take(s string) bool {
	if !bytes.HasPrefix(r.rest(), []byte(s)) {
		return false
	}
	r.i += len(s)
	return true
}

// space skips white space and reports whether there was any.
func (r *xmlReader) space() bool {
	rest := r.rest()
	r.i += len(rest) - len(bytes.TrimLeft(rest, whiteSpace))
	return r.i > len(r.b)-len(rest)
}

// miscellany skips white space and comments around the root.
func (r *xmlReader) miscellany() {
	for r.space(); r.take("<!--"); r.space() {
		r.comment()
	}
	switch {
	case bytes.HasPrefix(r.rest(), []byte("<!")):
		r.fail("", "the body has a document type or another directive")
	case bytes.HasPrefix(r.rest(), []byte("<?")):
		r.fail("", "the body has a processing instruction")
	}
}

// comment skips a comment whose opening is read.
func (r *xmlReader) comment() {
	end := bytes.Index(r.rest(), []byte("--"))
	if end < 0 {
		r.syntax()
		return
	}
	r.i += end
	if !r.take("-->") {
		r.syntax()
	}
}

// root reads the root, whose opening bracket is read.
func (r *xmlReader) root() {
	name := r.name()
	if r.bad == nil && string(name) != rootName {
		r.fail("", "the root element is not credentials")
		return
	}
	r.element(name, rootElement, 1)
}

// element reads an element from behind its name to its end and returns the text of a known one.
func (r *xmlReader) element(name []byte, k kind, depth int) []byte {
	if depth > maxDepth {
		r.fail("", "the body is nested too deeply")
		return nil
	}
	r.attributes(k)
	if r.take("/>") {
		return []byte{}
	}
	if !r.take(">") {
		r.syntax()
		return nil
	}
	var text []byte
	if k == knownElement {
		text = r.text()
	} else {
		r.children(k, depth)
	}
	if !r.take("</") || !bytes.Equal(r.name(), name) {
		r.syntax()
		return nil
	}
	r.space()
	if !r.take(">") {
		r.syntax()
	}
	return text
}

// children reads the content of an element that is not a parameter.
func (r *xmlReader) children(k kind, depth int) {
	seen := map[string]bool{}
	blank := true
	for r.bad == nil && !bytes.HasPrefix(r.rest(), []byte("</")) {
		switch {
		case r.i == len(r.b):
			r.syntax()
		case r.take("<!--"):
			r.comment()
		case r.take("<![CDATA["):
			r.cdata()
			blank = false
		case bytes.HasPrefix(r.rest(), []byte("<!")), bytes.HasPrefix(r.rest(), []byte("<?")):
			r.fail("", "the body has a directive or a processing instruction")
		case r.take("<"):
			r.child(k, depth, seen)
		default:
			blank = r.blankText() && blank
		}
		if !blank && (k == rootElement || len(seen) > 0) {
			r.fail("", "there is text between the elements")
		}
	}
}

// child reads one child element, whose opening bracket is read.
func (r *xmlReader) child(parent kind, depth int, seen map[string]bool) {
	name := r.name()
	if r.bad != nil {
		return
	}
	p, ours := find(name, r.known)
	if seen[string(name)] {
		r.doubled(name)
		return
	}
	seen[string(name)] = true
	if ours && parent == rootElement {
		r.f[p] = r.element(name, knownElement, depth+1)
		return
	}
	r.element(name, unknownElement, depth+1)
}

func (r *xmlReader) doubled(name []byte) {
	if p, ok := find(name, parameters); ok {
		r.fail(p.String(), p.String()+" comes twice")
		return
	}
	r.fail("", "an element comes twice")
}
