package problem

import "strings"

// Format is how the token family's answers are written.
type Format uint8

const (
	// JSON is application/json.
	JSON Format = iota
	// XML is application/xml.
	XML
)

// String is "json" or "xml".
func (f Format) String() string {
	if f == XML {
		return "xml"
	}
	return "json"
}

// Bounds of what is read of an Accept header; what lies beyond is as if it were not there.
const (
	maxAcceptBytes  = 4096
	maxAcceptRanges = 64
)

// Negotiate chooses the format of an answer of the token family from the values of the request's Accept and Content-Type
// headers, as http.Header holds them; nil means absent. JSON named in Accept wins, then XML; an Accept that is absent or
// holds only wildcards, html or images leaves it to Content-Type; otherwise XML. Parameters are ignored, but for q=0,
// which counts as not naming the type; case does not matter. It never fails: no Accept is answered with 406.
func Negotiate(accept, contentType []string) Format {
	var named ranges
	named.read(accept)
	switch {
	case named.json:
		return JSON
	case named.xml:
		return XML
	case !named.other && len(contentType) > 0 && MediaType(contentType[0]) == TypeJSON:
		return JSON
	}
	return XML
}

// MediaType is the type and subtype of a Content-Type or of one range of an Accept: lower case, without parameters and
// surrounding white space. It need not be well-formed.
func MediaType(value string) string {
	if len(value) > maxAcceptBytes {
		return ""
	}
	base, _, _ := strings.Cut(value, ";")
	return strings.ToLower(strings.Trim(base, " \t"))
}

// IsXML reports whether mediaType, as MediaType gives it, is one of the two names of XML.
func IsXML(mediaType string) bool { return mediaType == TypeXML || mediaType == "text/xml" }

// ranges is what an Accept header names.
type ranges struct{ json, xml, other bool }

func (n *ranges) read(accept []string) {
	bytes, count := 0, 0
	for _, value := range accept {
		for value != "" {
			var one string
			one, value = cutRange(value)
			if bytes, count = bytes+len(one)+1, count+1; bytes > maxAcceptBytes || count > maxAcceptRanges {
				return
			}
			n.add(one)
		}
	}
}

func (n *ranges) add(one string) {
	name := MediaType(one)
	switch {
	case name == "" || refused(one):
	case name == TypeJSON:
		n.json = true
	case IsXML(name):
		n.xml = true
	case isVague(name):
	default:
		n.other = true
	}
}

// isVague reports whether name says nothing about the format of an API's answer: Java's default Accept is
// "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2".
func isVague(name string) bool {
	return name == "*" || strings.HasSuffix(name, "/*") || strings.HasPrefix(name, "image/") ||
		name == "text/html" || name == "application/xhtml+xml"
}

// cutRange splits an Accept value at the first comma outside a quoted string.
func cutRange(value string) (one, rest string) {
	if i := indexUnquoted(value, ','); i >= 0 {
		return value[:i], value[i+1:]
	}
	return value, ""
}

// refused reports whether a range carries q=0.
func refused(one string) bool {
	for {
		i := indexUnquoted(one, ';')
		if i < 0 {
			return false
		}
		one = one[i+1:]
		end := indexUnquoted(one, ';')
		if end < 0 {
			end = len(one)
		}
		name, q, _ := strings.Cut(one[:end], "=")
		if strings.EqualFold(strings.Trim(name, " \t"), "q") {
			return isZero(strings.Trim(q, " \t"))
		}
	}
}

// isZero reports whether q is the weight 0, 0. or 0.000 (RFC 9110 §12.4.2).
func isZero(q string) bool {
	return q == "0" || strings.HasPrefix(q, "0.") && strings.Trim(q[2:], "0") == ""
}

// indexUnquoted is where c first stands outside a quoted string (RFC 9110 §5.6.4), or -1.
func indexUnquoted(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}
