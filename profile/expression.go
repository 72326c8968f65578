package profile

import (
	"strings"

	"countersign.dev/scheme"
)

// Bounds of one expression.
const (
	maxExpression = 4 << 10
	maxDepth      = 32
	maxTerms      = 64
)

// syntaxError is a place in an expression and what is wrong there.
type syntaxError struct {
	pos           int
	message, hint string
}

// parser reads one expression: a recursive descent over bytes, its depth bounded.
type exprParser struct {
	src   string
	pos   int
	terms int
	bad   *syntaxError
}

// parseExpression reads
//
//	expression = term { "+" term }
//	term       = string | name | "h." header | function "(" [ argument { "," argument } ] ")" | "(" expression ")"
//	argument   = option "=" ( string | integer ) | expression
func parseExpression(src string) (scheme.Expr, *syntaxError) {
	if len(src) > maxExpression {
		return scheme.Expr{}, &syntaxError{0, "the expression is too long", "at most 4 KiB"}
	}
	p := &exprParser{src: src}
	e := p.expression(0)
	p.space()
	if p.bad == nil && p.pos < len(src) {
		p.fail(p.pos, "unexpected "+p.here(), `terms are joined by "+"`)
	}
	if p.bad != nil {
		return scheme.Expr{}, p.bad
	}
	return e, nil
}

func (p *exprParser) fail(pos int, message, hint string) scheme.Expr {
	if p.bad == nil {
		p.bad = &syntaxError{pos, message, hint}
	}
	return scheme.Expr{}
}

// here names the next character.
func (p *exprParser) here() string {
	if p.pos >= len(p.src) {
		return "end"
	}
	c := p.src[p.pos]
	if c < ' ' || c > '~' {
		return "character"
	}
	return "'" + string(c) + "'"
}

func (p *exprParser) space() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// accept skips white space and, if it is next, the byte c.
func (p *exprParser) accept(c byte) bool {
	p.space()
	if p.pos < len(p.src) && p.src[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *exprParser) expression(depth int) scheme.Expr {
	p.space()
	start := p.pos
	first := p.term(depth)
	if p.bad != nil || !p.accept('+') {
		return first
	}
	sum := scheme.Expr{Kind: scheme.Concat, Args: []scheme.Expr{first}, Pos: start}
	for {
		sum.Args = append(sum.Args, p.term(depth))
		if p.bad != nil || !p.accept('+') {
			return sum
		}
	}
}

func (p *exprParser) term(depth int) scheme.Expr {
	p.space()
	start := p.pos
	if depth > maxDepth {
		return p.fail(start, "nested too deeply", "at most 32 levels")
	}
	if p.terms++; p.terms > maxTerms {
		return p.fail(start, "too many parts", "at most 64")
	}
	switch {
	case p.pos >= len(p.src):
		return p.fail(start, "the expression ends where a value should be", "")
	case p.src[p.pos] == '\'':
		return p.literal()
	case p.accept('('):
		e := p.expression(depth + 1)
		if p.bad == nil && !p.accept(')') {
			return p.fail(p.pos, `")" is missing`, "")
		}
		return e
	}
	word := p.word()
	if word != "" && strings.Trim(word, "0123456789") == "" && len(word) < 10 {
		return scheme.Expr{Kind: scheme.Number, Text: word, Pos: start}
	}
	if word == "" {
		return p.fail(start, "unexpected "+p.here(), "a value is a name, 'text', h.name or function(…)")
	}
	return p.named(word, start, depth)
}

func (p *exprParser) named(word string, start, depth int) scheme.Expr {
	if p.pos < len(p.src) && p.src[p.pos] == '.' {
		return p.spaced(word, start)
	}
	if p.accept('(') {
		return p.call(word, start, depth)
	}
	return scheme.Expr{Kind: scheme.Name, Text: word, Pos: start}
}

// spaced reads what follows a name space: h.header, q.parameter, f.field, j.path.to.member, v.variable, secret.part.
func (p *exprParser) spaced(word string, start int) scheme.Expr {
	more := "-_"
	kind := scheme.FieldValue
	switch word {
	case "h":
		kind = scheme.Header
	case "q", "f":
		more = "-_."
	case "j":
		more = "-_."
	case "v":
		kind, more = scheme.VarName, "_"
	case "secret":
		kind, more = scheme.SecretPart, "_"
	default:
		return p.fail(start, `unknown name space "`+word+`."`, "h.header, q.parameter, f.field, j.member, v.variable, secret.part")
	}
	p.pos++
	from := p.pos
	for p.pos < len(p.src) && (isWord(p.src[p.pos]) && p.src[p.pos] != '_' || strings.IndexByte(more, p.src[p.pos]) >= 0) {
		p.pos++
	}
	name := p.src[from:p.pos]
	if name == "" || len(name) > 128 {
		if word == "h" {
			return p.fail(from, "a header name is missing or too long", "h.x-api-key")
		}
		return p.fail(from, "a name is missing or too long", word+".name")
	}
	if kind == scheme.FieldValue {
		name = word + "." + name
	}
	return scheme.Expr{Kind: kind, Text: name, Pos: start}
}

func (p *exprParser) word() string {
	start := p.pos
	for p.pos < len(p.src) && isWord(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

func (p *exprParser) call(name string, start, depth int) scheme.Expr {
	e := scheme.Expr{Kind: scheme.Call, Text: name, Pos: start}
	if p.accept(')') {
		return e
	}
	for {
		if option, isOption := p.option(); isOption {
			e.Options = append(e.Options, option)
		} else if len(e.Options) > 0 {
			return p.fail(p.pos, "options stand last", "")
		} else {
			e.Args = append(e.Args, p.expression(depth+1))
		}
		if p.bad != nil {
			return e
		}
		if p.accept(')') {
			return e
		}
		if !p.accept(',') {
			return p.fail(p.pos, "unexpected "+p.here(), `arguments are separated by "," and end with ")"`)
		}
	}
}

// option reads name=value if that is what comes next.
func (p *exprParser) option() (scheme.Option, bool) {
	p.space()
	start := p.pos
	name := p.word()
	if name == "" || !p.accept('=') || p.pos < len(p.src) && p.src[p.pos] == '=' {
		p.pos = start
		return scheme.Option{}, false
	}
	if p.terms++; p.terms > maxTerms {
		p.fail(start, "too many parts", "at most 64")
	}
	p.space()
	o := scheme.Option{Name: name, Pos: start}
	if p.pos < len(p.src) && p.src[p.pos] == '\'' {
		o.Value = p.literal().Text
		return o, true
	}
	from := p.pos
	for p.pos < len(p.src) && '0' <= p.src[p.pos] && p.src[p.pos] <= '9' {
		p.pos++
	}
	if o.Value = p.src[from:p.pos]; o.Value == "" {
		o.Expr = p.optionValue(from)
	}
	return o, true
}

// optionValue reads what is neither a number nor a text: one term, such as the secret between two parameters.
func (p *exprParser) optionValue(from int) scheme.Expr {
	if p.pos >= len(p.src) || !isWord(p.src[p.pos]) {
		return p.fail(from, "an option's value is a number or 'text'", "")
	}
	return p.term(maxDepth)
}

// parseCheck reads two expressions with == between them.
func parseCheck(src string) (left, right scheme.Expr, bad *syntaxError) {
	if len(src) > maxExpression {
		return left, right, &syntaxError{0, "the check is too long", "at most 4 KiB"}
	}
	p := &exprParser{src: src}
	left = p.expression(0)
	if p.bad == nil && !(p.accept('=') && p.accept('=')) {
		p.fail(p.pos, "a check is two expressions with == between them", "h.digest == hex(sha256(body))")
	}
	if p.bad == nil {
		right = p.expression(0)
	}
	if p.space(); p.bad == nil && p.pos < len(src) {
		p.fail(p.pos, "unexpected "+p.here(), `terms are joined by "+"`)
	}
	return left, right, p.bad
}
