package profile

import (
	"fmt"
	"strconv"
	"strings"

	"countersign.dev/scheme"
)

// Definition returns what one alternative declares, as it was handed to the compiler; the empty name is the profile's own. Its slices and pointers belong to the profile
// and must not be written to. It returns an error that wraps ErrNoAlternative.
func (p *Profile) Definition(alternative string) (scheme.Definition, error) {
	if d, ok := p.definitions[alternative]; ok {
		return d, nil
	}
	_, err := p.Alternative(alternative)
	if err == nil {
		err = fmt.Errorf("%w: %s/%s", ErrNoAlternative, p.name, clip(alternative))
	}
	return scheme.Definition{}, err
}

// FormatExpression writes an expression in the language that parses to an equal one, whatever white space its source had. The zero expression is empty text.
func FormatExpression(e scheme.Expr) string {
	switch e.Kind {
	case scheme.Literal:
		return quote(e.Text)
	case scheme.Header:
		return "h." + e.Text
	case scheme.VarName:
		return "v." + e.Text
	case scheme.SecretPart:
		return "secret." + e.Text
	case scheme.Concat:
		return "(" + formatList(e.Args, " + ") + ")"
	case scheme.Call:
		return formatCall(e)
	}
	return e.Text
}

// FormatTop is FormatExpression without the parentheses around a whole sum.
func FormatTop(e scheme.Expr) string {
	if e.Kind == scheme.Concat {
		return formatList(e.Args, " + ")
	}
	return FormatExpression(e)
}

func formatList(list []scheme.Expr, separator string) string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = FormatExpression(e)
	}
	return strings.Join(out, separator)
}

func formatCall(e scheme.Expr) string {
	args := make([]string, 0, len(e.Args)+len(e.Options))
	for _, a := range e.Args {
		args = append(args, FormatTop(a))
	}
	for _, o := range e.Options {
		value := quote(o.Value)
		if _, err := strconv.ParseUint(o.Value, 10, 32); err == nil {
			value = o.Value
		}
		if o.Expr.Kind != 0 {
			value = FormatExpression(o.Expr)
		}
		args = append(args, o.Name+"="+value)
	}
	return e.Text + "(" + strings.Join(args, ", ") + ")"
}

// quote writes a literal with the escapes of the language.
func quote(s string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\\' || c == '\'':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('\'')
	return out.String()
}
