package door

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/passage"
)

// BodyState says what a translator knows of a request's body. The zero value knows nothing, which a signed API refuses.
type BodyState uint8

const (
	// BodyUnknown: the holder does not say whether there is a body.
	BodyUnknown BodyState = iota
	// BodyNone: the holder vouches that there is none, and that none will be forwarded.
	BodyNone
	// BodyWhole: Body, or Source, has every byte that will be forwarded.
	BodyWhole
	// BodyUnseen: there is one, and it was not handed over, or only a part of it.
	BodyUnseen
)

// Request is one request that somebody else holds, as its translator read it. A translator changes none of the bytes. The
// zero value is refused. Not safe for concurrent use.
type Request struct {
	Method   string
	Target   string // as its caller sent it, never decoded and encoded again
	Host     string
	Protocol string // "HTTP/1.1", "HTTP/2.0", for the record; empty: not known

	// Header are the caller's fields with canonical names, without what the proxy has added for this check. It may be nil.
	Header http.Header

	// Peer is the other end of the caller's connection, as the holder says it: the environment's own derivation goes on from
	// there with the forwarding header in Header. Invalid: unknown, which is refused.
	Peer netip.Addr
	// Proxy is who asks, for the record; invalid: not over a network.
	Proxy netip.Addr

	ContentLength int64 // as declared by the caller; -1: not declared, or not known
	LengthStated  bool  // the caller sent a Content-Length
	State         BodyState
	Body          []byte            // with BodyWhole, unless Source is set; a length other than ContentLength, where that is known, is refused as cut
	Source        access.BodySource // with BodyWhole: hands the body over when the pipeline asks for it; nil: Body

	ClientKey string // as access.Request.ClientKey
	Framing   string // what is wrong with the request itself, in words for its caller; empty: nothing, or it cannot be seen here
	Upgrade   bool   // it asks for something else than HTTP

	// CanAnswer: the holder passes on any answer of ours, also one with status 200: the token endpoint can be served.
	CanAnswer bool
	// FixedRemoval: the holder removes only what its own configuration lists. Requests with other fields that must not
	// arrive upstream are refused: of the identity name space, and with names that an API else only warns of.
	FixedRemoval bool
}

// unseen says why q's body cannot be judged; empty: it can.
func (q *Request) unseen() string {
	switch q.State {
	case BodyWhole:
		if q.Source == nil && q.ContentLength >= 0 && int64(len(q.Body)) != q.ContentLength {
			return "the body that reached the check is not as long as the caller declared it"
		}
		return ""
	case BodyNone:
		if q.ContentLength > 0 {
			return "the request has a body, and the proxy did not hand it over"
		}
		return ""
	case BodyUnseen:
		return "the request has a body, and the proxy did not hand it over whole"
	}
	return "the proxy does not say whether the request has a body"
}

// hostMismatch reports a request without exactly one host, as the gateway does.
func (q *Request) hostMismatch() bool {
	if !passage.IsHost(q.Host) {
		return true
	}
	for _, host := range q.Header["Host"] {
		if !strings.EqualFold(host, q.Host) {
			return true
		}
	}
	return false
}

// Budget bounds the memory that bodies take together (security rule 26). gateway.Budget is one.
type Budget interface {
	// Take takes n bytes; false: there are not so many left, and nothing was taken.
	Take(n int64) bool
	// Give gives them back.
	Give(n int64)
}

// BodyMissed says why a body that a holder hands over did not arrive whole: err is what ended its reading from r.
func BodyMissed(r *http.Request, err error) access.Reason {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return access.BodyTimeout
	case r.Context().Err() != nil:
		return access.ClientGone
	}
	return access.BodyNotSeen
}
