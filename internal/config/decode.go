package config

import (
	"strconv"

	"countersign.dev/internal/config/document"
	"countersign.dev/scheme"
)

// Problem is what is wrong, and where.
type Problem = document.Problem

// Problems are everything that is wrong, sorted by place.
type Problems = document.Problems

// decoder fills one Config from a tree.
type decoder struct {
	file     string
	base     string // folder in which relative paths begin
	places   map[string]Place
	problems Problems
	warnings Problems
}

// maxProblems bounds what is told of one file: beyond it, more is no help to anybody.
const maxProblems = 1000

func (d *decoder) add(at Place, message, hint string) {
	if len(d.problems) >= maxProblems {
		return // the file is refused all the same
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: at.Line, Column: at.Column, Message: message, Hint: hint})
}

// mapping fills bound settings. n is nil where the file has nothing: then defaults apply and nothing is missed.
func (d *decoder) mapping(n *document.Node, fields []setting, path string) {
	if n != nil {
		d.places[path] = Place{n.Line, n.Column}
		d.unknown(n, fields, path)
	}
	for _, s := range fields {
		e := n.Get(s.key)
		switch at := join(path, s.key); {
		case e != nil:
			d.setting(e.Value, s, at)
		case s.required && n != nil:
			d.add(Place{n.Line, n.Column}, where(path)+"lacks "+quote(s.key), wanted(s))
		default:
			d.initial(s, at)
		}
	}
}

// where begins a sentence about what is around a setting.
func where(path string) string {
	if path == "" {
		return "the file "
	}
	return path + " "
}

func wanted(s setting) string {
	if s.example != "" {
		return "for example " + s.key + ": " + s.example
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// unknown tells of keys that the table does not have (security rule 35).
func (d *decoder) unknown(n *document.Node, fields []setting, path string) {
	known := make([]string, len(fields))
	for i, s := range fields {
		known[i] = s.key
	}
next:
	for _, e := range n.Entries {
		for _, key := range known {
			if key == e.Key {
				continue next
			}
		}
		hint := scheme.Nearest(e.Key, known)
		if hint == "" {
			hint = "known here: " + listed(known)
		}
		d.add(Place{e.Line, e.Column}, "unknown key "+quote(e.Key), hint)
	}
}

func listed(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text
}

// initial gives a setting its default.
func (d *decoder) initial(s setting, path string) {
	switch {
	case s.leaf != nil && s.inner == nil && s.initial != "":
		// The default passes the same parser as a text of the file does; a test proves that all of them do.
		s.leaf.decode(initialNode(s.initial))
	case s.inner != nil && s.inner.form == object:
		d.mapping(nil, s.inner.add("").fields, path)
	}
}

// initialNode reads a default of the table as YAML would.
func initialNode(text string) *document.Node {
	n := &document.Node{Kind: document.Text, Text: text}
	switch unquoted, err := strconv.Unquote(text); {
	case err == nil:
		n.Text = unquoted
	case text == "true", text == "false":
		n.Kind = document.Bool
	case digits.MatchString(text):
		n.Kind = document.Integer
	}
	return n
}

// setting fills one setting from the file.
func (d *decoder) setting(n *document.Node, s setting, path string) {
	at := Place{n.Line, n.Column}
	d.places[path] = at
	switch {
	case n.Kind == document.Null:
		d.add(at, path+" has no value", "write one, or remove the key")
	case s.inner == nil, s.leaf != nil && n.Scalar():
		if message, hint := s.leaf.decode(n); message != "" {
			d.add(at, path+": "+message, hint)
		}
	case s.inner.form == list, s.inner.form == texts:
		d.list(n, s, path)
	case n.Kind != document.Mapping:
		d.add(at, path+" is not a mapping", "write the keys below it, indented")
	case s.inner.form == names:
		d.names(n, s, path)
	default:
		d.mapping(n, s.inner.add("").fields, path)
	}
}

func (d *decoder) list(n *document.Node, s setting, path string) {
	if n.Kind != document.Sequence {
		d.add(Place{n.Line, n.Column}, path+" is not a list", "write [one, another], or each on a line of its own after a dash")
		return
	}
	if len(n.Items) < s.inner.least {
		d.add(Place{n.Line, n.Column}, path+" is empty", "write at least one, or remove the key")
	}
	for i, item := range n.Items {
		at, here := path+"["+strconv.Itoa(i)+"]", Place{item.Line, item.Column}
		d.places[at] = here
		e := s.inner.add("")
		switch {
		case e.leaf != nil:
			if message, hint := e.leaf.decode(item); message != "" {
				d.add(here, at+": "+message, hint)
			}
		case item.Kind != document.Mapping:
			d.add(here, at+" is not a mapping", "write the keys after the dash")
		default:
			d.mapping(item, e.fields, at)
		}
	}
}

func (d *decoder) names(n *document.Node, s setting, path string) {
	if len(n.Entries) < s.inner.least {
		d.add(Place{n.Line, n.Column}, path+" is empty", "write at least one")
	}
	for _, e := range n.Entries {
		at := join(path, e.Key)
		if !chosenName.MatchString(e.Key) {
			d.add(Place{e.Line, e.Column}, quote(e.Key)+" is not a name for "+path, "1 to 32 of a-z, 0-9 and -, beginning with a letter")
			continue
		}
		if e.Value.Kind != document.Mapping {
			d.add(Place{e.Line, e.Column}, at+" is not a mapping", "write the keys below it, indented")
			continue
		}
		d.mapping(e.Value, s.inner.add(e.Key).fields, at)
		d.places[at] = Place{e.Line, e.Column}
	}
}
