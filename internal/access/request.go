package access

import (
	"net/netip"

	"countersign.dev/internal/rate"
	"countersign.dev/scheme"
)

// Request is one request as a door saw it, before any decision. A door fills the exported fields from the wire, changes
// none of the bytes, and may reuse the value for the next request after Reset. Not safe for concurrent use.
type Request struct {
	Environment string // chosen by listener or host
	Method      string // as on the wire
	Target      string // request target as on the wire, never re-encoded
	Host        string // as on the wire
	Header      map[string][]string

	ContentLength int64      // -1: not known before the end
	LengthStated  bool       // a Content-Length header, or an HTTP/2 request that ended with its headers
	Body          BodySource // nil: no body
	BodyUnseen    string     // why the door cannot hand over the body that the request has or may have; empty: it can

	Address    netip.Addr // the client's, derived by the door; invalid: unknown, which is refused
	Derivation Derivation // how Address was found; nil: not told

	ClientKey string // SHA-256 of the SubjectPublicKeyInfo of a client certificate that was verified for this connection, 64 lower-case hex digits; empty: none

	Framing      string // what the door found wrong with the bytes on the wire, in words for the caller; empty: nothing
	Upgrade      bool   // CONNECT, an Upgrade header or an h2c preface
	HostMismatch bool   // none, or Host beside a different :authority

	early     early
	signed    scheme.Request
	presented scheme.Presented
	digest    [32]byte
	scratch   [160]byte
	buckets   [rate.Max]rate.Bucket
}

// Reset makes r ready for another request; nothing of the former one remains.
func (r *Request) Reset() { *r = Request{} }

// Derivation tells how a client's address was found. It is asked only when the address is refused.
type Derivation interface{ Explain() string }

// BodySource hands the body over when the pipeline asks for it, and not before: until then no 100 Continue is sent.
type BodySource interface {
	// ReadBody returns the whole body, which the caller may keep until the request is done, and Allowed; or nothing and
	// the reason (BodyTooLarge over limit bytes, BodyTimeout, MalformedBody if it broke off, Overloaded, ClientGone).
	ReadBody(limit int64) ([]byte, Reason)
}

func (r *Request) readBody(limit int64) ([]byte, Reason) {
	if r.Body == nil {
		return nil, Allowed
	}
	return r.Body.ReadBody(limit)
}
