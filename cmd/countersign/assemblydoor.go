package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"countersign.dev/internal/config"
	edgedoor "countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/ops"
	"countersign.dev/internal/tlsfile"
	"golang.org/x/net/netutil"
)

// Bounds of a door's connections. Whoever is on them is a proxy of ours, or is told so and nothing else.
const (
	doorHeader      = 10 * time.Second
	doorRead        = time.Minute     // a question whole, where its body is not asked for: else whoever may not ask keeps a connection by never sending it
	doorIdle        = 5 * time.Minute // longer than proxies keep connections, so that they end them and no question is lost
	doorWrite       = 2 * time.Minute // from a question's head to the end of its answer, its body among it
	doorHeaderBytes = 128 << 10       // a caller's head and what the proxy adds
)

// doorwayPrint is what a blueprint says of a door for other proxies.
type doorwayPrint struct {
	key     string // what the door is known by over all blueprints, as doorPrint.key
	setting config.Door
	secret  []byte // nil: none is asked for
}

// same reports whether p and o can be the same open listener.
func (p *doorwayPrint) same(o *doorwayPrint) bool {
	one, other := &p.setting, &o.setting
	return (one.Kind == config.DoorExtAuthz) == (other.Kind == config.DoorExtAuthz) && (one.TLS == nil) == (other.TLS == nil) &&
		one.MaxConnections == other.MaxConnections && (one.Kind != config.DoorExtAuthz || one.MaxBody == other.MaxBody)
}

// doorway is a door for other proxies over the generations: its listener stays open while what stands behind it is exchanged.
type doorway struct {
	a         *assembly
	name      string // for the log
	listener  net.Listener
	server    httpServer
	listening *listening // nil: it is not served yet
	now       atomic.Pointer[passage]
	running   atomic.Int64
}

// passage is a doorway's share of a generation.
type passage struct {
	generation *generation
	print      *doorwayPrint
	world      *worldPrint
	door       *edgedoor.Door
	handler    http.Handler      // of questions over HTTP; nil: there are none
	checker    *extauthz.Checker // of questions over gRPC; nil: there are none
	policy     *tls.Config       // nil: no TLS
	files      *tlsfile.Files    // nil: no TLS
	level      ops.Level         // of running questions
	trust      clientTrust
}

// use counts the caller in as a user of the passage in force; nil: there is none any more.
func (f *doorway) use() *passage {
	for {
		p := f.now.Load()
		if p.generation.enter() {
			return p
		}
		if f.now.Load() == p {
			return nil
		}
	}
}

// enter is use for one question, which is over when what it returns is called.
func (f *doorway) enter() (*passage, func()) {
	p := f.use()
	if p == nil {
		return nil, func() {}
	}
	p.level.Add(1)
	f.running.Add(1)
	return p, func() {
		f.running.Add(-1)
		p.level.Add(-1)
		p.generation.leave()
	}
}

// ServeHTTP hands a question to the passage in force.
func (f *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := f.use()
	if p == nil {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer p.generation.leave()
	p.level.Add(1)
	defer p.level.Add(-1)
	f.running.Add(1)
	defer f.running.Add(-1)
	if f.a.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	if p.print.setting.ClientCAFile != "" && (r.TLS == nil || !p.trusts(r.TLS.PeerCertificates)) {
		p.refuseProxy(w, r)
		return
	}
	p.handler.ServeHTTP(w, r)
}

// trusts judges a proxy's certificate by the authorities of this moment (security rule 29).
func (p *passage) trusts(chain []*x509.Certificate) bool {
	return len(chain) > 0 && p.trust.trusts(p.files.ClientCAs(), chain, p.generation.a.now())
}

// tlsNow is the policy with the client authorities of this moment.
func (p *passage) tlsNow() *tls.Config {
	if p.print.setting.ClientCAFile == "" {
		return p.policy
	}
	policy := p.policy.Clone()
	policy.ClientCAs = p.files.ClientCAs()
	return policy
}

// tls is the policy of a doorway's listener, whatever generation is in force; nil: there is no TLS.
func (f *doorway) tls(protocols ...string) *tls.Config {
	if f.now.Load().policy == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.now.Load().tlsNow(), nil }}
}

// makeServer makes what serves the listener.
func (f *doorway) makeServer() (err error) {
	p := f.now.Load()
	most := p.print.setting.MaxConnections
	f.listener = netutil.LimitListener(&doorListener{Listener: f.listener, listed: f.lists, strangers: make(chan struct{}, max(1, most/doorStrangers)), dropped: f.countDropped}, most)
	if p.print.setting.Kind == config.DoorExtAuthz {
		f.server, err = f.a.grpcServer(f)
		return err
	}
	if policy := f.tls("http/1.1"); policy != nil {
		f.listener = tls.NewListener(f.listener, policy)
	}
	server := doorServer(f)
	server.ErrorLog = f.a.serverLog()
	f.server = server
	return nil
}

// serve begins to accept.
func (f *doorway) serve() { f.listening = serveOn(f.name, f.server, f.listener, f.a.failed) }

// drain ends a doorway: questions that run are answered, further ones are not taken.
func (f *doorway) drain(ctx context.Context) error {
	return f.a.drainListening(ctx, f.listening)
}
