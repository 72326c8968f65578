package scheme

import "strings"

// paramRule is a compiled params().
type paramRule struct {
	query, form, formMaybe, json, flat bool
	added                              []addedParam
	sort, multi, show                  string
	keyCase, valueCase                 string
	strip                              string
	enc                                escaping
	kv, sep, tail, join, path          []node
	skip, only                         []string
	dropEmpty, bare, plus, trim        bool
	yes, no, null                      string
	at, mask                           string
}

type addedParam struct {
	name      string
	value     []node
	dropEmpty bool
}

var paramOptions = []string{"sort", "enc", "lower", "key", "value", "strip", "kv", "sep", "tail", "skip", "only", "drop_empty", "multi", "join", "show", "plus",
	"bare", "trim", "path", "bool", "null", "at", "mask", "keep"}

func (b *builder) paramsCall(n *node, e Expr, depth int) error {
	r := &paramRule{}
	n.params = r
	source, err := b.literalArg(e, 0, "the source")
	if err != nil {
		return err
	}
	for _, word := range strings.Split(source, "+") {
		switch word {
		case "query":
			r.query = true
		case "form":
			r.form = true
		case "form?":
			r.form, r.formMaybe = true, true
		case "json":
			r.json = true
		case "flat":
			r.flat = true
		case "":
		default:
			return b.fail(e.Args[0].Pos, "unknown source "+quoted(word), "query, form, form?, json, flat, joined by +, or '' for the given ones alone")
		}
	}
	for _, arg := range e.Args[1:] {
		if err := b.added(n, r, arg, depth); err != nil {
			return err
		}
	}
	if err := b.known(e, paramOptions...); err != nil {
		return err
	}
	if err := b.paramChoices(r, e); err != nil {
		return err
	}
	return b.paramTexts(n, r, e, depth)
}

// added reads param('name', value).
func (b *builder) added(n *node, r *paramRule, arg Expr, depth int) error {
	if arg.Kind != Call || arg.Text != "param" || len(arg.Args) != 2 || arg.Args[0].Kind != Literal {
		return b.fail(arg.Pos, "only param('name', value) can be added to params", "")
	}
	if err := b.known(arg, "drop_empty"); err != nil {
		return err
	}
	drop, err := b.choice(arg, "drop_empty", yesOrNo)
	if err != nil {
		return err
	}
	if b.parts++; b.parts > maxParts {
		return b.fail(arg.Pos, "too many parts", "at most 64")
	}
	list, err := b.build(nil, arg.Args[1], depth+1)
	if err != nil {
		return err
	}
	r.added = append(r.added, addedParam{arg.Args[0].Text, list, drop == "1"})
	n.args = append(n.args, list...)
	return nil
}

func (b *builder) paramChoices(r *paramRule, e Expr) error {
	var enc string
	read := []struct {
		name    string
		choices []string
		into    *string
	}{
		{"sort", sortings, &r.sort}, {"multi", repetition, &r.multi}, {"show", showing, &r.show},
		{"key", letterCase, &r.keyCase}, {"value", letterCase, &r.valueCase}, {"enc", append([]string{"none"}, encodings...), &enc},
	}
	for _, c := range read {
		var err error
		if *c.into, err = b.choice(e, c.name, c.choices); err != nil {
			return err
		}
	}
	r.enc, _ = encodingOf(enc)
	r.plus = true
	for _, c := range []struct {
		name   string
		into   *bool
		absent string
	}{{"drop_empty", &r.dropEmpty, "0"}, {"bare", &r.bare, "0"}, {"plus", &r.plus, "1"}, {"trim", &r.trim, "0"}, {"lower", &r.enc.lower, "0"}} {
		choices := yesOrNo
		if c.absent == "1" {
			choices = []string{"1", "0"}
		}
		word, err := b.choice(e, c.name, choices)
		if err != nil {
			return err
		}
		*c.into = word == "1"
	}
	if r.enc.raw && (r.json || r.flat) {
		return b.fail(e.Pos, "enc='raw' is for query and form", "enc='none'")
	}
	return nil
}

func (b *builder) paramTexts(n *node, r *paramRule, e Expr, depth int) error {
	var skip, only, values, keep string
	for _, c := range []struct {
		name, absent string
		into         *string
	}{{"strip", "", &r.strip}, {"skip", "", &skip}, {"only", "", &only}, {"null", "", &r.null}, {"at", "", &r.at}, {"mask", "", &r.mask}, {"keep", "", &keep}, {"bool", "true,false", &values}} {
		var err error
		if *c.into, err = b.textOption(e, c.name, c.absent); err != nil {
			return err
		}
	}
	r.enc.plain = r.enc.plain.union(setOf(keep))
	if skip != "" {
		r.skip = strings.Split(skip, ",")
	}
	if only != "" {
		r.only = strings.Split(only, ",")
	}
	var two bool
	if r.yes, r.no, two = strings.Cut(values, ","); !two {
		return b.fail(e.Pos, "bool is two texts with a comma between them", "bool='1,0'")
	}
	return b.separators(n, e, depth, []separator{{"kv", "=", &r.kv}, {"sep", "&", &r.sep}, {"tail", "", &r.tail}, {"join", ",", &r.join}, {"path", ".", &r.path}})
}

// separator is an option that may be an expression, such as a secret between parameters.
type separator struct {
	name, absent string
	into         *[]node
}

func (b *builder) separators(n *node, e Expr, depth int, list []separator) error {
	for _, s := range list {
		arg := Expr{Kind: Literal, Text: s.absent, Pos: e.Pos}
		for _, o := range e.Options {
			if o.Name == s.name && o.Expr.Kind != 0 {
				arg = o.Expr
			} else if o.Name == s.name {
				arg = Expr{Kind: Literal, Text: o.Value, Pos: o.Pos}
			}
		}
		var err error
		if *s.into, err = b.build(nil, arg, depth+1); err != nil {
			return err
		}
		n.args = append(n.args, *s.into...)
	}
	return nil
}

// headerRule is a compiled headers().
type headerRule struct {
	names           []string // lower case; one that ends in "*" is a prefix
	variable        int      // of the list that the sender declares; -1: names
	kv, sep, tail   []node
	sorted, squeeze bool
	keep            bool // letter case of names
	absent, show    string
	enc             escaping
	join            string // between the values of a header that comes twice; empty: refused
}

var headerOptions = []string{"kv", "sep", "tail", "sort", "show", "enc", "lower", "absent", "case", "squeeze", "join"}

func (b *builder) headersCall(n *node, e Expr, depth int) error {
	r := &headerRule{variable: -1}
	n.list = r
	switch arg := e.Args[0]; arg.Kind {
	case Literal:
		for _, name := range strings.Split(strings.ToLower(arg.Text), ",") {
			name = strings.TrimSpace(name)
			if plain := strings.TrimSuffix(name, "*"); name == "" || len(name) > 128 || !nameSet.all(plain) {
				return b.fail(arg.Pos, "headers lists names, or beginnings of names with *", "headers('content-type,x-acme-*')")
			}
			r.names = append(r.names, name)
		}
	case VarName:
		list, err := b.spaced(nil, arg)
		if err != nil {
			return err
		}
		if r.variable = list[0].index; b.vars[r.variable].List == "" {
			return b.fail(arg.Pos, "the variable is not a list", "vars: {"+arg.Text+": {list: ';', must: [host]}}")
		}
		n.args = append(n.args, list...)
	default:
		return b.fail(arg.Pos, "headers takes a list of names or a variable", "headers('host,x-*') or headers(v.signed)")
	}
	if len(r.names) > maxHeaders {
		return b.fail(e.Pos, "too many headers", "at most 32")
	}
	if err := b.known(e, headerOptions...); err != nil {
		return err
	}
	if err := b.headerChoices(r, e); err != nil {
		return err
	}
	return b.separators(n, e, depth, []separator{{"kv", ":", &r.kv}, {"sep", "\n", &r.sep}, {"tail", "", &r.tail}})
}

func (b *builder) headerChoices(r *headerRule, e Expr) error {
	var enc, sorted, squeeze, lower, letters string
	for _, c := range []struct {
		name    string
		choices []string
		into    *string
	}{
		{"enc", append([]string{"none"}, encodings[:5]...), &enc}, {"sort", []string{"1", "0"}, &sorted}, {"squeeze", yesOrNo, &squeeze}, {"lower", yesOrNo, &lower},
		{"case", []string{"lower", "keep"}, &letters}, {"absent", absence, &r.absent}, {"show", showing, &r.show},
	} {
		var err error
		if *c.into, err = b.choice(e, c.name, c.choices); err != nil {
			return err
		}
	}
	r.enc, _ = encodingOf(enc)
	r.enc.lower = lower == "1"
	r.sorted, r.squeeze, r.keep = sorted == "1", squeeze == "1", letters == "keep"
	var err error
	r.join, err = b.textOption(e, "join", "")
	return err
}
