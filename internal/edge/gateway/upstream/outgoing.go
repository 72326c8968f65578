package upstream

import (
	"net/http"
	"strconv"
)

// appendHead appends the request line and head of r to out. It refuses, before
// anything can be sent, what an upstream could read in another way than the
// caller meant.
func appendHead(out []byte, r *Request, host string) ([]byte, error) {
	if err := r.check(); err != nil {
		return out, err
	}
	if r.Host != "" {
		host = r.Host
	}
	out = append(out, r.Method...)
	out = append(out, ' ')
	out = append(out, r.Target...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, host...)
	out = append(out, '\r', '\n')
	if len(r.Body) > 0 || r.HasLength {
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, int64(len(r.Body)), 10)
		out = append(out, '\r', '\n')
	}
	for name, values := range r.Header {
		if notForwarded(name) {
			continue
		}
		for _, value := range values {
			out = append(out, name...)
			out = append(out, ':', ' ')
			out = append(out, value...)
			out = append(out, '\r', '\n')
		}
	}
	return append(out, '\r', '\n'), nil
}

// check refuses a request that cannot be written unambiguously. Both
// implementations ask it, so that they refuse alike.
func (r *Request) check() error {
	switch {
	case !validName(r.Method):
		return fail(ErrInvalidRequest, "method", nil)
	case r.Method == http.MethodConnect:
		return fail(ErrInvalidRequest, "CONNECT", nil)
	case r.Target == "*" && r.Method != http.MethodOptions:
		return fail(ErrInvalidRequest, "asterisk target", nil)
	case r.Target == "" || r.Target[0] != '/' && r.Target != "*":
		return fail(ErrInvalidRequest, "target is not origin-form", nil)
	case !all(r.Target, isTarget):
		return fail(ErrInvalidRequest, "byte in target", nil)
	case r.Host != "" && !validHost(r.Host):
		return fail(ErrInvalidRequest, "host", nil)
	}
	return checkFields(r.Header)
}

func checkFields(h http.Header) error {
	for name, values := range h {
		if !validName(name) {
			return fail(ErrInvalidRequest, "header name", nil)
		}
		for _, value := range values {
			if !all(value, isValue) {
				return fail(ErrInvalidRequest, "byte in header value", nil)
			}
		}
	}
	return nil
}

// safe reports whether a method may be sent again after its connection failed
// (RFC 9110 §9.2.1). PUT and DELETE are idempotent by the standard, but nothing
// holds an upstream to it.
func safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
