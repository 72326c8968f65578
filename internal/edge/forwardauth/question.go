package forwardauth

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/gateway/fields"
)

// question is one sub-request of a proxy.
type question struct {
	h       *Handler
	w       http.ResponseWriter
	r       *http.Request
	request door.Request
	body    body
	head    fields.List // the header of the answer
	names   []string
	text    []byte
}

var questions = sync.Pool{New: func() any { return new(question) }}

// done gives everything back.
func (q *question) done() {
	q.body.release(q.h)
	clear(q.head)
	clear(q.names)
	*q = question{head: q.head[:0], names: q.names[:0], text: q.text[:0]}
	questions.Put(q)
}

// read fills the request that is asked about, or says why it cannot.
func (q *question) read() *fault {
	h, r, to := q.h, q.r, &q.request
	to.ContentLength, to.CanAnswer, to.FixedRemoval = -1, h.how.canAnswer, h.how.fixedRemoval
	to.Method, to.Target, to.Host = r.Method, r.RequestURI, r.Host // for the record of a refusal; replaced below
	if !h.cfg.Socket {
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			to.Proxy = at.Addr().Unmap()
		}
	}
	switch {
	case !h.asks(to.Proxy):
		return faultStranger
	case !h.knows(r.Header):
		return faultSecret
	}
	if to.Header = r.Header; h.cfg.Secret != nil { // else it is a caller's own, and judged as such (security rule 19)
		delete(r.Header, HeaderSecret)
	}
	if fault := q.readLine(); fault != nil {
		return fault
	}
	if fault := q.readPeer(); fault != nil {
		return fault
	}
	return q.readBody()
}

// readLine takes method, target and host.
func (q *question) readLine() *fault {
	how, r, to := q.h.how, q.r, &q.request
	method, ok := take(r.Header, how.method)
	if !ok || how.sameMethod && method != r.Method {
		return faultMethod
	}
	target, ok := take(r.Header, how.target)
	switch {
	case !ok:
		return faultTarget
	case how.sameTarget && target != r.RequestURI:
		return faultLie
	}
	if how.witness != "" {
		if seen, ok := take(r.Header, how.witness); !ok || seen != target {
			return faultLie
		}
	}
	to.Method, to.Target = method, target
	if how.restores && !restore(r.Header) {
		return faultConnection
	}
	if how.host != "" {
		hosts := r.Header[how.host]
		if len(hosts) != 1 {
			return faultHost
		}
		to.Host = hosts[0] // one that is empty is refused as that of a caller who named none
		delete(r.Header, how.host)
	}
	return nil
}

// take returns the value of a header that has to come exactly once, and removes it: it is the proxy's and not the caller's.
func take(header http.Header, name string) (string, bool) {
	values := header[name]
	if len(values) != 1 || values[0] == "" {
		return "", false
	}
	delete(header, name)
	return values[0], true
}

// restore puts back what the caller sent in Connection and Upgrade, in place of what the proxy did.
func restore(header http.Header) bool {
	for _, pair := range [...][2]string{{headerConnection, "Connection"}, {headerUpgrade, "Upgrade"}} {
		values := header[pair[0]]
		delete(header, pair[1])
		switch {
		case len(values) > 1:
			return false
		case len(values) == 1 && values[0] != "":
			header[pair[1]] = values
		}
		delete(header, pair[0])
	}
	return true
}

// readPeer takes the address of the caller's connection: from a header of its own, or as the last hop that the proxy has put
// behind those that the caller sent, which stay for the environment's own derivation.
func (q *question) readPeer() *fault {
	text, ok := "", true
	if name := q.h.how.peer; name != "" {
		text, ok = take(q.r.Header, name)
	} else {
		text, ok = lastHop(q.r.Header)
	}
	peer, err := netip.ParseAddr(text)
	if !ok || err != nil || peer.Zone() != "" {
		return faultPeer
	}
	q.request.Peer = peer.Unmap()
	return nil
}

// lastHop cuts the last hop off X-Forwarded-For.
func lastHop(header http.Header) (string, bool) {
	lines := header[headerFwdFor]
	if len(lines) == 0 {
		return "", false
	}
	last := lines[len(lines)-1]
	comma := strings.LastIndexByte(last, ',')
	if comma >= 0 {
		lines[len(lines)-1] = last[:comma]
	} else if lines = lines[:len(lines)-1]; len(lines) == 0 {
		delete(header, headerFwdFor)
	} else {
		header[headerFwdFor] = lines
	}
	return strings.Trim(last[comma+1:], " \t"), true
}
