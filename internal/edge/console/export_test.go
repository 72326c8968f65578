package console

import (
	"net/http"
	"net/url"
)

// Patterns are the patterns of all routes.
func Patterns() []string {
	var list []string
	for _, one := range routeTable() {
		list = append(list, one.pattern)
	}
	return list
}

// Texts are the texts that pages may show after a POST, each with the pattern that says it, by their keys.
func Texts() map[string]map[string]string {
	texts := map[string]map[string]string{}
	for _, one := range routeTable() {
		for key, text := range one.done {
			if texts[key] == nil {
				texts[key] = map[string]string{}
			}
			texts[key][text] = one.pattern
		}
	}
	return texts
}

// Refused is refused, for tests.
var Refused = refused

// PatternOf is the pattern of the page at a path; empty: there is none.
func (s *Server) PatternOf(path string) string {
	one, _ := s.find(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return one.pattern
}

// Wide is the list of permissions that nobody has who is confined.
func Wide() []string { return wide }

// Together is together, for tests.
var Together = together
