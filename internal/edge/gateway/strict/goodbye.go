package strict

import (
	"io"
	"net"
	"time"
)

const (
	farewellTimeout = 5 * time.Second        // for the peer to take the TLS close_notify
	lingerTimeout   = 500 * time.Millisecond // to let the peer read an answer
	lingerBytes     = 256 << 10
)

// Close ends the connection. It never blocks on the peer: http.Server calls it
// for one idle connection after the other under a lock, and a peer that does not
// read can hold the TLS farewell up. So the farewell goes on by itself, for 5 s
// at most, after a fault 500 ms. No request starts meanwhile. Once a handler has
// hijacked the connection, Close is that of crypto/tls.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	if c.hijacked.Load() {
		return c.tls.Close()
	}
	if c.over.Load() {
		go c.depart(lingerTimeout, c.linger)
		return nil
	}
	go c.depart(farewellTimeout, func() { _ = c.tls.Close() })
	return nil
}

// depart says goodbye and closes, at the bound in any case. A deadline would be
// no bound: crypto/tls sets one of its own, and a handler that still runs may.
func (c *conn) depart(bound time.Duration, goodbye func()) {
	timer := time.AfterFunc(bound, func() { _ = c.raw.Close() })
	defer timer.Stop()
	goodbye()
	_ = c.raw.Close()
}

// linger is the goodbye after a fault. There may be unread bytes, and closing
// over them would reset the connection before the peer has read the answer: so
// our side is closed first and the rest is drained.
func (c *conn) linger() {
	_ = c.tls.CloseWrite()
	c.raw.closeWrite()
	_ = c.raw.SetReadDeadline(time.Time{}) // what net/http set would cut it short
	_, _ = io.CopyN(io.Discard, c.raw.Conn, lingerBytes)
}

// CloseWrite ends our side; net/http calls it before a late Close, on the
// connection's own goroutine. A peer that does not read holds it for up to 5 s
// (crypto/tls).
func (c *conn) CloseWrite() error { return c.tls.CloseWrite() }
