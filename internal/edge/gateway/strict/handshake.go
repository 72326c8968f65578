package strict

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// The life of a connection, as shutdown needs to know it.
const (
	phaseHandshake int32 = iota // not given out by Accept yet
	phaseNew                    // given out, no request yet
	phaseActive                 // a request has begun
	phaseEnded                  // closed by Close or CloseIdle
)

// recordHandshake is the type of a TLS record that opens a connection
// (RFC 8446 §5.1).
const recordHandshake = 22

// rawConn is the TCP connection under TLS: it knows its phase, and gives its
// place back when it is closed.
type rawConn struct {
	net.Conn
	l     *Listener
	peer  netip.AddrPort
	phase atomic.Int32
	sock  socket

	deadline time.Time   // of the handshake; zero once it is over
	given    time.Time   // when Accept returned it; set before the phase says so
	standard atomic.Bool // http.Server has it
	reached  atomic.Bool // and its first request has reached the handler
	seen     bool        // the first byte was looked at
	plain    bool        // and it was not TLS
	placed   bool        // it holds a place among the handshakes being computed

	source  netip.Addr // whom it counts for; see claim
	counted bool       // false: exempt, it counts for nobody
}

// Read gives up the handshake's place while it waits for the peer, so that
// silent peers cannot hold all of them.
func (r *rawConn) Read(p []byte) (int, error) {
	if r.deadline.IsZero() {
		return r.sock.receive(r.Conn, p)
	}
	r.leave()
	n, err := r.sock.receive(r.Conn, p)
	if n == 0 {
		return 0, err
	}
	if !r.seen {
		r.seen, r.plain = true, p[0] != recordHandshake
	}
	switch {
	case r.plain:
		return 0, errNotTLS
	case !r.enter():
		return 0, os.ErrDeadlineExceeded
	}
	return n, err
}

// errNotTLS ends a handshake before the TLS code sees a byte.
var errNotTLS = errors.New("the first byte is not a TLS handshake record")

// Write implements net.Conn.
func (r *rawConn) Write(p []byte) (int, error) { return r.sock.send(r.Conn, p) }

// Close also gives the connection's place back.
func (r *rawConn) Close() error {
	r.l.untrack(r)
	return r.Conn.Close()
}

// closeWrite ends our side of TCP where there is such a thing.
func (r *rawConn) closeWrite() {
	if c, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// begin notes that a request has begun; false: it must not, the connection was
// closed as idle.
func (r *rawConn) begin() bool {
	return r.phase.Load() == phaseActive || r.phase.CompareAndSwap(phaseNew, phaseActive)
}

// handshake brings one connection to Accept, or ends it.
func (l *Listener) handshake(raw *rawConn) {
	if l.cfg.Plain {
		l.give(raw, newConn(inClear{raw}, raw, l))
		return
	}
	raw.deadline = time.Now().Add(l.cfg.HandshakeTimeout)
	_ = raw.SetDeadline(raw.deadline)
	tc, f := l.secure(raw)
	if f != None {
		_ = raw.Close()
		if raw.phase.Load() != phaseEnded {
			l.refused(raw.peer, f)
		}
		return
	}
	_ = raw.SetDeadline(time.Time{})
	if tc.ConnectionState().NegotiatedProtocol == protoH2 {
		l.give(raw, tc)
		return
	}
	l.give(raw, newConn(tc, raw, l))
}

// give hands a connection to Accept.
func (l *Listener) give(raw *rawConn, c net.Conn) {
	select {
	case l.out <- accepted{conn: c, raw: raw}:
	case <-l.closing:
		_ = raw.Close()
	}
}

// inClear is a connection without TLS, in the place of one with it.
type inClear struct{ *rawConn }

// ConnectionState is that of no TLS.
func (inClear) ConnectionState() (none tls.ConnectionState) { return none }

// CloseWrite ends our side of the connection.
func (c inClear) CloseWrite() error {
	c.closeWrite()
	return nil
}

// secure does the handshake, in a place among those being computed.
func (l *Listener) secure(raw *rawConn) (*tls.Conn, Fault) {
	if !raw.enter() {
		return nil, HandshakeTimeout
	}
	tc := tls.Server(raw, l.cfg.TLS)
	err := tc.Handshake()
	raw.deadline = time.Time{}
	raw.leave()
	switch {
	case raw.plain:
		return nil, NotTLS
	case err != nil:
		return nil, handshakeFault(err)
	case tc.ConnectionState().Version < tls.VersionTLS12:
		// GetConfigForClient could have lowered the floor.
		return nil, HandshakeFailed
	}
	return tc, None
}

// enter waits for a place until the handshake's deadline.
func (r *rawConn) enter() bool {
	select {
	case r.l.slots <- struct{}{}:
		r.placed = true
		return true
	default:
	}
	timer := time.NewTimer(time.Until(r.deadline))
	defer timer.Stop()
	select {
	case r.l.slots <- struct{}{}:
		r.placed = true
	case <-timer.C:
	case <-r.l.closing:
	}
	return r.placed
}

func (r *rawConn) leave() {
	if r.placed {
		r.placed = false
		<-r.l.slots
	}
}

func handshakeFault(err error) Fault {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return HandshakeTimeout
	}
	return HandshakeFailed
}
