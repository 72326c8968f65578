//go:build acme

package acme_test

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"countersign.dev/internal/acme"
)

// TestNoCertificateForAStranger: a handshake never makes the manager ask for a certificate.
func TestNoCertificateForAStranger(t *testing.T) {
	m, err := acme.New(good(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, name := range []string{"", "other.example", "api.example.evil"} {
		if c, err := m.Certificate(&tls.ClientHelloInfo{ServerName: name}); err == nil || c != nil {
			t.Errorf("%q has a certificate", name)
		}
	}
}

func TestWhereChallengesCannotArrive(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.0.0.1:0", "127.0.0.1:https"} {
		cfg := good(t)
		cfg.Address = address
		if _, err := acme.New(cfg); err == nil {
			t.Errorf("%s: no error", address)
		}
	}
	cfg := good(t)
	cfg.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := acme.New(cfg); err == nil {
		t.Error("authorities that are not there")
	}
}
