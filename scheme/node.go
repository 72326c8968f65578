package scheme

import "encoding/base64"

// op is what a node yields.
type op uint8

const (
	opLiteral op = iota + 1
	opMethod
	opTarget
	opPath
	opQuery
	opBody
	opScheme
	opHost
	opTime
	opNonce
	opKeyID
	opSecret
	opMAC
	opHeader
	opCall
	opVar
	opSecretPart
	opHostname
	opPort
)

// node is one part of a compiled expression. An expression is a flat list of nodes, written one after another.
type node struct {
	op     op
	lit    []byte // opLiteral, and the prefix of trim_prefix
	index  int    // opHeader: in Scheme.signed; opCall of a digest: in scratch.digests
	fn     function
	pad    bool
	base64 *base64.Encoding // of the base64 functions
	args   []node
	pos    int

	// What follows is used by language 2 only.
	many     [][]node // the arguments one by one, where a function has several; args holds all of them
	optional bool     // a field or header that may be absent
	name     string   // of the function, as written
	text     string   // a field's name, a pattern of date
	source   byte     // of a field: q, f or j
	from, to int      // slice, head, tail
	alg      algorithm
	enc      escaping // pct and unpct
	params   *paramRule
	list     *headerRule
}

// expression says which names may occur, by the profile key that it stands in.
type expression uint8

const (
	inMessage expression = iota
	inKey
	inSignature
	inVars
	inChecks
	inTime
)

func (e expression) field() string {
	return [...]string{"message", "key", "signature", "vars", "checks", "time"}[e]
}

// messageNames are the derived parts and captured values. No header can enter this name space: headers are written h.name.
var messageNames = []string{"method", "target", "path", "query", "body", "url", "scheme", "host", "ts", "nonce", "key_id"}

// messageNames2 are those that language 2 adds.
var messageNames2 = []string{"hostname", "port", "base_url"}

// builder turns expressions into nodes.
type builder struct {
	in      expression
	headers *[]signedHeader
	digests *[]funcID
	alias   func(header string) op // the captured value that a header on the wire stands for
	parts   int
	two     bool // language 2
	vars    []Var
	secrets []string
	alg     algorithm
	maybe   bool // what is built now may be absent: it stands in or, opt, eq, in, not, or a condition
	branch  int  // levels of conditions above: what is built now need not be there always
	extra   *extraUse
}

func (b *builder) fail(pos int, message, hint string) error {
	return &CompileError{Field: b.in.field(), Pos: pos, Message: message, Hint: hint}
}

// build appends the nodes of e to out.
func (b *builder) build(out []node, e Expr, depth int) ([]node, error) {
	if depth > maxDepth {
		return nil, b.fail(e.Pos, "nested too deeply", "at most 32 levels")
	}
	if b.parts++; b.parts > maxParts {
		return nil, b.fail(e.Pos, "too many parts", "at most 64")
	}
	switch e.Kind {
	case Literal:
		return literal(out, e.Text, e.Pos), nil
	case Name:
		return b.name(out, e)
	case Header:
		return b.header(out, e)
	case Number:
		if !b.two {
			return nil, b.unknownName(e)
		}
		return literal(out, e.Text, e.Pos), nil
	case FieldValue, VarName, SecretPart:
		return b.spaced(out, e)
	case Call:
		return b.call(out, e, depth)
	case Concat:
		return b.list(out, e.Args, depth)
	}
	return nil, b.fail(e.Pos, "an expression is missing", "")
}

func (b *builder) list(out []node, list []Expr, depth int) ([]node, error) {
	var err error
	for _, arg := range list {
		if out, err = b.build(out, arg, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// literal appends text, joined to a literal in front of it.
func literal(out []node, text string, pos int) []node {
	if n := len(out); n > 0 && out[n-1].op == opLiteral {
		joined := append(append([]byte(nil), out[n-1].lit...), text...)
		out[n-1].lit = joined
		return out
	}
	if text == "" {
		return out
	}
	return append(out, node{op: opLiteral, lit: []byte(text), pos: pos})
}

func (b *builder) name(out []node, e Expr) ([]node, error) {
	at := func(o op) ([]node, error) { return append(out, node{op: o, pos: e.Pos}), nil }
	if b.in == inKey && e.Text == "secret" {
		return at(opSecret)
	}
	if b.in == inSignature && e.Text == "mac" {
		return at(opMAC)
	}
	if b.in == inSignature || b.in == inKey && !b.two {
		return nil, b.unknownName(e)
	}
	switch e.Text {
	case "method":
		return at(opMethod)
	case "target":
		return at(opTarget)
	case "path":
		return at(opPath)
	case "query":
		return at(opQuery)
	case "body":
		return at(opBody)
	case "scheme":
		return at(opScheme)
	case "host":
		return at(opHost)
	case "ts":
		return at(opTime)
	case "nonce":
		return at(opNonce)
	case "key_id":
		return at(opKeyID)
	case "url":
		return append(b.origin(out, e), node{op: opTarget, pos: e.Pos}), nil
	}
	return b.name2(out, e)
}

// origin is scheme, "://" and host.
func (b *builder) origin(out []node, e Expr) []node {
	out = literal(append(out, node{op: opScheme, pos: e.Pos}), "://", e.Pos)
	return append(out, node{op: opHost, pos: e.Pos})
}

// name2 knows the names that language 2 adds.
func (b *builder) name2(out []node, e Expr) ([]node, error) {
	if !b.two {
		return nil, b.unknownName(e)
	}
	switch e.Text {
	case "hostname":
		return append(out, node{op: opHostname, pos: e.Pos}), nil
	case "port":
		return append(out, node{op: opPort, pos: e.Pos}), nil
	case "base_url":
		return append(b.origin(out, e), node{op: opPath, pos: e.Pos}), nil
	case "secret":
		if b.in == inMessage {
			b.extra.secret = true
			return append(out, node{op: opSecret, pos: e.Pos}), nil
		}
	}
	return nil, b.unknownName(e)
}

func (b *builder) unknownName(e Expr) error {
	switch e.Text {
	case "secret":
		if b.two {
			return b.fail(e.Pos, `"secret" is not allowed here`, "it belongs in key, or in the message of a keyed plain hash")
		}
		return b.fail(e.Pos, `"secret" is not allowed here`, "a keyed plain hash is not part of language 1; the secret belongs in key")
	case "mac", "sig":
		return b.fail(e.Pos, quoted(e.Text)+` is not allowed here`, "mac belongs in signature, {sig} on the wire")
	}
	known := messageNames
	if b.two {
		known = append(append([]string(nil), messageNames...), messageNames2...)
	}
	if b.in == inKey && !b.two {
		known = []string{"secret"}
	} else if b.in == inKey {
		known = append(known, "secret")
	} else if b.in == inSignature {
		known = []string{"mac"}
	}
	hint := Nearest(e.Text, known)
	for _, name := range messageNames {
		if name == e.Text {
			return b.fail(e.Pos, quoted(e.Text)+` is not allowed here`, "only "+known[0]+" and functions of it")
		}
	}
	for i := range b.vars {
		if b.vars[i].Name == e.Text {
			return b.fail(e.Pos, `unknown name `+quoted(e.Text), "a variable is written v."+e.Text)
		}
	}
	if hint == "" && b.in != inSignature && b.in != inKey {
		hint = "a header is written h.name"
		if b.two {
			hint = "a header is written h.name, a query parameter q.name, a form field f.name, a JSON member j.name, a variable v.name"
		}
	}
	return b.fail(e.Pos, `unknown name `+quoted(e.Text), hint)
}

// header appends the value of a header. One that must be there is checked before the body is read.
func (b *builder) header(out []node, e Expr) ([]node, error) {
	if b.in == inSignature || b.in == inKey && !b.two {
		return nil, b.fail(e.Pos, "headers are not allowed here", "")
	}
	name := canonical(e.Text)
	if name == "Host" {
		return nil, b.fail(e.Pos, "the Host header is not read as a header", "write host")
	}
	if o := b.alias(name); o != 0 {
		return append(out, node{op: o, pos: e.Pos}), nil
	}
	needed := !b.maybe && b.branch == 0
	for i := range *b.headers {
		if h := &(*b.headers)[i]; h.name == name {
			h.needed = h.needed || needed
			return append(out, node{op: opHeader, index: i, pos: e.Pos, optional: b.maybe}), nil
		}
	}
	if len(*b.headers) == maxHeaders {
		return nil, b.fail(e.Pos, "too many headers", "at most 32")
	}
	h := newSignedHeader(name)
	h.needed = needed
	*b.headers = append(*b.headers, h)
	return append(out, node{op: opHeader, index: len(*b.headers) - 1, pos: e.Pos, optional: b.maybe}), nil
}
