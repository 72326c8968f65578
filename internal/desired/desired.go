// Package desired reads the declarative file of the register: partners with the networks and limits that they are to have. It owns
// the form of that file, which pages and commands hand in alike, and leads what the operators' plane says of an item back to the line
// where the item stands.
//
// It refuses: an unknown or misspelt key (security rule 35), a partner that is named twice, whatever YAML can hide (see package
// document), and a file beyond its bounds. A file with one problem is no file at all. The attack it answers: a file that means
// something else than whoever reviewed it has seen.
package desired

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/api"
	"countersign.dev/internal/config/document"
	"countersign.dev/scheme"
)

// MaxBytes is how long a file may be that a page takes: as JSON it fits the plane's bound for a body, which is 1 MiB.
const MaxBytes = 768 << 10

// Bounds are how much of a file is read; each must be positive. How deep it may go and how long a word may be belongs to its form.
type Bounds struct{ Bytes, Lines, Tokens int }

// OfPage are the bounds of a file that comes in with a form: MaxBytes.
func OfPage() Bounds { return Bounds{Bytes: MaxBytes, Lines: 100_000, Tokens: 400_000} }

// OfCommand are the bounds of a file at hand: 32 MiB, some 100,000 partners with three rules each.
func OfCommand() Bounds { return Bounds{Bytes: 32 << 20, Lines: 2_000_000, Tokens: 8_000_000} }

// maxProblems bounds what is kept of a file that is no such file at all.
const maxProblems = 100

// Problem is what is wrong with a file, and where.
type Problem = document.Problem

// Problems are everything that is wrong with a file, sorted by place: the only error of Parse.
type Problems = document.Problems

// File is a file that was read. Its zero value says nothing about any item.
type File struct {
	Desired api.Desired
	name    string
	places  map[string]place // of the items, by their path as the plane names them: partners[3].environments[0]
}

type place struct{ line, column int }

// Parse reads a file, which is untrusted; name is only used in problems. The error is always Problems.
func Parse(name string, text []byte, bounds Bounds) (File, error) {
	root, err := document.Parse(name, text, document.Bounds{Bytes: bounds.Bytes, Lines: bounds.Lines, Tokens: bounds.Tokens,
		Levels: 10, Words: 4096})
	if err != nil {
		return File{}, err
	}
	r := &reader{file: name, places: map[string]place{}, names: map[string]int{}}
	f := File{name: name, places: r.places, Desired: api.Desired{Partners: []api.DesiredPartner{}}}
	r.mapping(root, "the file", map[string]func(*document.Node){
		"partners": func(n *document.Node) {
			for i, item := range r.sequence(n, "partners") {
				f.Desired.Partners = append(f.Desired.Partners, r.partner(item, fmt.Sprintf("partners[%d]", i)))
			}
		},
	}, "partners")
	if len(r.problems) > 0 {
		return File{}, r.problems.Sorted()
	}
	return f, nil
}

// Locate is what the plane says of one item as a problem with its place. pointer is that of api.Problem: "/desired/" and the path of
// the item, or a JSON pointer into the body. Where it names nothing of the file, Line is 0.
func (f File) Locate(pointer, message string) Problem {
	problem := Problem{File: f.name, Message: message}
	path := itemPath(strings.TrimPrefix(pointer, "/desired/"))
	for path != "" {
		if at, known := f.places[path]; known {
			problem.Line, problem.Column = at.line, at.column
			return problem
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return problem
}

// itemPath makes "partners[0].name" of the JSON pointer "partners/0/name"; a path of the other form stays as it is.
func itemPath(pointer string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(pointer, "/") {
		switch _, err := strconv.ParseUint(part, 10, 31); {
		case err == nil && b.Len() > 0:
			b.WriteString("[" + part + "]")
		case b.Len() > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}

// reader turns a document into what the register is to hold, and gathers what is wrong with it.
type reader struct {
	file     string
	problems document.Problems
	places   map[string]place
	names    map[string]int // line of each partner
}

func (r *reader) fail(n *document.Node, message, hint string) {
	r.failAt(n.Line, n.Column, message, hint)
}

func (r *reader) failAt(line, column int, message, hint string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, document.Problem{File: r.file, Line: line, Column: column, Message: message, Hint: hint})
	}
}

func (r *reader) at(path string, n *document.Node) { r.places[path] = place{n.Line, n.Column} }

// mapping hands each value to the reader of its key. An unknown key is a problem, and so is a required one that is missing.
func (r *reader) mapping(n *document.Node, what string, keys map[string]func(*document.Node), required ...string) {
	if n.Kind != document.Mapping {
		r.fail(n, what+" is a mapping", "write key: value")
		return
	}
	for _, e := range n.Entries {
		if read, known := keys[e.Key]; known {
			read(e.Value)
			continue
		}
		r.failAt(e.Line, e.Column, "unknown key "+strconv.Quote(e.Key), unknownHint(e.Key, keys))
	}
	for _, name := range required {
		if n.Get(name) == nil {
			r.fail(n, what+" needs "+name, "")
		}
	}
}

func unknownHint(key string, keys map[string]func(*document.Node)) string {
	if strings.Trim(key, "0123456789abcdefABCDEF") == "" {
		return "put an IPv6 network in quotes: its colons are YAML's, too"
	}
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return scheme.Nearest(key, names)
}

func (r *reader) sequence(n *document.Node, what string) []*document.Node {
	if n.Kind != document.Sequence {
		r.fail(n, what+" is a list", "write each entry after a dash; [] for none")
	}
	return n.Items
}

func (r *reader) text(n *document.Node, what string) string {
	if !n.Scalar() || n.Text == "" {
		r.fail(n, what+" is a text", "")
		return ""
	}
	return n.Text
}

func (r *reader) truth(n *document.Node) bool {
	if n.Kind != document.Bool {
		r.fail(n, "true or false is expected", "")
	}
	return n.Kind == document.Bool && n.Text == "true"
}

func (r *reader) number(n *document.Node, most int64) int64 {
	v, err := strconv.ParseInt(n.Text, 10, 64)
	if n.Kind != document.Integer || err != nil || v < 1 || v > most {
		r.fail(n, fmt.Sprintf("a whole number from 1 to %d is expected", most), "")
		return 0
	}
	return v
}
