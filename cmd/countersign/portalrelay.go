package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"countersign.dev/internal/tester"
)

// relayHandshake bounds the handshake of a relayed call.
const relayHandshake = 10 * time.Second

// relay makes the way from the portal's request tester to the gateways of some environments, inside this process. A connection of
// it comes from the visitor's own address, as the portal has derived it, and is accepted, bounded, read and decided on like any
// that was dialled from there. Nothing else in the program has this way: nobody else can say whose address a connection has.
func (a *assembly) relay(environments []string) tester.Relay {
	open := slices.Clone(environments)
	return func(ctx context.Context, environment string, from netip.AddrPort) (net.Conn, error) {
		if !slices.Contains(open, environment) {
			return nil, fmt.Errorf("the environment %q is not open to the tester", environment)
		}
		f := a.relayFront(environment)
		if f == nil || f.leaving.Load() || a.draining.Load() {
			return nil, fmt.Errorf("the gateway of %s is ending, or not open yet", environment)
		}
		c, err := f.listener.Inject(from)
		if err != nil {
			return nil, fmt.Errorf("reach the gateway of %s: %w", environment, err)
		}
		return secured(ctx, c, f.now.Load())
	}
}

// relayFront is the first listener of an environment; nil: it has none at this moment.
func (a *assembly) relayFront(environment string) *front {
	if all := a.relays.Load(); all != nil {
		return (*all)[environment]
	}
	return nil
}

// noteRelays keeps which listener relayed calls take, for whoever asks meanwhile. The caller holds mu.
func (a *assembly) noteRelays(g *generation) {
	all := map[string]*front{}
	for i := range g.blueprint.worlds {
		if w := &g.blueprint.worlds[i]; len(w.doors) > 0 {
			all[w.environment] = a.fronts[w.doors[0].key]
		}
	}
	a.relays.Store(&all)
}

// secured does the handshake that the listener asks for. Both ends are in this process, and nobody is between them: whose
// certificate it is need not be asked, and could not be told by a name that is right from outside.
func secured(ctx context.Context, c net.Conn, d *door) (net.Conn, error) {
	policy := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, InsecureSkipVerify: true}
	if len(d.world.hosts) > 0 {
		policy.ServerName = d.world.hosts[0] // chooses among the listener's certificates
	}
	out := tls.Client(c, policy)
	ctx, cancel := context.WithTimeout(ctx, relayHandshake)
	defer cancel()
	if err := out.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the gateway closed the connection before a byte of the request, as it does where the visitor's address may not connect "+
			"(drop_unlisted), has too many connections, or a client certificate is required: %w", err), c.Close())
	}
	return out, nil
}
