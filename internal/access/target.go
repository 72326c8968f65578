package access

import "strings"

// maxTarget bounds the request target in bytes.
const maxTarget = 8 << 10

// targetFault says in a few words why a request target is refused, or "" if it is plain (security rule 13). It looks at the
// raw bytes and decodes nothing: whatever one decoder could read differently from another is refused before routing.
func targetFault(target string, encodedSlash, emptySegments bool) string {
	switch {
	case target == "" || target[0] != '/':
		return "the target must begin with a slash"
	case len(target) > maxTarget:
		return "the target is longer than 8192 bytes"
	}
	path, query, _ := strings.Cut(target, "?")
	if fault := pathFault(path, encodedSlash, emptySegments); fault != "" {
		return fault
	}
	return queryFault(query)
}

func pathFault(path string, encodedSlash, emptySegments bool) string {
	start := 1 // of the segment at hand
	for i := 1; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			segment := path[start:i]
			if segment == "." || segment == ".." {
				return "the path has a dot segment"
			}
			if segment == "" && i < len(path) && !emptySegments {
				return "the path has an empty segment"
			}
			start = i + 1
			continue
		}
		switch c := path[i]; {
		case c == '%':
			if fault := escapeFault(path[i:], encodedSlash); fault != "" {
				return fault
			}
			i += 2
		case c == '\\':
			return "the path has a backslash"
		case c == ';':
			return "the path has a semicolon"
		default:
			if fault := byteFault(c); fault != "" {
				return fault
			}
		}
	}
	return ""
}

// escapeFault judges the escape at the start of s, which is inside a path.
func escapeFault(s string, encodedSlash bool) string {
	if !isEscape(s) {
		return "the target has an invalid percent escape"
	}
	switch strings.ToLower(s[1:3]) {
	case "2e":
		return "the path has an escaped dot"
	case "2f":
		if !encodedSlash {
			return "the path has an escaped slash"
		}
	case "5c":
		return "the path has an escaped backslash"
	case "00":
		return "the path has an escaped NUL"
	}
	return ""
}

// decoded is a path without its percent escapes, which are valid. A path that has none is returned as it is.
func decoded(path string) string {
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	plain := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			c, i = hexByte(path[i+1], path[i+2]), i+2
		}
		plain = append(plain, c)
	}
	return string(plain)
}

// climbs reports whether a decoded path has dot segments, or empty ones where they are not admitted: escaped slashes, where an
// API admits them, can hide both.
func climbs(path string, emptySegments bool) bool {
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && !emptySegments && i < len(segments)-1 {
			return true
		}
	}
	return false
}

func hexByte(high, low byte) byte { return hexDigit(high)<<4 | hexDigit(low) }

func hexDigit(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

func queryFault(query string) string {
	for i := 0; i < len(query); i++ {
		if query[i] == '%' {
			if !isEscape(query[i:]) {
				return "the target has an invalid percent escape"
			}
			i += 2
			continue
		}
		if fault := byteFault(query[i]); fault != "" {
			return fault
		}
	}
	return ""
}

func byteFault(c byte) string {
	switch {
	case c == '#':
		return "the target has a fragment"
	case c <= ' ' || c == 0x7f:
		return "the target has a control byte or a space"
	case c > 0x7f:
		return "the target has a byte beyond ASCII; escape it"
	}
	return ""
}

func isEscape(s string) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// pathOf is the target without its query.
func pathOf(target string) string {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		return target[:i]
	}
	return target
}

// under reports whether path is base or lies below it, by whole segments (security rule 14).
func under(path, base string) bool {
	return strings.HasPrefix(path, base) && (len(path) == len(base) || path[len(base)] == '/')
}
