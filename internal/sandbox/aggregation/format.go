package aggregation

import (
	"mime"
	"strings"
)

// Format is how an answer is written. The zero value is XML, which is also what a
// caller gets who asks for nothing.
type Format int

const (
	// XML is the first generation's format and the fallback.
	XML Format = iota
	// JSON is the second generation's format.
	JSON
)

// contentTypes holds the Content-Type of each Format.
var contentTypes = [...]string{XML: "application/xml", JSON: "application/json"}

// Negotiate chooses the format of an answer from the request's Accept and
// Content-Type header values. In this order: Accept names application/json; Accept
// names application/xml or text/xml; Accept is absent or names only wildcards, HTML
// or images, then the request's own Content-Type decides; otherwise XML. A range
// with q=0 is not named (RFC 9110 §12.4.2). It never refuses. It is pure.
//
// The token edge follows the same rule with a copy of its own, because an edge must
// not import a model.
func Negotiate(accept, contentType []string) Format {
	ranges := mediaRanges(accept)
	switch {
	case ranges["application/json"]:
		return JSON
	case ranges["application/xml"], ranges["text/xml"]:
		return XML
	case browserLike(ranges) && len(contentType) == 1 && mediaType(contentType[0]) == "application/json":
		return JSON
	}
	return XML
}

// mediaRanges is the set of media ranges that the Accept values name.
func mediaRanges(accept []string) map[string]bool {
	ranges := make(map[string]bool)
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if name := mediaType(part); name != "" && !refused(part) {
			ranges[name] = true
		}
	}
	return ranges
}

// browserLike says whether the ranges decide nothing: none, wildcards, HTML, images.
func browserLike(ranges map[string]bool) bool {
	for name := range ranges {
		html := name == "text/html" || name == "application/xhtml+xml"
		if !html && !strings.HasSuffix(name, "/*") && !strings.HasPrefix(name, "image/") && name != "*" {
			return false
		}
	}
	return true
}

// mediaType is the type and subtype in lower case, without parameters. "*" alone is
// what Java's default sends.
func mediaType(value string) string {
	name, _, _ := strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// refused is a range whose weight is zero.
func refused(value string) bool {
	_, parameters, err := mime.ParseMediaType(value)
	weight := parameters["q"]
	return err == nil && strings.HasPrefix(weight, "0") && strings.Trim(weight, "0.") == ""
}
