package config_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
)

// TestCapturesAreOffOutsideTheSandbox unless the file says otherwise, and for a day at most.
func TestCapturesAreOffOutsideTheSandbox(t *testing.T) {
	text := `data: /d
environments:
  NAME:
    CAPTURES
    listeners: [{address: "127.0.0.1:1", tls: {certificate: /c, key: /k}}]
    apis: {card: {profile: finci, base_paths: [/api], upstream: {url: "http://127.0.0.1:2"}}}
`
	for _, c := range []struct {
		name, captures string
		want           config.Captures
	}{
		{"sandbox", "", config.Captures{Enabled: true, Keep: 24 * time.Hour}},
		{"sandbox", "captures: {enabled: false}", config.Captures{Keep: 24 * time.Hour}},
		{"sandbox", "captures: {keep: 1h}", config.Captures{Enabled: true, Keep: time.Hour}},
		{"production", "", config.Captures{Keep: 24 * time.Hour}},
		{"production", "captures: {keep: 1h}", config.Captures{Keep: time.Hour}},
		{"production", "captures: {enabled: true}", config.Captures{Enabled: true, Keep: 24 * time.Hour}},
		{"sandbox-2", "", config.Captures{Keep: 24 * time.Hour}},
	} {
		cfg, err := config.Parse("c.yaml", []byte(strings.NewReplacer("NAME", c.name, "CAPTURES", c.captures).Replace(text)), nil)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if got := cfg.Environments[0].Captures; got != c.want {
			t.Errorf("%s with %q: %+v", c.name, c.captures, got)
		}
		again, err := config.Parse("c.yaml", []byte(cfg.Text()), nil)
		if err != nil || again.Environments[0].Captures != c.want {
			t.Errorf("%s with %q, written and read again: %v", c.name, c.captures, err)
		}
	}
	for _, captures := range []string{"captures: {keep: 25h}", "captures: {keep: 1s}", "captures: {enable: true}", "captures: true"} {
		if _, err := config.Parse("c.yaml", []byte(strings.NewReplacer("NAME", "sandbox", "CAPTURES", captures).Replace(text)), nil); err == nil {
			t.Errorf("%s is taken", captures)
		}
	}
}
