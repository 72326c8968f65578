package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
)

// withDoors is the small configuration with doors.
func withDoors(doors string) string {
	return strings.Replace(small, "    apis:\n", "    doors:\n"+doors+"    apis:\n", 1)
}

// TestDoorsThatDoNotFitTogether: one line for each rule, and beside it what is right.
func TestDoorsThatDoNotFitTogether(t *testing.T) {
	const tls = ", tls: {certificate: /tls/c.pem, key: /tls/k.pem}"
	for _, c := range []struct{ name, door, want string }{
		{"a socket", `{kind: forward_auth, proxy: nginx, address: "unix:/run/c/nginx.sock"}`, ""},
		{"loopback", `{kind: forward_auth, proxy: haproxy, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, ""},
		{"another machine", `{kind: forward_auth, proxy: caddy, address: "10.0.0.2:9913", proxies: [10.0.0.3/32]` + tls + `}`, ""},
		{"a certificate of the proxy", `{kind: forward_auth, proxy: caddy, address: "10.0.0.2:9913", proxies: [10.0.0.3/32], client_ca_file: /ca` + tls + `}`, ""},
		{"Envoy", `{kind: ext_authz, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, ""},
		{"no kind", `{proxy: nginx, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, `lacks "kind"`},
		{"another kind", `{kind: spoe, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, "is none of"},
		{"no proxy", `{kind: forward_auth, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, "no proxy"},
		{"Envoy in another way", `{kind: forward_auth, proxy: envoy, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, "Envoy asks in another way"},
		{"nginx in Envoy's way", `{kind: ext_authz, proxy: nginx, address: "127.0.0.1:9913", proxies: [127.0.0.1/32]}`, "is what Envoy speaks"},
		{"nobody may ask", `{kind: forward_auth, proxy: nginx, address: "127.0.0.1:9913"}`, "nobody may ask"},
		{"everybody may ask", `{kind: forward_auth, proxy: nginx, address: "127.0.0.1:9913", proxies: [0.0.0.0/0]}`, "too wide to be trusted"},
		{"in clear", `{kind: forward_auth, proxy: nginx, address: "10.0.0.2:9913", proxies: [10.0.0.3/32]}`, "there is no TLS"},
		{"in clear, everywhere", `{kind: forward_auth, proxy: nginx, address: ":9913", proxies: [10.0.0.3/32]}`, "there is no TLS"},
		{"authorities without TLS", `{kind: forward_auth, proxy: nginx, address: "127.0.0.1:9913", proxies: [127.0.0.1/32], client_ca_file: /ca}`, "without tls"},
		{"TLS over a socket", `{kind: forward_auth, proxy: nginx, address: "unix:/run/c/nginx.sock"` + tls + `}`, "has no meaning for a socket"},
		{"a relative socket", `{kind: forward_auth, proxy: nginx, address: "unix:c.sock"}`, "is not the path of a socket"},
		{"a long socket", `{kind: forward_auth, proxy: nginx, address: "unix:/` + strings.Repeat("a", 110) + `"}`, "is not the path of a socket"},
		{"nginx's word for bodies", `{kind: forward_auth, proxy: nginx, whole_body: true, address: "unix:/run/c/nginx.sock"}`, "is for Traefik alone"},
		{"an address that is taken", `{kind: forward_auth, proxy: nginx, address: "127.0.0.1:443", proxies: [127.0.0.1/32]}`, "takes the address of environments.production.listeners[0].address"},
		{"the operators' address", `{kind: forward_auth, proxy: nginx, address: "127.0.0.1:9900", proxies: [127.0.0.1/32]}`, "takes the address of ops.listen"},
		{"Go's server", `{kind: forward_auth, proxy: nginx, address: "unix:/run/c/nginx.sock", standard: true}`, ""},
		{"Go's server for gRPC", `{kind: ext_authz, address: "unix:/run/c/envoy.sock", standard: true}`, "has no meaning for gRPC"},
		{"one socket for two", "{kind: forward_auth, proxy: nginx, address: \"unix:/run/c/a.sock\"}\n      - {kind: forward_auth, proxy: nginx_auth_request, address: \"unix:/run/c/a.sock\"}", "takes the address of environments.production.doors[0].address"},
		{"a misspelt key", `{kind: forward_auth, proxy: nginx, adress: "unix:/run/c/a.sock"}`, `unknown key "adress"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("c.yaml", []byte(withDoors("      - "+c.door+"\n")), nil)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestAPlainDoorIsAWarning: it is allowed in so many words, and told.
func TestAPlainDoorIsAWarning(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(withDoors("      - {kind: forward_auth, proxy: nginx, address: \"10.0.0.2:9913\", proxies: [10.0.0.3/32], allow_plain: true}\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Warnings().Error(), "in clear") {
		t.Errorf("warnings: %v", c.Warnings())
	}
}

// TestWholeBodyIsAWarning: it is believed, and cannot be seen.
func TestWholeBodyIsAWarning(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(withDoors("      - {kind: forward_auth, proxy: traefik, whole_body: true, address: \"unix:/run/c/traefik.sock\"}\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Warnings().Error(), "forwardBody") {
		t.Errorf("warnings: %v", c.Warnings())
	}
}

// TestFilesOfDoorsAreLookedAt by config check (security rule 39).
func TestFilesOfDoorsAreLookedAt(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("a secret of the door\n"), 0o600), os.Chmod(secret, 0o644), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("c.yaml", []byte(withDoors("      - {kind: forward_auth, proxy: nginx, secret_file: "+secret+", address: \"unix:"+dir+"/a.sock\"}\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	problems, _ := c.Check(config.Scope{Now: time.Now()})
	for _, want := range []string{"doors[0].secret_file: " + secret + " holds a secret but has mode 0644", "doors[0].address: everybody may write into " + dir} {
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%q is not in %v", want, problems)
		}
	}
}
