package strict

import (
	"net"
	"net/netip"
)

// NewPlainConn is the HTTP/1 connection over c without TLS, for tests and
// benchmarks that are about bytes alone.
func NewPlainConn(c transport, cfg Config) net.Conn {
	cfg.MaxHead = orDefault(cfg.MaxHead, 32<<10)
	cfg.MaxRequestLine = orDefault(cfg.MaxRequestLine, 8<<10)
	cfg.MaxHeaderLines = orDefault(cfg.MaxHeaderLines, 100)
	l := &Listener{cfg: cfg, conns: map[*rawConn]struct{}{}}
	raw := &rawConn{Conn: c, l: l, peer: netip.MustParseAddrPort("192.0.2.1:1")}
	raw.phase.Store(phaseNew)
	return newConn(c, raw, l)
}

// NewGrace is newGrace.
const NewGrace = newGrace

// The bounds of a goodbye, for tests in a bubble of their own time.
const (
	LingerTimeout   = lingerTimeout
	FarewellTimeout = farewellTimeout
)

// Held returns how many connections hold a place in l, and for how many sources
// there is a count.
func Held(l *Listener) (conns, sources int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns), len(l.sources)
}

// CloseAsIdle does to a connection of NewPlainConn what CloseIdle does to one
// that has no request yet, at a moment that the test chooses.
func CloseAsIdle(c net.Conn) bool {
	return c.(*conn).raw.phase.CompareAndSwap(phaseNew, phaseEnded)
}
