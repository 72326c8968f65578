package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible writes bytes so that nothing in them is invisible: one line for each line feed, which is shown as \n, other control
// bytes and what is no UTF-8 as \xNN, spaces at the end of a line and characters without a shape by their number.
func visible(b []byte) string {
	var out strings.Builder
	if len(b) == 0 {
		return "  | (nothing)\n"
	}
	for len(b) > 0 {
		line := b
		for i, c := range b {
			if c == '\n' {
				line = b[:i+1]
				break
			}
		}
		b = b[len(line):]
		out.WriteString("  | ")
		visibleLine(&out, line)
		out.WriteByte('\n')
	}
	return out.String()
}

func visibleLine(out *strings.Builder, line []byte) {
	text := strings.TrimRight(string(line), " \n\r")
	for i := 0; i < len(line); {
		c, size := utf8.DecodeRune(line[i:])
		switch {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\\':
			out.WriteString(`\\`)
		case c == ' ' && i >= len(text):
			out.WriteString(`\x20`)
		case c == utf8.RuneError && size == 1, c < ' ', c == 0x7f:
			fmt.Fprintf(out, `\x%02x`, line[i])
		case c != ' ' && !unicode.IsGraphic(c), unicode.Is(unicode.Zs, c) && c != ' ', unicode.Is(unicode.Mn, c):
			fmt.Fprintf(out, `\u{%04x}`, c)
		default:
			out.WriteRune(c)
		}
		i += size
	}
}
