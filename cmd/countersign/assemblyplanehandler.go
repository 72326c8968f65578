package main

import (
	"context"
	"crypto/rand"

	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/webhook"
)

// planeHandler makes what stands behind the operators' listener.
func (a *assembly) planeHandler(g *generation, made *surface) error {
	p := g.blueprint.plane
	calls, err := webhook.New(webhook.Config{Allow: p.webhooks.Allow, Sources: p.webhooks.SourceAddresses, Plain: p.plainEndpoints, Now: a.now, Rand: rand.Reader})
	if err != nil {
		return err
	}
	pages, err := a.signIn(p, made.url)
	if err != nil {
		return err
	}
	beside := &planePages{signIn: pages}
	cfg := admin.Config{
		Registry: a.register, Authenticate: pages.Authenticate, SignIn: beside, Questions: a.recall.engine, Decisions: []admin.Decisions{a.recall.all},
		Traffic: a.looks.sums, Records: nodeRecords{a.looks.records, a.nodeRecords},
		Still: a.stillSignedIn, Tails: a.recall.tails, Explanations: &a.captures,
		Checkpoints: a.book, Webhooks: calls, Nodes: a.nodes, Environments: func() []admin.Environment { return a.planeEnvironments(g.blueprint) },
		Link: func(token string) string { return signin.Link(made.url, token) }, MemberLink: a.memberLink,
		PublicURL: made.url, Loopback: p.loopback(), Now: a.now, Rand: rand.Reader, Log: a.log, Count: a.metrics.Admin,
	}
	a.watch()
	server, err := admin.New(cfg)
	if err != nil {
		return err
	}
	if beside.console, err = a.newConsole(server); err != nil {
		return err
	}
	made.Handler, made.depart = server, server.EndTails
	made.closers = []func(context.Context) error{server.Close, pages.Close}
	made.beside(a, server.Maintain)
	made.beside(a, pages.Maintain)
	return nil
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
