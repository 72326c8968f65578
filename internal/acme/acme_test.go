package acme_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

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

// TestWhatIsWrongWithACertificateIsTold, for /readyz.
func TestWhatIsWrongWithACertificateIsTold(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	refused := errors.New("the authority refused")
	for _, c := range []struct {
		state acme.State
		want  string // empty: nothing is wrong
	}{
		{acme.State{NotAfter: now.Add(time.Hour)}, ""},
		{acme.State{}, "api.example has no certificate yet"},
		{acme.State{Problem: refused}, "api.example has no certificate: the authority refused"},
		{acme.State{NotAfter: now.Add(time.Hour), Problem: refused}, "api.example: its certificate ends at 2026-11-20T11:00:00Z and is not renewed: the authority refused"},
		{acme.State{NotAfter: now}, "the certificate of api.example ended at 2026-11-20T10:00:00Z"},
		{acme.State{NotAfter: now, Problem: refused}, "api.example has no certificate: the authority refused"},
	} {
		c.state.Domain = "api.example"
		err := c.state.Trouble(now)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || errors.Is(err, refused) != strings.Contains(c.want, "refused") {
			t.Errorf("%+v: %q, want %q", c.state, got, c.want)
		}
	}
}
