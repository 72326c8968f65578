package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/country"
	"countersign.dev/internal/edge/admin"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/remote"
	"countersign.dev/internal/webhook"
	"countersign.dev/internal/whatif"
)

// localServer is the name that requests within this process carry. Nothing listens there.
const localServer = "http://localhost"

// localPlane is the handler of the operators' plane over the register on this disk, in this process: the same code that a server
// runs answers the same questions, so that a command says the same of both. What waits for a second person at a server does not
// come this way: the commands ask the registry itself (design decision 14).
type localPlane struct {
	server *admin.Server
	client *remote.Client
}

func newLocalPlane(s *session) (*localPlane, error) {
	cfg, err := localPlaneConfig(s)
	if err != nil {
		return nil, err
	}
	p := new(localPlane)
	if p.server, err = admin.New(cfg); err != nil {
		return nil, err
	}
	p.client, err = remote.New(remote.Config{Server: localServer, Transport: inProcess{p.server}})
	return p, err
}

func localPlaneConfig(s *session) (admin.Config, error) {
	cfg := admin.Config{
		Registry: s.disk, Authenticate: func(*http.Request) (operators.Principal, error) { return localPrincipal(s.actor), nil }, Loopback: true,
		Nodes: s.nodes, Environments: func() []admin.Environment { return environmentsAt(s.at) },
		Now: clock, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
	}
	if err := s.at.lookBack(s.disk, &cfg); err != nil {
		return cfg, err
	}
	calls, err := webhook.New(s.at.webhooks())
	cfg.Webhooks = calls
	return cfg, err
}

// close writes down what the handler has gathered of refused attempts.
func (p *localPlane) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	return errors.Join(p.client.Close(), p.server.Close(ctx))
}

// localPrincipal is the user of the operating system, who may do everything here. Its name has no @, so that it is nobody's
// account.
func localPrincipal(actor registry.Actor) operators.Principal {
	return operators.Principal{Kind: operators.KindAccount, ID: "local", Name: actor.Name, Roles: operators.Roles(), Permissions: operators.Permissions(),
		ExpiresAt: clock().Add(time.Hour)}
}

// lookBack opens the decision records that are there, and what is asked of them.
func (p place) lookBack(register *registry.Registry, cfg *admin.Config) error {
	found, err := p.records()
	if err != nil || len(found) == 0 {
		return err
	}
	engine := whatif.Config{Register: register, Now: clock, Told: told, Trusted: p.trusted}
	for _, record := range found {
		searcher, err := search.Open(search.Config{Dir: record.dir, ReadOnly: !ownsFolder(record.dir), Log: cfg.Log})
		if err != nil {
			return err
		}
		engine.Records = append(engine.Records, searcher)
		cfg.Decisions = append(cfg.Decisions, whatif.Archive{Searcher: searcher, Dir: record.dir})
		if exists(p.rollups(record)) {
			engine.Rollups = append(engine.Rollups, p.rollups(record))
		}
	}
	if err := p.lookAtOthers(&engine, cfg); err != nil {
		return err
	}
	apis, err := p.apis()
	if err != nil {
		return err
	}
	engine.APIs = func() []*access.API { return apis }
	if p.config != nil && p.config.Countries.File != "" {
		if engine.Countries, err = country.Open(p.config.Countries.File); err != nil {
			return err
		}
	}
	cfg.Questions, err = whatif.New(engine)
	return err
}

// ownsFolder reports whether index files may be written beside a record: files of another user would be in the server's way.
func ownsFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && ownedByMe(info)
}

// apis are those that a server of this place has.
func (p place) apis() ([]*access.API, error) {
	if p.config == nil {
		return devAPIs(&devOptions{tokenLifetime: time.Hour})
	}
	var apis []*access.API
	for i := range p.config.Environments {
		e := &p.config.Environments[i]
		for j := range e.APIs {
			api, err := ofconfig.Schemes{}.API(e, &e.APIs[j])
			if err != nil {
				return nil, fmt.Errorf("API %s of %s: %w", e.APIs[j].Name, e.Name, err)
			}
			apis = append(apis, api)
		}
	}
	return apis, nil
}

// trusted are the proxies that an environment believes.
func (p place) trusted(environment string) []netip.Prefix {
	if p.config == nil || p.config.Environment(environment) == nil {
		return nil
	}
	return p.config.Environment(environment).TrustedProxies
}

// webhooks is how this machine calls endpoints; without a configuration as dev does, which calls itself.
func (p place) webhooks() webhook.Config {
	cfg := webhook.Config{Now: clock, Rand: rand.Reader}
	if p.config == nil {
		cfg.Plain = func(string) bool { return true }
		return cfg
	}
	cfg.Allow, cfg.Sources = p.config.Webhooks.Allow, p.config.Webhooks.SourceAddresses
	return cfg
}

// environmentsAt are the environments of a configuration, with what their reviews ask for; without one those of dev.
func environmentsAt(p place) []admin.Environment {
	apis, err := p.apis()
	if err != nil {
		return nil
	}
	names := devEnvironments
	if p.config != nil {
		names = p.config.Names()
	}
	all := make([]admin.Environment, 0, len(names))
	for _, name := range names {
		one := admin.Environment{Name: name}
		if p.config != nil {
			policy := p.config.ReviewPolicies()[name]
			one.After, one.Checklist = policy.After, policy.Items
		}
		for _, api := range apis {
			if api.Environment == name {
				one.APIs = append(one.APIs, api.Name)
			}
		}
		all = append(all, one)
	}
	return all
}
