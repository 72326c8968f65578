// Package document reads one YAML document strictly, as a tree in which every node knows its line and column.
//
// It owns the bounds and what of YAML is taken: mappings, sequences and scalars. It refuses anchors, aliases, tags, merge keys,
// directives, complex keys, scalars over several lines, doubled keys, more than one document, control characters, and size and
// depth beyond the caller's bounds, before a third party's parser sees the text. What the keys mean is for its users to say.
//
// The attacks it answers: a file that means something else than it looks like, and a file that exhausts its reader.
package document

import (
	"encoding/json"
	"regexp"
)

// Kind tells what a node is.
type Kind uint8

// The kinds of nodes.
const (
	Text    Kind = iota + 1 // a scalar that is none of the next four
	Integer                 // as written; not necessarily small enough for an int
	Float                   // as written
	Bool                    // true or false, in no other spelling
	Null                    // no value, ~ or null
	Mapping
	Sequence
)

// Node is one value of the document. Line and Column begin at 1; Column counts characters.
type Node struct {
	Kind         Kind
	Text         string // of a scalar: unquoted for Text, as written for the others
	Line, Column int
	Entries      []Entry // of a Mapping, in the order of the file; no key twice
	Items        []*Node // of a Sequence
}

// Entry is one key of a mapping. Value is never nil.
type Entry struct {
	Key          string
	Line, Column int
	Value        *Node
}

// Get returns the entry of a key, or nil. A nil Node has none.
func (n *Node) Get(key string) *Entry {
	if n == nil {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return &n.Entries[i]
		}
	}
	return nil
}

// Scalar reports whether the node holds one value: a text, a number or a truth value.
func (n *Node) Scalar() bool { return n.Kind >= Text && n.Kind <= Bool }

// jsonNumber is RFC 8259's number; YAML knows more spellings, which are texts to JSON.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// JSON is the tree as values of encoding/json: map[string]any, []any, string, json.Number, bool and nil.
func (n *Node) JSON() any {
	switch n.Kind {
	case Mapping:
		m := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			m[e.Key] = e.Value.JSON()
		}
		return m
	case Sequence:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = item.JSON()
		}
		return list
	case Bool:
		return n.Text == "true"
	case Null:
		return nil
	case Integer, Float:
		if len(n.Text) < 64 && jsonNumber.MatchString(n.Text) {
			return json.Number(n.Text)
		}
	}
	return n.Text
}
