package strict

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Bounds that Configure sets where the server has none.
const (
	defaultHeaderTimeout = 10 * time.Second
	defaultIdleTimeout   = 60 * time.Second
	maxStreams           = 100
	maxFrame             = 16 << 10
	maxConnBuffer        = 1 << 20
	maxStreamBuffer      = 256 << 10
	headerTable          = 4 << 10
	pingAfter            = 30 * time.Second
	pingTimeout          = 15 * time.Second
	stuckWrite           = 30 * time.Second
)

// Configure prepares srv to serve l: HTTP/1 and HTTP/2 over TLS, never h2c;
// ConnContext, ConnState and Handler (those of srv are still called, after ours); heads
// as l bounds them; HTTP/2 bounds (security rule 37); no answer of net/http's
// own to OPTIONS *; connections without a request closed when Shutdown begins
// (CloseIdle), those that are younger than 2 s at that age.
// ReadHeaderTimeout (10 s) and IdleTimeout (60 s) are set where they are zero:
// they are what ends a head that trickles in. ReadTimeout and WriteTimeout are
// left alone, since one bound for all bodies suits no streaming answer: the
// handler bounds its body with http.ResponseController.SetReadDeadline.
// Call it once, before srv.Serve(l).
func Configure(srv *http.Server, l *Listener) {
	chainHooks(srv, l)
	srv.RegisterOnShutdown(l.closeIdleSoon)
	srv.DisableGeneralOptionsHandler = true
	srv.TLSConfig = l.cfg.TLS.Clone()
	srv.MaxHeaderBytes = l.cfg.MaxHead
	if srv.ReadHeaderTimeout == 0 {
		srv.ReadHeaderTimeout = defaultHeaderTimeout
	}
	if srv.IdleTimeout == 0 {
		srv.IdleTimeout = defaultIdleTimeout
	}
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	srv.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams:          maxStreams,
		MaxDecoderHeaderTableSize:     headerTable,
		MaxEncoderHeaderTableSize:     headerTable,
		MaxReadFrameSize:              maxFrame,
		MaxReceiveBufferPerConnection: maxConnBuffer,
		MaxReceiveBufferPerStream:     maxStreamBuffer,
		SendPingTimeout:               pingAfter,
		PingTimeout:                   pingTimeout,
		WriteByteTimeout:              stuckWrite,
	}
}

func chainHooks(srv *http.Server, l *Listener) {
	context1, state1 := srv.ConnContext, srv.ConnState
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if raw := rawOf(c); raw != nil {
			raw.standard.Store(true)
		}
		ctx = ConnContext(ctx, c)
		if context1 != nil {
			return context1(ctx, c)
		}
		return ctx
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		l.ConnState(c, state)
		if state1 != nil {
			state1(c, state)
		}
	}
	if handler := srv.Handler; handler != nil {
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor == 1 { // of HTTP/2, ConnState tells
				if c, ok := r.Context().Value(connKey{}).(*conn); ok {
					c.raw.reached.Store(true)
				}
			}
			handler.ServeHTTP(w, r)
		})
	}
}

// rawOf is what stands under a connection that Accept gave out; nil: it is another's.
func rawOf(c net.Conn) *rawConn {
	switch c := c.(type) {
	case *conn:
		return c.raw
	case *tls.Conn:
		raw, _ := c.NetConn().(*rawConn)
		return raw
	}
	return nil
}
