package upstream

import (
	"net/http"
	"strconv"

	"countersign.dev/internal/edge/gateway/fields"
)

// appendHead appends the request line and head of r to out. It refuses what an
// upstream could read in another way than the caller meant; out is of no use
// then and must not be sent.
func appendHead(out []byte, r *Request, host string) ([]byte, error) {
	if err := r.checkLine(); err != nil {
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
	out, err := appendFields(out, r.Header)
	return append(out, '\r', '\n'), err
}

// appendFields checks and writes in one walk. Fields that are not forwarded
// are checked, too, so that both implementations refuse alike.
func appendFields(out []byte, h fields.List) ([]byte, error) {
	for i := range h {
		f := &h[i]
		if err := check(f); err != nil {
			return out, err
		}
		if notForwarded(f.Name) {
			continue
		}
		out = append(out, f.Name...)
		out = append(out, ':', ' ')
		out = append(out, f.Value...)
		out = append(out, '\r', '\n')
	}
	return out, nil
}

// check refuses a field that cannot be written as one line.
func check(f *fields.Field) error {
	switch {
	case !validName(f.Name):
		return errFieldName
	case !all(f.Value, isValue):
		return errFieldValue
	}
	return nil
}

// checkLine refuses a request whose method, target or host cannot be written
// unambiguously. Both implementations ask it, so that they refuse alike.
func (r *Request) checkLine() error {
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
	return nil
}

var (
	errFieldName  = fail(ErrInvalidRequest, "header name", nil)
	errFieldValue = fail(ErrInvalidRequest, "byte in header value", nil)
)

// checkFields refuses what appendFields does.
func checkFields(h fields.List) error {
	for i := range h {
		if err := check(&h[i]); err != nil {
			return err
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
