package registry

import (
	"fmt"
	"strings"
)

// MaxItemErrors is how many items an ApplyError names; the others are counted.
const MaxItemErrors = 20

// ItemError is what is wrong with one item of a Desired. It wraps its cause: ErrArgument, partner.ErrInvalid, ErrNotFound,
// ErrAmbiguous or ErrState.
type ItemError struct {
	Path string // "partners[3].environments[0].networks[2]"; indices count from 0
	Err  error
}

// Error names the item and says what is wrong.
func (e *ItemError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ItemError) Unwrap() error { return e.Err }

// ApplyError is why nothing of a Desired was applied: every item that cannot be had, in the order of the file.
type ApplyError struct {
	Items []*ItemError // 1 to MaxItemErrors
	More  int          // further items beyond those
}

// Error is one line for each item.
func (e *ApplyError) Error() string {
	lines := make([]string, 0, len(e.Items)+1)
	for _, item := range e.Items {
		lines = append(lines, item.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors of the items.
func (e *ApplyError) Unwrap() []error {
	errs := make([]error, len(e.Items))
	for i, item := range e.Items {
		errs[i] = item
	}
	return errs
}

func (e *ApplyError) add(path string, err error) {
	if len(e.Items) == MaxItemErrors {
		e.More++
		return
	}
	e.Items = append(e.Items, &ItemError{Path: path, Err: err})
}
