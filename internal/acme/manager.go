//go:build acme

package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Built reports whether this build gets certificates.
const Built = true

// Manager keeps the certificates of one listener. Safe for concurrent use. Start begins its work, Close ends it.
type Manager struct {
	cfg   Config
	names map[string]bool
	cache *certmagic.Cache
	magic *certmagic.Config

	mu       sync.Mutex
	failures map[string]error // by name; nil once it has a certificate
}

// New makes a manager that has asked nobody for anything yet.
func New(cfg Config) (*Manager, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	host, text, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("acme: %s has no port on which a challenge could arrive", cfg.Address)
	}
	roots, err := cfg.roots()
	if err != nil {
		return nil, err
	}
	m := &Manager{cfg: cfg, names: map[string]bool{}, failures: map[string]error{}}
	for _, name := range cfg.Domains {
		m.names[strings.ToLower(name)] = true
	}
	quiet := zap.NewNop() // what it has to tell is told through OnEvent
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.magic, nil }, Logger: quiet,
	})
	m.magic = certmagic.New(m.cache, certmagic.Config{Storage: &certmagic.FileStorage{Path: cfg.Storage}, OnEvent: m.tell, Logger: quiet})
	m.magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(m.magic, certmagic.ACMEIssuer{
		CA: cfg.Directory, Email: cfg.Email, Agreed: true, TrustedRoots: roots, Logger: quiet,
		DisableHTTPChallenge: true, ListenHost: host, AltTLSALPNPort: port,
	})}
	return m, nil
}

func (cfg *Config) roots() (*x509.CertPool, error) {
	if cfg.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("acme: %s holds no certificate", cfg.CAFile)
	}
	return pool, nil
}

// Start gets and renews certificates in the background until ctx ends. The listener has to be open: it answers the challenges.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.magic.ManageAsync(ctx, m.cfg.Domains); err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	return nil
}

// Certificate is for tls.Config.GetCertificate. A name that was not listed has none.
func (m *Manager) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if !m.names[strings.ToLower(hello.ServerName)] {
		return nil, fmt.Errorf("acme: no certificate for this name")
	}
	return m.magic.GetCertificate(hello)
}

// Close ends the renewal.
func (m *Manager) Close() error {
	m.cache.Stop()
	return nil
}

// States are the names with their certificates, in the order of Config.
func (m *Manager) States() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	states := make([]State, 0, len(m.cfg.Domains))
	for _, domain := range m.cfg.Domains {
		name := strings.ToLower(domain)
		one := State{Domain: name, Problem: m.failures[name]}
		for _, c := range m.cache.AllMatchingCertificates(name) {
			if c.Leaf != nil && c.Leaf.NotAfter.After(one.NotAfter) {
				one.NotAfter = c.Leaf.NotAfter
			}
		}
		states = append(states, one)
	}
	return states
}

// tell logs what happens to certificates, and remembers it for States.
func (m *Manager) tell(_ context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	switch event {
	case "cert_obtained":
		m.note(name, nil)
		m.cfg.Log.Info("a certificate was obtained", "domain", name, "renewal", data["renewal"])
	case "cert_failed":
		cause, _ := data["error"].(error)
		if cause == nil {
			cause = errUntold
		}
		m.note(name, cause)
		m.cfg.Log.Error("a certificate could not be obtained; it is tried again", "domain", name, "cause", cause.Error())
	}
	return nil
}

func (m *Manager) note(name string, problem error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures[strings.ToLower(name)] = problem
}
