package strict

import (
	"context"
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
// ConnContext and ConnState (those of srv are still called, after ours); heads
// as l bounds them; HTTP/2 bounds (security rule 37); no answer of net/http's
// own to OPTIONS *; connections without a request closed when Shutdown begins
// (CloseIdle), those that are younger than half a second at that age.
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
}
