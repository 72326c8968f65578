package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/tlsfile"
)

// generation is what one blueprint has become. A request uses one generation from its beginning to its end, also where another
// one is put in force meanwhile; what a generation has opened is closed when its last request is done.
type generation struct {
	blueprint *blueprint
	decider   *access.Decider
	doors     map[string]*door    // by doorPrint.key
	passages  map[string]*passage // by doorwayPrint.key
	doers     []upstream.Doer
	countries access.Countries // nil: there is no table
	surfaces  []*surface       // behind listeners for people

	users atomic.Int64 // requests; below zero once it is retired
	once  sync.Once
	a     *assembly
}

// door is one listener's share of a generation.
type door struct {
	share
	print   doorPrint
	world   *worldPrint
	gateway *gateway.Gateway
	files   *tlsfile.Files // nil: the certificate is no file
	policy  *tls.Config
	trust   clientTrust
}

// retired is what users is lowered by when a generation is retired.
const retired = 1 << 62

// enter counts a user in; false: the generation has been retired and is closed, or about to be.
func (g *generation) enter() bool {
	if g.users.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

// leave counts a user out. The last one of a retired generation closes it.
func (g *generation) leave() {
	if g.users.Add(-1) == -retired {
		g.once.Do(g.close)
	}
}

// retire lets nobody in any more. What is open is closed when the last user has left.
func (g *generation) retire() {
	for {
		n := g.users.Load()
		if n < 0 {
			return
		}
		if g.users.CompareAndSwap(n, n-retired) {
			if n == 0 {
				g.once.Do(g.close)
			}
			return
		}
	}
}

func (g *generation) close() {
	for _, one := range g.surfaces {
		one.close(g.a)
	}
	for _, doer := range g.doers {
		if err := doer.Close(); err != nil {
			g.a.log.Warn("close the connections to an upstream", "cause", err.Error())
		}
	}
}

// build makes a generation. It opens files, but no listener.
func (a *assembly) build(b *blueprint) (*generation, error) {
	g := &generation{blueprint: b, doors: map[string]*door{}, passages: map[string]*passage{}, a: a}
	cfg := access.Config{APIs: b.apis(), Replay: a.replay, Now: a.now, MaxStaleness: b.staleness}
	table, err := a.keepers.countries(b.countries)
	if err != nil {
		return nil, err
	}
	if table != nil {
		cfg.Countries, g.countries = table, table
	}
	a.configure(&cfg)
	if g.decider, err = access.New(cfg); err != nil {
		return nil, err
	}
	for i := range b.worlds {
		if err := a.buildWorld(g, &b.worlds[i]); err != nil {
			g.retire()
			return nil, fmt.Errorf("environment %s: %w", b.worlds[i].environment, err)
		}
	}
	return g, nil
}

func (a *assembly) buildWorld(g *generation, w *worldPrint) error {
	address, err := clientip.New(w.address)
	if err != nil {
		return err
	}
	doers := map[*access.API]upstream.Doer{}
	for _, p := range w.apis {
		doer, err := upstream.New(p.upstream)
		if err != nil {
			return fmt.Errorf("API %s: %w", p.api.Name, err)
		}
		g.doers = append(g.doers, doer)
		if p.ownHost {
			doer = hostless{doer}
		}
		doers[p.api] = doer
	}
	captures, err := a.captures.of(w)
	if err != nil {
		return err
	}
	gate, err := gateway.New(a.gatewayConfig(gateway.Config{
		Captures:    captures,
		Environment: w.environment, Hosts: w.hosts, Decider: g.decider, Address: address, Upstreams: doers, Exchange: a.exchange,
		Log: a.log, Now: a.now, Bodies: a.bodies, BodyTimeout: w.bodyTimeout, WriteStall: w.writeStall,
	}))
	if err != nil {
		return err
	}
	for _, p := range w.doors {
		d := &door{share: share{generation: g, level: a.metrics.Running(w.environment)}, print: p, world: w, gateway: gate}
		if err := a.buildPolicy(d); err != nil {
			return fmt.Errorf("listener %s: %w", p.address, err)
		}
		g.doors[p.key] = d
	}
	return a.buildDoorways(g, w)
}

// buildPolicy makes the TLS policy of a listener. What is asked of callers' certificates is the same for every name that they
// ask for, so that a connection cannot be had under one policy and used under another (security rule 29).
func (a *assembly) buildPolicy(d *door) error {
	p := &d.print.tls
	d.policy = &tls.Config{MinVersion: max(p.minVersion, tls.VersionTLS12), NextProtos: append([]string{"h2", "http/1.1"}, p.extra...)}
	switch {
	case p.fixed != nil:
		d.policy.Certificates = []tls.Certificate{*p.fixed}
	case len(p.files) > 0:
		files, err := a.keepers.tlsFiles(p.files, p.clientCA)
		if err != nil {
			return err
		}
		d.files = files
		d.policy.GetCertificate = files.Certificate
	default:
		d.policy.GetCertificate = p.source
	}
	if d.files == nil && p.clientCA != "" {
		files, err := a.keepers.tlsFiles(nil, p.clientCA)
		if err != nil {
			return err
		}
		d.files = files
	}
	if p.clientCA != "" {
		d.policy.ClientAuth = p.clientAuth
		d.policy.SessionTicketsDisabled = true // a resumed session would not be judged by the authorities of now
	}
	return nil
}

// tlsNow is the policy with the client authorities of this moment.
func (d *door) tlsNow() *tls.Config {
	if d.print.tls.clientCA == "" {
		return d.policy
	}
	policy := d.policy.Clone()
	policy.ClientCAs = d.files.ClientCAs()
	return policy
}

// isProxy reports whether peer is a proxy that may bring many callers.
func (d *door) isProxy(peer netip.Addr) bool {
	return slices.ContainsFunc(d.world.address.Trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// admits decides at accept: everybody where nothing is to be dropped, trusted proxies always, and else whoever is on some
// partner's list.
func (d *door) admits(peer netip.Addr) bool {
	if !d.print.dropUnlisted || d.isProxy(peer) {
		return true
	}
	return d.generation.listed(d.world.environment, peer)
}

// listed reports whether some partner may call an environment from an address, or whether that cannot be said of everybody: where
// an API takes callers from anywhere, or the register is not known well enough, nobody is dropped.
func (g *generation) listed(environment string, peer netip.Addr) bool {
	contains, complete := g.decider.Union(environment)
	return !complete || contains(peer)
}

// hostless sends no Host of the caller's to an upstream: it gets its own.
type hostless struct{ upstream.Doer }

// Do implements upstream.Doer.
func (h hostless) Do(ctx context.Context, r *upstream.Request, resp *upstream.Response) error {
	r.Host = ""
	return h.Doer.Do(ctx, r, resp)
}
