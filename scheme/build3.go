package scheme

import "strconv"

// finish reads what a function takes beside values, and checks its literal arguments.
func (b *builder) finish(n *node, e Expr) error {
	switch n.fn.id {
	case fnHMAC, fnChain:
		return b.keyed(n, e)
	case fnUnpct:
		return b.unpctOptions(n, e)
	case fnCompact:
		if err := b.known(e, "sort"); err != nil {
			return err
		}
		sorted, err := b.choice(e, "sort", yesOrNo)
		n.pad = sorted == "1"
		return err
	case fnDecimal:
		if err := b.known(e, "places"); err != nil {
			return err
		}
		var err error
		n.to, err = b.numberOption(e, "places", -1, 18)
		return err
	}
	if err := b.noOptions(e); err != nil {
		return err
	}
	switch n.fn.id {
	case fnSlice:
		return b.sliceArgs(n, e)
	case fnHead, fnTail:
		return b.lengthArg(n, e)
	case fnDate:
		return b.dateArg(n, e)
	case fnReplace, fnRemove, fnBefore, fnAfter, fnTrimSuffix, fnStripPrefix:
		text, err := b.literalArg(e, 1, "the second argument")
		if err == nil && text == "" {
			err = b.fail(e.Args[1].Pos, "the second argument is empty", "")
		}
		n.lit = []byte(text)
		if err == nil && n.fn.id == fnReplace {
			n.text, err = b.literalArg(e, 2, "the third argument")
		}
		n.args, n.many = n.many[0], n.many[:1]
		return err
	}
	return nil
}

// keyed reads the hash of hmac and chain; it is that of the algorithm unless alg says otherwise.
func (b *builder) keyed(n *node, e Expr) error {
	if err := b.known(e, "alg"); err != nil {
		return err
	}
	name, err := b.textOption(e, "alg", "")
	if err != nil {
		return err
	}
	n.alg = b.alg
	if name == "" {
		return nil
	}
	known := false
	if n.alg, known = algorithmOf2("hmac-" + name); !known {
		return b.fail(e.Pos, "unknown hash "+quoted(name), listed(hashNames))
	}
	return nil
}

// numberArg is an argument that must be a whole number.
func (b *builder) numberArg(e Expr, i, least, most int) (int, error) {
	v, err := strconv.Atoi(e.Args[i].Text)
	if e.Args[i].Kind != Number || err != nil || v < least || v > most {
		return 0, b.fail(e.Args[i].Pos, "a whole number from "+number(least)+" to "+number(most)+" is wanted here", "")
	}
	return v, nil
}

func (b *builder) sliceArgs(n *node, e Expr) error {
	var err error
	if n.from, err = b.numberArg(e, 1, 0, maxHeader); err != nil {
		return err
	}
	n.to = maxHeader
	if len(e.Args) == 3 {
		n.to, err = b.numberArg(e, 2, n.from+1, maxHeader)
	}
	n.args, n.many = n.many[0], n.many[:1]
	return err
}

func (b *builder) numberOption(e Expr, name string, absent, most int) (int, error) {
	for _, o := range e.Options {
		if o.Name != name {
			continue
		}
		v, err := strconv.Atoi(o.Value)
		if o.Expr.Kind != 0 || err != nil || v < 0 || v > most {
			return 0, b.fail(o.Pos, name+" is a whole number from 0 to "+number(most), "")
		}
		return v, nil
	}
	return absent, nil
}

func (b *builder) lengthArg(n *node, e Expr) error {
	var err error
	n.to, err = b.numberArg(e, 1, 1, 16<<20)
	n.args, n.many = n.many[0], n.many[:1]
	return err
}

func (b *builder) dateArg(n *node, e Expr) error {
	text, err := b.literalArg(e, 1, "the pattern")
	if err != nil {
		return err
	}
	if len(n.many[0]) != 1 || n.many[0][0].op != opTime {
		return b.fail(e.Args[0].Pos, "date formats the checked time", "date(ts, '%Y%m%d')")
	}
	if _, ok := datePattern(text); !ok {
		return b.fail(e.Args[1].Pos, "unknown date pattern", dateHelp)
	}
	n.text = text
	n.args, n.many = n.many[0], n.many[:1]
	return nil
}

// pctOptions reads the options that language 2 gives to pct.
func (b *builder) pctOptions(n *node, e Expr) error {
	n.enc = escaping{on: true, plain: unreserved}
	if err := b.known(e, "enc", "keep", "lower"); err != nil {
		return err
	}
	name, err := b.choice(e, "enc", encodings[:5])
	if err != nil {
		return err
	}
	n.enc, _ = encodingOf(name)
	keep, err := b.textOption(e, "keep", "")
	if err != nil {
		return err
	}
	n.enc.plain = n.enc.plain.union(setOf(keep))
	lower, err := b.choice(e, "lower", yesOrNo)
	n.enc.lower = lower == "1"
	return err
}

func (b *builder) unpctOptions(n *node, e Expr) error {
	if err := b.known(e, "plus"); err != nil {
		return err
	}
	plus, err := b.choice(e, "plus", yesOrNo)
	n.enc.plus = plus == "1"
	return err
}

// field appends q('name'), f('name'), h('name'), j('path') or j(json, 'path').
func (b *builder) field(out []node, e Expr, depth int) ([]node, error) {
	if err := b.noOptions(e); err != nil {
		return nil, err
	}
	name, err := b.literalArg(e, len(e.Args)-1, "the name")
	if err != nil {
		return nil, err
	}
	if name == "" || len(name) > 256 {
		return nil, b.fail(e.Pos, "a name is 1 to 256 bytes", "")
	}
	if e.Text == "h" {
		return b.header(out, Expr{Kind: Header, Text: name, Pos: e.Pos})
	}
	n := node{op: opCall, fn: function{id: fnField, two: true}, source: e.Text[0], text: name, optional: b.maybe, pos: e.Pos}
	if len(e.Args) == 2 {
		if n.args, err = b.build(nil, e.Args[0], depth+1); err != nil {
			return nil, err
		}
		n.many = [][]node{n.args}
	}
	return append(out, n), nil
}
