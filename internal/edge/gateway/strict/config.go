package strict

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Config describes a Listener.
type Config struct {
	// TLS is the policy of the listener (security rule 29). Required, with a
	// certificate or a function that finds one. It is cloned. TLS 1.2 is the
	// floor: a MinVersion of zero means 1.2, a lower one is an error. NextProtos
	// empty means h2 and http/1.1; no other protocol may be listed.
	TLS *tls.Config
	// Plain: connections come in clear and speak HTTP/1 alone, as those of a
	// proxy on this machine do, over loopback or a Unix socket. TLS must be nil
	// then. Requests have no Request.TLS with http1, and an empty one with
	// net/http. Default false.
	Plain bool
	// HandshakeTimeout bounds the handshake from accept to its end. Zero: 10 s.
	HandshakeTimeout time.Duration
	// MaxHead bounds a head in bytes, line ends included. Zero: 32 KiB.
	MaxHead int
	// MaxRequestLine bounds the request line in bytes without its line end.
	// Zero: 8 KiB.
	MaxRequestLine int
	// MaxHeaderLines bounds the header lines of a head, folded ones included,
	// and on their own the trailer lines. Zero: 100.
	MaxHeaderLines int
	// MaxHandshakes bounds the handshakes that are computed at one time. More
	// wait, within HandshakeTimeout; a peer that has sent nothing holds no
	// place. Zero: 256.
	MaxHandshakes int
	// MaxConns bounds the open connections, also those still in their
	// handshake. More are closed as soon as they are accepted. Zero: 10,000.
	MaxConns int
	// MaxPerPeer bounds the open connections of one peer address, so that one
	// source cannot take all of MaxConns; an IPv6 peer is its /64, and peers
	// whose address cannot be read count as one. More are closed as soon as they
	// are accepted. At MaxConns or above it bounds nothing. Zero: 1,024.
	MaxPerPeer int
	// Exempt names the peers that MaxPerPeer does not bound: trusted proxies,
	// which bring many callers. The address is unmapped and without zone. nil:
	// none. It runs on the accept loop, once per connection, and must not block.
	Exempt func(netip.Addr) bool
	// OnRefused is told about every request and connection that ends without a
	// handler, but for the requests that Answer is called for. nil: nobody is
	// told. It is called from many goroutines, the accept loop among them, and
	// must not block; the peer is unmapped and without zone (security rule 22).
	OnRefused func(peer netip.AddrPort, f Fault)
	// Answer makes the whole answer, as bytes of HTTP/1.1 that say "Connection:
	// close", for a refused request, and is told of it instead of OnRefused, so
	// that record and answer can share an id; it is called from many goroutines.
	// nil, or an empty result: a minimal 400 that names the fault.
	Answer func(peer netip.AddrPort, f Fault) []byte
	// Admit decides at accept, before a byte is read, whether a peer may
	// connect; refused ones are closed without an answer or a call to
	// OnRefused. nil: all. It runs on the accept loop and must not block. Where
	// it is set, a peer whose address cannot be read is not admitted.
	Admit func(peer netip.AddrPort) bool
}

// Errors of New.
var (
	errPlainTLS  = errors.New("strict listener: Config.Plain and Config.TLS are both set")
	errNoTLS     = errors.New("strict listener: Config.TLS is missing or has no certificate")
	errOldTLS    = errors.New("strict listener: Config.TLS.MinVersion is below TLS 1.2")
	errProtocol  = errors.New("strict listener: Config.TLS.NextProtos has a protocol other than h2 and http/1.1")
	errNoInner   = errors.New("strict listener: the inner listener is missing")
	errNegative  = errors.New("strict listener: a bound is negative")
	errHeadOrder = errors.New("strict listener: MaxRequestLine is above MaxHead")
)

// complete checks the configuration and fills in the defaults.
func (cfg *Config) complete() error {
	for _, n := range []*int{&cfg.MaxHead, &cfg.MaxRequestLine, &cfg.MaxHeaderLines, &cfg.MaxHandshakes, &cfg.MaxConns, &cfg.MaxPerPeer} {
		if *n < 0 {
			return errNegative
		}
	}
	if cfg.HandshakeTimeout < 0 {
		return errNegative
	}
	cfg.MaxHead = orDefault(cfg.MaxHead, 32<<10)
	cfg.MaxRequestLine = orDefault(cfg.MaxRequestLine, min(8<<10, cfg.MaxHead))
	cfg.MaxHeaderLines = orDefault(cfg.MaxHeaderLines, 100)
	cfg.MaxHandshakes = orDefault(cfg.MaxHandshakes, 256)
	cfg.MaxConns = orDefault(cfg.MaxConns, 10_000)
	cfg.MaxPerPeer = orDefault(cfg.MaxPerPeer, 1024)
	cfg.HandshakeTimeout = orDefault(cfg.HandshakeTimeout, 10*time.Second)
	if cfg.MaxRequestLine > cfg.MaxHead {
		return errHeadOrder
	}
	return cfg.completeTLS()
}

func orDefault[T int | time.Duration](n, fallback T) T {
	if n == 0 {
		return fallback
	}
	return n
}

func (cfg *Config) completeTLS() error {
	t := cfg.TLS
	switch {
	case cfg.Plain && t != nil:
		return errPlainTLS
	case cfg.Plain:
		return nil
	}
	if t == nil || len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
		return errNoTLS
	}
	if t.MinVersion != 0 && t.MinVersion < tls.VersionTLS12 {
		return errOldTLS
	}
	for _, proto := range t.NextProtos {
		if proto != protoH2 && proto != protoHTTP1 {
			return fmt.Errorf("%w: %q", errProtocol, proto)
		}
	}
	t = t.Clone()
	if t.MinVersion == 0 {
		t.MinVersion = tls.VersionTLS12
	}
	t.NextProtos = slices.Clone(t.NextProtos)
	if len(t.NextProtos) == 0 {
		t.NextProtos = []string{protoH2, protoHTTP1}
	}
	cfg.TLS = t
	return nil
}

// The protocols that a handshake may choose (RFC 7301, RFC 9113 §3.2).
const (
	protoH2    = "h2"
	protoHTTP1 = "http/1.1"
)
