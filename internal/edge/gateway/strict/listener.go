package strict

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Listener is the net.Listener to pass to http.Server.Serve. It gives out
// connections whose TLS handshake is done: the bare *tls.Conn for HTTP/2, a
// scanning connection for HTTP/1. Methods are safe for concurrent use.
type Listener struct {
	inner net.Listener
	cfg   Config

	start   sync.Once
	stopped atomic.Bool // Stop was called
	out     chan accepted
	slots   chan struct{} // one per handshake being computed
	closing chan struct{}

	mu      sync.Mutex
	shut    bool
	conns   map[*rawConn]struct{}
	sources map[netip.Addr]int // how many of conns each source has
	closed  error              // of inner.Close
}

type accepted struct {
	conn net.Conn
	raw  *rawConn
	err  error
}

// New wraps inner; it does no I/O until the first Accept. Closing the Listener
// closes inner. Errors: a required field of cfg is missing, or a bound is wrong.
func New(inner net.Listener, cfg Config) (*Listener, error) {
	if inner == nil {
		return nil, errNoInner
	}
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return &Listener{
		inner:   inner,
		cfg:     cfg,
		out:     make(chan accepted),
		slots:   make(chan struct{}, cfg.MaxHandshakes),
		closing: make(chan struct{}),
		conns:   make(map[*rawConn]struct{}),
		sources: make(map[netip.Addr]int),
	}, nil
}

// Accept waits for a connection whose handshake is done. After Close it returns
// net.ErrClosed; other errors are those of the inner listener. The caller
// closes the connection.
func (l *Listener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.acceptLoop() })
	for {
		select {
		case <-l.closing:
			return nil, net.ErrClosed
		case a := <-l.out:
			if a.err != nil {
				return nil, a.err
			}
			a.raw.given = time.Now()
			if a.raw.phase.CompareAndSwap(phaseHandshake, phaseNew) {
				return a.conn, nil
			}
		}
	}
}

// Addr is the address of the inner listener.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close stops accepting and closes the connections that no Accept has returned
// yet. Others belong to the http.Server.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.shut {
		l.shut = true
		close(l.closing)
		if l.closed = l.inner.Close(); l.stopped.Load() && errors.Is(l.closed, net.ErrClosed) {
			l.closed = nil
		}
		l.closePhaseLocked(phaseHandshake)
	}
	return l.closed
}

// CloseIdle closes the connections that Accept returned and that have not sent a
// whole request head yet (HTTP/1) or not the preface (HTTP/2).
// http.Server.Shutdown would wait for them for 5 to 10 s. Call it once the
// Listener is closed, as it is when Shutdown has begun; Configure arranges that.
// A connection whose request has started is never closed by it.
func (l *Listener) CloseIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closePhaseLocked(phaseNew)
}

// newGrace is how long a connection may have been open without a request before
// an orderly end closes it: the first request of one that was had a moment ago
// may be on its way, and was accepted.
const newGrace = 2 * time.Second

// closeIdleSoon is CloseIdle with that grace. It returns at once.
func (l *Listener) closeIdleSoon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for raw := range l.conns {
		if raw.phase.Load() == phaseNew && now.Sub(raw.given) >= newGrace && raw.phase.CompareAndSwap(phaseNew, phaseEnded) {
			l.dropLocked(raw)
			_ = raw.Conn.Close()
		}
	}
	time.AfterFunc(newGrace, l.CloseIdle)
}

func (l *Listener) closePhaseLocked(phase int32) {
	for raw := range l.conns {
		if raw.phase.CompareAndSwap(phase, phaseEnded) {
			l.dropLocked(raw)
			_ = raw.Conn.Close()
		}
	}
}

// ConnState is for http.Server.ConnState; without it HTTP/2 connections that
// have sent their preface would count as idle for CloseIdle.
func (l *Listener) ConnState(c net.Conn, state http.ConnState) {
	switch c := c.(type) {
	case *conn:
		if state == http.StateHijacked {
			c.hijacked.Store(true)
		}
	case *tls.Conn:
		if raw := rawOf(c); raw != nil && state == http.StateActive {
			raw.reached.Store(raw.phase.Load() == phaseActive) // it is active once for its preface, and then for each request
			raw.begin()
		}
	}
}

// acceptLoop runs until the inner listener is closed. Its other errors go to
// Accept, where http.Server waits a little after temporary ones.
func (l *Listener) acceptLoop() {
	for {
		c, err := l.inner.Accept()
		if err == nil {
			l.admit(c)
			continue
		}
		if l.stopped.Load() && errors.Is(err, net.ErrClosed) {
			return // Accept goes on with the handshakes under way
		}
		select {
		case l.out <- accepted{err: err}:
		case <-l.closing:
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// admit starts the handshake of a connection that may come in.
func (l *Listener) admit(c net.Conn) {
	peer := peerOf(c)
	if l.cfg.Admit != nil && (!peer.IsValid() || !l.cfg.Admit(peer)) {
		_ = c.Close()
		return
	}
	raw := &rawConn{Conn: c, l: l, peer: peer}
	raw.sock.open(c)
	l.claim(raw)
	if f, ok := l.track(raw); !ok {
		_ = c.Close()
		if f != None {
			l.refused(peer, f)
		}
		return
	}
	go l.handshake(raw)
}

func (l *Listener) refused(peer netip.AddrPort, f Fault) {
	if l.cfg.OnRefused != nil {
		l.cfg.OnRefused(peer, f)
	}
}

// answer tells one of the two callbacks and returns the bytes to send.
func (l *Listener) answer(peer netip.AddrPort, f Fault) []byte {
	if l.cfg.Answer == nil {
		l.refused(peer, f)
		return ownAnswer(f)
	}
	if b := l.cfg.Answer(peer, f); len(b) > 0 {
		return b
	}
	return ownAnswer(f)
}
