package route

import (
	"net/http"
	"strings"
)

// Target returns the raw path and the raw query of a request, as they came on the
// wire; a request made by hand, without a RequestURI, falls back to its URL. Only
// origin-form is accepted (RFC 9112 §3.2.1): for anything else path is empty, which
// no route matches. The two are never decoded here.
func Target(r *http.Request) (path, query string) {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI()
	}
	if !strings.HasPrefix(target, "/") {
		return "", ""
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

// TrimBase removes a base path in front of whole segments: "/aggregation" is cut
// from "/aggregation/v1" and left alone in "/aggregations/v1" (security rule 14).
// It is cut once.
func TrimBase(path, base string) string {
	rest, ok := strings.CutPrefix(path, base)
	if !ok || !strings.HasPrefix(rest, "/") {
		return path
	}
	return rest
}
