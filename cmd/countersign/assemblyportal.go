package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/edge/signin"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/tester"
)

// portalPrint is what a blueprint says of the partners' portal.
type portalPrint struct {
	surfacePrint
	sessions config.Sessions
	address  clientip.Config   // how a visitor's address is found
	tester   []string          // environments whose gateway members may call
	last     []string          // environments where partners' real traffic goes
	baseURLs map[string]string // where partners call, by environment
	local    bool              // partners are on this machine: they call the listeners as they are
	demo     *signin.Demo      // nil: not dev
}

// newPortalPrint is one whose listener is opened by the assembly.
func newPortalPrint(p portalPrint) *portalPrint {
	p.name, p.build = "partners", (*assembly).portalHandler
	return &p
}

// asksPerMinute is how often a member may ask for an explanation, and how many do so at once.
const (
	asksPerMinute = 10
	asksAtOnce    = 2
)

// portalHandler makes what stands behind the partners' listener.
func (a *assembly) portalHandler(g *generation, made *surface) error {
	p := g.blueprint.portal
	deriver, err := clientip.New(p.address)
	if err != nil {
		return err
	}
	log := func(what string, err error) { a.log.Error("the portal failed", "step", what, "cause", err.Error()) }
	pages, err := signin.New(signin.Config{
		Members: a.register.MemberSignIns(), PublicURL: made.url, Now: a.now, Passkeys: true, Demo: p.demo, Log: log, Failed: a.metrics.SignInFailed,
		Terms: registry.SessionTerms{Idle: p.sessions.Idle, Absolute: p.sessions.Absolute}, Home: portal.Base + "/start",
		Address: func(r *http.Request) netip.Addr { return seen(deriver, r).Address },
	})
	if err != nil {
		return err
	}
	cfg := portal.Config{
		Register: a.register, Authenticate: pages.Authenticate, SignIn: pages, Records: a.recall.archive, Usage: a.looks.sums,
		Environments: func() []portal.Environment { return a.portalEnvironments(g.blueprint) }, Networks: g.decider,
		Address:   func(r *http.Request) portal.Seen { return seen(deriver, r) },
		PublicURL: made.url, Loopback: p.loopback(), Now: a.now, Rand: rand.Reader, Log: log,
	}
	if cfg.Tester, cfg.Debugger, err = a.portalTools(p); err != nil {
		return err
	}
	server, err := portal.New(cfg)
	if err != nil {
		return err
	}
	a.watch()
	made.Handler = server
	made.closers = []func(context.Context) error{pages.Close}
	made.beside(a, pages.Maintain)
	return nil
}

// portalTools are the tester, where some environment is open to it, and the debugger. What they count is counted for one generation.
func (a *assembly) portalTools(p *portalPrint) (t portal.TesterConfig, d portal.DebuggerConfig, err error) {
	d.Explainer = ownExplainer{a}
	if d.Desk, err = tester.NewDesk(tester.DeskConfig{Now: a.now, PerMinute: asksPerMinute, AtOnce: asksAtOnce}); err != nil {
		return t, d, err
	}
	if len(p.tester) == 0 {
		return t, d, nil
	}
	t.Sender, err = tester.NewSender(tester.SenderConfig{Relay: a.relay(p.tester), Now: a.now})
	return t, d, err
}

// seen derives the address of a visitor.
func seen(deriver *clientip.Deriver, r *http.Request) (out clientip.Derivation) {
	var peer netip.Addr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		peer, _ = netip.ParseAddr(host) // the zero value: it is unknown
	}
	deriver.Derive(peer.Unmap().WithZone(""), r.Header, &out)
	return out
}

// portalEnvironments are the environments of a blueprint as partners are told of them.
func (a *assembly) portalEnvironments(b *blueprint) []portal.Environment {
	p := b.portal
	all := make([]portal.Environment, len(b.worlds))
	for i := range b.worlds {
		w := &b.worlds[i]
		all[i] = portal.Environment{Name: w.environment, BaseURL: a.partnersCall(p, w.environment), After: b.reviews[w.environment].After,
			Last: slices.Contains(p.last, w.environment), Captures: w.captures != nil, Tester: slices.Contains(p.tester, w.environment)}
		for j := range w.apis {
			all[i].APIs = append(all[i].APIs, w.apis[j].forPartners())
		}
	}
	return all
}

// partnersCall is the base URL that partners are told; empty: it is not configured.
func (a *assembly) partnersCall(p *portalPrint, environment string) string {
	if f := a.relayFront(environment); p.local && f != nil {
		return baseURL(f.listening.addr)
	}
	return p.baseURLs[environment]
}

// memberLink makes of the token of a member's one-time link what its receiver opens; without a portal it is the token itself.
func (a *assembly) memberLink(token string) string {
	if at := a.portalURL(); at != "" {
		return signin.Link(at, token)
	}
	return token
}

// forPartners is an API as partners are told of it: without the paths under which explanations are asked for.
func (p *apiPrint) forPartners() portal.API {
	api := *p.api
	api.BasePaths = slices.DeleteFunc(slices.Clone(api.BasePaths), func(path string) bool { return strings.HasPrefix(path, gateway.ExplainBase) })
	out := portal.API{API: &api}
	if p.told != nil {
		out.Profile, out.Alternative, out.Source = p.told.profile, p.told.alternative, p.told.text
	}
	return out
}
