package strict

import (
	"errors"
	"net"
	"net/netip"
)

var errNoPeer = errors.New("strict: the address that a connection is to come from is not set")

// Inject opens a connection to the listener inside this process and returns the caller's end of it. For the listener it comes
// from the address given: Admit, Exempt, the bounds, the handshake and the reader see it like any that was accepted, and there
// is no way around them. Whoever calls it decides what address a visitor has; so it is for a part of this server that has seen
// the visitor itself, and nobody else. The other end is closed, as after an accept, where a bound or Admit says no: then the
// first read or write fails. Errors: an address that is not set; net.ErrClosed once Stop or Close was called. The caller closes
// the connection; an Accept must be running, or nothing answers.
func (l *Listener) Inject(from netip.AddrPort) (net.Conn, error) {
	if !from.IsValid() {
		return nil, errNoPeer
	}
	if l.stopped.Load() {
		return nil, net.ErrClosed
	}
	select {
	case <-l.closing:
		return nil, net.ErrClosed
	default:
	}
	peer := net.TCPAddrFromAddrPort(netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()))
	theirs, ours := pipe(peer, l.inner.Addr())
	l.admit(ours)
	return theirs, nil
}
