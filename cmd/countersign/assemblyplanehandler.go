package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/webhook"
)

// planeTick is how often the plane writes down what it has gathered.
const planeTick = 5 * time.Second

// planeClosing is how long it may take at the end to write that down.
const planeClosing = 5 * time.Second

// planeHandler makes what stands behind the operators' listener.
func (a *assembly) planeHandler(g *generation, made *plane) error {
	p := g.blueprint.plane
	calls, err := webhook.New(webhook.Config{Allow: p.webhooks.Allow, Sources: p.webhooks.SourceAddresses, Plain: p.plainEndpoints, Now: a.now, Rand: rand.Reader})
	if err != nil {
		return err
	}
	pages, err := a.signIn(p, made.url)
	if err != nil {
		return err
	}
	cfg := admin.Config{
		Registry: a.register, Authenticate: pages.Authenticate, SignIn: pages, Questions: a.recall.engine, Decisions: []admin.Decisions{a.recall.archive},
		Checkpoints: a.book, Webhooks: calls, Nodes: a.nodes, Environments: func() []admin.Environment { return a.planeEnvironments(g.blueprint) },
		Link:      func(token string) string { return signin.Link(made.url, token) },
		PublicURL: made.url, Loopback: p.loopback(), Now: a.now, Rand: rand.Reader, Log: a.log, Count: a.metrics.Admin,
	}
	server, err := admin.New(cfg)
	if err != nil {
		return err
	}
	made.Handler, made.server, made.pages = server, server, pages
	ctx, end := context.WithCancel(a.life)
	made.end = end
	a.running.Go(func() {
		ticker := time.NewTicker(planeTick)
		defer ticker.Stop()
		server.Maintain(ctx, ticker.C)
	})
	a.running.Go(func() {
		ticker := time.NewTicker(planeTick)
		defer ticker.Stop()
		pages.Maintain(ctx, ticker.C)
	})
	return nil
}

// close ends a plane behind which no request runs any more.
func (m *plane) close(a *assembly) {
	if m.server == nil {
		return
	}
	m.end()
	ctx, cancel := context.WithTimeout(context.Background(), planeClosing)
	defer cancel()
	if err := errors.Join(m.server.Close(ctx), m.pages.Close(ctx)); err != nil {
		a.log.Error("refused attempts were not all written down", "cause", err.Error())
	}
}

// loopback reports whether only this machine reaches the listener, so that its own names are good enough.
func (p *planePrint) loopback() bool {
	host, _, err := net.SplitHostPort(p.address)
	ip, bad := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || bad == nil && ip.Unmap().IsLoopback())
}

// planeEnvironments are the environments of a blueprint, with what their reviews ask for.
func (a *assembly) planeEnvironments(b *blueprint) []admin.Environment {
	all := make([]admin.Environment, len(b.worlds))
	for i, w := range b.worlds {
		policy := b.reviews[w.environment]
		all[i] = admin.Environment{Name: w.environment, After: policy.After, APIs: namesOf(w.apis), Checklist: policy.Items}
	}
	return all
}

func namesOf(prints []apiPrint) []string {
	names := make([]string, len(prints))
	for i, p := range prints {
		names[i] = p.api.Name
	}
	return names
}

// nodes is what every server process on the data folder serves.
func (a *assembly) nodes(context.Context) ([]admin.Node, error) {
	served, err := servedStates(a.dir)
	if err != nil {
		return nil, fmt.Errorf("see who serves from the data folder: %w", err)
	}
	all := make([]admin.Node, len(served))
	for i, s := range served {
		at, _ := time.Parse(time.RFC3339Nano, s.At) // zero where it is starting, and has said nothing
		all[i] = admin.Node{Name: nodeName(s.PID), Environment: s.Environment, Revision: s.Revision, At: at}
	}
	return all, nil
}
