package blueprint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
)

const text = `data: /data
environments:
  production:
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "http://127.0.0.1:1"}
        window: 2m
        replay: all
        addresses: optional
        header_names: warn
        address_mismatch: warn
        client_certificate: "off"
        limits: {per_partner: {rate: 10/s, burst: 20}}
        sunset: false
      again: {profile: finci, base_paths: [/again], upstream: {url: "http://127.0.0.1:1"}}
      login:
        token: {endpoint: /login/token, lifetime: 1h, empty_post: strict, xml_content_type: strict}
        base_paths: [/login]
        upstream: {url: "http://127.0.0.1:1"}
`

// TestWhatAConfigurationSaysIsWhatDecides: each setting of an API arrives, and equal profiles are one scheme.
func TestWhatAConfigurationSaysIsWhatDecides(t *testing.T) {
	cfg, err := config.Parse("c.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, schemes := cfg.Environment("production"), blueprint.Schemes{}
	apis := map[string]*access.API{}
	for i := range e.APIs {
		api, err := schemes.API(e, &e.APIs[i])
		if err != nil {
			t.Fatal(err)
		}
		apis[api.Name] = api
	}
	card, again, login := apis["card"], apis["again"], apis["login"]
	if card.Protocol != access.Signed || card.Environment != "production" || card.Window != 2*time.Minute || card.Replay != access.ReplayAll || card.Addresses != access.AddressOptional ||
		!card.WarnHeaderNames || !card.AddressWarn || card.ClientCertificateWarn || card.ClientCertificate != access.ClientCertificateOff || !card.HideSunset || card.BasePaths[0] != "/api/v1" {
		t.Errorf("card: %+v", card)
	}
	if l := card.Limits.PerPartner; l == nil || l.Rate != 10 || l.Per != time.Second || l.Burst != 20 || card.Limits.Total != nil {
		t.Errorf("limits: %+v", card.Limits)
	}
	if again.Scheme != card.Scheme || again.Replay != access.ReplayWrites || again.Addresses != access.AddressRequired || again.HideSunset {
		t.Errorf("again: %+v", again)
	}
	if login.Protocol != access.Token || login.Scheme != nil || login.TokenEndpoint != "/login/token" || login.TokenLifetime != time.Hour || !login.StrictEmptyPost || !login.StrictXMLContentType {
		t.Errorf("login: %+v", login)
	}
}

// TestReadBounded: a path in a configuration may lead to anything.
func TestReadBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := blueprint.ReadBounded(path, 5); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	for name, one := range map[string]struct {
		path string
		most int64
		want string
	}{"too long": {path, 4, "more than 4 bytes"}, "a folder": {filepath.Dir(path), 99, "not a regular file"}, "a device": {os.DevNull, 99, "not a regular file"}, "nothing": {path + "x", 99, "no such file"}} {
		if _, err := blueprint.ReadBounded(one.path, one.most); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
