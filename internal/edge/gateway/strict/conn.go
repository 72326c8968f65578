package strict

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// transport is what conn needs of a *tls.Conn.
type transport interface {
	net.Conn
	ConnectionState() tls.ConnectionState
	CloseWrite() error
}

// conn is an HTTP/1 connection after its handshake, as net/http sees it. Reads
// are serial, as net/http does them; Close, deadlines and writes may come at
// any time. Its ConnectionState is what makes net/http set Request.TLS.
type conn struct {
	tls transport
	raw *rawConn
	l   *Listener

	scan      scanner
	stash     []byte // read already, belongs to the next request
	delivered int    // bytes of the message at hand that net/http has
	pending   Fault  // found, to be acted upon by the next Read

	marks atomic.Pointer[Marks] // of the request being handled
	head  Marks                 // what its head said; marks points here at first

	over     atomic.Bool // nothing more is delivered
	muted    atomic.Bool // net/http may write no more
	hijacked atomic.Bool // the handler took the connection: plain pass-through
	closed   atomic.Bool
}

func newConn(tc transport, raw *rawConn, l *Listener) *conn {
	c := &conn{tls: tc, raw: raw, l: l}
	c.scan.lim = limits{head: l.cfg.MaxHead, line: l.cfg.MaxRequestLine, lines: l.cfg.MaxHeaderLines}
	c.scan.next()
	return c
}

// Read hands over bytes of one message only, and none after a fault.
func (c *conn) Read(p []byte) (int, error) {
	for {
		switch {
		case len(p) == 0:
			return 0, nil
		case c.hijacked.Load():
			return c.readRaw(p)
		case c.closed.Load():
			return 0, silentError(net.ErrClosed)
		case c.pending != None:
			return 0, c.end(c.take())
		case c.over.Load():
			return c.swallow(p)
		}
		n, err := c.readOnce(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// take returns the fault that was waiting.
func (c *conn) take() Fault {
	f := c.pending
	c.pending = None
	return f
}

// readOnce reads and scans once. It may return nothing where all that came was
// an empty line before a request.
func (c *conn) readOnce(p []byte) (int, error) {
	q, fromStash, err := c.fill(p)
	if len(q) == 0 {
		return 0, c.readError(err)
	}
	n, dropped := 0, 0
	if c.scan.inHead() {
		var f Fault
		n, f = c.scan.feed(q)
		if f != None {
			return c.faultyHead(p, f)
		}
		if c.scan.headDone && !c.publishHead() {
			c.muted.Store(true)
			return 0, silentError(net.ErrClosed)
		}
		dropped = c.scan.dropped
	}
	if n < len(q) && !c.scan.over() && !c.scan.inHead() {
		m, f := c.scan.feed(q[n:])
		c.pending = f
		n += m
	}
	c.rest(q[n:], n, fromStash)
	if dropped > 0 {
		n = copy(q, q[dropped:n])
	}
	c.delivered += n
	c.finish()
	return n, nil
}

// fill reads into p: what is left of an earlier read first. Where the rest of
// a body is known, no more than that is read.
//
// The background read of net/http costs a read(2) that finds nothing. Waiting for
// readability first would save it and is wrong: the runtime's poller tells of
// new bytes once, and starting a wait (syscall.RawConn) forgets what it told, so
// bytes that came since the last read would not be seen until more arrive.
func (c *conn) fill(p []byte) (q []byte, fromStash bool, err error) {
	if len(c.stash) > 0 {
		return p[:copy(p, c.stash)], true, nil
	}
	if c.scan.st == stBody && uint64(len(p)) > c.scan.remain {
		p = p[:c.scan.remain]
	}
	n, err := c.tls.Read(p)
	return p[:n], false, err
}

// rest keeps what was read beyond the message at hand.
func (c *conn) rest(q []byte, used int, fromStash bool) {
	switch {
	case fromStash:
		c.stash = c.stash[used:]
	case len(q) > 0:
		c.stash = append(c.stash[:0:0], q...)
	}
}

// faultyHead decides when a fault in a head takes effect: at once, and no more
// of the head is delivered, unless this may be the background read that net/http
// does while the request before is still being answered (one byte, at the start
// of a message). Then that byte is delivered, which starts nothing, and the
// verdict waits for the next Read, so that our answer cannot fall into the
// middle of another one.
func (c *conn) faultyHead(p []byte, f Fault) (int, error) {
	if len(p) == 1 && c.delivered == 0 {
		c.pending = f
		return 1, nil
	}
	return 0, c.end(f)
}

// finish prepares for the next message, or for none. A fault in a body waits in
// pending for the next Read: what came before it is delivered first.
func (c *conn) finish() {
	switch {
	case c.scan.done:
		c.publishBody()
		c.scan.next()
		c.delivered = 0
	case c.scan.st == stShut:
		c.stash = nil
		c.over.Store(c.pending == None)
	}
}

// publishHead puts the marks of a complete head in force. net/http asks for the
// end of a head only when the handler before has returned, so nobody reads the
// old ones now. It is false when the connection was closed as idle in the
// meantime: then the request must not start.
func (c *conn) publishHead() bool {
	if c.closed.Load() || !c.raw.begin() {
		return false
	}
	c.head = c.scan.marks
	c.marks.Store(&c.head)
	return true
}

// publishBody replaces the marks when the body added to them.
func (c *conn) publishBody() {
	if m := c.marks.Load(); m != nil && *m == c.scan.marks {
		return
	}
	m := c.scan.marks
	c.marks.Store(&m)
}

// end acts upon a fault. A fault in a body is told to the reader of the body;
// any other is answered and told to OnRefused.
func (c *conn) end(f Fault) error {
	c.over.Store(true)
	c.stash = nil
	if f.Marked() && !c.scan.inHead() {
		c.publishBody()
		return silentError(f)
	}
	c.refuse(f)
	return silentError(f)
}

// readError turns the end of the connection into what net/http stays silent
// about, and notes heads that were cut off or came too slowly.
func (c *conn) readError(err error) error {
	inside := c.scan.inHead() && c.delivered > 0
	// A plain assertion: this runs for every request, when net/http breaks off
	// its background read.
	ne, ok := err.(net.Error)
	switch {
	case ok && ne.Timeout() && inside:
		c.over.Store(true)
		c.muted.Store(true)
		c.l.refused(c.raw.peer, SlowHead)
		return err
	case ok && ne.Timeout():
		return err
	case err == io.EOF && inside:
		return c.end(TruncatedHead)
	case err == io.EOF:
		return err
	}
	if err == nil {
		err = io.ErrNoProgress // a transport that gives nothing and no reason
	}
	c.muted.Store(inside)
	return silentError(err)
}

// swallow serves reads after the end. A read of one byte is the background
// read of net/http: it waits for the peer to leave, so that a handler learns
// of that. Any other read fails at once.
func (c *conn) swallow(p []byte) (int, error) {
	if len(p) == 1 && !c.muted.Load() {
		var sink [512]byte
		for range 64 {
			if _, err := c.tls.Read(sink[:]); err != nil {
				return 0, c.readError(err)
			}
		}
	}
	return 0, silentError(c.scan.marks.Fault)
}

func (c *conn) readRaw(p []byte) (int, error) {
	if len(c.stash) > 0 {
		n := copy(p, c.stash)
		c.stash = c.stash[n:]
		return n, nil
	}
	return c.tls.Read(p)
}

func (c *conn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }
func (c *conn) LocalAddr() net.Addr                  { return c.tls.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr                 { return c.tls.RemoteAddr() }
func (c *conn) SetDeadline(t time.Time) error        { return c.tls.SetDeadline(t) }
func (c *conn) SetReadDeadline(t time.Time) error    { return c.tls.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error   { return c.tls.SetWriteDeadline(t) }
