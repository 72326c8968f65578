package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/acme"
	"countersign.dev/internal/config"
)

// acmeManagers keep certificates that come by themselves, over the generations. The reloading goroutine is the only one that
// changes them, once that runs; readiness and metrics look on.
type acmeManagers struct {
	mu    sync.Mutex
	known map[string]*acmeManager // by what they were made of
}

type acmeManager struct {
	*acme.Manager
	end     context.CancelFunc // nil: not started
	started bool
}

// use has a listener's certificates come by themselves.
func (m *acmeManagers) use(s *server, p *tlsPrint, address string, c *config.ACME) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := fmt.Sprintf("%q", append([]string{address, c.Directory, c.CAFile, c.Email, c.Storage}, slices.Sorted(slices.Values(c.Domains))...))
	one := m.known[key]
	if one == nil {
		made, err := acme.New(acme.Config{Directory: c.Directory, CAFile: c.CAFile, Email: c.Email, Domains: c.Domains, Storage: c.Storage,
			Address: address, AcceptTerms: c.AcceptTerms, Log: s.log})
		if errors.Is(err, acme.ErrNotBuilt) {
			return hinted{err, "build it with -tags acme, or name a certificate and a key for the listener"}
		}
		if err != nil {
			return err
		}
		one = &acmeManager{Manager: made}
		if m.known == nil {
			m.known = map[string]*acmeManager{}
		}
		m.known[key] = one
	}
	p.source, p.extra, p.acme = one.Certificate, []string{acme.Protocol}, key
	return nil
}

// settle starts the managers that the blueprint in force uses and ends all others. The listeners are open.
func (m *acmeManagers) settle(s *server, b *blueprint) {
	used := map[string]bool{}
	for _, w := range b.worlds {
		for _, d := range w.doors {
			used[d.tls.acme] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, one := range m.known {
		switch {
		case !used[key]:
			m.drop(key, one)
		case !one.started:
			one.started = true
			var ctx context.Context
			ctx, one.end = context.WithCancel(s.life)
			if err := one.Start(ctx); err != nil {
				s.log.Error("certificates do not come by themselves", "cause", err.Error())
			}
		}
	}
}

// states are the names of all listeners with their certificates, by name.
func (m *acmeManagers) states() []acme.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []acme.State
	for _, one := range m.known {
		all = append(all, one.States()...)
	}
	slices.SortFunc(all, func(a, b acme.State) int { return strings.Compare(a.Domain, b.Domain) })
	return all
}

// trouble says which certificates do not come. It is no reason to be taken out of service: the authority's question has to arrive.
func (m *acmeManagers) trouble(now time.Time) error {
	var found []string
	for _, one := range m.states() {
		if err := one.Trouble(now); err != nil {
			found = append(found, err.Error())
		}
	}
	if len(found) == 0 {
		return nil
	}
	return errors.New(strings.Join(found, "; "))
}

// drop ends one. The caller holds mu.
func (m *acmeManagers) drop(key string, one *acmeManager) {
	if one.end != nil {
		one.end()
	}
	_ = one.Close() // it only ends its own goroutines
	delete(m.known, key)
}

// Close ends all of them.
func (m *acmeManagers) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, one := range m.known {
		m.drop(key, one)
	}
	return nil
}
