package forwardauth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/forwardauth"
	"countersign.dev/profile/library"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", filepath.FromSlash(name)))
	must(t, err)
	return string(text)
}

// TestRules19And33ExamplesRemoveWhatTheGatewayRemoves: every credential of the shipped profile and of token APIs, every claim of a
// caller, and every identity header is set or removed by name in the files of nginx, which knows no other way; those of Caddy and
// Traefik have the credentials.
func TestRules19And33ExamplesRemoveWhatTheGatewayRemoves(t *testing.T) {
	finci, err := library.Load("finci")
	must(t, err)
	credentials := append(finci.Headers(), access.AppKeyHeader, access.AppTokenHeader, "X-Http-Method-Override", "X-Http-Method", "X-Method-Override")
	var removed []string
	for _, m := range regexp.MustCompile(`(?m)^proxy_set_header (\S+) "";$`).FindAllStringSubmatch(deployed(t, "nginx/strip.conf"), -1) {
		removed = append(removed, http.CanonicalHeaderKey(m[1]))
	}
	wanted := slices.Clone(credentials)
	for _, name := range clientip.ForwardingHeaders() {
		if !strings.HasSuffix(name, "*") {
			wanted = append(wanted, name)
		}
	}
	wanted = append(wanted, forwardauth.HeaderSecret, "X-Original-Uri", "X-Original-Method", "X-Original-Body", "X-Original-Peer", "X-Original-Connection", "X-Original-Upgrade",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Forwarded-Method")
	for _, name := range wanted {
		if !slices.Contains(removed, name) {
			t.Errorf("deploy/nginx/strip.conf leaves %s", name)
		}
	}
	for _, file := range []string{"nginx/countersign.conf", "nginx/auth_request.conf"} {
		for _, name := range door.IdentityNames() {
			if !strings.Contains(deployed(t, file), "proxy_set_header "+name+" $cs_") || !strings.Contains(deployed(t, "nginx/answers.conf"), "proxy_hide_header "+name+";") {
				t.Errorf("deploy/%s does not set %s, or lets an upstream set it", file, name)
			}
		}
	}
	for _, name := range clientip.ForwardingHeaders() {
		if !strings.Contains(deployed(t, "caddy/Caddyfile"), "header_up -"+name+"\n") {
			t.Errorf("deploy/caddy/Caddyfile leaves %s", name)
		}
		switch name {
		case "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Server": // Traefik's own word
		default:
			if !strings.HasSuffix(name, "*") && !strings.Contains(deployed(t, "traefik/dynamic.yaml"), "          "+name+`: ""`) {
				t.Errorf("deploy/traefik/dynamic.yaml leaves %s", name)
			}
		}
	}
	for _, name := range credentials {
		if !strings.Contains(deployed(t, "caddy/Caddyfile"), "header_up -"+name+"\n") {
			t.Errorf("deploy/caddy/Caddyfile leaves %s", name)
		}
		if !strings.Contains(deployed(t, "traefik/dynamic.yaml"), name+`: ""`) {
			t.Errorf("deploy/traefik/dynamic.yaml leaves %s", name)
		}
	}
	for _, name := range door.IdentityNames() {
		if !strings.Contains(deployed(t, "caddy/Caddyfile"), name) || !strings.Contains(deployed(t, "traefik/dynamic.yaml"), "- "+name+"\n") {
			t.Errorf("Caddy or Traefik does not set %s", name)
		}
	}
}
