package snippet

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// The escapes of control characters.
const (
	octalControl = `\%03o`
	wideControl  = `\u%04X`
)

// The texts of a request and of a profile become literals here. Whatever could end a literal, start an interpolation or change the
// order in which an editor shows the characters (Unicode's format characters) is escaped.

// quoting says how a language escapes.
type quoting struct {
	interpolates string // characters that begin an interpolation between double quotation marks
	single       bool   // single quotation marks take everything but themselves and the backslash as it stands
	ascii        bool   // source text is ASCII
	control      string // format of a control character
	wide         func(r rune) string
}

func (q quoting) quote(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == '\'' }) < 0
	if q.single && plain && (strings.ContainsAny(s, `"`+q.interpolates)) {
		return "'" + s + "'"
	}
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '"' || r == '\\' || r < 0x80 && strings.ContainsRune(q.interpolates, r):
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, q.control, r)
		case !unicode.IsPrint(r) || r >= 0x80 && q.ascii:
			out.WriteString(q.wide(r))
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// pairs writes \uXXXX, twice for what lies beyond the basic plane.
func pairs(r rune) string {
	if a, b := utf16.EncodeRune(r); a != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04X\u%04X`, a, b)
	}
	return fmt.Sprintf(`\u%04X`, r)
}

// eight writes \uXXXX or \UXXXXXXXX, braced \u{X}.
func eight(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08X`, r)
	}
	return fmt.Sprintf(`\u%04X`, r)
}

func braced(r rune) string { return fmt.Sprintf(`\u{%X}`, r) }

func quoteGo(s string) string {
	if strings.ContainsAny(s, `"\`) && strconv.CanBackquote(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// quoteShell is one word of sh. What is not printable becomes an octal escape of printf.
func quoteShell(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) < 0 && !strings.HasSuffix(s, "\n") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return `"$(printf '` + octal(s) + `')"`
}

// octal is a format for printf that writes exactly s, without a quotation mark in it.
func octal(s string) string {
	var out strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '%':
			out.WriteString("%%")
		case c < ' ' || c >= 0x7f || c == '\'' || c == '\\' || c == '-' && i == 0: // which would begin an option
			fmt.Fprintf(&out, `\%03o`, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// comment is text that ends no comment of any language here, nor is it importMark.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`*/\"'?<>@{}`, r) {
			return ' '
		}
		return r
	}, s)
}
