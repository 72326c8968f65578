package profile

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of the file, checked before anything recursive reads it.
const (
	maxFile   = 64 << 10
	maxTokens = 4096
	maxLines  = 1000 // the scanner takes quadratic time over empty lines of a block
	maxNested = 8    // of brackets, and of dashes in one line
	maxLevels = 6
	maxIndent = 64
)

type kind uint8

const (
	text kind = iota + 1
	integer
	mapping
	sequence
	other
)

// value is a node of the file, freed from the YAML library.
type value struct {
	kind    kind
	style   token.Type
	text    string
	at      place
	entries []entry
	items   []value
}

// entry is one key of a mapping.
type entry struct {
	key   string
	at    place
	value value
}

// reader reads one file.
type reader struct {
	file     string
	lines    []string
	language int
}

// document parses the file into a tree of values.
func (r *reader) document(src []byte) (root value, err error) {
	if len(src) > maxFile {
		return value{}, r.fail(place{}, "the file is too large", "at most 64 KiB")
	}
	source := strings.ReplaceAll(string(src), "\r\n", "\n")
	r.lines = strings.Split(source, "\n")
	if len(r.lines) > maxLines {
		return value{}, r.fail(place{}, "the file has too many lines", "at most 1000")
	}
	if err := r.characters(); err != nil {
		return value{}, err
	}
	// The library promises no panic, but has had some; depth is bounded before, so that its stack cannot overflow.
	defer func() {
		if recover() != nil {
			root, err = value{}, r.fail(place{}, "the file cannot be read as YAML", "")
		}
	}()
	tokens := lexer.Tokenize(source)
	if err := r.guard(tokens); err != nil {
		return value{}, err
	}
	file, bad := parser.Parse(tokens, 0)
	if bad != nil {
		return value{}, r.syntax(bad)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return value{}, r.fail(place{}, "a profile is one YAML document", "")
	}
	return r.value(file.Docs[0].Body, 0)
}

func (r *reader) characters() error {
	for i, line := range r.lines {
		if !utf8.ValidString(line) {
			return r.fail(place{i + 1, 1}, "the line is not UTF-8", "")
		}
		for j, c := range []rune(line) {
			if c < ' ' || c == 0x7f || c == 0xfeff || c >= 0x80 && c < 0xa0 || c == 0x2028 || c == 0x2029 {
				return r.fail(place{i + 1, j + 1}, "a control character", "indent with spaces; write \\t or \\xNN inside quotes")
			}
		}
		if len(line)-len(strings.TrimLeft(line, " ")) > maxIndent {
			return r.fail(place{i + 1, 1}, "indented too far", "at most 64 spaces")
		}
	}
	return nil
}

// guard refuses what the language does not use, and depth.
func (r *reader) guard(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return r.fail(place{}, "the file has too many parts", "")
	}
	depth, dashes, line := 0, 0, 0
	for _, t := range tokens {
		at := place{t.Position.Line, t.Position.Column}
		if at.line != line {
			line, dashes = at.line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType, token.MappingKeyType:
			return r.fail(at, "anchors, aliases, tags, directives and complex keys are not allowed", "quote the value if the sign belongs to it")
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		case token.InvalidType:
			return r.fail(at, "not YAML: "+t.Error, "")
		}
		if depth > maxNested || dashes > maxNested {
			return r.fail(at, "nested too deeply", "")
		}
	}
	return nil
}

func (r *reader) syntax(err error) error {
	var bad yaml.Error
	if errors.As(err, &bad) && bad.GetToken() != nil && bad.GetToken().Position != nil {
		p := bad.GetToken().Position
		return r.fail(place{p.Line, p.Column}, "not YAML: "+firstLine(bad.GetMessage()), "quote the whole value if it begins with a quotation mark or holds a colon and a space")
	}
	return r.fail(place{}, "the file cannot be read as YAML", "")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// value copies a node of the library's tree.
func (r *reader) value(n ast.Node, level int) (value, error) {
	t := n.GetToken()
	v := value{kind: other, style: t.Type, at: place{t.Position.Line, t.Position.Column}}
	if level > maxLevels {
		return v, r.fail(v.at, "nested too deeply", "")
	}
	switch n := n.(type) {
	case *ast.StringNode:
		v.kind, v.text = text, n.Value
	case *ast.LiteralNode:
		v.kind, v.text = text, strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode:
		v.kind, v.text = integer, t.Value
	case *ast.MappingValueNode:
		return r.mapping(v, []*ast.MappingValueNode{n}, level)
	case *ast.MappingNode:
		return r.mapping(v, n.Values, level)
	case *ast.SequenceNode:
		v.kind = sequence
		for _, item := range n.Values {
			inner, err := r.value(item, level+1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, inner)
		}
	}
	return v, nil
}

func (r *reader) mapping(v value, list []*ast.MappingValueNode, level int) (value, error) {
	v.kind = mapping
	for _, pair := range list {
		key := pair.Key.GetToken()
		e := entry{key: key.Value, at: place{key.Position.Line, key.Position.Column}}
		for _, before := range v.entries {
			if before.key == e.key {
				return v, r.fail(e.at, strconv.Quote(e.key)+" is given twice", "")
			}
		}
		var err error
		if e.value, err = r.value(pair.Value, level+1); err != nil {
			return v, err
		}
		if e.value.at.line == 0 {
			e.value.at = e.at
		}
		v.entries = append(v.entries, e)
	}
	return v, nil
}
