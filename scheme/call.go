package scheme

// call appends the nodes of a function call to out.
func (b *builder) call(out []node, e Expr, depth int) ([]node, error) {
	fn, err := b.lookup(e)
	if err != nil {
		return nil, err
	}
	if len(e.Args) < fn.least || len(e.Args) > fn.most {
		return nil, b.fail(e.Pos, e.Text+" takes "+arity(fn)+", not "+number(len(e.Args)), "")
	}
	if fn.two {
		return b.call2(out, e, fn, depth)
	}
	n := node{op: opCall, fn: fn, pad: fn.pad, pos: e.Pos}
	if b.two {
		n.name = e.Text
	}
	if err := b.options(&n, e); err != nil {
		return nil, err
	}
	if fn.id == fnJoin {
		return b.join(out, e, depth)
	}
	if fn.id == fnTrimPrefix {
		if e.Args[1].Kind != Literal || e.Args[1].Text == "" {
			return nil, b.fail(e.Args[1].Pos, "the prefix must be a string literal", "trim_prefix(secret, 'whsec_')")
		}
		n.lit = []byte(e.Args[1].Text)
	}
	if n.args, err = b.build(nil, e.Args[0], depth+1); err != nil {
		return nil, err
	}
	if fn.pad {
		n.base64 = base64Of(fn.id, n.pad)
	}
	if fn.digest > 0 {
		n.index = len(*b.digests)
		*b.digests = append(*b.digests, fn.id)
	}
	return append(out, n), nil
}

// lookup finds a function of the profile's language.
func (b *builder) lookup(e Expr) (function, error) {
	if fn, known := functionOf(e.Text); known {
		return fn, nil
	}
	names := functionNames
	fn, known := functionOf2(e.Text)
	if known && b.two {
		return fn, nil
	}
	hint := ""
	if known {
		hint = "it is one of language: 2"
	} else if b.two {
		names = append(append([]string(nil), functionNames...), functionNames2...)
	}
	if hint == "" {
		hint = Nearest(e.Text, names)
	}
	return function{}, b.fail(e.Pos, `unknown function `+quoted(e.Text), hint)
}

func (b *builder) options(n *node, e Expr) error {
	if b.two && n.fn.id == fnPct {
		return b.pctOptions(n, e)
	}
	for i, o := range e.Options {
		if !n.fn.pad || o.Name != "pad" {
			hint := ""
			if n.fn.pad {
				hint = Nearest(o.Name, []string{"pad"})
			}
			return b.fail(o.Pos, e.Text+" has no option "+quoted(o.Name), hint)
		}
		if i > 0 {
			return b.fail(o.Pos, `option "pad" is given twice`, "")
		}
		if o.Value != "0" && o.Value != "1" {
			return b.fail(o.Pos, "pad is 0 or 1", "")
		}
		n.pad = o.Value == "1"
	}
	return nil
}

// join writes its arguments with the first one, a literal, between them; so it needs no node of its own.
func (b *builder) join(out []node, e Expr, depth int) ([]node, error) {
	if e.Args[0].Kind != Literal {
		return nil, b.fail(e.Args[0].Pos, "the separator must be a string literal", `join('\n', ts, method, target, body)`)
	}
	var err error
	for i, arg := range e.Args[1:] {
		if i > 0 {
			if b.parts++; b.parts > maxParts {
				return nil, b.fail(arg.Pos, "too many parts", "at most 64")
			}
			out = literal(out, e.Args[0].Text, e.Args[0].Pos)
		}
		if out, err = b.build(out, arg, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func arity(fn function) string {
	if fn.least == fn.most {
		return number(fn.least) + plural(fn.least)
	}
	return "at least " + number(fn.least) + " arguments"
}

func plural(n int) string {
	if n == 1 {
		return " argument"
	}
	return " arguments"
}
