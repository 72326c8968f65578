package profile

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// inside is the place in the file of a byte offset in a scalar's value. Where quoting makes that uncertain it is the scalar's beginning.
func (r *reader) inside(v value, offset int) place {
	if v.kind != text || v.at.line < 1 || v.at.line > len(r.lines) || offset < 0 || offset > len(v.text) {
		return v.at
	}
	switch v.style {
	case token.LiteralType:
		return r.insideBlock(v, offset)
	case token.FoldedType:
		return v.at
	}
	line := []rune(r.lines[v.at.line-1])
	column := v.at.column - 1
	if v.style == token.SingleQuoteType || v.style == token.DoubleQuoteType {
		column++
	}
	for done := 0; done < offset; {
		if column < 0 || column >= len(line) {
			return v.at
		}
		width, bytes := step(line[column:], v.style)
		column += width
		done += bytes
	}
	return place{v.at.line, column + 1}
}

// step says how many characters of the line make the next character of the value, and how many bytes that has.
func step(line []rune, style token.Type) (width, bytes int) {
	c := line[0]
	if style == token.SingleQuoteType && c == '\'' {
		return 2, 1
	}
	if style != token.DoubleQuoteType || c != '\\' || len(line) < 2 {
		return 1, utf8.RuneLen(c)
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[line[1]]
	if digits == 0 || len(line) < 2+digits {
		return 2, 1
	}
	n, err := strconv.ParseUint(string(line[2:2+digits]), 16, 32)
	if err != nil {
		return 2, 1
	}
	return 2 + digits, max(utf8.RuneLen(rune(n)), 1)
}

func (r *reader) insideBlock(v value, offset int) place {
	before := v.text[:offset]
	below := strings.Count(before, "\n")
	first := v.at.line // index of the first line of the block's text
	if first+below >= len(r.lines) {
		return v.at
	}
	indent := len(r.lines[first]) - len(strings.TrimLeft(r.lines[first], " "))
	return place{first + below + 1, indent + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1}
}
