//go:build !acme

package acme_test

import (
	"errors"
	"testing"

	"countersign.dev/internal/acme"
)

// TestRule28ABuildWithoutACMESaysSo instead of serving without a certificate.
func TestRule28ABuildWithoutACMESaysSo(t *testing.T) {
	if _, err := acme.New(good(t)); !errors.Is(err, acme.ErrNotBuilt) {
		t.Errorf("New: %v", err)
	}
	var m acme.Manager
	if _, err := m.Certificate(nil); !errors.Is(err, acme.ErrNotBuilt) || m.Start(t.Context()) == nil || m.Close() != nil {
		t.Errorf("Certificate: %v", err)
	}
}
