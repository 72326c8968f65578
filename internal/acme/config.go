package acme

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Protocol is what a caller negotiates who checks a challenge (RFC 8737 §6.2). The listener's TLS policy has to offer it.
const Protocol = "acme-tls/1"

// ErrNotBuilt is returned by New in a build without the tag acme.
var ErrNotBuilt = errors.New("this countersign was built without ACME")

// Config says which certificates to get, and from whom. Directory, Domains, Storage, Address and Log are required, and the terms of
// the authority have to be accepted.
type Config struct {
	Directory   string   // URL of the authority's directory
	CAFile      string   // PEM file with the authorities for the directory itself; empty: the system's
	Email       string   // where the authority writes to; empty: none
	Domains     []string // names to get certificates for; handshakes for others get none
	Storage     string   // folder of account and certificates
	Address     string   // of the listener, HOST:PORT, on which challenges arrive
	AcceptTerms bool
	Log         *slog.Logger
}

// State is one name and its certificate, as they stand.
type State struct {
	Domain   string
	NotAfter time.Time // end of the certificate that is served; zero: there is none
	Problem  error     // why the last attempt to get one failed; nil: it did not, or none was made yet
}

// Trouble says what is wrong with it at a time, or nil: no certificate, one that has ended, or a renewal that fails.
func (s State) Trouble(now time.Time) error {
	switch {
	case s.Problem != nil && now.Before(s.NotAfter):
		return fmt.Errorf("%s: its certificate ends at %s and is not renewed: %w", s.Domain, s.NotAfter.UTC().Format(time.RFC3339), s.Problem)
	case s.Problem != nil:
		return fmt.Errorf("%s has no certificate: %w", s.Domain, s.Problem)
	case s.NotAfter.IsZero():
		return fmt.Errorf("%s has no certificate yet", s.Domain)
	case !now.Before(s.NotAfter):
		return fmt.Errorf("the certificate of %s ended at %s", s.Domain, s.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// Errors of New, beside ErrNotBuilt.
var (
	errMissing = errors.New("acme: directory, domains, storage, address and log must be set")
	errUntold  = errors.New("the cause was not told")
	errTerms   = errors.New("acme: the authority's terms were not accepted")
)

func (cfg *Config) check() error {
	switch {
	case cfg.Directory == "" || len(cfg.Domains) == 0 || cfg.Storage == "" || cfg.Address == "" || cfg.Log == nil:
		return errMissing
	case !cfg.AcceptTerms:
		return errTerms
	}
	return nil
}
