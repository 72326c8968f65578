// Package forwardauth is the door for nginx, HAProxy, Caddy and Traefik: it answers their question whether a request that they
// hold may pass. What each of them tells of the request is different and stands in one closed table; package door decides.
//
// It refuses to answer anybody but the configured proxies, by address, and by client certificate and secret where they are
// set: whoever may ask is believed about addresses and bodies. It refuses every question that does not say plainly which
// request it is about: a header of the contract that is missing or came twice, a target that the proxy contradicts itself
// about, a body that may be there and was not handed over whole.
//
// Attacks it answers: a caller's own X-Original-URI behind a proxy that passes it on; a signed request to which a body was
// added, or of which it was cut off; strangers that use the door to try credentials unseen.
package forwardauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"countersign.dev/internal/edge/door"
)

// Config says whom a handler answers, and how. Fields without a default must be set.
type Config struct {
	Door *door.Door // of the kind's name; what answers the token endpoint, if any, is its own
	Kind Kind

	Proxies []netip.Prefix // who may ask; empty only with Socket
	Socket  bool           // questions come over a socket, whose file says who may ask
	Secret  []byte         // that every question carries; nil: none

	WholeBody bool  // with Traefik: every body is handed over
	MaxBody   int64 // bytes of a body that is handed over; 0: 1 MiB

	Bodies      door.Budget   // how much memory bodies may take together
	BodyTimeout time.Duration // for a body to arrive; 0: 30 s
}

// Handler answers questions. Safe for concurrent use; it never changes and has nothing to close.
type Handler struct {
	cfg    Config
	how    *contract
	secret [sha256.Size]byte
}

// New checks cfg.
func New(cfg Config) (*Handler, error) {
	h := &Handler{cfg: cfg, how: contracts[cfg.Kind]}
	switch {
	case h.how == nil:
		return nil, errors.New("forward-auth: no such kind of proxy")
	case cfg.Door == nil || cfg.Bodies == nil:
		return nil, errors.New("forward-auth: a door and a body budget must be set")
	case cfg.Door.Kind() != h.how.name:
		return nil, errors.New("forward-auth: the door is of another kind")
	case len(cfg.Proxies) == 0 && !cfg.Socket:
		return nil, errors.New("forward-auth: nobody may ask: list the proxies")
	case cfg.WholeBody && h.how.body != bodyIfSet:
		return nil, errors.New("forward-auth: this kind of proxy says itself whether a body is whole")
	case cfg.Secret != nil && len(cfg.Secret) < 16:
		return nil, errors.New("forward-auth: a secret has at least 16 bytes")
	}
	if h.cfg.MaxBody == 0 {
		h.cfg.MaxBody = 1 << 20
	}
	if h.cfg.BodyTimeout == 0 {
		h.cfg.BodyTimeout = 30 * time.Second
	}
	h.secret = sha256.Sum256(cfg.Secret)
	return h, nil
}

// ServeHTTP answers one question.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := questions.Get().(*question)
	q.h, q.w, q.r = h, w, r
	defer q.done()
	if fault := q.read(); fault != nil {
		q.request.Header = nil // nothing of it is believed, also not in which format its caller would like to be told
		q.answer(h.cfg.Door.Refuse(&q.request, fault.reason, fault.detail))
		return
	}
	q.answer(h.cfg.Door.Check(r.Context(), &q.request))
}

// asks reports whether a peer may ask. Over a socket nobody has an address, and who could open it may.
func (h *Handler) asks(peer netip.Addr) bool {
	if h.cfg.Socket {
		return true
	}
	for _, p := range h.cfg.Proxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// knows compares the secret of a question, which comes exactly once, in constant time.
func (h *Handler) knows(header http.Header) bool {
	if h.cfg.Secret == nil {
		return true
	}
	values := header[HeaderSecret]
	if len(values) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(values[0]))
	return subtle.ConstantTimeCompare(sum[:], h.secret[:]) == 1
}
