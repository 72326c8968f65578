package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a body may be nested; the contract needs less than half of it.
const maxDepth = 24

// strict allows one JSON value that every reader understands alike: valid UTF-8, no name twice in an object, bounded depth,
// nothing behind it. The error says where.
func strict(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("it is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := strictValue(dec, "", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}

func strictValue(dec *json.Decoder, at string, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return fmt.Errorf("it is not JSON at byte %d", dec.InputOffset())
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	seen := map[string]bool{}
	for i := 0; dec.More(); i++ {
		below := fmt.Sprintf("%s/%d", at, i)
		if delim == '{' {
			name, err := dec.Token()
			if err != nil {
				return fmt.Errorf("it is not JSON at byte %d", dec.InputOffset())
			}
			key, _ := name.(string)
			below = at + "/" + escapePointer(key)
			if seen[key] {
				return fmt.Errorf("%s comes twice", clip(below, 200))
			}
			seen[key] = true
		}
		if err := strictValue(dec, below, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("it is not JSON at byte %d", dec.InputOffset())
	}
	return nil
}

// escapePointer writes one step of a JSON pointer (RFC 6901 §3).
func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
