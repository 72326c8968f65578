package extauthz

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// The headers of the HTTP form, in canonical form. The filter drops a caller's own of the first name.
const (
	headerPartial = "X-Envoy-Auth-Partial-Body"
	headerRemove  = "X-Envoy-Auth-Headers-To-Remove"
	headerPeer    = "X-Original-Peer" // the other end of the caller's connection; the filter puts it in the place of a caller's own
)

// ServeHTTP answers the HTTP form of the filter, in which the check request is the caller's request itself: its method, its
// target, its headers, and as much of its body as the filter has buffered. 200 lets it in; every other status is the answer to
// the caller, but for those of 500 and above, in the place of which the filter puts its own (status_on_error).
//
// The connection is the proxy's; the other end of the caller's stands in X-Original-Peer, which the filter's configuration adds, and
// the derivation goes on from there. No certificate of a caller is taken from this form.
func (k *Checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	proxy, socket := askedBy(r)
	q := door.Request{Proxy: proxy}
	switch {
	case !k.hears(proxy, socket):
		k.write(w, k.cfg.Door.Refuse(&q, access.UnknownProxy, faultProxy))
		return
	case !k.sharesSecret(r.Header[headerSecret]):
		k.write(w, k.cfg.Door.Refuse(&q, access.UnknownProxy, faultSecret))
		return
	}
	fault := k.translateHTTP(w, r, &q)
	if body, is := q.Source.(*bodyReader); is {
		defer body.release()
	}
	if fault != "" {
		k.write(w, k.cfg.Door.Refuse(&q, access.MalformedCheck, fault))
		return
	}
	k.write(w, k.cfg.Door.Check(r.Context(), &q))
}

// translateHTTP fills q from r. It returns a fault in words, or the empty string.
func (k *Checker) translateHTTP(w http.ResponseWriter, r *http.Request, q *door.Request) string {
	partial, peer := r.Header[headerPartial], r.Header[headerPeer]
	for _, own := range []string{headerPartial, headerPeer, "Content-Length"} { // of the check request, not of the caller's
		delete(r.Header, own)
	}
	if r.Header[headerSecret] != nil { // it may stand in the place of a caller's own, which must not arrive: the name stays, to be removed
		r.Header[headerSecret] = []string{""}
	}
	q.Method, q.Target, q.Host, q.Header, q.Peer, q.ContentLength = r.Method, r.RequestURI, r.Host, r.Header, peerOfHeader(peer), -1
	q.Upgrade = r.Method == http.MethodConnect || r.Header["Upgrade"] != nil
	switch {
	case len(partial) > 1:
		return faultTwice
	case !q.Peer.IsValid():
		return faultPeer
	case !k.cfg.RawHeaders && k.showsMending(r):
		return faultMended
	case !k.cfg.RawHeaders && strings.Contains(r.RequestURI, "!"):
		return faultTarget
	}
	return k.bodyHTTP(w, r, q, strings.Join(partial, ""))
}

func peerOfHeader(values []string) netip.Addr {
	if len(values) != 1 {
		return netip.Addr{}
	}
	peer, err := netip.ParseAddr(values[0])
	if err != nil || peer.Zone() != "" {
		return netip.Addr{}
	}
	return peer.Unmap()
}

func (k *Checker) showsMending(r *http.Request) bool {
	for name := range k.covered {
		if slices.ContainsFunc(r.Header[name], mended) {
			return true
		}
	}
	return false
}

// bodyHTTP says what is known of the caller's body: the length of the check request is that of what was buffered.
func (k *Checker) bodyHTTP(w http.ResponseWriter, r *http.Request, q *door.Request, partial string) string {
	switch {
	case partial == "false":
		q.State, q.Source = door.BodyWhole, &bodyReader{k: k, w: w, r: r}
	case partial == "true":
		q.State = door.BodyUnseen
	case partial != "":
		return faultWire
	case r.ContentLength != 0:
		q.State = door.BodyUnseen // bytes of which the filter does not say whether they are all
	case k.cfg.Buffered:
		q.State = door.BodyNone
	default:
		q.State = door.BodyUnknown
	}
	return ""
}

// bodyReader hands over the body of a check request, whole, when the pipeline asks for it.
type bodyReader struct {
	k     *Checker
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	taken int64
}

// ReadBody implements access.BodySource.
func (b *bodyReader) ReadBody(limit int64) ([]byte, access.Reason) {
	length := b.r.ContentLength
	switch {
	case b.body != nil || length == 0:
		return b.body, access.Allowed
	case length < 0:
		return nil, access.BodyNotSeen // the filter has buffered it, and knows its length
	case length > min(limit, b.k.cfg.MaxBody):
		return nil, access.BodyTooLarge
	case !b.k.cfg.Bodies.Take(length):
		return nil, access.Overloaded
	}
	b.taken = length
	control := http.NewResponseController(b.w)
	_ = control.SetReadDeadline(time.Now().Add(DefaultTimeout))
	body := make([]byte, length)
	if _, err := io.ReadFull(b.r.Body, body); err != nil {
		return nil, broken(b.r, err)
	}
	_ = control.SetReadDeadline(time.Time{})
	b.body = body
	return body, access.Allowed
}

// broken maps what ended the reading of a body.
func broken(r *http.Request, err error) access.Reason {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return access.BodyTimeout
	case r.Context().Err() != nil:
		return access.ClientGone
	}
	return access.BodyNotSeen
}

// release gives memory and budget back.
func (b *bodyReader) release() {
	clear(b.body) // neither the next check nor the heap must hold this one's secrets
	if b.taken > 0 {
		b.k.cfg.Bodies.Give(b.taken)
	}
}

// write answers the filter and ends the check.
func (k *Checker) write(w http.ResponseWriter, a *door.Answer) {
	header := w.Header()
	if a.Allowed {
		for _, f := range a.Identity() {
			header[f.Name] = []string{f.Value}
		}
		if names := removed(a, nil); len(names) > 0 {
			slices.Sort(names)
			header[headerRemove] = []string{strings.ToLower(strings.Join(names, ","))}
		}
		header["Content-Length"] = []string{"0"}
	}
	a.Apply(header)
	status := httpStatus(a.Status)
	if !a.Allowed && status == http.StatusOK { // which would let the request in
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	written := 0
	if !a.Allowed {
		written, _ = w.Write(a.Body)
	}
	a.End(status, int64(written))
}

// askedBy is who asks. Over a Unix socket nobody has an address.
func askedBy(r *http.Request) (address netip.Addr, socket bool) {
	if local, is := r.Context().Value(http.LocalAddrContextKey).(net.Addr); is && local.Network() == "unix" {
		return netip.Addr{}, true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return peer.Addr().Unmap().WithZone(""), false
}
