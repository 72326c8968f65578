package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a connection.
const (
	stateNew    int32 = iota // no request has come yet: the listener closes it when the server ends
	stateIdle                // between two requests
	stateActive              // a request has begun
	stateEnded               // closed by Shutdown
)

// firstBuffer is how much memory a connection begins with: most heads fit, and many callers keep connections that do nothing.
const firstBuffer = 2 << 10

// keptBuffer is up to how much is kept for the next request.
const keptBuffer = 16 << 10

// conn is one connection. One goroutine reads and writes it; the watcher reads while that one waits for a handler.
type conn struct {
	s      *Server
	nc     net.Conn
	ctx    context.Context
	remote string
	tls    *tls.ConnectionState

	in     []byte // read and not used: a head, then what came with it
	out    []byte // to be written
	header http.Header
	values []string // the values of header stand here, one after the other
	answer http.Header
	names  map[string]string // spellings of names that this caller uses
	sorted []string

	readBy  time.Time // the deadlines that the connection has now
	writeBy time.Time
	state   atomic.Int32
	watch   watch
	used    int // of in, by the head and the body so far
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc, in: make([]byte, 0, firstBuffer), header: make(http.Header, 8), answer: make(http.Header, 8), names: map[string]string{}}
	c.ctx = s.cfg.ConnContext(s.base, nc)
	c.remote = nc.RemoteAddr().String()
	if t, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		if state := t.ConnectionState(); state.HandshakeComplete {
			c.tls = &state
		}
	}
	return c
}

// serve serves one request after another.
func (c *conn) serve() {
	defer c.s.drop(c)
	defer func() { _ = c.nc.Close() }()
	for c.readHead() {
		if !c.exchange() {
			return
		}
		if c.s.closing.Load() || !c.state.CompareAndSwap(stateActive, stateIdle) {
			return
		}
		if c.s.closing.Load() && c.state.CompareAndSwap(stateIdle, stateEnded) {
			return // Shutdown may have looked before this connection was idle
		}
	}
}

// readHead waits for a request and reads its head into c.in. It is false at the end of the connection: what there was to say
// about it, strict has said.
func (c *conn) readHead() bool {
	begun := len(c.in) > 0 || c.state.Load() == stateNew // who opens a connection and says nothing has no longer than for a head
	if begun {
		c.setRead(time.Now().Add(c.s.cfg.ReadHeaderTimeout))
	} else {
		c.armRead(c.s.cfg.IdleTimeout)
	}
	for searched := 0; ; {
		if len(c.in) == cap(c.in) {
			c.in = append(make([]byte, 0, 2*cap(c.in)), c.in...) // strict bounds a head
		}
		n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
		if n == 0 && err != nil {
			return false
		}
		c.in = c.in[:len(c.in)+n]
		end := headEnd(c.in, searched)
		if end > 0 {
			return c.begin(end)
		}
		searched = max(0, len(c.in)-3)
		if !begun && n > 0 {
			begun = true
			c.setRead(time.Now().Add(c.s.cfg.ReadHeaderTimeout))
		}
	}
}

// begin marks the connection as active, unless it was closed as idle.
func (c *conn) begin(end int) bool {
	if !c.state.CompareAndSwap(stateNew, stateActive) && !c.state.CompareAndSwap(stateIdle, stateActive) {
		return false
	}
	c.used = end
	return true
}

// exchange answers one request and reports whether another may follow.
func (c *conn) exchange() (keep bool) {
	x := &exchange{ctx: requestContext{Context: c.ctx}}
	r, ok := c.request(x)
	if !ok {
		return false
	}
	c.watch.begin(x, x.w.b.over)
	if !c.s.busy.Load() { // mostly it is, and a line of memory that all read is dear to write
		c.s.busy.Store(true)
	}
	whole := c.call(x, r)
	if whole {
		x.w.finish()
	}
	c.watch.end(c)
	x.ctx.cancel()
	if !whole {
		return false
	}
	if !x.w.b.drained() || x.w.closing || x.w.broken {
		c.linger(x)
		return false
	}
	c.leave()
	return true
}

// Closing over bytes that nobody has read would reset the connection before the caller has read its answer.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 16 << 20
)

// linger ends our side and reads a little of what is still coming.
func (c *conn) linger(x *exchange) {
	if half, ok := c.nc.(interface{ CloseWrite() error }); !ok || x.w.broken || half.CloseWrite() != nil {
		return
	}
	c.setRead(time.Now().Add(lingerTime))
	sink := c.in[:cap(c.in)]
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(sink)
		if left -= n; err != nil {
			return
		}
	}
}

// exchange is what belongs to one request alone: nobody who holds on to it reaches the next one.
type exchange struct {
	ctx requestContext
	w   response
	url url.URL
}

// call runs the handler; false: it broke the answer off.
func (c *conn) call(x *exchange, r *http.Request) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			whole = false
			x.w.broken = true
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				c.s.cfg.Log.Error("a handler panicked", "peer", c.remote, "panic", p, "stack", string(debug.Stack()))
			}
		}
	}()
	c.s.cfg.Handler.ServeHTTP(&x.w, r)
	return true
}

// leave makes the connection ready for the next request.
func (c *conn) leave() {
	clear(c.header)
	clear(c.answer)
	clear(c.values)
	c.values = c.values[:0]
	if c.in = c.in[:0]; cap(c.in) > keptBuffer { // nothing is left in it: strict gives one message at a time
		c.in = make([]byte, 0, firstBuffer)
	}
	if b, ok := c.watch.take(); ok {
		c.in = append(c.in, b)
	}
	if c.out = c.out[:0]; cap(c.out) > keptBuffer {
		c.out = nil
	}
}

// armRead gives a read so long, roughly: a deadline that is still nearly as far away is left.
func (c *conn) armRead(span time.Duration) {
	if by := time.Now().Add(span); c.readBy.IsZero() || c.readBy.After(by) || by.Sub(c.readBy) > span/8 {
		c.setRead(by)
	}
}

func (c *conn) setRead(by time.Time) {
	if c.nc.SetReadDeadline(by) == nil {
		c.readBy = by
	}
}

// requestContext is the context of one request: it ends with the request, with the caller's leaving, or with the connection.
type requestContext struct {
	context.Context
	mu   sync.Mutex
	done chan struct{}
	over bool
}

// Done implements context.Context.
func (x *requestContext) Done() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done == nil {
		x.done = make(chan struct{})
		if x.over {
			close(x.done)
		}
	}
	return x.done
}

// Err implements context.Context.
func (x *requestContext) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return context.Canceled
	}
	return nil
}

func (x *requestContext) cancel() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.over = true
		if x.done != nil {
			close(x.done)
		}
	}
}
