package scheme

// extraUse records what the expressions of a scheme need beyond plain parts.
type extraUse struct {
	secret  bool // the raw secret, when a request is signed or verified
	derived bool // the key depends on the request
}

// spaced appends a field, a variable or a part of the secret.
func (b *builder) spaced(out []node, e Expr) ([]node, error) {
	if !b.two {
		space := "v."
		if e.Kind == FieldValue {
			space = e.Text[:2]
		} else if e.Kind == SecretPart {
			space = "secret."
		}
		return nil, b.fail(e.Pos, "unknown name space "+quoted(space), "headers are written h.name; the others need language: 2")
	}
	if b.in == inSignature {
		return nil, b.fail(e.Pos, "only mac is allowed here", "hex(mac)")
	}
	switch e.Kind {
	case VarName:
		for i := range b.vars {
			if b.vars[i].Name == e.Text {
				return append(out, node{op: opVar, index: i, pos: e.Pos}), nil
			}
		}
		return nil, b.fail(e.Pos, "unknown variable "+quoted(e.Text), b.variableHint(e.Text))
	case SecretPart:
		return b.secretPart(out, e)
	}
	return append(out, node{op: opCall, fn: function{id: fnField, two: true}, source: e.Text[0], text: e.Text[2:], optional: b.maybe, pos: e.Pos}), nil
}

func (b *builder) variableHint(name string) string {
	known := make([]string, len(b.vars))
	for i := range b.vars {
		known[i] = b.vars[i].Name
	}
	if hint := Nearest(name, known); hint != "" {
		return hint
	}
	return "declare it: vars: {" + name + ": {max: 64}}"
}

func (b *builder) secretPart(out []node, e Expr) ([]node, error) {
	if b.in != inKey && b.in != inMessage {
		return nil, b.fail(e.Pos, "a secret is not allowed here", "")
	}
	for i, name := range b.secrets {
		if name == e.Text {
			b.extra.secret = b.extra.secret || b.in == inMessage
			return append(out, node{op: opSecretPart, index: i, pos: e.Pos}), nil
		}
	}
	return nil, b.fail(e.Pos, "unknown part of the secret "+quoted(e.Text), "declare it: secrets: ["+e.Text+"]")
}

// call2 appends a function of language 2.
func (b *builder) call2(out []node, e Expr, fn function, depth int) ([]node, error) {
	if b.in == inSignature && fn.id != fnHead {
		return nil, b.fail(e.Pos, e.Text+" is not allowed here", "hex, b64, b64url, upper, lower, pct, head")
	}
	n := node{op: opCall, fn: fn, pos: e.Pos, name: e.Text}
	var err error
	switch fn.id {
	case fnOpt:
		was := b.maybe
		b.maybe = true
		out, err = b.build(out, e.Args[0], depth+1)
		b.maybe = was
		if err == nil {
			err = b.noOptions(e)
		}
		return out, err
	case fnField:
		return b.field(out, e, depth)
	case fnParams:
		err = b.paramsCall(&n, e, depth)
	case fnParam:
		return nil, b.fail(e.Pos, "param stands only inside params", "params('query', param('name', value))")
	case fnHeaders:
		err = b.headersCall(&n, e, depth)
	default:
		if err = b.arguments(&n, e, depth); err == nil {
			err = b.finish(&n, e)
		}
	}
	if err != nil {
		return nil, err
	}
	return append(out, n), nil
}

// arguments builds each argument on its own. Conditions may be absent; what stands in a branch need not be there always.
func (b *builder) arguments(n *node, e Expr, depth int) error {
	for i, arg := range e.Args {
		maybe, branch := b.maybe, b.branch
		switch n.fn.id {
		case fnOr:
			b.maybe = maybe || i < len(e.Args)-1
			if i > 0 {
				b.branch++
			}
		case fnWhen:
			if i > 0 {
				b.branch++
			} else {
				b.maybe = true
			}
		case fnEq, fnIn, fnNot:
			b.maybe = true
		}
		list, err := b.build(nil, arg, depth+1)
		b.maybe, b.branch = maybe, branch
		if err != nil {
			return err
		}
		n.many = append(n.many, list)
		n.args = append(n.args, list...)
	}
	return nil
}

// literalArg is the text of an argument that must be one.
func (b *builder) literalArg(e Expr, i int, what string) (string, error) {
	if e.Args[i].Kind != Literal {
		return "", b.fail(e.Args[i].Pos, what+" must be a string literal", "")
	}
	return e.Args[i].Text, nil
}

func (b *builder) noOptions(e Expr) error {
	for _, o := range e.Options {
		return b.fail(o.Pos, e.Text+" has no option "+quoted(o.Name), "")
	}
	return nil
}

// option finds an option that is one of the choices; absent is the first of them.
func (b *builder) choice(e Expr, name string, choices []string) (string, error) {
	for _, o := range e.Options {
		if o.Name != name {
			continue
		}
		if o.Expr.Kind == 0 {
			for _, c := range choices {
				if c == o.Value {
					return c, nil
				}
			}
		}
		hint := Nearest(o.Value, choices)
		if hint == "" {
			hint = listed(choices)
		}
		return "", b.fail(o.Pos, "unknown value of "+name, hint)
	}
	return choices[0], nil
}

// known refuses options that a function does not have, and doubled ones.
func (b *builder) known(e Expr, names ...string) error {
	for i, o := range e.Options {
		found := false
		for _, n := range names {
			found = found || n == o.Name
		}
		if !found {
			return b.fail(o.Pos, e.Text+" has no option "+quoted(o.Name), Nearest(o.Name, names))
		}
		for _, before := range e.Options[:i] {
			if before.Name == o.Name {
				return b.fail(o.Pos, "option "+quoted(o.Name)+" is given twice", "")
			}
		}
	}
	return nil
}

// textOption is the text of an option that must be a literal.
func (b *builder) textOption(e Expr, name, absent string) (string, error) {
	for _, o := range e.Options {
		if o.Name == name {
			if o.Expr.Kind != 0 {
				return "", b.fail(o.Pos, name+" must be a string literal", "")
			}
			return o.Value, nil
		}
	}
	return absent, nil
}

func listed(words []string) string {
	out := ""
	for i, w := range words {
		if i > 0 {
			out += ", "
		}
		out += w
	}
	return out
}
