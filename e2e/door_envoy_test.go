package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoorEnvoy runs the examples of deploy/envoy with a real Envoy, if there is one on the PATH. There is none in Debian, so that
// this test alone is skipped without it also under CI=true; what stands for it then are the synthetic check requests of
// internal/edge/extauthz.
func TestDoorEnvoy(t *testing.T) {
	for _, one := range []struct{ file, kind, port, envoy string }{
		{"envoy.yaml", "ext_authz", "9443", "{with_request_body: true}"},
		{"envoy-http.yaml", "ext_authz_http", "9444", "{with_request_body: true, encode_raw_headers: true}"},
	} {
		t.Run(one.kind, func(t *testing.T) {
			s := newSite(t)
			door, front := freeAddress(t), freeAddress(t)
			s.writeText(t, strings.Replace(s.text(), "    apis:\n", fmt.Sprintf(
				"    doors:\n      - {kind: %s, address: %q, proxies: [127.0.0.1/32], tls: {certificate: %s, key: %s}, envoy: %s}\n    apis:\n",
				one.kind, door, s.cert, s.key, one.envoy), 1))
			server := s.serveAs(t, exec.Command(binary(t)))
			file := put(t, filepath.Join(t.TempDir(), one.file), s.envoyExample(t, one.file, one.port, door, front))
			envoy, err := exec.LookPath("envoy")
			if err != nil {
				t.Skip("no envoy on the PATH: not run against Envoy itself (it is not in Debian, so that CI skips this, too)")
			}
			p := s.behind(t, server, front, run(t, front, exec.Command(envoy, "-c", file, "--disable-hot-restart", "--log-level", "warning")))
			p.throughEnvoy(t)
		})
	}
}

// envoyExample is an example with the addresses and files of a test.
func (s *site) envoyExample(t *testing.T, file, port, door, front string) string {
	t.Helper()
	_, doorPort, _ := net.SplitHostPort(door)
	_, frontPort, _ := net.SplitHostPort(front)
	_, upstreamPort, _ := net.SplitHostPort(s.upstream.ln.Addr().String())
	return example(t, "envoy/"+file,
		"address: 0.0.0.0, port_value: 8443", "address: 127.0.0.1, port_value: "+frontPort,
		"/etc/envoy/partners.pem", s.cert, "/etc/envoy/partners-key.pem", s.key, "/etc/envoy/countersign-ca.pem", s.cert,
		"address: countersign.internal, port_value: "+port, "address: 127.0.0.1, port_value: "+doorPort,
		"san_type: DNS, matcher: {exact: countersign.internal}", `san_type: IP_ADDRESS, matcher: {exact: "127.0.0.1"}`,
		"address: partner-api.internal, port_value: 8080", "address: 127.0.0.1, port_value: "+upstreamPort)
}

// throughEnvoy is what must hold whichever form asks.
func (p *proxied) throughEnvoy(t *testing.T) {
	if a := p.signed(t, sandbox, get("envoy")); a.status != http.StatusOK {
		t.Errorf("a signed GET: %v\n%s", a, p.log)
	}
	if a := p.signed(t, sandbox, patch("envoy")); a.status != http.StatusOK {
		t.Errorf("a signed PATCH: %v\n%s", a, p.log)
	}
	doubled := get("envoy")
	doubled.extra = append(doubled.extra, "X-Auth-Signature: "+strings.Repeat("0", 64))
	if a := p.signed(t, sandbox, doubled); a.status == http.StatusOK {
		t.Errorf("a doubled signature: %v", a)
	}
	mustStop(t, p.server)
	if a := p.signed(t, sandbox, get("envoy")); a.status != http.StatusServiceUnavailable {
		t.Errorf("without Countersign: %v, want 503", a)
	}
}
