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

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// Manager keeps the certificates of one listener. Safe for concurrent use. Start begins its work, Close ends it.
type Manager struct {
	cfg   Config
	names map[string]bool
	cache *certmagic.Cache
	magic *certmagic.Config
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
	m := &Manager{cfg: cfg, names: map[string]bool{}}
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

// tell logs what happens to certificates.
func (m *Manager) tell(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		m.cfg.Log.Info("a certificate was obtained", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		m.cfg.Log.Error("a certificate could not be obtained; it is tried again", "domain", data["identifier"], "cause", fmt.Sprint(data["error"]))
	}
	return nil
}
