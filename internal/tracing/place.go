// Package tracing is a request's place in a distributed trace: what a caller says of it (W3C Trace Context, traceparent), what
// this server makes of it, and what it tells an upstream. It owns the strict reading and the writing of that one header; spans
// and their way to a receiver are internal/tracing/otlp's.
//
// It refuses nothing: a traceparent that cannot be read is dropped, and a trace of our own begins. It takes from a caller which
// trace its request belongs to and nothing else: whether a span is kept is decided here, so that nobody outside can make a server
// send spans, and only a caller that has proved who it is can put a span into a trace of its choice.
package tracing

import (
	"encoding/hex"
	"net/http"
)

// The headers of W3C Trace Context Level 1 (§3.2, §3.3), as canonical keys.
const (
	Header      = "Traceparent"
	StateHeader = "Tracestate"
)

// Place is where one hop of one request stands in a trace. The zero Place is none. It is a value: copies are independent.
type Place struct {
	Trace   [16]byte // zero: there is no place
	Span    [8]byte  // of this server's own span
	Parent  [8]byte  // the caller's span; zero: the trace begins here
	Sampled bool     // the span is kept; as read from a caller: that it keeps its own
}

// IsValid reports whether there is a place.
func (p Place) IsValid() bool { return p.Trace != [16]byte{} && p.Span != [8]byte{} }

// textLength is that of a traceparent of version 00: version, trace, span and flags in lower-case hex, with dashes between them.
const textLength = 2 + 1 + 32 + 1 + 16 + 1 + 2

// Parse reads the text of a traceparent (W3C Trace Context §3.2): Trace and Sampled as it says, Parent the span that it names, no
// Span. It is strict: lower-case hex, no zero ids, the exact length of version 00; a later version may have more behind a dash,
// and of it the parts of version 00 are taken (§4.3). false: it says nothing that can be used, and the Place is zero.
func Parse(text string) (Place, bool) {
	if len(text) < textLength || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Place{}, false
	}
	var version, flags [1]byte
	var p Place
	if !unhex(version[:], text[:2]) || !unhex(p.Trace[:], text[3:35]) || !unhex(p.Parent[:], text[36:52]) || !unhex(flags[:], text[53:55]) {
		return Place{}, false
	}
	switch {
	case version[0] == 0xff, p.Trace == [16]byte{}, p.Parent == [8]byte{}:
		return Place{}, false
	case version[0] == 0 && len(text) != textLength:
		return Place{}, false
	case len(text) > textLength && text[textLength] != '-':
		return Place{}, false
	}
	p.Sampled = flags[0]&1 != 0
	return p, true
}

// Read is Parse for a header with canonical keys. Two traceparents are none: nobody could tell which one counts.
func Read(header http.Header) (Place, bool) {
	values := header[Header]
	if len(values) != 1 {
		return Place{}, false
	}
	return Parse(values[0])
}

// unhex decodes lower-case hex of exactly the right length; encoding/hex would take upper case as well.
func unhex(out []byte, text string) bool {
	for i := range out {
		high, low := digit(text[2*i]), digit(text[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		out[i] = high<<4 | low
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// String is the traceparent by which the next hop knows this one: version 00, with the flag "sampled" alone. Empty for no place.
func (p Place) String() string {
	if !p.IsValid() {
		return ""
	}
	var text [textLength]byte
	copy(text[:], "00-")
	hex.Encode(text[3:35], p.Trace[:])
	text[35] = '-'
	hex.Encode(text[36:52], p.Span[:])
	copy(text[52:], "-00")
	if p.Sampled {
		text[54] = '1'
	}
	return string(text[:])
}

// Fields is a header; http.Header is one.
type Fields interface {
	Set(name, value string)
	Del(name string)
}

// Put makes this hop the parent of the next one, in the header that goes there. A tracestate goes on only in the trace that it
// came with: where the trace begins here it is removed (§3.3). Of no place nothing is put, and what a caller sent is removed.
func (p Place) Put(out Fields) {
	if p.Parent == [8]byte{} {
		out.Del(StateHeader)
	}
	if !p.IsValid() {
		out.Del(Header)
		return
	}
	out.Set(Header, p.String())
}
