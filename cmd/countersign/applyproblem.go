package main

import (
	"errors"

	"countersign.dev/internal/config/document"
)

// maxProblems bounds what is kept of a file that is no such file at all.
const maxProblems = 100

func (r *applyReader) fail(n *document.Node, message, hint string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, document.Problem{File: r.file, Line: n.Line, Column: n.Column, Message: message, Hint: hint})
	}
}

// wrong is fail with an error of a parser that flags use, too. Where the node was no text, that has been said already.
func (r *applyReader) wrong(n *document.Node, err error) {
	if n.Text == "" {
		return
	}
	h := hinted{}
	errors.As(err, &h)
	r.fail(n, err.Error(), h.hint)
}
