package explain

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonStyle is how a library writes JSON.
type jsonStyle struct {
	sorted      bool
	item, name  string // what stands between members, and after a name
	indent      string // one level of it; members then stand on lines of their own
	ascii       bool   // other characters as \u escapes
	upper       bool   // its hexadecimal digits
	slash       bool   // "/" as \/
	html        bool   // <, > and & as \u003c
	numbers     string // "", "short" (1.0 as 1), "float" (1 as 1.0)
	python      bool   // the print of a Python object, no JSON at all
	withoutNull bool
}

// maxWritten bounds what one way of writing makes of a body: indentation of deep lists multiplies it.
const maxWritten = 4 << 20

// write is nil where the text would be too long.
func (s *jsonStyle) write(t *jsonTree) []byte {
	var b strings.Builder
	if s.value(&b, t, 0); b.Len() > maxWritten {
		return nil
	}
	return []byte(b.String())
}

func (s *jsonStyle) value(b *strings.Builder, t *jsonTree, level int) {
	if b.Len() > maxWritten {
		return
	}
	switch t.kind {
	case '{', '[':
		s.members(b, t, level)
	case '"':
		s.text(b, t.text)
	case 0:
		b.WriteString(s.number(t.text))
	default:
		if s.python {
			b.WriteString(map[byte]string{'t': "True", 'f': "False", 'n': "None"}[t.kind])
			return
		}
		b.WriteString(t.text)
	}
}

func (s *jsonStyle) members(b *strings.Builder, t *jsonTree, level int) {
	order := s.order(t)
	end := map[byte]byte{'{': '}', '[': ']'}[t.kind]
	b.WriteByte(t.kind)
	for i, at := range order {
		if i > 0 {
			b.WriteString(s.item)
		}
		s.line(b, level+1)
		if t.kind == '{' {
			s.text(b, t.names[at])
			b.WriteString(s.name)
		}
		s.value(b, t.members[at], level+1)
	}
	if len(order) > 0 {
		s.line(b, level)
	}
	b.WriteByte(end)
}

func (s *jsonStyle) order(t *jsonTree) []int {
	var order []int
	for i, m := range t.members {
		if !(s.withoutNull && m.kind == 'n' && t.kind == '{') {
			order = append(order, i)
		}
	}
	if s.sorted && t.kind == '{' {
		sort.SliceStable(order, func(i, j int) bool { return t.names[order[i]] < t.names[order[j]] })
	}
	return slices.Clip(order)
}

func (s *jsonStyle) line(b *strings.Builder, level int) {
	if s.indent != "" {
		b.WriteByte('\n')
		b.WriteString(strings.Repeat(s.indent, level))
	}
}

func (s *jsonStyle) number(text string) string {
	whole := strings.Trim(text, "-0123456789") == ""
	switch {
	case s.numbers == "float" && whole:
		return text + ".0"
	case s.numbers == "short" && !whole:
		f, err := strconv.ParseFloat(text, 64)
		if short := strconv.FormatFloat(f, 'f', -1, 64); err == nil && len(short) <= len(text)+8 {
			return short
		}
	}
	return text
}

func (s *jsonStyle) text(b *strings.Builder, text string) {
	mark := byte('"')
	if s.python && !strings.Contains(text, "'") {
		mark = '\''
	}
	b.WriteByte(mark)
	for _, c := range text {
		s.character(b, c)
	}
	b.WriteByte(mark)
}

func (s *jsonStyle) character(b *strings.Builder, c rune) {
	if i := strings.IndexRune("\b\f\n\r\t", c); i >= 0 {
		b.WriteByte('\\')
		b.WriteByte("bfnrt"[i])
		return
	}
	switch {
	case c == '\\' || c == '"' && !s.python:
		b.WriteByte('\\')
		b.WriteByte(byte(c))
	case c == '/' && s.slash:
		b.WriteString(`\/`)
	case c < ' ', s.ascii && c > '~', s.html && (strings.ContainsRune("<>&", c) || c == 0x2028 || c == 0x2029):
		s.escaped(b, c)
	default:
		b.WriteRune(c)
	}
}

func (s *jsonStyle) escaped(b *strings.Builder, c rune) {
	format := `\u%04x`
	if s.upper {
		format = `\u%04X`
	}
	if utf8.RuneLen(c) == 4 {
		high, low := utf16.EncodeRune(c)
		fmt.Fprintf(b, format+format, high, low)
		return
	}
	fmt.Fprintf(b, format, c)
}
