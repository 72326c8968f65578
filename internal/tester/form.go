package tester

import (
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"countersign.dev/internal/edge/clientip"
	"countersign.dev/scheme"
)

// Bounds of what a form may hold, in bytes but for the number of header lines. They keep what is built within what every
// gateway of ours reads.
const (
	MaxTarget  = 4 << 10
	MaxHeaders = 8 << 10
	MaxLines   = 40
	MaxBody    = 64 << 10
	MaxToken   = 4 << 10
)

// Words of Form.Body.
const (
	// BodyText sends what was typed in UTF-8, with a line feed for each line end; the zero value means the same.
	BodyText = "text"
	// BodyCRLF sends a carriage return and a line feed for each line end.
	BodyCRLF = "crlf"
	// BodyBase64 sends what the typed base64 stands for.
	BodyBase64 = "base64"
)

// Names of the fields, for Problem.Field and for the pages.
const (
	FieldEnvironment = "environment"
	FieldAPI         = "api"
	FieldKeyID       = "key_id"
	FieldMethod      = "method"
	FieldTarget      = "target"
	FieldHeaders     = "headers"
	FieldBody        = "body"
	FieldValues      = "values"
	FieldToken       = "token"
	FieldSignature   = "signature"
)

// Form is what somebody typed. All of it is untrusted but KeyID, which must be one of the partner's own in this environment:
// the caller of Build has looked.
type Form struct {
	API, KeyID string
	Method     string
	// Target is path and query as they go on the wire: nothing is encoded or decoded.
	Target string
	// Headers is one "Name: value" a line.
	Headers string
	// Body, and how it is read: BodyText, BodyCRLF or BodyBase64.
	Body, BodyForm string
	// Values are those that the profile asks of its user beside the request, such as a region, one "name: value" a line.
	Values string
	// Token is the access token, for an API that takes some.
	Token string
}

// Claims are what the server adds to a form: the time of signing and, for profiles with one, a nonce. A form that comes back
// brings the same ones again.
type Claims struct {
	At    time.Time
	Nonce string
}

// Problem is what is wrong with one field, and what to do.
type Problem struct{ Field, Text string }

// Problems is the error of a form that cannot be built. Never empty.
type Problems []Problem

// Error is the problems in one line.
func (p Problems) Error() string {
	var out []string
	for _, one := range p {
		out = append(out, one.Field+": "+one.Text)
	}
	return strings.Join(out, "; ")
}

// For is the text for one field; empty: nothing is wrong with it.
func (p Problems) For(field string) string {
	for _, one := range p {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

func (p *Problems) add(field, format string, args ...any) {
	*p = append(*p, Problem{field, fmt.Sprintf(format, args...)})
}

// line is one header as it was typed.
type line struct{ name, value string }

func isMethod(m string) bool {
	return m != "" && len(m) <= 20 && strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && m != "CONNECT" && m != "TRACE" && m != "PRI"
}

// targetFault says why a target cannot stand in a request line. What a gateway refuses for other reasons, such as dot segments,
// goes out: the answer says why.
func targetFault(t string) string {
	switch {
	case t == "":
		return "Type the path and the query, such as /api/v1/cards?page=2."
	case t[0] != '/':
		return "The target begins with a slash: only the path and the query, without the host."
	case len(t) > MaxTarget:
		return fmt.Sprintf("The target has more than %d bytes.", MaxTarget)
	}
	for i := range len(t) {
		switch c := t[i]; {
		case c == '#':
			return fmt.Sprintf("Byte %d is #, which begins a fragment and is never sent; write %%23 for one that belongs to the "+
				"target.", i)
		case c <= ' ' || c >= 0x7f:
			return fmt.Sprintf("Byte %d must be percent-encoded: a target has no spaces, no control bytes and nothing beyond "+
				"ASCII.", i)
		}
	}
	return ""
}

// readHeaders takes lines apart and refuses all that is not a plain header of the visitor's own.
func readHeaders(text string) (lines []line, fault string) {
	if len(text) > MaxHeaders {
		return nil, fmt.Sprintf("The headers have more than %d bytes.", MaxHeaders)
	}
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSuffix(raw, "\r")
		if strings.Trim(raw, " \t") == "" {
			continue
		}
		name, value, ok := strings.Cut(raw, ":")
		if !ok {
			return nil, fmt.Sprintf("Line %d is no header: write Name: value.", i+1)
		}
		value = strings.Trim(value, " \t")
		if fault := headerFault(name, value); fault != "" {
			return nil, fmt.Sprintf("Line %d: %s", i+1, fault)
		}
		if lines = append(lines, line{name, value}); len(lines) > MaxLines {
			return nil, fmt.Sprintf("There are more than %d headers.", MaxLines)
		}
	}
	return lines, ""
}

func headerFault(name, value string) string {
	if name == "" || len(name) > 100 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "a header's name is letters, digits and hyphens, with the colon right behind it."
	}
	if i := strings.IndexFunc(value, func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
		return "the value has a character other than visible ASCII and spaces."
	}
	key := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case reserved[key] || strings.HasPrefix(key, "Proxy-"):
		return name + " is about the connection or the length of the body, and is set by the tester."
	case clientip.IsForwardingHeader(key):
		return name + " claims an address, a host or a path of another request; the tester sends your own address as the " +
			"connection's."
	case strings.HasPrefix(key, "Countersign-"):
		return name + " is what the gateway says to the API, not what a caller says."
	}
	return ""
}

// reserved are the headers that frame a message or concern one connection (RFC 9110 §7.6.1, RFC 9112 §6). Never written.
var reserved = map[string]bool{"Host": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true, "Te": true,
	"Trailer": true, "Upgrade": true,
	"Expect": true, "Keep-Alive": true, "Http2-Settings": true, "Via": true}

// request is the request without the headers of the profile. Problems are added to p.
func (f *Form) request(w *World, p *Problems) (*scheme.Request, []line) {
	proto, host, ok := w.place()
	if !ok {
		p.add(FieldEnvironment, "The address of this environment is not configured, so that nothing can be sent to it. Ask the "+
			"people who run the API.")
	}
	if !isMethod(f.Method) {
		p.add(FieldMethod, "A method is up to 20 upper-case letters, and none of CONNECT, TRACE and PRI.")
	}
	if fault := targetFault(f.Target); fault != "" {
		p.add(FieldTarget, "%s", fault)
	}
	lines, fault := readHeaders(f.Headers)
	if fault != "" {
		p.add(FieldHeaders, "%s", fault)
	}
	body, fault := readBody(f.Body, f.BodyForm)
	if fault != "" {
		p.add(FieldBody, "%s", fault)
	}
	values, fault := readValues(f.Values)
	if fault != "" {
		p.add(FieldValues, "%s", fault)
	}
	r := &scheme.Request{Method: f.Method, Target: f.Target, Scheme: proto, Host: host, Header: map[string][]string{}, Body: body,
		Vars: values}
	for _, l := range lines {
		key := textproto.CanonicalMIMEHeaderKey(l.name)
		r.Header[key] = append(r.Header[key], l.value)
	}
	return r, lines
}
