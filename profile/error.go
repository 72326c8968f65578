package profile

import (
	"fmt"
	"strconv"
	"strings"

	"countersign.dev/scheme"
)

// Error is what is wrong with a profile and where. Line and Column begin at 1; Column counts characters.
type Error struct {
	File         string
	Line, Column int
	// Message says what is wrong, Hint how to mend it; Hint may be empty.
	Message, Hint string
}

// Error is `file:line:column: message (hint)`.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// place is a position in the file.
type place struct{ line, column int }

func (r *reader) fail(at place, message, hint string) *Error {
	return &Error{File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Message: message, Hint: hint}
}

// locate gives an error of the compiler its place in the file.
func (r *reader) locate(err error, fields map[string]entry, prefix string) error {
	bad, ok := err.(*scheme.CompileError)
	if !ok {
		return fmt.Errorf("compile profile: %w", err)
	}
	at := place{1, 1}
	if field, given := fields[bad.Field]; given {
		at = field.value.at
		switch {
		case strings.HasPrefix(bad.Field, "wire"):
			for _, e := range field.value.entries {
				if e.key == bad.Item {
					at = e.value.at
				}
			}
		case bad.Field == "vars":
			at = r.inVariable(field.value, bad)
		case bad.Field == "checks":
			if i, err := strconv.Atoi(bad.Item); err == nil && i < len(field.value.items) {
				at = r.inside(field.value.items[i], bad.Pos)
			}
		case bad.Field == "uncovered":
			for _, v := range field.value.items {
				if v.text == bad.Item {
					at = v.at
				}
			}
		default:
			at = r.inside(field.value, bad.Pos)
		}
	}
	return r.fail(at, prefix+bad.Message, bad.Hint)
}

// inVariable is the place of an error in one of the variables: in its value where the error says where, otherwise at its name.
func (r *reader) inVariable(vars value, bad *scheme.CompileError) place {
	for _, e := range vars.entries {
		if e.key != bad.Item {
			continue
		}
		for _, inner := range e.value.entries {
			if inner.key == "value" {
				return r.inside(inner.value, bad.Pos)
			}
		}
		return e.at
	}
	return vars.at
}
