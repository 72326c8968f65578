package profile

import (
	"strconv"
	"strings"

	"countersign.dev/scheme"
)

// literal reads 'text' with the escapes \n \r \t \\ \' \xNN. Line ends may also stand in it as they are: YAML's double quotes have already made them from \n.
func (p *exprParser) literal() scheme.Expr {
	start := p.pos
	var out strings.Builder
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; c {
		case '\'':
			p.pos++
			return scheme.Expr{Kind: scheme.Literal, Text: out.String(), Pos: start}
		case '\\':
			p.escape(&out)
			if p.bad != nil {
				return scheme.Expr{}
			}
		default:
			out.WriteByte(c)
		}
	}
	return p.fail(start, "the text has no closing quotation mark", `in YAML " #" begins a comment unless the whole value is quoted`)
}

// escape reads the escape at pos and leaves pos on its last byte.
func (p *exprParser) escape(out *strings.Builder) {
	const hint = `\n \r \t \\ \' \xNN`
	start := p.pos
	p.pos++
	if p.pos >= len(p.src) {
		p.fail(start, "an escape ends too early", hint)
		return
	}
	switch c := p.src[p.pos]; c {
	case 'n':
		out.WriteByte('\n')
	case 'r':
		out.WriteByte('\r')
	case 't':
		out.WriteByte('\t')
	case '\\', '\'':
		out.WriteByte(c)
	case 'x':
		if p.pos+3 > len(p.src) {
			p.fail(start, "an escape ends too early", hint)
			return
		}
		n, err := strconv.ParseUint(p.src[p.pos+1:p.pos+3], 16, 8)
		if err != nil {
			p.fail(start, "\\x needs two hexadecimal digits", hint)
			return
		}
		out.WriteByte(byte(n))
		p.pos += 2
	default:
		p.fail(start, "unknown escape", hint)
	}
}
