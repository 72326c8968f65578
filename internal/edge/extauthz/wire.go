package extauthz

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxFields is how many headers a check request may have. Envoy's own default bound is 100.
const maxFields = 512

// message is a check request as it came: views into its bytes, read field by field and not judged yet.
type message struct {
	address  []byte // attributes.source.address.socket_address.address
	socket   bool   // there is a socket address
	peerCert []byte // attributes.source.certificate: PEM, escaped like a part of a URL

	http                         bool // attributes.request.http is there
	method, path, host, protocol []byte
	query, fragment              []byte // always empty, says the protocol
	size                         int64

	raw       bool // header_map is there: encode_raw_headers
	mended    bool // headers is there: joined and sanitized by the proxy
	fields    []field
	textBody  []byte // body
	bytesBody []byte // raw_body
}

// field is one header. Its value is what raw_value, value or the map holds.
type field struct {
	name, value      []byte
	known            string // the name in canonical form, if it is remembered
	hasValue, hasRaw bool
}

// pseudo reports whether it is none of the caller's headers, but says something of its request.
func (f *field) pseudo() bool { return f.name[0] == ':' }

func (m *message) reset() {
	clear(m.fields)
	*m = message{fields: m.fields[:0]}
}

// Faults of a check request. They are told to the proxy's caller, so that they name no text of anybody.
const (
	faultWire    = "the check request is not one: its bytes are no message of the protocol"
	faultTwice   = "the check request says one thing twice"
	faultFields  = "the check request has too many headers"
	faultNoHTTP  = "the check request describes no HTTP request"
	faultHeaders = "the check request has headers in two forms, or in none"
)

// parse reads a CheckRequest. It returns a fault in words, or the empty string. Fields that it does not know are passed over,
// as the wire format asks for, but they must be readable; one that it knows must have its type and come once.
func (m *message) parse(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		if f.number != 1 { // attributes
			return ""
		}
		if seen.again(1) {
			return faultTwice
		}
		return f.nested(m.parseAttributes)
	})
}

func (m *message) parseAttributes(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		switch f.number {
		case 1, 4: // source, request
			if seen.again(f.number) {
				return faultTwice
			}
			if f.number == 1 {
				return f.nested(m.parseSource)
			}
			return f.nested(m.parseRequest)
		}
		return ""
	})
}

// parseSource reads AttributeContext.Peer.
func (m *message) parseSource(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		switch f.number {
		case 1, 5: // address, certificate
			if seen.again(f.number) {
				return faultTwice
			}
			if f.number == 1 {
				return f.nested(m.parseAddress)
			}
			return f.text(&m.peerCert)
		}
		return ""
	})
}

// parseAddress reads config.core.v3.Address. A pipe or an internal listener is an address without a socket: unknown.
func (m *message) parseAddress(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		switch f.number {
		case 1, 2, 3: // socket_address, pipe, envoy_internal_address: one of them
			if seen.again(1) {
				return faultTwice
			}
			if f.number == 1 {
				m.socket = true
				return f.nested(m.parseSocket)
			}
		}
		return ""
	})
}

func (m *message) parseSocket(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		if f.number != 2 { // address
			return ""
		}
		if seen.again(2) {
			return faultTwice
		}
		return f.text(&m.address)
	})
}

func (m *message) parseRequest(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		if f.number != 2 { // http; 1 is the proxy's time, which decides nothing
			return ""
		}
		if seen.again(2) {
			return faultTwice
		}
		m.http = true
		return f.nested(m.parseHTTP)
	})
}

// parseHTTP reads AttributeContext.HttpRequest.
func (m *message) parseHTTP(b []byte) string {
	var seen bits
	return each(b, func(f wireField) string {
		if f.number <= 13 && f.number != 3 && seen.again(f.number) { // headers is a map, and so repeated
			return faultTwice
		}
		switch f.number {
		case 2:
			return f.text(&m.method)
		case 3:
			m.mended = true
			return m.parseField(f, false)
		case 4:
			return f.text(&m.path)
		case 5:
			return f.text(&m.host)
		case 7:
			return f.text(&m.query)
		case 8:
			return f.text(&m.fragment)
		case 9:
			return f.integer(&m.size)
		case 10:
			return f.text(&m.protocol)
		case 11:
			return f.text(&m.textBody)
		case 12:
			return f.bytes(&m.bytesBody)
		case 13:
			m.raw = true
			return f.nested(m.parseHeaderMap)
		}
		return ""
	})
}

func (m *message) parseHeaderMap(b []byte) string {
	return each(b, func(f wireField) string {
		if f.number != 1 { // headers
			return ""
		}
		return m.parseField(f, true)
	})
}

// parseField reads one header: HeaderValue (key, value, raw_value), or an entry of the map (key, value).
func (m *message) parseField(f wireField, raw bool) string {
	if len(m.fields) == maxFields {
		return faultFields
	}
	var h field
	fault := f.nested(func(b []byte) string {
		var seen bits
		return each(b, func(f wireField) string {
			if f.number > 3 || f.number == 3 && !raw {
				return ""
			}
			if seen.again(f.number) {
				return faultTwice
			}
			switch f.number {
			case 1:
				return f.text(&h.name)
			case 2:
				h.hasValue = true
				return f.text(&h.value)
			}
			h.hasRaw = true
			return f.bytes(&h.value)
		})
	})
	switch {
	case fault != "":
		return fault
	case h.hasValue && h.hasRaw:
		return faultTwice // only one of them may be set, says the protocol
	case len(h.name) == 0:
		return faultWire
	}
	m.fields = append(m.fields, h)
	return ""
}

// bits remembers which of the first 63 fields were seen.
type bits uint64

func (b *bits) again(number protowire.Number) bool {
	if number < 1 || number > 63 {
		return false
	}
	bit := bits(1) << number
	was := *b&bit != 0
	*b |= bit
	return was
}

// wireField is one field of a message: its number, its type and what stands behind the tag.
type wireField struct {
	number protowire.Number
	kind   protowire.Type
	value  []byte // of bytes: without the length
	varint uint64
}

// each calls f for the fields of a message, in their order, until one has a fault.
func each(b []byte, f func(wireField) string) string {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return faultWire
		}
		b = b[n:]
		w := wireField{number: number, kind: kind}
		switch kind {
		case protowire.BytesType:
			w.value, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			w.varint, n = protowire.ConsumeVarint(b)
		case protowire.StartGroupType, protowire.EndGroupType:
			return faultWire // the protocol has no groups, and they nest
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return faultWire
		}
		b = b[n:]
		if fault := f(w); fault != "" {
			return fault
		}
	}
	return ""
}

func (f wireField) nested(parse func([]byte) string) string {
	if f.kind != protowire.BytesType {
		return faultWire
	}
	return parse(f.value)
}

func (f wireField) bytes(out *[]byte) string {
	if f.kind != protowire.BytesType {
		return faultWire
	}
	*out = f.value
	return ""
}

// text is bytes that must be UTF-8, as the protocol's strings are.
func (f wireField) text(out *[]byte) string {
	if f.kind != protowire.BytesType || !utf8.Valid(f.value) {
		return faultWire
	}
	*out = f.value
	return ""
}

func (f wireField) integer(out *int64) string {
	if f.kind != protowire.VarintType {
		return faultWire
	}
	*out = int64(f.varint)
	return ""
}
