//go:build !acme

package acme

import (
	"context"
	"crypto/tls"
)

// Built reports whether this build gets certificates.
const Built = false

// Manager keeps certificates. In this build there is none.
type Manager struct{}

// New fails: ErrNotBuilt.
func New(cfg Config) (*Manager, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return nil, ErrNotBuilt
}

// Start does nothing.
func (*Manager) Start(context.Context) error { return ErrNotBuilt }

// Certificate finds none.
func (*Manager) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, ErrNotBuilt
}

// States are none.
func (*Manager) States() []State { return nil }

// Close does nothing.
func (*Manager) Close() error { return nil }
