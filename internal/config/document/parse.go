package document

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a document. Each must be set; they are checked before anything recursive reads the text.
type Bounds struct {
	Bytes  int // of the file
	Lines  int
	Tokens int // parts of the text: keys, values, brackets, commas
	Levels int // of mappings and sequences within one another; at most 32
	Words  int // bytes of one scalar or key
}

const (
	maxIndent   = 64 // spaces
	maxLevels   = 32
	maxEmpty    = 32 // empty lines in a row: the scanner of the library takes quadratic time over them
	maxProblems = 20 // with the characters of a file; more are the same fault again
)

// reader reads one file.
type reader struct {
	file     string
	bounds   Bounds
	lines    []string
	problems Problems
	odd      bool // something in the tree is not what it stands for
}

// Parse reads text, which is untrusted. The file's name is only used in problems. An error is always Problems, and a file with
// an error is not to be used; where the error is about keys that are given twice only, there is a root beside it, with both, so
// that the caller can look for more to tell. Text that cannot be read as YAML gives the first problem of its grammar only.
func Parse(file string, text []byte, b Bounds) (root *Node, err error) {
	r := &reader{file: file, bounds: b}
	if b.Bytes <= 0 || b.Lines <= 0 || b.Tokens <= 0 || b.Levels <= 0 || b.Levels > maxLevels || b.Words <= 0 {
		return nil, Problems{{File: file, Message: "the bounds of the reader are not set"}}
	}
	// The library promises no panic, but has had some; depth is bounded before, so that its stack cannot overflow.
	defer func() {
		if recover() != nil {
			root, err = nil, Problems{{File: file, Line: 1, Column: 1, Message: "the file cannot be read as YAML"}}
		}
	}()
	root = r.read(text)
	if len(r.problems) > 0 {
		return root, r.problems.Sorted()
	}
	return root, nil
}

func (r *reader) add(line, column int, message, hint string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Column: max(column, 1), Message: message, Hint: hint})
}

func (r *reader) read(text []byte) *Node {
	if len(text) > r.bounds.Bytes {
		r.add(1, 1, "the file is too large", fmt.Sprintf("at most %d KiB", r.bounds.Bytes>>10))
		return nil
	}
	source := strings.ReplaceAll(string(text), "\r\n", "\n")
	r.lines = strings.Split(source, "\n")
	if len(r.lines) > r.bounds.Lines {
		r.add(1, 1, "the file has too many lines", fmt.Sprintf("at most %d", r.bounds.Lines))
		return nil
	}
	if r.characters(); len(r.problems) > 0 {
		return nil
	}
	tokens := lexer.Tokenize(source)
	if r.guard(tokens); len(r.problems) > 0 {
		return nil
	}
	file, bad := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // doubled keys are told below, all of them
	switch {
	case bad != nil:
		r.syntax(bad)
		return nil
	case len(file.Docs) != 1:
		r.add(1, 1, "the file is not one YAML document", "remove lines of three dashes")
		return nil
	case file.Docs[0].Body == nil:
		r.add(1, 1, "the file is empty", "")
		return nil
	}
	root := r.node(file.Docs[0].Body, 1, 1, 0)
	if r.odd {
		return nil
	}
	return root
}

// characters looks at the text as such, where positions are certain.
func (r *reader) characters() {
	empty := 0
	for i, line := range r.lines {
		if len(r.problems) >= maxProblems {
			return
		}
		if empty++; strings.TrimSpace(line) != "" {
			empty = 0
		}
		switch {
		case !utf8.ValidString(line):
			r.add(i+1, 1, "the line is not UTF-8", "")
			continue
		case empty > maxEmpty && i+1 < len(r.lines):
			r.add(i+1, 1, "too many empty lines in a row", fmt.Sprintf("at most %d", maxEmpty))
			return
		case len(line)-len(strings.TrimLeft(line, " ")) > maxIndent:
			r.add(i+1, 1, "indented too far", "at most 64 spaces")
		}
		column := 0
		for _, c := range line {
			if column++; c == '\t' && strings.TrimLeft(line, " \t") != "" && strings.TrimSpace(string([]rune(line)[:column])) == "" {
				r.add(i+1, column, "a tab character in the indentation", "indent with spaces")
				break
			} else if control(c) {
				r.add(i+1, column, "a control character", "indent with spaces; write \\t or \\xNN inside quotes")
				break
			}
		}
	}
}

func control(c rune) bool {
	return c < ' ' || c == 0x7f || c == 0xfeff || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029
}

// guard refuses what is not taken of YAML, and depth.
func (r *reader) guard(tokens token.Tokens) {
	if len(tokens) > r.bounds.Tokens {
		r.add(1, 1, "the file has too many parts", "")
		return
	}
	depth, dashes, line := 0, 0, 0
	for _, t := range tokens {
		at := t.Position
		if at.Line != line {
			line, dashes = at.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType, token.MappingKeyType:
			r.add(at.Line, at.Column, "anchors, aliases, tags, directives and complex keys are not allowed", "quote the value if the sign belongs to it")
			return
		case token.LiteralType, token.FoldedType:
			r.add(at.Line, at.Column, "values over several lines are not allowed", "write the value in one line")
			return
		case token.StringType, token.SingleQuoteType, token.DoubleQuoteType:
			if strings.Contains(strings.TrimSpace(t.Origin), "\n") {
				r.add(at.Line, at.Column, "values over several lines are not allowed", "write the value in one line")
				return
			}
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		case token.InvalidType:
			r.add(at.Line, at.Column, "not YAML: "+t.Error, "")
			return
		}
		if depth > r.bounds.Levels || dashes > r.bounds.Levels {
			r.add(at.Line, at.Column, "nested too deeply", "")
			return
		}
		if len(t.Value) > r.bounds.Words {
			r.add(at.Line, at.Column, "the value is too long", fmt.Sprintf("at most %d bytes", r.bounds.Words))
			return
		}
	}
}

func (r *reader) syntax(err error) {
	var bad yaml.Error
	if !errors.As(err, &bad) || bad.GetToken() == nil || bad.GetToken().Position == nil {
		r.add(1, 1, "the file cannot be read as YAML", "")
		return
	}
	at, message := bad.GetToken().Position, bad.GetMessage()
	message, _, _ = strings.Cut(message, "\n")
	r.add(at.Line, at.Column, "not YAML: "+message, "quote the whole value if it begins with a quotation mark or holds a colon and a space")
}

// node copies a node of the library's tree. line and column are those of the key, for values that have no place.
func (r *reader) node(n ast.Node, line, column, level int) *Node {
	out := &Node{Kind: Null, Line: line, Column: column}
	if n == nil {
		return out
	}
	t := n.GetToken()
	if t != nil && t.Position != nil && t.Position.Line > 0 {
		out.Line, out.Column = t.Position.Line, t.Position.Column
	}
	if level > r.bounds.Levels {
		r.add(out.Line, out.Column, "nested too deeply", "")
		r.odd = true
		return out
	}
	switch n := n.(type) {
	case *ast.StringNode:
		out.Kind, out.Text = Text, n.Value
	case *ast.IntegerNode:
		out.Kind, out.Text = Integer, t.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.Kind, out.Text = Float, t.Value
	case *ast.BoolNode:
		out.Kind, out.Text = Bool, t.Value
		if out.Text != "true" && out.Text != "false" {
			out.Kind = Text
		}
	case *ast.NullNode:
		out.Line, out.Column = line, column // the library gives it the place of what comes next
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{n}, level)
	case *ast.MappingNode:
		r.mapping(out, n.Values, level)
	case *ast.SequenceNode:
		out.Kind = Sequence
		for _, item := range n.Values {
			out.Items = append(out.Items, r.node(item, out.Line, out.Column, level+1))
		}
	default:
		r.add(out.Line, out.Column, "this form of YAML is not allowed", "")
		r.odd = true
	}
	return out
}

func (r *reader) mapping(out *Node, list []*ast.MappingValueNode, level int) {
	out.Kind = Mapping
	if len(list) > 0 && list[0].Key.GetToken() != nil {
		if key := list[0].Key.GetToken().Position; key.Line < out.Line || key.Line == out.Line && key.Column < out.Column {
			out.Line, out.Column = key.Line, key.Column // the library points at the colon
		}
	}
	seen := make(map[string]bool, len(list))
	for _, pair := range list {
		key := pair.Key.GetToken()
		e := Entry{Key: key.Value, Line: key.Position.Line, Column: key.Position.Column}
		if seen[e.Key] {
			r.add(e.Line, e.Column, strconv.Quote(e.Key)+" is given twice", "")
		}
		seen[e.Key] = true
		e.Value = r.node(pair.Value, e.Line, e.Column, level+1)
		out.Entries = append(out.Entries, e)
	}
	out.Entries = slices.Clip(out.Entries)
}
