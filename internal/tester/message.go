package tester

import (
	"fmt"
	"net/textproto"
	"strconv"
	"strings"

	"countersign.dev/scheme"
)

// MaxSignature bounds the text of a signature, in bytes.
const MaxSignature = 768

// Message is one request as it goes on the wire, whole. Immutable.
type Message struct {
	// Environment is where it may go, and nowhere else.
	Environment string
	Method      string
	// Head is the request line and the headers with the empty line behind them; Body is what follows.
	Head, Body []byte
}

// Bytes is the whole of it. The slice is the caller's.
func (m *Message) Bytes() []byte { return append(append([]byte(nil), m.Head...), m.Body...) }

// Message puts a signature in its place and writes the request. The signature is a text from outside; for an API with access
// tokens it must be empty. Its error is Problems for a signature that cannot stand on the wire, and for a call that cannot be
// signed here.
func (c *Call) Message(signature string) (*Message, error) {
	switch {
	case c.Beyond != nil:
		return nil, Problems{{FieldSignature, c.Beyond.Error()}}
	case c.marker == "" && signature != "":
		return nil, Problems{{FieldSignature, "Calls to this API carry no signature."}}
	case c.marker != "" && signature == "":
		return nil, Problems{{FieldSignature, "The signature is missing: make it in the page, or paste the one that the command " +
			"below prints."}}
	case len(signature) > MaxSignature || !isVisible(signature):
		return nil, Problems{{FieldSignature, fmt.Sprintf("A signature is visible ASCII without spaces, of at most %d bytes.",
			MaxSignature)}}
	}
	r, err := c.complete(signature)
	if err != nil {
		return nil, err
	}
	if fault := targetFault(r.Target); fault != "" {
		return nil, Problems{{FieldSignature, "With it the target is none: " + fault}}
	}
	head, err := c.head(r, c.filled(signature))
	if err != nil {
		return nil, err
	}
	return &Message{Environment: c.world.Environment, Method: r.Method, Head: head, Body: r.Body}, nil
}

// head writes the request line and the headers: the host, those that were typed as they were typed, those of the profile, and
// what frames the message.
func (c *Call) head(r *scheme.Request, fields []scheme.Field) ([]byte, error) {
	var b strings.Builder
	write := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	b.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\n")
	write("Host", r.Host)
	set := map[string]bool{}
	for _, f := range fields {
		if f.In == scheme.InHeader {
			set[textproto.CanonicalMIMEHeaderKey(f.Name)] = true
		}
	}
	for _, l := range c.lines {
		if set[textproto.CanonicalMIMEHeaderKey(l.name)] {
			return nil, Problems{{FieldHeaders, l.name + " is set by the tester, as the profile says: leave it out."}}
		}
		write(l.name, l.value)
	}
	for _, f := range fields {
		if f.In != scheme.InHeader {
			continue
		}
		if strings.ContainsFunc(f.Value, func(c rune) bool { return c < ' ' || c > '~' }) || headerFault(f.Name, "") != "" {
			return nil, fmt.Errorf("tester: the profile of %s sets %.40q to what is no value of a header", c.API.Name, f.Name)
		}
		write(f.Name, f.Value)
	}
	if r.Body != nil || r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH" {
		write("Content-Length", strconv.Itoa(len(r.Body)))
	}
	write("Connection", "close")
	b.WriteString("\r\n")
	return []byte(b.String()), nil
}
