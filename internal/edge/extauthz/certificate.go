package extauthz

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"sync"
	"time"
)

// maxCertificate is how long a certificate may be as the proxy writes it: PEM, escaped.
const maxCertificate = 32 << 10

// keptCertificates is how many certificates are remembered with their keys.
const keptCertificates = 1024

// certificateKeys derives the digest of the key of a caller's certificate, as the proxy hands it over. Reading one costs more
// than a whole check, so that those that came last are remembered. Safe for concurrent use; the zero value is ready.
type certificateKeys struct {
	mu   sync.Mutex
	kept map[[32]byte]certificateKey
}

type certificateKey struct {
	key       string
	notBefore time.Time
	notAfter  time.Time
}

// of is the digest of the certificate's key if the certificate is readable and in force, and empty otherwise: a caller without
// one. Whether it was issued by somebody who may is for the proxy to have verified (Config.ClientCertificates).
func (k *certificateKeys) of(escaped []byte, now time.Time) string {
	if len(escaped) == 0 || len(escaped) > maxCertificate {
		return ""
	}
	name := sha256.Sum256(escaped)
	k.mu.Lock()
	one, has := k.kept[name]
	k.mu.Unlock()
	if !has {
		one = readCertificate(string(escaped))
		k.keep(name, one)
	}
	if now.Before(one.notBefore) || now.After(one.notAfter) {
		return ""
	}
	return one.key
}

func (k *certificateKeys) keep(name [32]byte, one certificateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept) >= keptCertificates {
		k.kept = make(map[[32]byte]certificateKey) // begun anew: it is a saving, not a list
	}
	k.kept[name] = one
}

// readCertificate reads exactly one certificate. The zero value is one that is never in force.
func readCertificate(escaped string) certificateKey {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return certificateKey{}
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return certificateKey{}
	}
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificateKey{}
	}
	sum := sha256.Sum256(x.RawSubjectPublicKeyInfo)
	return certificateKey{key: hex.EncodeToString(sum[:]), notBefore: x.NotBefore, notAfter: x.NotAfter}
}
