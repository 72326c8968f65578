package body

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseXML reads one XML document (XML 1.0, UTF-8) whose root holds the fields as
// child elements. Attributes are tolerated and ignored, so that name space
// declarations of common serialisers pass; an element in a name space is not.
// Comments are allowed outside the root only, since inside they split text. Bad
// input never panics. It is pure. Errors: ErrTooLarge, ErrMalformed, ErrDoubled,
// ErrTooDeep.
func ParseXML(text []byte) (Object, error) {
	if len(text) > MaxBytes {
		return Object{}, ErrTooLarge
	}
	text = unmark(text)
	if !utf8.Valid(text) {
		return Object{}, ErrMalformed
	}
	dec := xml.NewDecoder(bytes.NewReader(text))
	root, err := prolog(dec)
	if err != nil {
		return Object{}, err
	}
	words, fields, err := element(dec, 1)
	if err != nil {
		return Object{}, err
	}
	if fields == nil && !blank(words) {
		return Object{}, ErrMalformed
	}
	if err := epilog(dec); err != nil {
		return Object{}, err
	}
	return Object{Root: root, fields: fields}, nil
}

// prolog takes everything up to and including the root's start tag.
func prolog(dec *xml.Decoder) (string, error) {
	for first := true; ; first = false {
		token, err := dec.Token()
		if err != nil {
			return "", ErrMalformed
		}
		switch t := token.(type) {
		case xml.StartElement:
			return plainName(t)
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return "", ErrMalformed
			}
		default:
			if !ignorable(token) {
				return "", ErrMalformed
			}
		}
	}
}

// element reads up to the end tag of an element whose start tag has been taken. It
// returns its text when it has no children, else its children.
func element(dec *xml.Decoder, depth int) (string, map[string]Field, error) {
	if depth > MaxDepth {
		return "", nil, ErrTooDeep
	}
	var words strings.Builder
	var children map[string]Field
	for {
		token, err := dec.Token()
		if err != nil {
			return "", nil, ErrMalformed
		}
		switch t := token.(type) {
		case xml.StartElement:
			if children == nil {
				children = make(map[string]Field)
			}
			if err := child(dec, t, children, depth+1); err != nil {
				return "", nil, err
			}
		case xml.CharData:
			words.Write(t)
		case xml.EndElement:
			if children != nil && !blank(words.String()) {
				return "", nil, ErrMalformed
			}
			return words.String(), children, nil
		default:
			return "", nil, ErrMalformed
		}
	}
}

func child(dec *xml.Decoder, start xml.StartElement, siblings map[string]Field, depth int) error {
	name, err := plainName(start)
	if err != nil {
		return err
	}
	if _, twice := siblings[name]; twice {
		return ErrDoubled
	}
	words, children, err := element(dec, depth)
	if err != nil {
		return err
	}
	siblings[name] = Field{Kind: Text, Text: words}
	if children != nil {
		siblings[name] = Field{Kind: Other}
	}
	return nil
}

// epilog makes sure that nothing that counts follows the root.
func epilog(dec *xml.Decoder) error {
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || !ignorable(token) {
			return ErrMalformed
		}
	}
}

// ignorable is white space or a comment, outside the root.
func ignorable(token xml.Token) bool {
	switch t := token.(type) {
	case xml.Comment:
		return true
	case xml.CharData:
		return blank(string(t))
	}
	return false
}

// blank is XML's own white space and nothing else (XML 1.0 §2.3).
func blank(s string) bool { return strings.Trim(s, " \t\r\n") == "" }

// plainName refuses a name space, declared or not, and doubled attributes, which
// the decoder lets pass although they are not well-formed.
func plainName(start xml.StartElement) (string, error) {
	if start.Name.Space != "" {
		return "", ErrMalformed
	}
	seen := make(map[xml.Name]bool, len(start.Attr))
	for _, a := range start.Attr {
		if seen[a.Name] {
			return "", ErrDoubled
		}
		seen[a.Name] = true
	}
	return start.Name.Local, nil
}
