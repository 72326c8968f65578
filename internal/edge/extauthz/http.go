package extauthz

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/gateway/fields"
)

// The headers of the HTTP form, in canonical form. The filter drops a caller's own of the first name.
const (
	headerPartial = "X-Envoy-Auth-Partial-Body"
	headerRemove  = "X-Envoy-Auth-Headers-To-Remove"
	headerPeer    = "X-Original-Peer" // the other end of the caller's connection; the filter puts it in the place of a caller's own
)

// httpCheck is one check over HTTP on its way to an answer. It is taken from a pool and goes back when the answer is written.
type httpCheck struct {
	request door.Request
	body    bodyReader
	head    fields.List // of the answer
	remove  []string
	text    []byte
}

// done gives everything back.
func (c *httpCheck) done(k *Checker) {
	c.body.release()
	clear(c.head)
	clear(c.remove)
	*c = httpCheck{head: c.head[:0], remove: c.remove[:0], text: c.text[:0]}
	k.overHTTP.Put(c)
}

// ServeHTTP answers the HTTP form of the filter, in which the check request is the caller's request itself: its method, its
// target, its headers, and as much of its body as the filter has buffered. 200 lets it in; every other status is the answer to
// the caller, but for those of 500 and above, in the place of which the filter puts its own (status_on_error).
//
// The connection is the proxy's; the other end of the caller's stands in X-Original-Peer, which the filter's configuration adds, and
// the derivation goes on from there. No certificate of a caller is taken from this form.
func (k *Checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := k.overHTTP.Get().(*httpCheck)
	defer c.done(k)
	q := &c.request
	q.Proxy = k.askedBy(r)
	switch {
	case !k.hears(q.Proxy, k.cfg.Socket):
		k.write(w, c, k.cfg.Door.Refuse(q, access.UnknownProxy, faultProxy))
	case !k.sharesSecret(r.Header[headerSecret]):
		k.write(w, c, k.cfg.Door.Refuse(q, access.UnknownProxy, faultSecret))
	default:
		if fault := k.translateHTTP(w, r, c); fault != "" {
			k.write(w, c, k.cfg.Door.Refuse(q, access.MalformedCheck, fault))
			return
		}
		k.write(w, c, k.cfg.Door.Check(r.Context(), q))
	}
}

// translateHTTP fills c's request from r. It returns a fault in words, or the empty string.
func (k *Checker) translateHTTP(w http.ResponseWriter, r *http.Request, c *httpCheck) string {
	partial, peer := r.Header[headerPartial], r.Header[headerPeer]
	delete(r.Header, headerPartial) // of the check request, not of the caller's
	delete(r.Header, headerPeer)
	delete(r.Header, "Content-Length")
	if r.Header[headerSecret] != nil { // it may stand in the place of a caller's own, which must not arrive: the name stays, to be removed
		r.Header[headerSecret] = []string{""}
	}
	q := &c.request
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
	return k.bodyHTTP(w, r, c, strings.Join(partial, ""))
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
func (k *Checker) bodyHTTP(w http.ResponseWriter, r *http.Request, c *httpCheck, partial string) string {
	q := &c.request
	switch {
	case partial == "false":
		c.body = bodyReader{k: k, w: w, r: r}
		q.State, q.Source = door.BodyWhole, &c.body
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

// write answers the filter and ends the check.
func (k *Checker) write(w http.ResponseWriter, c *httpCheck, a *door.Answer) {
	for _, f := range a.Identity() { // none unless it is let in
		c.head.Add(f.Name, f.Value)
	}
	if a.Allowed {
		if list := c.removed(a); list != "" {
			c.head.Add(headerRemove, list)
		}
		c.head.Add("Content-Length", "0")
	}
	c.head = a.AppendTo(c.head)
	status := httpStatus(a.Status)
	if !a.Allowed && status == http.StatusOK { // which would let the request in
		status = http.StatusInternalServerError
	}
	door.Tell(w, status, c.head)
	written := 0
	if !a.Allowed {
		written, _ = w.Write(a.Body)
	}
	a.End(status, int64(written))
}

// removed is the list of the headers that must not arrive upstream, in lower case.
func (c *httpCheck) removed(a *door.Answer) string {
	c.remove = removed(a, c.remove[:0])
	slices.Sort(c.remove)
	for i, name := range c.remove {
		if i > 0 {
			c.text = append(c.text, ',')
		}
		for j := range len(name) {
			b := name[j]
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			c.text = append(c.text, b)
		}
	}
	return string(c.text)
}

// askedBy is who asks; invalid: nobody can tell, or it asks over a Unix socket.
func (k *Checker) askedBy(r *http.Request) netip.Addr {
	if k.cfg.Socket {
		return netip.Addr{}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}
