package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
	"time"
)

// maxTrusted bounds how many client certificates a listener remembers the judgement of.
const maxTrusted = 4096

// clientTrust judges callers' certificates by the authorities of this moment, for every request: a connection lives long, and
// the authority that vouched for it at its handshake may have been taken away since (security rule 29).
type clientTrust struct {
	mu    sync.Mutex
	pool  *x509.CertPool
	known map[[sha256.Size]byte]bool
}

// trusts reports whether pool vouches for a chain, leaf first, at a time.
func (c *clientTrust) trusts(pool *x509.CertPool, chain []*x509.Certificate, now time.Time) bool {
	if now.After(chain[0].NotAfter) || now.Before(chain[0].NotBefore) {
		return false
	}
	h := sha256.New()
	for _, one := range chain {
		h.Write(one.Raw) // each is DER and says its own length
	}
	key := [sha256.Size]byte(h.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool != pool || len(c.known) >= maxTrusted {
		c.pool, c.known = pool, map[[sha256.Size]byte]bool{}
	}
	good, asked := c.known[key]
	if !asked {
		between := x509.NewCertPool()
		for _, one := range chain[1:] {
			between.AddCert(one)
		}
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		good = err == nil
		c.known[key] = good
	}
	return good
}

// clientStands reports whether a request may come in over its connection, as far as client certificates go. A certificate that
// counts no more is taken off the request: whoever asks for one is told that there is none.
func (d *door) clientStands(r *http.Request) bool {
	if d.print.tls.clientCA == "" || r.TLS == nil {
		return true
	}
	if chain := r.TLS.PeerCertificates; len(chain) > 0 {
		if d.trust.trusts(d.files.ClientCAs(), chain, d.generation.a.now()) {
			return true
		}
		bare := *r.TLS
		bare.PeerCertificates, bare.VerifiedChains = nil, nil
		r.TLS = &bare
	}
	return d.print.tls.clientAuth != tls.RequireAndVerifyClientCert
}

// misdirect answers a request on a connection that was made under another policy than the one in force: the caller may send
// it again on a new one (RFC 9110 §15.5.20). Nothing of it was looked at.
func (f *front) misdirect(w http.ResponseWriter, d *door) {
	f.a.metrics.Ended(d.world.environment, "client_certificate")
	w.Header().Set("Connection", "close")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMisdirectedRequest)
}
