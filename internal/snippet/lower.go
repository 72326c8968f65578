package snippet

import (
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// lowering turns the expressions of a definition into nodes.
type lowering struct {
	d       *scheme.Definition
	at      *Request
	vars    []string // those that the caller supplies, in the order of use
	headers []string // those whose values are signed, canonical
	depth   int
}

// list is the nodes of an expression.
func (l *lowering) list(e scheme.Expr) ([]node, error) {
	if l.depth++; l.depth > 64 {
		return nil, beyond("an expression that deep")
	}
	defer func() { l.depth-- }()
	switch e.Kind {
	case scheme.Literal, scheme.Number:
		if !utf8.ValidString(e.Text) || strings.ContainsRune(e.Text, 0) {
			return nil, beyond("bytes that are no text: %q", e.Text)
		}
		return []node{{kind: lit, text: e.Text}}, nil
	case scheme.Name:
		return l.name(e)
	case scheme.Header:
		return l.header(e)
	case scheme.VarName:
		return l.variable(e)
	case scheme.Concat:
		return l.all(e.Args)
	case scheme.Call:
		return l.call(e)
	}
	return nil, beyond("%s", profile.FormatExpression(e))
}

func (l *lowering) all(list []scheme.Expr) ([]node, error) {
	var out []node
	for _, e := range list {
		nodes, err := l.list(e)
		if err != nil {
			return nil, err
		}
		out = append(out, nodes...)
	}
	return merged(out), nil
}

// name is a value of the request. What the URL fixes is a constant of the program.
func (l *lowering) name(e scheme.Expr) ([]node, error) {
	one := func(k kind, text string) []node { return []node{{kind: k, text: text}} }
	switch e.Text {
	case "method", "target", "path", "query", "body", "ts", "nonce", "key_id", "secret", "mac", "host":
		return one(name, e.Text), nil
	case "url":
		return append(one(name, "base"), one(name, "target")...), nil
	case "base_url":
		return append(one(name, "base"), one(name, "path")...), nil
	case "scheme":
		return one(lit, l.at.scheme), nil
	case "hostname":
		return one(lit, l.at.hostname), nil
	case "port":
		return one(lit, l.at.port), nil
	}
	return nil, beyond("%s", e.Text)
}

// header is a header of the request. One that stands on the wire as nothing but a captured value is that value.
func (l *lowering) header(e scheme.Expr) ([]node, error) {
	key := textproto.CanonicalMIMEHeaderKey(e.Text)
	if l.d.Time != nil && textproto.CanonicalMIMEHeaderKey(l.d.Time.Header) == key {
		return []node{{kind: name, text: "ts"}}, nil
	}
	for _, w := range l.d.Wire {
		if textproto.CanonicalMIMEHeaderKey(w.Name) == key {
			return l.template(w.Template)
		}
	}
	if !slices.Contains(l.headers, key) {
		l.headers = append(l.headers, key)
	}
	return []node{{kind: field, text: key}}, nil
}

func (l *lowering) variable(e scheme.Expr) ([]node, error) {
	i := slices.IndexFunc(l.d.Vars, func(v scheme.Var) bool { return v.Name == e.Text })
	if i < 0 {
		return nil, beyond("v.%s", e.Text)
	}
	v := l.d.Vars[i]
	switch {
	case v.Value.Kind != 0:
		return l.list(v.Value)
	case v.From != "":
		return nil, beyond("v.%s, which is found in the %s", v.Name, v.From)
	case v.List != "":
		return nil, beyond("v.%s, a list of signed headers", v.Name)
	}
	if !slices.Contains(l.vars, v.Name) {
		l.vars = append(l.vars, v.Name)
	}
	return []node{{kind: name, text: "v." + v.Name}}, nil
}

// call is a function of the language.
func (l *lowering) call(e scheme.Expr) ([]node, error) {
	switch e.Text {
	case "join":
		return l.join(e)
	case "when", "or":
		return l.perhaps(e)
	case "opt":
		return l.optional(e.Args[0])
	case "headers":
		return l.named(e)
	}
	n := node{}
	switch e.Text {
	case "md5", "sha1", "sha256", "sha384", "sha512":
		n = node{kind: hash, alg: e.Text}
	case "hex":
		n.kind = hex
	case "b64", "b64url":
		n = node{kind: b64, url: e.Text == "b64url"}
	case "unb64", "unb64url":
		n = node{kind: unb64, url: e.Text == "unb64url"}
	case "unhex":
		n.kind = unhex
	case "pct":
		n.kind = pct
	case "upper":
		n.kind = upper
	case "lower":
		n.kind = lower
	case "trim_prefix":
		n = node{kind: trim, text: e.Args[1].Text}
	default:
		return nil, beyond("the function %s", e.Text)
	}
	for _, o := range e.Options {
		if o.Name != "pad" {
			return nil, beyond("%s=%s of the function %s", o.Name, o.Value, e.Text)
		}
		n.bare = o.Value == "0"
	}
	args, err := l.list(e.Args[0])
	n.args = args
	if err == nil && n.kind != hash && n.kind != hex && n.kind != b64 && slices.ContainsFunc(args, node.raw) {
		err = beyond("%s of bytes that are no text", e.Text)
	}
	return []node{n}, err
}

// optional is opt(h.name): nothing, where the caller does not set the header.
func (l *lowering) optional(e scheme.Expr) ([]node, error) {
	before := len(l.headers)
	out, err := l.list(e)
	if err != nil || len(out) != 1 || out[0].kind != field || l.at.Header.Get(out[0].text) != "" {
		return out, err
	}
	l.headers = l.headers[:before] // it need not be given, unless it stands elsewhere as well
	return nil, nil
}

func (l *lowering) join(e scheme.Expr) ([]node, error) {
	var list []scheme.Expr
	for i, arg := range e.Args[1:] {
		if i > 0 {
			list = append(list, e.Args[0])
		}
		list = append(list, arg)
	}
	return l.all(list)
}

// perhaps is when(x, a, b) and or(a, b), where x is one value of the program.
func (l *lowering) perhaps(e scheme.Expr) ([]node, error) {
	before := len(l.headers)
	condition, err := l.list(e.Args[0])
	if err != nil {
		return nil, err
	}
	if len(condition) != 1 || condition[0].kind != name && condition[0].kind != field || len(e.Args) > 3 || e.Text == "or" && len(e.Args) > 2 {
		return nil, beyond("%s", profile.FormatExpression(e))
	}
	if c := condition[0]; c.kind == field { // whether it is set is known when the program is written
		if l.at.Header.Get(c.text) == "" {
			l.headers = l.headers[:before]
			return l.otherwise(e)
		}
		if e.Text == "or" {
			return condition, nil
		}
		return l.list(e.Args[1])
	}
	n := node{kind: perhaps, text: condition[0].text}
	if n.args = condition; e.Text == "when" {
		if n.args, err = l.list(e.Args[1]); err != nil {
			return nil, err
		}
	}
	n.other, err = l.otherwise(e)
	return []node{n}, err
}

// otherwise is what when and or give where the first argument is empty.
func (l *lowering) otherwise(e scheme.Expr) ([]node, error) {
	switch {
	case e.Text == "or":
		return l.list(e.Args[1])
	case len(e.Args) == 3:
		return l.list(e.Args[2])
	}
	return nil, nil
}

// named is headers('x-timestamp'), lines of headers that are named one by one.
func (l *lowering) named(e scheme.Expr) ([]node, error) {
	pattern := e.Args[0]
	if pattern.Kind != scheme.Literal || len(e.Options) > 0 || strings.ContainsAny(pattern.Text, "*,; ") {
		return nil, beyond("%s", profile.FormatExpression(e))
	}
	value, err := l.header(scheme.Expr{Kind: scheme.Header, Text: pattern.Text})
	return merged(append([]node{{kind: lit, text: strings.ToLower(pattern.Text) + ":"}}, value...)), err
}
