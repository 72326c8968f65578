package page

import (
	"net/url"
	"strings"
)

// Path joins a fixed prefix and the segments behind it, each escaped: Path("/console/partners", id, "networks").
// A segment that is empty, "." or ".." becomes "-", which no row is named: a link never leads up.
func Path(prefix string, segments ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(prefix, "/"))
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			s = "-"
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// Link adds a query of pairs to a path that Path made: Link("/console/partners", "q", typed, "cursor", next). A pair with
// an empty value is left out, so that addresses stay short; a last name without a value is left out as well.
func Link(path string, pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Add(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// Here tells whether next is a place on this site to go back to: an absolute path without a host, a backslash or a
// control byte. Whoever follows ?next= asks it first, so that no link of ours leads to somebody else's site.
func Here(next string) bool {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > 2000 {
		return false
	}
	for _, c := range []byte(next) {
		if c < 0x21 || c > 0x7e || c == '\\' {
			return false
		}
	}
	u, err := url.Parse(next)
	return err == nil && u.Host == "" && u.Scheme == ""
}
