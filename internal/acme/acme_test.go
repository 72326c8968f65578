package acme_test

import (
	"log/slog"
	"testing"

	"countersign.dev/internal/acme"
)

func good(t *testing.T) acme.Config {
	return acme.Config{Directory: "https://127.0.0.1:1/directory", Domains: []string{"api.example"}, Storage: t.TempDir(),
		Address: "127.0.0.1:8443", AcceptTerms: true, Log: slog.New(slog.DiscardHandler)}
}

// TestAManagerNeedsItsParts, in every build.
func TestAManagerNeedsItsParts(t *testing.T) {
	for name, spoil := range map[string]func(*acme.Config){
		"directory": func(c *acme.Config) { c.Directory = "" },
		"domains":   func(c *acme.Config) { c.Domains = nil },
		"storage":   func(c *acme.Config) { c.Storage = "" },
		"address":   func(c *acme.Config) { c.Address = "" },
		"terms":     func(c *acme.Config) { c.AcceptTerms = false },
		"log":       func(c *acme.Config) { c.Log = nil },
	} {
		cfg := good(t)
		spoil(&cfg)
		if m, err := acme.New(cfg); err == nil || m != nil {
			t.Errorf("without %s: %v, %v", name, m, err)
		}
	}
}
