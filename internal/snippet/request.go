package snippet

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds on what a program may hold.
const (
	maxURL  = 8 << 10
	maxBody = 64 << 10
	maxHead = 32
)

// ErrRequest is wrapped by the errors about the request that the program is to send: what clients of one language send differently
// from those of another, or what cannot stand in a program.
var ErrRequest = errors.New("the request cannot stand in a program")

// Request is the request that the program sends. The zero value is refused.
type Request struct {
	// Method is in upper-case letters; HEAD and CONNECT are refused.
	Method string
	// URL is https://HOST/TARGET, or http for this machine alone. The target must be percent-encoded as it goes on the wire.
	URL string
	// Header is set besides those of the profile; one value for each. Nil: none.
	Header http.Header
	// Body is UTF-8 text of up to 64 KiB. Nil: no body.
	Body []byte
	// Defaults are values of environment variables that are used where the environment has none, in sh only: for what is no secret. Nil: none.
	Defaults map[string]string

	base, scheme, host, hostname, port, target string
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
}

// check takes the URL apart and refuses what would not arrive as it was signed.
func (r *Request) check() error {
	if err := r.checkURL(); err != nil {
		return err
	}
	if err := checkTarget(r.target); err != nil {
		return err
	}
	switch {
	case r.Method == "" || strings.Trim(r.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || len(r.Method) > 16:
		return refused("the method is upper-case letters")
	case r.Method == http.MethodHead || r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		return refused("a program that prints the answer has no use for %s", r.Method)
	case r.Method == http.MethodGet && r.Body != nil:
		return refused("clients do not agree on a GET with a body")
	case len(r.Body) > maxBody:
		return refused("the body has more than 64 KiB")
	case !utf8.Valid(r.Body) || strings.ContainsRune(string(r.Body), 0):
		return refused("the body is no UTF-8 text")
	case strings.HasPrefix(string(r.Body), "\ufeff"):
		return refused("the body begins with a byte order mark")
	case strings.ContainsRune(string(r.Body), '\r'):
		return refused("the body has carriage returns, which editors change")
	}
	return r.checkHeaders()
}

func (r *Request) checkURL() error {
	if len(r.URL) > maxURL {
		return refused("the URL has more than 8 KiB")
	}
	rest, ok := strings.CutPrefix(r.URL, "https://")
	if r.scheme = "https"; !ok {
		if rest, ok = strings.CutPrefix(r.URL, "http://"); !ok {
			return refused("the URL begins with https://")
		}
		r.scheme = "http"
	}
	i := strings.IndexAny(rest, "/?#")
	if i < 0 || rest[i] != '/' {
		return refused("the URL needs a path, such as https://api.example.com/v1/cards")
	}
	r.host, r.target = rest[:i], rest[i:]
	r.base = r.scheme + "://" + r.host
	u, err := url.Parse(r.base)
	if err != nil || u.Host != r.host || u.User != nil || strings.Trim(r.host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" || u.Hostname() == "" {
		return refused("the host is lower-case letters, digits, dots and hyphens, with a port if need be")
	}
	r.hostname, r.port = u.Hostname(), u.Port()
	local := r.hostname == "localhost" || r.hostname == "127.0.0.1" || r.hostname == "::1"
	switch def := map[string]string{"https": "443", "http": "80"}[r.scheme]; {
	case r.scheme == "http" && !local:
		return refused("http is for this machine alone: a signature does not hide what it signs")
	case r.port == def:
		return refused("leave :%s out: some clients send it in Host and some do not", def)
	case r.port == "" && strings.HasSuffix(r.host, ":"):
		return refused("the port is missing")
	case r.port == "":
		r.port = def
	}
	return nil
}

// checkTarget refuses what some clients change on the way: RFC 3986 §2 says what a URL is made of.
func checkTarget(target string) error {
	for i := range len(target) {
		c := target[i]
		switch {
		case c == '#':
			return refused("the URL has a fragment, which is never sent; write %%23 for a # that belongs to the target")
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}[]", c) >= 0:
			return refused("byte %d of the target must be percent-encoded", i)
		case c == '%' && (i+2 >= len(target) || !isHex(target[i+1]) || !isHex(target[i+2])):
			return refused("byte %d of the target is a percent sign without two hexadecimal digits", i)
		}
	}
	path, query, has := strings.Cut(target, "?")
	if has && query == "" {
		return refused("the URL ends in a bare ?, which some clients drop")
	}
	for _, segment := range strings.Split(strings.ReplaceAll(strings.ToLower(path), "%2e", "."), "/") {
		if segment == "." || segment == ".." {
			return refused("clients resolve . and .. in a path")
		}
	}
	return nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// checkHeaders refuses what a client sets itself, and values that could not be one line.
func (r *Request) checkHeaders() error {
	if len(r.Header) > maxHead {
		return refused("more than %d headers", maxHead)
	}
	for key, values := range r.Header {
		switch key {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "Accept-Encoding":
			return refused("clients set %s themselves", key)
		}
		if key == "" || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return refused("a header's name is letters, digits and hyphens")
		}
		if len(values) != 1 {
			return refused("%s comes more than once", key)
		}
		for _, c := range []byte(values[0]) {
			if c < ' ' || c > '~' {
				return refused("the value of %s has characters other than visible ASCII", key)
			}
		}
		if v := values[0]; v == "" || v != strings.TrimSpace(v) || len(v) > 4096 {
			return refused("the value of %s is empty, has white space at its ends or is too long", key)
		}
	}
	return nil
}
