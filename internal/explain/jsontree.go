package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxLevels bounds how deep a JSON body may be that is written anew.
const maxLevels = 64

var errDeep = errors.New("nested too deeply")

// jsonTree is a JSON value with its members in their order and its numbers as they were written.
type jsonTree struct {
	kind    byte // {, [, " for a text, 0 for a number, t, f or n
	text    string
	names   []string
	members []*jsonTree
}

// parseTree reads one JSON value with nothing behind it.
func parseTree(text []byte) (*jsonTree, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := readTree(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the value")
	}
	return tree, nil
}

func readTree(d *json.Decoder, level int) (*jsonTree, error) {
	if level > maxLevels {
		return nil, errDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		return &jsonTree{kind: '"', text: v}, nil
	case json.Number:
		return &jsonTree{text: v.String()}, nil
	case bool:
		if v {
			return &jsonTree{kind: 't', text: "true"}, nil
		}
		return &jsonTree{kind: 'f', text: "false"}, nil
	case json.Delim:
		return readMembers(d, byte(v), level)
	}
	return &jsonTree{kind: 'n', text: "null"}, nil
}

func readMembers(d *json.Decoder, kind byte, level int) (*jsonTree, error) {
	t := &jsonTree{kind: kind}
	for d.More() {
		if kind == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			text, ok := name.(string)
			if !ok {
				return nil, errors.New("a name is no text")
			}
			t.names = append(t.names, text)
		}
		member, err := readTree(d, level+1)
		if err != nil {
			return nil, err
		}
		t.members = append(t.members, member)
	}
	_, err := d.Token()
	return t, err
}
