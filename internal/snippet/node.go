package snippet

import "slices"

// kind is what a node yields.
type kind uint8

const (
	lit     kind = iota + 1 // text that stands in the profile
	name                    // a value of the program: method, target, ts, …
	field                   // the value of a header that the caller sets
	hash                    // raw digest of the arguments
	hex                     // lower-case hexadecimal
	b64                     // base64
	pct                     // percent-encoding of all but A-Za-z0-9-._~
	upper                   // ASCII letters of text
	lower                   // the same
	unhex                   // raw bytes
	unb64                   // raw bytes
	trim                    // text without a prefix
	perhaps                 // args where the text named is not empty; otherwise other
)

// node is one part of an expression. An expression is a list of nodes, written one after another.
type node struct {
	kind  kind
	text  string // lit: the text; name and perhaps: the value's name; field: the header; trim: the prefix
	alg   string // hash: md5, sha1, sha256, sha384, sha512
	url   bool   // b64, unb64: the alphabet with - and _
	bare  bool   // b64, unb64: without padding
	args  []node
	other []node
}

// raw says whether the bytes are none of a text: a program has to keep them apart from texts.
func (n node) raw() bool {
	switch n.kind {
	case name:
		return n.text == "body" || n.text == "mac"
	case hash, unhex, unb64:
		return true
	case perhaps:
		return slices.ContainsFunc(n.args, node.raw) || slices.ContainsFunc(n.other, node.raw)
	}
	return false
}

// walk calls f for every node of a list, those inside others after the one around them.
func walk(list []node, f func(node)) {
	for _, n := range list {
		f(n)
		walk(n.args, f)
		walk(n.other, f)
	}
}

// uses says whether a value is named anywhere in the lists.
func uses(value string, lists ...[]node) bool {
	found := false
	for _, list := range lists {
		walk(list, func(n node) { found = found || (n.kind == name || n.kind == perhaps) && n.text == value })
	}
	return found
}

// merged joins literals that touch.
func merged(list []node) []node {
	var out []node
	for _, n := range list {
		if last := len(out) - 1; last >= 0 && n.kind == lit && out[last].kind == lit {
			out[last].text += n.text
		} else if n.kind != lit || n.text != "" {
			out = append(out, n)
		}
	}
	return out
}
