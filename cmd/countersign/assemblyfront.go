package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
)

// handshakeGrace is how long handshakes that are under way may take when a listener ends.
const handshakeGrace = time.Second

// front is one listener over the generations: it stays open while what stands behind it is exchanged.
type front struct {
	seat[door, *door]
	a         *assembly
	name      string // for the log
	bounds    doorBounds
	listener  *strict.Listener
	server    httpServer
	listening *listening
}

// ServeHTTP hands a request to the gateway in force.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := f.open(w, f.a.draining.Load())
	if d == nil {
		return
	}
	defer f.exit(d)
	if !d.clientStands(r) {
		f.misdirect(w, d)
		return
	}
	d.gateway.ServeHTTP(w, r)
}

// openFronts takes the addresses that g has and the assembly has not, and refuses what cannot change while a listener is
// open. Nothing is accepted on them yet.
func (a *assembly) openFronts(g *generation) (map[string]*front, error) {
	opened := map[string]*front{}
	for key, d := range g.doors {
		if f := a.fronts[key]; f != nil {
			if f.bounds != d.print.bounds {
				return opened, hinted{fmt.Errorf("listener %s: its connection limits, its timeouts and its HTTP/1 server cannot change while it is open", d.print.address), "restart the server for them, or leave them as they are"}
			}
			continue
		}
		f, err := a.openFront(d)
		if err != nil {
			return opened, err
		}
		opened[key] = f
	}
	return opened, nil
}

func (a *assembly) openFront(d *door) (*front, error) {
	inner, err := net.Listen(networkOf(d.print.address), d.print.address)
	if err != nil {
		err = fmt.Errorf("listen for %s: %w", d.world.environment, err)
		if d.print.hint != "" {
			err = hinted{err, d.print.hint}
		}
		return nil, err
	}
	f := &front{a: a, name: d.world.environment, bounds: d.print.bounds}
	f.now.Store(d)
	b := d.print.bounds
	f.listener, err = strict.New(inner, strict.Config{
		TLS: &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: d.policy.NextProtos[:2],
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.now.Load().tlsNow(), nil },
		},
		Answer: f.answerUnread, OnRefused: f.refused, Admit: f.admit,
		Exempt:   func(peer netip.Addr) bool { return f.now.Load().isProxy(peer) },
		MaxConns: b.maxConns, MaxPerPeer: b.maxPerPeer, MaxHandshakes: b.maxHandshakes, HandshakeTimeout: b.handshake,
		MaxHead: b.maxHead, MaxRequestLine: b.maxRequestLine, MaxHeaderLines: b.maxHeaderLines,
	})
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	if err := f.makeServer(); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return f, nil
}

// makeServer makes what serves the listener: ours for HTTP/1 and the standard one for HTTP/2, or that for both.
func (f *front) makeServer() (err error) {
	b := f.bounds
	standard := &http.Server{Handler: f, ReadHeaderTimeout: boundOr(b.header, 10*time.Second), IdleTimeout: boundOr(b.idle, 2*time.Minute), ErrorLog: f.a.serverLog()}
	strict.Configure(standard, f.listener)
	if f.server = standard; b.standard {
		return nil
	}
	f.server, err = http1.New(http1.Config{Handler: f, HTTP2: standard, ConnContext: strict.ConnContext, ReadHeaderTimeout: standard.ReadHeaderTimeout,
		IdleTimeout: standard.IdleTimeout, Log: f.a.log})
	return err
}

// serve begins to accept.
func (f *front) serve(failed chan<- error) {
	f.listening = serveOn(f.name, f.server, f.listener, failed)
}

func (f *front) answerUnread(peer netip.AddrPort, fault strict.Fault) []byte {
	d := f.use()
	if d == nil {
		return nil // strict has an answer of its own
	}
	defer d.generation.leave()
	return d.gateway.AnswerUnread(peer, fault)
}

func (f *front) refused(_ netip.AddrPort, fault strict.Fault) {
	f.a.metrics.Ended(f.now.Load().world.environment, fault.String())
}

// admit decides at accept and counts who is dropped.
func (f *front) admit(peer netip.AddrPort) bool {
	d := f.now.Load()
	if d.admits(peer.Addr()) {
		return true
	}
	f.a.metrics.Dropped(d.world.environment)
	return false
}

// drainFront ends a front: running requests end, further ones are not taken. Requests that had to be cut off are told in the
// log and are no failure.
func (a *assembly) drainFront(ctx context.Context, f *front) error {
	f.leaving.Store(true)
	handshakes, cancel := context.WithTimeout(ctx, handshakeGrace)
	defer cancel()
	f.listener.Stop(handshakes)
	f.listener.Settle(ctx)
	return a.drainListening(ctx, f.listening)
}

func boundOr(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// networkOf keeps a wildcard to the family of addresses that it names: Go would take 0.0.0.0 for IPv6 as well.
func networkOf(addr string) string {
	if host, _, _ := net.SplitHostPort(addr); host == "0.0.0.0" {
		return "tcp4"
	}
	return "tcp"
}

// baseURL is where callers on this machine find what listens on addr: loopback, where it listens on every address.
func baseURL(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	switch {
	case err != nil || !at.Addr().IsUnspecified():
		return "https://" + addr.String()
	case at.Addr().Is4():
		return "https://127.0.0.1:" + strconv.Itoa(int(at.Port()))
	}
	return "https://[::1]:" + strconv.Itoa(int(at.Port()))
}
