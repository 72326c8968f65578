package e2e_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDoorsAreExchangedAtReload: a door comes and goes with the configuration, while others go on.
func TestDoorsAreExchangedAtReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(t)
	server := s.serveAs(t, exec.Command(binary(t)))
	at := s.doors(t)
	server.until(t, "/metrics", 200, "countersign_config_reloads_total 1\n")
	p := s.nginx(t, server, "countersign.conf", at["nginx"], "nginx.sock")
	p.signed(t, sandbox, get("reload")).want(t, 200)
	s.write(t)
	server.until(t, "/metrics", 200, "countersign_config_reloads_total 2\n")
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // a question that runs may still be answered
		if a := p.signed(t, sandbox, get("reload")); a.status == 502 {
			break
		} else if time.Since(begun) > startLimit {
			t.Fatalf("a door that the configuration has no more still answers: %v", a)
		}
	}
}

// TestRule29ProxiesShowCertificates: a door with client_ca_file answers nobody without a certificate of its authorities, and no
// connection whose authority is gone.
func TestRule29ProxiesShowCertificates(t *testing.T) {
	s := newSite(t)
	path, proxies, address := filepath.Join(s.dir, "proxies.pem"), newAuthority(t), freeAddress(t)
	proxies.publish(t, path)
	secret := put(t, filepath.Join(s.dir, "door-secret"), "a-secret-of-this-door\n")
	s.writeText(t, strings.Replace(s.text(), "    apis:\n", fmt.Sprintf("    doors:\n      - {kind: forward_auth, proxy: haproxy, address: %q, proxies: [127.0.0.1/32], client_ca_file: %s, secret_file: %s, tls: {certificate: %s, key: %s}}\n    apis:\n",
		address, path, secret, s.cert, s.key), 1))
	server := s.serveAs(t, exec.Command(binary(t)))
	roots, err := server.roots()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(client *http.Client, secret string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Countersign-Door-Secret", secret)
		resp, err := client.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	with := func(certificates ...tls.Certificate) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: wireLimit}
	}
	if status, text := ask(with(), "a-secret-of-this-door"); status != 0 {
		t.Errorf("without a certificate: %d %s", status, text)
	}
	if status, text := ask(with(newAuthority(t).issue(t)), "a-secret-of-this-door"); status != 0 {
		t.Errorf("with another authority's: %d %s", status, text)
	}
	good := with(proxies.issue(t))
	if status, text := ask(good, "another secret"); status != 403 || !strings.Contains(text, "unknown_proxy") {
		t.Errorf("with another secret: %d %s", status, text)
	}
	if status, text := ask(good, "a-secret-of-this-door"); status != 400 || !strings.Contains(text, "malformed_check") {
		t.Errorf("with both: %d %s", status, text)
	}
	newAuthority(t).publish(t, path)
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // until the file is taken up
		status, text := ask(good, "a-secret-of-this-door")
		if status == 0 || status == http.StatusForbidden { // on a connection of before: refused, and recorded
			if status != 0 && !strings.Contains(text, "unknown_proxy") {
				t.Errorf("%d %s", status, text)
			}
			return
		} else if time.Since(begun) > startLimit {
			t.Fatalf("a certificate whose authority is gone is still answered: %d", status)
		}
	}
}
