//go:build acme

package acme_test

import (
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

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

// TestAnAuthorityThatCannotBeReachedIsTold: with its cause, and until there is a certificate.
func TestAnAuthorityThatCannotBeReachedIsTold(t *testing.T) {
	m, err := acme.New(good(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if states := m.States(); len(states) != 1 || states[0].Domain != "api.example" || !states[0].NotAfter.IsZero() || states[0].Problem != nil {
		t.Errorf("before the start: %+v", states)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); m.States()[0].Problem == nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatal("nothing is told of an authority that cannot be reached")
		}
	}
}
