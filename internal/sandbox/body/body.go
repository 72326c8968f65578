// Package body owns reading request bodies at a model upstream: JSON and XML, both
// by token loop into the same flat object.
//
// It refuses what two readers could understand differently: doubled keys and
// elements, anything after the one root, name space prefixes, directives (and with
// them DTDs and entities), text mixed with elements, invalid UTF-8; and it bounds
// size and depth. That answers parser-differential and entity-expansion attacks
// (security rule 27). Fields that nobody asks for are tolerated, because real
// clients send them.
package body

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

const (
	// MaxBytes is the largest body that is read: 1 MiB, as much as the gateway lets through unless it is told otherwise.
	MaxBytes = 1 << 20
	// MaxDepth is the deepest nesting, the root counting as 1, in both formats.
	MaxDepth = 8
)

// The reasons for which a body is refused. Their texts are constants that never
// quote the input, so they may be told to the caller.
var (
	ErrTooLarge   = errors.New("the body is larger than 1048576 bytes")
	ErrUnreadable = errors.New("the body could not be read to its end")
	ErrMalformed  = errors.New("the body is not one well-formed document with one object as its root")
	ErrDoubled    = errors.New("the body names the same field twice")
	ErrTooDeep    = errors.New("the body is nested deeper than 8 levels")
)

// Kind says what a field holds. The zero value is Absent.
type Kind int

const (
	// Absent is a field that the body does not have.
	Absent Kind = iota
	// Null is JSON's null; XML has none.
	Null
	// Text is a JSON string or an XML element that holds only text.
	Text
	// Other is everything else: a number, a list, an object, nested elements.
	Other
)

// Field is the value of one field: its kind and, for Text, its text.
type Field struct {
	Kind Kind
	Text string
}

// Object is a parsed body. The zero value has no fields. It is read-only and safe
// for concurrent use.
type Object struct {
	// Root is the XML root element's name; empty for JSON.
	Root string

	fields map[string]Field
}

// Field returns a top-level field by its exact name; the zero Field when absent.
// Names compare with case, unlike encoding/json's.
func (o Object) Field(name string) Field { return o.fields[name] }

// Read takes at most MaxBytes from the request. A declared length over the bound is
// refused before a byte is read (security rule 26). A nil body is empty. Errors:
// ErrTooLarge, ErrUnreadable.
func Read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > MaxBytes {
		return nil, ErrTooLarge
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, MaxBytes+1))
	if err != nil {
		return nil, ErrUnreadable
	}
	if len(text) > MaxBytes {
		return nil, ErrTooLarge
	}
	return text, nil
}

// mark is the UTF-8 byte order mark that some platforms write before every document.
var mark = []byte("\xef\xbb\xbf")

func unmark(text []byte) []byte { return bytes.TrimPrefix(text, mark) }
