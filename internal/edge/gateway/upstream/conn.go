package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// grace is how long an exchange waits before it subscribes to the caller's
	// context. Most answers are faster, so most exchanges never pay for it;
	// a cancelled one is noticed this much later at worst.
	grace = 25 * time.Millisecond
	// spare is what must be left of an earlier deadline to keep it.
	spare = 5 * time.Millisecond

	smallBuffer = 4 << 10
	// keptBuffer is the largest buffer that an idle connection holds on to.
	keptBuffer = 16 << 10
)

// conn is one connection with its buffer, and, while one runs, the state of an
// exchange on it. It belongs to one goroutine at a time.
type conn struct {
	nc        net.Conn
	raw       syscall.RawConn // nil: cannot be peeked, is never reused
	probe     func(fd uintptr)
	quiet     bool // what probe found
	visit     func(fd uintptr) bool
	turn      turn
	reused    bool
	idleSince time.Time

	buf  []byte // buf[r:w] was received and not yet used
	r, w int
	head head

	// The exchange.
	ctx      context.Context
	stop     func() bool // ends the subscription to ctx
	watching bool
	limit    time.Time     // when the current phase is over
	silence  time.Duration // if set, every read has this long instead
	sent     bool          // a byte of the request may have left
	got      bool          // a byte of an answer has come
	writer   *writer       // sends a large body meanwhile
	bulky    bool          // the request may have been more than the peer has taken
	early    bool          // the answer came before all of it was sent

	deadline time.Time // what the socket was told last
}

// newConn looks under plain sockets only: a wrapped one that passes its raw
// socket on would be read and written behind the wrapper's back.
func newConn(nc net.Conn) *conn {
	c := &conn{nc: nc, buf: make([]byte, smallBuffer)}
	if tcp, ok := nc.(*net.TCPConn); ok && canPeek {
		c.raw, _ = tcp.SyscallConn()
		c.probe = func(fd uintptr) { c.quiet = socketQuiet(int(fd)) }
		c.visit = c.visitSocket
	}
	return c
}

// begin starts an exchange: nothing sent, nothing received.
func (c *conn) begin(ctx context.Context) {
	c.ctx, c.stop, c.watching = ctx, nil, false
	c.silence, c.sent, c.got, c.writer, c.bulky, c.early = 0, false, false, nil, false, false
	c.head.reset()
}

// end ends the exchange and reports whether the connection may be used again,
// if that is wanted: the caller did not cancel meanwhile, all of the request was
// sent before the answer came, and nothing is left in the buffer.
func (c *conn) end(wanted bool) bool {
	whole := wanted && c.r == c.w && c.settle() && c.taken()
	if c.stop != nil && !c.stop() {
		whole = false
	}
	if c.ctx, c.stop = nil, nil; c.writer != nil {
		c.deadline = time.Time{} // the two directions have different ones
	}
	if c.r, c.w = 0, 0; len(c.buf) > keptBuffer {
		c.buf = make([]byte, smallBuffer)
	}
	return whole
}

// close closes the socket and waits for the sender of a large body, which reads
// memory of the caller.
func (c *conn) close() {
	_ = c.nc.Close()
	c.writer.wait()
}

// watch closes the socket as soon as the caller's context ends, which wakes
// whatever waits for it.
func (c *conn) watch() {
	if c.watching {
		return
	}
	c.watching = true
	if c.ctx.Done() == nil { // asked here and not for every exchange: a context makes its channel for who asks
		return
	}
	nc := c.nc
	c.stop = context.AfterFunc(c.ctx, func() { _ = nc.Close() })
}

// arm sets the deadline of the next read or write. Without a subscription it is
// a short one, kept while enough of it is left; its end costs a subscription,
// not the exchange.
func (c *conn) arm(now, limit time.Time) error {
	want := limit
	if !c.watching {
		if brief := now.Add(grace); brief.Before(limit) {
			want = brief
		}
		if c.deadline.After(now.Add(spare)) && !c.deadline.After(want) {
			return nil
		}
	}
	if c.deadline.Equal(want) {
		return nil
	}
	c.deadline = want
	if c.writer != nil {
		return c.nc.SetReadDeadline(want)
	}
	return c.nc.SetDeadline(want)
}

// Read reads from the socket under the limits of the exchange. Its errors are
// classified, except for io.EOF.
func (c *conn) Read(p []byte) (int, error) {
	now := time.Now()
	limit := c.limit
	if c.silence > 0 {
		limit = now.Add(c.silence)
	}
	for {
		if err := c.arm(now, limit); err != nil {
			return 0, c.broken("set deadline", err)
		}
		n, err := c.nc.Read(p)
		if n > 0 {
			c.got = true
			return n, nil
		}
		if err == nil {
			return 0, c.broken("read", io.ErrNoProgress)
		}
		if err := c.resume("read", err, limit); err != nil {
			return 0, err
		}
		now = time.Now()
	}
}

// resume tells whether a failed read or write was only the end of the grace
// period: then it subscribes to the context and returns nil, to go on.
func (c *conn) resume(step string, err error, limit time.Time) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return c.broken(step, err)
	}
	if gone := ended(c.ctx); gone != nil {
		return gone
	}
	if !time.Now().Before(limit) {
		return fail(ErrTimeout, step, err)
	}
	c.watch()
	return nil
}

// broken classifies the end of a connection: the caller's doing, before an
// answer began, or in the middle of one.
func (c *conn) broken(step string, err error) error {
	if gone := ended(c.ctx); gone != nil {
		return gone
	}
	if errors.Is(err, net.ErrClosed) {
		if c.writer.wait(); errors.Is(c.writer.failed(), ErrTimeout) {
			return c.writer.err
		}
	}
	if err == io.EOF {
		return io.EOF
	}
	if c.got {
		return fail(ErrInvalidAnswer, step, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err))
	}
	return fail(ErrUnreachable, step, err)
}

// silent reports whether an idle connection is still open and nothing has
// arrived on it. A late byte would become the answer to the next request. One
// that arrives after this look cannot be told from an answer: HTTP/1.1 has no
// mark for it.
func (c *conn) silent() bool {
	if c.raw == nil {
		return false
	}
	c.quiet = false
	return c.raw.Control(c.probe) == nil && c.quiet
}

// taken reports whether the peer took the whole request before it answered. One
// that did not may never read the rest, and what comes next on the connection
// would wait behind it.
func (c *conn) taken() bool {
	if c.early || !c.bulky {
		return !c.early
	}
	empty := false
	return c.raw != nil && c.raw.Control(func(fd uintptr) { empty = socketSent(int(fd)) }) == nil && empty
}
