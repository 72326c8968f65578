package explain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes bytes so that none of them is invisible and nothing acts on a terminal: line ends and tabs as escapes, other control
// bytes and what is no UTF-8 as \xNN, characters without a shape of their own by their number, and a backslash doubled. A space
// is written ␠ where edges is set and it begins or ends the text.
func Visible(b []byte, edges bool) string {
	var out strings.Builder
	for i := 0; i < len(b); {
		c, size := utf8.DecodeRune(b[i:])
		switch {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\\':
			out.WriteString(`\\`)
		case c == ' ' && edges && (i == 0 || i == len(b)-1):
			out.WriteString("␠")
		case c == utf8.RuneError && size == 1, c < ' ', c == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, b[i])
		case c != ' ' && (!unicode.IsGraphic(c) || unicode.Is(unicode.Zs, c) || unicode.Is(unicode.Mn, c)):
			fmt.Fprintf(&out, `\u{%04x}`, c)
		default:
			out.WriteRune(c)
		}
		i += size
	}
	return out.String()
}

// around is how many bytes of surroundings a difference shows on each side.
const around = 24

// Compare finds the first byte in which two inputs differ. Parts are those of the second one; nil leaves Part out but for "the end".
func Compare(yours, servers []byte, parts []Part) *Difference {
	d := &Difference{Offset: -1}
	n := min(len(yours), len(servers))
	i := 0
	for i < n && yours[i] == servers[i] {
		i++
	}
	if i == len(yours) && i == len(servers) {
		return d
	}
	d.Offset, d.Part = i, "the end"
	for k, p := range parts {
		if p.Start <= i && i < p.End {
			if d.Part = p.Name; p.Name == "" {
				d.Part = "the text " + separatorPlace(parts, k)
			}
			break
		}
	}
	from := i
	for from > 0 && i-from < around && (i-from < around-4 || !utf8.RuneStart(servers[from])) {
		from--
	}
	before := Visible(servers[from:i], false)
	d.Mark = utf8.RuneCountInString(before)
	d.Yours = before + side(yours[i:])
	d.Servers = before + side(servers[i:])
	return d
}

// side is what stands at a difference: the end, or the next bytes.
func side(rest []byte) string {
	if len(rest) == 0 {
		return "(end)"
	}
	return Visible(rest[:min(len(rest), around)], false)
}

// separatorPlace says between which parts a text of the profile stands.
func separatorPlace(parts []Part, k int) string {
	switch {
	case k > 0 && k+1 < len(parts):
		return "between " + parts[k-1].Name + " and " + parts[k+1].Name
	case k > 0:
		return "after " + parts[k-1].Name
	case len(parts) > 1:
		return "before " + parts[1].Name
	}
	return "of the profile"
}
