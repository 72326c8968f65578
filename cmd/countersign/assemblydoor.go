package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	edgedoor "countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/tlsfile"
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
		one.MaxConnections == other.MaxConnections && one.Standard == other.Standard && (one.Kind != config.DoorExtAuthz || one.MaxBody == other.MaxBody)
}

// doorway is a door for other proxies over the generations: its listener stays open while what stands behind it is exchanged.
type doorway struct {
	seat[passage, *passage]
	a         *assembly
	name      string // for the log
	listener  net.Listener
	strict    *strict.Listener // which listener is; nil: another server reads the connections itself
	server    httpServer
	listening *listening // nil: it is not served yet
}

// passage is a doorway's share of a generation.
type passage struct {
	share
	print   *doorwayPrint
	world   *worldPrint
	door    *edgedoor.Door
	handler http.Handler      // of questions over HTTP; nil: there are none
	checker *extauthz.Checker // of questions over gRPC; nil: there are none
	policy  *tls.Config       // nil: no TLS
	files   *tlsfile.Files    // nil: no TLS
	trust   clientTrust
}

// ServeHTTP hands a question to the passage in force.
func (f *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := f.open(w, f.a.draining.Load())
	if p == nil {
		return
	}
	defer f.exit(p)
	if bound, has := w.(writeBound); has && f.strict != nil {
		_ = bound.SetWriteDeadline(time.Now().Add(doorWrite)) // what fails here has failed already
	}
	switch {
	case p.print.setting.ClientCAFile != "" && (r.TLS == nil || !p.trusts(r.TLS.PeerCertificates)):
		p.refuse(w, r, access.UnknownProxy, "the proxy's certificate is none of those that this door trusts, or is not in force any more")
	case f.strict == nil || f.readable(w, r, p):
		p.handler.ServeHTTP(w, r)
	}
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

// serve begins to accept.
func (f *doorway) serve() { f.listening = serveOn(f.name, f.server, f.listener, f.a.failed) }

// drain ends a doorway: questions that run are answered, further ones are not taken.
func (f *doorway) drain(ctx context.Context) error {
	f.leaving.Store(true)
	if f.strict != nil {
		handshakes, cancel := context.WithTimeout(ctx, handshakeGrace)
		defer cancel()
		f.strict.Stop(handshakes)
		f.strict.Settle(ctx)
	}
	return f.a.drainListening(ctx, f.listening)
}
