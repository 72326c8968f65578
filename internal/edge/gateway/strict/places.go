package strict

import (
	"net"
	"net/netip"
)

// sourceBits is how much of an IPv6 address names a source: one network is given
// a /64 and picks the rest as it likes (RFC 4291 §2.5.4).
const sourceBits = 64

// claim notes whom a connection counts for. Exempt is asked once, so that what
// is given back is what was taken, whatever Exempt says later.
func (l *Listener) claim(raw *rawConn) {
	addr := raw.peer.Addr()
	if addr.IsValid() && l.cfg.Exempt != nil && l.cfg.Exempt(addr) {
		return
	}
	raw.counted, raw.source = true, sourceOf(addr)
}

// sourceOf is the address that connections are counted for. The zero value, for
// a peer that cannot be read, is a source like any other.
func sourceOf(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	prefix, err := addr.Prefix(sourceBits)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}

// track counts a connection in. Not ok: the listener is closed, or the fault
// says which bound is reached.
func (l *Listener) track(raw *rawConn) (f Fault, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.shut:
		return None, false
	case raw.counted && l.sources[raw.source] >= l.cfg.MaxPerPeer:
		return TooManyFromPeer, false
	case len(l.conns) >= l.cfg.MaxConns:
		return TooManyConns, false
	}
	l.conns[raw] = struct{}{}
	if raw.counted {
		l.sources[raw.source]++
	}
	return None, true
}

func (l *Listener) untrack(raw *rawConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropLocked(raw)
}

// dropLocked counts a connection out, once: it may be closed by the server and
// as idle at one time.
func (l *Listener) dropLocked(raw *rawConn) {
	if _, held := l.conns[raw]; !held {
		return
	}
	delete(l.conns, raw)
	if !raw.counted {
		return
	}
	if l.sources[raw.source]--; l.sources[raw.source] == 0 {
		delete(l.sources, raw.source)
	}
}

// peerOf reads the peer's address, unmapped and without zone (security rule
// 22). The zero value: it cannot be read.
func peerOf(c net.Conn) netip.AddrPort {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
