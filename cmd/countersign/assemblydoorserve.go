package main

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	edgedoor "countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
	"golang.org/x/net/netutil"
)

// Bounds of a door's connections. Whoever is on them is a proxy of ours, or is told so and nothing else.
const (
	doorHeader      = 10 * time.Second
	doorRead        = time.Minute     // net/http: a question whole, where its body is not asked for; our server waits for 5 s
	doorIdle        = 5 * time.Minute // longer than proxies keep connections, so that they end them and no question is lost
	doorWrite       = 2 * time.Minute // from a question's head to the end of its answer, its body among it
	doorHeaderBytes = 128 << 10       // a caller's head and what the proxy adds, among it the target once more
	doorHeaderLines = 1000            // a caller's too: what an API bears, the pipeline decides
)

// makeServer makes what serves the listener.
func (f *doorway) makeServer() (err error) {
	setting := &f.now.Load().print.setting
	f.listener = &doorListener{Listener: f.listener, listed: f.lists, strangers: make(chan struct{}, max(1, setting.MaxConnections/doorStrangers)), dropped: f.countDropped}
	switch {
	case setting.Kind == config.DoorExtAuthz:
		f.listener = netutil.LimitListener(directListener{f.listener}, setting.MaxConnections)
		f.server, err = f.a.grpcServer(f)
		return err
	case setting.Standard:
		f.listener = netutil.LimitListener(f.listener, setting.MaxConnections)
		f.makeStandardServer()
		return nil
	}
	return f.makeStrictServer(setting)
}

// makeStrictServer serves questions with our server behind the strict reader, in clear or over TLS. net/http's, which it needs for
// HTTP/2, gets no connection: none may choose that.
func (f *doorway) makeStrictServer(setting *config.Door) (err error) {
	policy := f.tls("http/1.1")
	f.strict, err = strict.New(f.listener, strict.Config{TLS: policy, Plain: policy == nil, OnRefused: f.refused, HandshakeTimeout: doorHeader,
		MaxConns: setting.MaxConnections, MaxPerPeer: setting.MaxConnections,
		MaxHead: doorHeaderBytes, MaxRequestLine: doorHeaderBytes, MaxHeaderLines: doorHeaderLines})
	if err != nil {
		return err
	}
	f.listener = f.strict
	standard := doorServer(f)
	standard.ErrorLog = f.a.serverLog()
	strict.Configure(standard, f.strict)
	f.server, err = http1.New(http1.Config{Handler: f, HTTP2: standard, ConnContext: strict.ConnContext, ReadHeaderTimeout: doorHeader, IdleTimeout: doorIdle, Log: f.a.log})
	return err
}

// refused counts what ended before it was a question.
func (f *doorway) refused(_ netip.AddrPort, fault strict.Fault) {
	f.a.metrics.Ended(f.now.Load().world.environment, fault.String())
}

// makeStandardServer serves questions with net/http alone.
func (f *doorway) makeStandardServer() {
	if policy := f.tls("http/1.1"); policy != nil {
		f.listener = tls.NewListener(f.listener, policy)
	}
	server := doorServer(f)
	server.ErrorLog = f.a.serverLog()
	f.server = server
}

// writeBound is what our server's answers have; net/http's server has a bound of its own.
type writeBound interface{ SetWriteDeadline(time.Time) error }

// readable reports whether the bytes of a question are in no doubt; else it is refused. What they say of the caller's target, and of its
// wish to speak something else, is judged with the rest of its request.
func (f *doorway) readable(w http.ResponseWriter, r *http.Request, p *passage) bool {
	m := strict.MarksOf(r.Context())
	if m != nil && m.MustClose {
		w.Header().Set("Connection", "close")
	}
	switch {
	case m == nil: // it did not come through the reader
	case m.Fault == strict.None, m.Fault == strict.NonASCIITarget, m.Fault == strict.Connect, m.Fault == strict.H2CUpgrade:
		return true
	}
	p.refuse(w, r, access.MalformedCheck, "the bytes of the question can be read in two ways")
	return false
}

// refuse answers and records whoever may not ask, or asks in a way that nobody can read.
func (p *passage) refuse(w http.ResponseWriter, r *http.Request, reason access.Reason, detail string) {
	var peer netip.Addr
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer = at.Addr().Unmap()
	}
	a := p.door.Refuse(&edgedoor.Request{Proxy: peer}, reason, detail)
	w.Header().Set("Connection", "close")
	edgedoor.Tell(w, a.Status, a.AppendTo(nil))
	written, _ := w.Write(a.Body)
	a.End(0, int64(written))
}
