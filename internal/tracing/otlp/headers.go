package otlp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Bounds of a headers file.
const (
	MaxHeadersFile = 16 << 10 // bytes
	maxHeaders     = 16
)

// ErrHeaders is what ParseHeaders says of a text that is not a list of headers. What it is wrapped in names lines, never a value:
// that may be a token.
var ErrHeaders = errors.New("not a list of headers")

// ours are the headers that a batch has by itself; the rest of what a file must not set frames the message (RFC 9112 §6).
var ours = map[string]bool{"Content-Type": true, "Content-Encoding": true, "Content-Length": true, "Host": true, "Transfer-Encoding": true,
	"Connection": true, "Trailer": true, "Te": true, "Upgrade": true, "Expect": true, "User-Agent": true}

// ParseHeaders reads "NAME: VALUE" on each line, at most 16 of them. Empty lines are nothing; every other line is one header, each name
// comes once. An empty text is no header at all.
func ParseHeaders(text []byte) (http.Header, error) {
	if len(text) > MaxHeadersFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrHeaders, MaxHeadersFile)
	}
	out, n := http.Header{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		key := http.CanonicalHeaderKey(name)
		switch {
		case !found || !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("%w: line %d is not NAME: VALUE", ErrHeaders, n)
		case value == "" || !plainText(value):
			return nil, fmt.Errorf("%w: the value in line %d is empty or has bytes that are not printable ASCII", ErrHeaders, n)
		case ours[key]:
			return nil, fmt.Errorf("%w: line %d sets %s, which each batch has by itself", ErrHeaders, n, key)
		case out[key] != nil:
			return nil, fmt.Errorf("%w: line %d sets %s a second time", ErrHeaders, n, key)
		case len(out) == maxHeaders:
			return nil, fmt.Errorf("%w: more than %d", ErrHeaders, maxHeaders)
		}
		out[key] = []string{value}
	}
	return out, nil
}

// plainText admits printable ASCII and spaces.
func plainText(s string) bool {
	for i := range len(s) {
		if (s[i] < ' ' || s[i] > '~') && s[i] != '\t' {
			return false
		}
	}
	return true
}
