package e2e_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// present makes a client that shows a certificate; the zero value shows none.
func (d *dev) present(t *testing.T, certificate tls.Certificate) *http.Client {
	t.Helper()
	roots, err := d.roots()
	if err != nil {
		t.Fatal(err)
	}
	policy := &tls.Config{RootCAs: roots}
	if certificate.Certificate != nil {
		policy.Certificates = []tls.Certificate{certificate}
	}
	transport := &http.Transport{TLSClientConfig: policy, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: wireLimit}
}

// over sends a signed request through a client and returns the status and the reason on record.
func (d *dev) over(t *testing.T, client *http.Client, env string) (int, string) {
	t.Helper()
	resp, err := client.Do(get("bound").request(t, d.Environments[env]))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, d.line(t, &answer{status: resp.StatusCode, header: resp.Header}).text("reason")
}

// TestACredentialIsBoundToAClientKey: from "credential bind" to the request. The right signature without the bound key, or with
// another one of the same authority, gets no further than a wrong one of the right caller may: it is told after the proof, and nothing
// is forwarded.
func TestACredentialIsBoundToAClientKey(t *testing.T) {
	s := newSite(t)
	path, partners := filepath.Join(s.dir, "partners.pem"), newAuthority(t)
	partners.publish(t, path)
	s.settings["MORE_SANDBOX"] = "client_certificates: {ca_file: " + path + ", mode: optional}"
	d := s.with(t, "max_body: 1MiB", "max_body: 1MiB\n        client_certificate: required")
	right, other := partners.issue(t), partners.issue(t)
	file := filepath.Join(s.dir, "partner.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: right.Certificate[0]}), 0o644); err != nil {
		t.Fatal(err)
	}
	want := func(certificate tls.Certificate, status int, reason string) {
		t.Helper()
		requests, bytes := s.upstream.mark()
		if got, why := d.over(t, d.present(t, certificate), sandbox); got != status || why != reason {
			t.Errorf("%d %s, want %d %s", got, why, status, reason)
		}
		if seen, _ := s.upstream.since(requests, bytes); (len(seen) > 0) != (status == 200) {
			t.Errorf("%d requests reached the upstream with status %d", len(seen), status)
		}
	}
	// Required, and not bound yet: whoever has no key on record is not let in with any certificate.
	want(right, 403, "client_certificate")
	said := s.must(t, "credential", "bind", d.Environments[sandbox].Card.APIToken, "--client-certificate", file, "--wait")
	if !strings.Contains(said, "client key ") {
		t.Errorf("credential bind says %q", said)
	}
	want(right, 200, "allowed")
	want(other, 403, "client_certificate")
	want(tls.Certificate{}, 403, "client_certificate")
	_, key, _ := strings.Cut(said, "client key ")
	s.must(t, "credential", "unbind", d.Environments[sandbox].Card.APIToken, "--client-key", strings.Fields(key)[0], "--wait")
	want(right, 403, "client_certificate")
	if status, reason := d.over(t, d.present(t, tls.Certificate{}), production); status != 200 || reason != "allowed" {
		t.Errorf("where none is asked for: %d %s", status, reason)
	}
}
