package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority issues client certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "partners"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// publish writes the authority where the server looks for it.
func (a authority) publish(t *testing.T, path string) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	if err := os.WriteFile(path+".next", text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
}

func (a authority) issue(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a partner"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestRule29ClientCertificatesCountPerRequest: none is a handshake that fails; one of the authority is let in; when the authority is
// exchanged, the connection that it had vouched for carries no further request, over HTTP/1.1 and HTTP/2, with tickets or without.
func TestRule29ClientCertificatesCountPerRequest(t *testing.T) {
	s := newSite(t)
	path, partners := filepath.Join(s.dir, "partners.pem"), newAuthority(t)
	partners.publish(t, path)
	s.settings["MORE_SANDBOX"] = "client_certificates: {ca_file: " + path + ", mode: required}"
	d := s.serve(t)
	if _, err := d.try(sandbox, get("bare").raw(d.Environments[sandbox])); err == nil {
		t.Error("a caller without a certificate is answered")
	}
	d.signed(t, production, get("other")).want(t, 200)
	roots, err := d.roots()
	if err != nil {
		t.Fatal(err)
	}
	certificate, cache := partners.issue(t), tls.NewLRUClientSessionCache(8)
	clients := map[string]*http.Client{}
	for _, name := range []string{"HTTP/1.1", "HTTP/2"} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}, ClientSessionCache: cache}, ForceAttemptHTTP2: name == "HTTP/2"}
		defer transport.CloseIdleConnections()
		clients[name] = &http.Client{Transport: transport, Timeout: wireLimit}
	}
	ask := func(client *http.Client) (int, error) {
		c, e, ts := get("mutual"), d.Environments[sandbox], now()
		r, err := http.NewRequestWithContext(t.Context(), c.method, e.BaseURL+c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", e.Card.APIToken)
		r.Header.Set("X-Auth-Timestamp", ts)
		r.Header.Set("X-Auth-Signature", mac(e.Card.APISecret, ts, c.method, c.target, ""))
		resp, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	for name, client := range clients {
		for range 2 {
			if status, err := ask(client); status != 200 || err != nil {
				t.Fatalf("%s with a certificate: %d, %v", name, status, err)
			}
		}
	}
	newAuthority(t).publish(t, path)
	for name, client := range clients {
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			status, err := ask(client)
			if err != nil || status == http.StatusMisdirectedRequest {
				break
			}
			if time.Since(begun) > startLimit {
				t.Fatalf("%s: a certificate whose authority is gone is still served: %d", name, status)
			}
		}
		if status, err := ask(client); err == nil {
			t.Errorf("%s: a new connection with it: %d", name, status)
		}
	}
}
