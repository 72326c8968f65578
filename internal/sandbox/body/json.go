package body

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// ParseJSON reads one JSON object (RFC 8259). A leading byte order mark is ignored.
// Numbers are not interpreted. Bad input never panics. It is pure. Errors:
// ErrTooLarge, ErrMalformed, ErrDoubled, ErrTooDeep.
func ParseJSON(text []byte) (Object, error) {
	if len(text) > MaxBytes {
		return Object{}, ErrTooLarge
	}
	text = unmark(text)
	// Valid also settles that nothing follows the one value, which a Decoder ignores.
	if !utf8.Valid(text) || !json.Valid(text) {
		return Object{}, ErrMalformed
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return Object{}, ErrMalformed
	}
	fields, err := members(dec, 1)
	if err != nil {
		return Object{}, err
	}
	return Object{fields: fields}, nil
}

// members reads an object whose opening brace has been taken.
func members(dec *json.Decoder, depth int) (map[string]Field, error) {
	fields := make(map[string]Field)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, ErrMalformed
		}
		key, ok := token.(string)
		if !ok {
			return nil, ErrMalformed
		}
		if _, twice := fields[key]; twice {
			return nil, ErrDoubled
		}
		if fields[key], err = value(dec, depth+1); err != nil {
			return nil, err
		}
	}
	return fields, closing(dec)
}

func value(dec *json.Decoder, depth int) (Field, error) {
	token, err := dec.Token()
	if err != nil {
		return Field{}, ErrMalformed
	}
	switch v := token.(type) {
	case nil:
		return Field{Kind: Null}, nil
	case string:
		return Field{Kind: Text, Text: v}, nil
	case json.Delim:
		return Field{Kind: Other}, nested(dec, v, depth)
	}
	return Field{Kind: Other}, nil
}

// nested walks a value that nobody reads, because doubled keys count in it as well.
func nested(dec *json.Decoder, open json.Delim, depth int) error {
	if depth > MaxDepth {
		return ErrTooDeep
	}
	if open == '{' {
		_, err := members(dec, depth)
		return err
	}
	for dec.More() {
		if _, err := value(dec, depth+1); err != nil {
			return err
		}
	}
	return closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return ErrMalformed
	}
	return nil
}
