// Package route owns how a model upstream finds the call that a request means.
//
// It compares the target's segments byte for byte, as they stand on the wire, and
// refuses by not finding: an escaped, empty, dotted or non-numeric segment matches
// nothing, so no second spelling reaches a resource (security rule 13). The
// standard multiplexer is not used because it answers `//` and `..` with a redirect.
package route

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// MaxIDDigits bounds an id in a path; the longest real ones have 20.
const MaxIDDigits = 20

// Route is one call: method, pattern and what to do. Pattern begins with a slash;
// a segment in braces, such as {customer}, stands for an id of 1 to MaxIDDigits
// ASCII digits.
type Route[H any] struct {
	Method  string
	Pattern string
	Do      H
}

// Table finds routes. It is immutable and safe for concurrent use.
type Table[H any] struct {
	routes []entry[H]
}

type entry[H any] struct {
	method   string
	segments []string
	do       H
}

// Match is what a Table found. Allow is empty when no pattern fits the path; when
// patterns fit but none has the method, Allow lists theirs in sorted order and
// Found is false.
type Match[H any] struct {
	Found bool
	Do    H
	IDs   []string
	Allow []string
}

// New compiles the routes. A pattern without a leading slash, an empty segment or
// the same method and shape twice is an error, so that order never decides.
func New[H any](routes []Route[H]) (*Table[H], error) {
	t := &Table[H]{}
	seen := make(map[string]bool, len(routes))
	for _, r := range routes {
		segments, ok := split(r.Pattern)
		if !ok || r.Method == "" {
			return nil, fmt.Errorf("route %q %q: not a method and a path", r.Method, r.Pattern)
		}
		for i, s := range segments {
			if strings.HasPrefix(s, "{") {
				segments[i] = "{}"
			}
		}
		key := r.Method + " " + strings.Join(segments, "/")
		if seen[key] {
			return nil, fmt.Errorf("route %s %s: declared twice", r.Method, r.Pattern)
		}
		seen[key] = true
		t.routes = append(t.routes, entry[H]{r.Method, segments, r.Do})
	}
	return t, nil
}

// Match finds the call for a method and a raw path without its query. HEAD is
// answered like GET (RFC 9110 §9.3.2). Patterns never overlap between a literal and
// an id, since no literal here is a number.
func (t *Table[H]) Match(method, path string) Match[H] {
	segments, ok := split(path)
	if !ok {
		return Match[H]{}
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var allow []string
	for _, e := range t.routes {
		ids, fits := e.match(segments)
		if !fits {
			continue
		}
		if e.method == method {
			return Match[H]{Found: true, Do: e.do, IDs: ids}
		}
		allow = append(allow, e.method)
		if e.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return Match[H]{Allow: allow}
}

func (e entry[H]) match(segments []string) ([]string, bool) {
	if len(segments) != len(e.segments) {
		return nil, false
	}
	var ids []string
	for i, want := range e.segments {
		// The mark of an id is asked for first: as text, "{}" itself must not match.
		switch {
		case want == "{}" && isID(segments[i]):
			ids = append(ids, segments[i])
		case want == "{}" || want != segments[i]:
			return nil, false
		}
	}
	return ids, true
}

func isID(s string) bool {
	if len(s) > MaxIDDigits {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// split cuts a path into segments; an empty one makes it unfit.
func split(path string) ([]string, bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	segments := strings.Split(rest, "/")
	return segments, !slices.Contains(segments, "")
}
