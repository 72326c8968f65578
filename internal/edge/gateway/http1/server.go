package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes a Server.
type Config struct {
	// Handler answers every request. Required. It gets an http.Request as net/http makes it, but for URL, whose Path and RawQuery are the
	// target's own bytes, undecoded. Its ResponseWriter is an http.Flusher with the deadlines of http.ResponseController, and no Hijacker.
	Handler http.Handler
	// HTTP2 serves the connections that have chosen HTTP/2. Required. Shutdown and Close end it, too.
	HTTP2 *http.Server
	// ConnContext makes the context of a connection's requests: strict.ConnContext, so that the marks of a request are found. Required.
	ConnContext func(context.Context, net.Conn) context.Context
	// ReadHeaderTimeout bounds a head from its first byte, and the first one of a connection from the connection's beginning. Zero: 10 s.
	ReadHeaderTimeout time.Duration
	// IdleTimeout bounds the waiting for the next request. Zero: 60 s.
	IdleTimeout time.Duration
	// Log hears of handlers that panicked. Required.
	Log *slog.Logger
}

// Server serves the connections of one listener. Methods are safe for concurrent use.
type Server struct {
	cfg  Config
	base context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	conns   map[*conn]struct{}
	empty   chan struct{} // closed when the last connection has gone after Shutdown began; made by it
	closing atomic.Bool
	busy    atomic.Bool // a handler may be running
	dated   atomic.Pointer[dated]
}

var errConfig = errors.New("http1 server: Handler, HTTP2, ConnContext and Log must be set, and no timeout negative")

// New checks the configuration; it does no I/O.
func New(cfg Config) (*Server, error) {
	if cfg.Handler == nil || cfg.HTTP2 == nil || cfg.ConnContext == nil || cfg.Log == nil || cfg.ReadHeaderTimeout < 0 || cfg.IdleTimeout < 0 {
		return nil, errConfig
	}
	if cfg.ReadHeaderTimeout == 0 {
		cfg.ReadHeaderTimeout = 10 * time.Second
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = 60 * time.Second
	}
	s := &Server{cfg: cfg, conns: map[*conn]struct{}{}}
	s.base, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Serve accepts connections until the listener is closed, and returns http.ErrServerClosed after Shutdown or Close, else the
// listener's error. Call it once.
func (s *Server) Serve(l net.Listener) error {
	other := newHandover(l)
	served := make(chan error, 1)
	go func() { served <- s.cfg.HTTP2.Serve(other) }()
	defer func() {
		_ = other.Close()
		<-served
	}()
	stop := s.watchAll()
	defer stop()
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.closing.Load() {
				return http.ErrServerClosed
			}
			if !pausable(err) {
				return err
			}
			time.Sleep(5 * time.Millisecond) // as net/http does where file descriptors are used up
			continue
		}
		if _, bare := nc.(*tls.Conn); bare {
			other.give(nc)
			continue
		}
		if c := s.admit(nc); c != nil {
			go c.serve()
		}
	}
}

// pausable reports an error of accepting that may pass by itself.
func pausable(err error) bool {
	var ne interface{ Temporary() bool }
	return errors.As(err, &ne) && ne.Temporary()
}

// admit counts a connection in; nil: the server ends, and it was closed.
func (s *Server) admit(nc net.Conn) *conn {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = nc.Close()
		return nil
	}
	s.conns[c] = struct{}{}
	return c
}

func (s *Server) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// Shutdown accepts no further connection, closes those that wait for a request, and waits until the others have ended with
// their request, or until ctx ends, whose error it returns then. The HTTP/2 server is shut down at the same time; its hooks close
// connections on which no request has come yet.
func (s *Server) Shutdown(ctx context.Context) error {
	s.closing.Store(true)
	other := make(chan error, 1)
	go func() { other <- s.cfg.HTTP2.Shutdown(ctx) }()
	if empty := s.closeIdle(); empty != nil {
		select {
		case <-empty:
		case <-ctx.Done():
		}
	}
	if err := <-other; err != nil {
		return err
	}
	return ctx.Err()
}

// closeIdle closes the connections between two requests and returns what is closed when the others have gone; nil: there are none.
func (s *Server) closeIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.state.CompareAndSwap(stateIdle, stateEnded) {
			_ = c.nc.Close()
		}
	}
	if len(s.conns) == 0 {
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	return s.empty
}

// Close ends everything at once: running requests are cut off.
func (s *Server) Close() error {
	s.closing.Store(true)
	err := s.cfg.HTTP2.Close()
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.nc.Close()
	}
	return err
}

// handover is the listener of the HTTP/2 server: it gets what another one has accepted.
type handover struct {
	inner net.Listener
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newHandover(inner net.Listener) *handover {
	return &handover{inner: inner, conns: make(chan net.Conn), ended: make(chan struct{})}
}

func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.ended:
		_ = c.Close()
	}
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close closes the inner listener as well: the HTTP/2 server calls it when its Shutdown begins.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.ended) })
	return h.inner.Close()
}

func (h *handover) Addr() net.Addr { return h.inner.Addr() }
