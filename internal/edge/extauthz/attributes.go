package extauthz

import (
	"bytes"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"countersign.dev/internal/edge/door"
)

// check is one check request on its way to an answer. It is taken from a pool and goes back when the answer is written.
type check struct {
	message message
	request door.Request
	header  http.Header
	values  []string
	remove  []string
	partial string // what the proxy says of the body: "true", "false"; empty: nothing

	spellings map[string]string // names in lower case, and in canonical form: the first ones that came
}

// Bounds of what is remembered of names, whoever chose them.
const (
	maxSpellings = 64
	maxSpelling  = 64
)

func newCheck() *check {
	return &check{header: make(http.Header, 24), spellings: make(map[string]string, maxSpellings)}
}

func (c *check) reset() {
	c.message.reset()
	clear(c.header)
	clear(c.values)
	clear(c.remove)
	c.values, c.remove, c.partial, c.request = c.values[:0], c.remove[:0], "", door.Request{}
}

// protocols are what the proxy may call one (Envoy: headers.h, ProtocolStrings), and what the record calls it.
var protocols = map[string]string{"HTTP/1.0": "HTTP/1.0", "HTTP/1.1": "HTTP/1.1", "HTTP/2": "HTTP/2.0", "HTTP/3": "HTTP/3.0"}

// translate fills c.request from c.message. It returns a fault in words, or the empty string. Where there is a fault, c.request
// has what is known so far.
func (k *Checker) translate(c *check) string {
	m, q := &c.message, &c.request
	if !m.http {
		return faultNoHTTP
	}
	q.Header, q.ContentLength, q.CanAnswer = c.header, -1, true
	text := c.texts()
	if m.socket {
		q.Peer, _ = netip.ParseAddr(string(m.address)) // what is none is unknown, which is refused as such
		q.Peer = q.Peer.Unmap()
	}
	if protocol := protocols[string(m.protocol)]; protocol != "" {
		q.Protocol = protocol
	} else if len(m.protocol) > 0 {
		return faultWire
	}
	if len(m.query) > 0 || len(m.fragment) > 0 {
		return faultDifferent // always empty, says the protocol: the target has them
	}
	if m.raw == m.mended {
		return faultHeaders
	}
	if fault := k.fill(c, text); fault != "" {
		return fault
	}
	if !m.raw && strings.Contains(q.Target, "!") {
		return faultTarget
	}
	q.Upgrade = q.Upgrade || q.Method == http.MethodConnect || c.header["Upgrade"] != nil
	if k.cfg.ClientCertificates {
		q.ClientKey = k.keys.of(m.peerCert, k.cfg.Now())
	}
	return k.body(c)
}

// texts copies what is needed of the message's text into one string, in the order of cut: method, path, host, and name and value
// of each header; of pseudo headers and those whose names are remembered, the value. One allocation serves for all of them; the message itself is given back when the answer is written.
func (c *check) texts() string {
	m := &c.message
	size := len(m.method) + len(m.path) + len(m.host)
	for i := range m.fields {
		f := &m.fields[i]
		if f.known = c.spellings[string(f.name)]; f.known == "" && !f.pseudo() {
			size += len(f.name)
		}
		size += len(f.value)
	}
	var b strings.Builder
	b.Grow(size)
	b.Write(m.method)
	b.Write(m.path)
	b.Write(m.host)
	for i := range m.fields {
		f := &m.fields[i]
		if f.known == "" && !f.pseudo() {
			canonical(&b, f.name)
		}
		b.Write(f.value)
	}
	text := b.String()
	q := &c.request
	q.Method, text = cut(text, len(m.method))
	q.Target, text = cut(text, len(m.path))
	q.Host, text = cut(text, len(m.host))
	return text
}

func cut(text string, n int) (head, tail string) { return text[:n], text[n:] }

// canonical writes a name as net/http spells it. One that is no token stays as it is: the pipeline refuses it by its bytes.
func canonical(b *strings.Builder, name []byte) {
	if bytes.ContainsFunc(name, func(r rune) bool { return r > '~' || !isToken(byte(r)) }) {
		b.Write(name)
		return
	}
	upper := true
	for _, c := range name {
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b.WriteByte(c)
		upper = c == '-'
	}
}

// isToken: RFC 9110 §5.6.2.
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// fill builds the header from the message's fields. text has their names and values, one after the other.
func (k *Checker) fill(c *check, text string) string {
	m := &c.message
	var seen struct{ method, path, authority, partial bool }
	if cap(c.values) < len(m.fields) {
		c.values = make([]string, 0, len(m.fields))
	}
	for i := range m.fields {
		f := &m.fields[i]
		if m.raw && f.hasValue { // only key and raw_value are set there, says the protocol
			return faultHeaders
		}
		name, value := f.known, ""
		if name == "" && !f.pseudo() {
			name, text = cut(text, len(f.name))
		}
		value, text = cut(text, len(f.value))
		var fault string
		switch string(f.name) {
		case ":method":
			fault = again(&seen.method, value == c.request.Method)
		case ":path":
			fault = again(&seen.path, value == c.request.Target)
		case ":authority":
			fault = again(&seen.authority, value == c.request.Host)
		case "x-envoy-auth-partial-body": // the filter drops a caller's own
			if fault = again(&seen.partial, true); value == "" {
				return faultWire
			}
			c.partial = value
		default:
			fault = k.add(c, f, name, value)
		}
		if fault != "" {
			return fault
		}
	}
	if !seen.method || !seen.path || !seen.authority {
		return faultHidden
	}
	return ""
}

// again is for what may come once, and must say what was said elsewhere.
func again(seen *bool, same bool) string {
	switch {
	case *seen:
		return faultTwice
	case !same:
		return faultDifferent
	}
	*seen = true
	return ""
}

// add puts one field of the caller's into the header.
func (k *Checker) add(c *check, f *field, name, value string) string {
	switch {
	case f.pseudo(): // :scheme, :protocol and what may come: not the caller's headers
		if string(f.name) == ":protocol" {
			c.request.Upgrade = true // RFC 8441
		}
		return ""
	case f.known == "" && bytes.ContainsFunc(f.name, func(r rune) bool { return 'A' <= r && r <= 'Z' }):
		return faultName
	case c.message.mended && k.covered[name] && mended(value):
		return faultMended
	}
	if former, has := c.header[name]; has {
		if c.message.mended {
			return faultTwice // a map has a key once
		}
		c.header[name] = append(former, value)
		return ""
	}
	c.values = append(c.values, value)
	n := len(c.values)
	c.header[name] = c.values[n-1 : n : n]
	if f.known == "" && len(c.spellings) < maxSpellings && len(name) <= maxSpelling {
		c.spellings[string(f.name)] = strings.Clone(name) // which is part of all that this check says
	}
	return ""
}

// body says what is known of the request's body, and never more.
func (k *Checker) body(c *check) string {
	m, q := &c.message, &c.request
	if fault := c.length(); fault != "" {
		return fault
	}
	if len(m.textBody) > 0 && len(m.bytesBody) > 0 {
		return faultTwice
	}
	body, same := m.bytesBody, true
	if len(m.textBody) > 0 {
		body, same = m.textBody, bytes.IndexByte(m.textBody, '!') < 0 // a byte that was not UTF-8 would stand there as one
	}
	switch c.partial {
	case "false":
		q.State, q.Body = door.BodyWhole, body
		if !same || m.size > 0 && m.size != int64(len(body)) {
			q.State, q.Body = door.BodyUnseen, nil
		}
	case "true":
		q.State = door.BodyUnseen
	case "":
		q.State = k.bodyless(c, len(body) > 0)
	default:
		return faultWire
	}
	return ""
}

// bodyless is what is known of a body of which the filter says nothing: it has buffered none.
func (k *Checker) bodyless(c *check, some bool) door.BodyState {
	q := &c.request
	_, coded := c.header["Transfer-Encoding"]
	switch {
	case some || coded || q.ContentLength > 0 || c.message.size > 0:
		return door.BodyUnseen
	case k.cfg.Buffered, q.LengthStated:
		return door.BodyNone
	}
	return door.BodyUnknown // Envoy takes Transfer-Encoding away before it asks, and over HTTP/2 a body needs no announcement
}

// length reads the caller's Content-Length: none or one, in digits.
func (c *check) length() string {
	values := c.header["Content-Length"]
	if len(values) == 0 {
		return ""
	}
	n, err := strconv.ParseUint(values[0], 10, 62)
	if len(values) > 1 || err != nil || values[0][0] == '+' {
		c.request.Framing = "bad_length"
		return ""
	}
	c.request.ContentLength, c.request.LengthStated = int64(n), true
	return ""
}
