package extauthz

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
)

// Config says for whom checks are answered, and what is known of the filter's settings, which a check request does not show.
// Fields without a default must be set.
type Config struct {
	Door *door.Door
	// Proxies may ask; anybody else is refused with access.UnknownProxy before a byte of the message is read. Empty: nobody may
	// over a network. Whoever can open a Unix socket may ask on it.
	Proxies []netip.Prefix
	// Socket: checks over HTTP come over a Unix socket, where nobody has an address. Over gRPC the connection itself shows it.
	Socket bool
	// Secret must be in the header Countersign-Door-Secret of every check, or in its metadata. Empty: none is asked for.
	Secret []byte
	// Buffered: the filter's with_request_body is set on every route, so that a request without a body in its check has none.
	// Otherwise a request counts as one without a body only where it states a length of 0: that there is none proves nothing, since
	// Envoy takes Transfer-Encoding away before it asks.
	Buffered bool
	// Trusts judges the certificate that a proxy has shown in its handshake, for each check: a connection can outlive it (security
	// rule 29). nil: proxies need none. Over HTTP whoever serves the Checker judges it before.
	Trusts func(chain []*x509.Certificate) bool
	// MaxBody is how many bytes of a body a check over HTTP may hold; 0: DefaultMaxBody. Over gRPC it is ServerConfig.MaxBody.
	MaxBody int64
	// Bodies is how much memory bodies over HTTP may take together; nil: over HTTP no body is taken.
	Bodies door.Budget
	// RawHeaders: over HTTP, the filter's encode_raw_headers is on. Over gRPC the message itself shows it.
	RawHeaders bool
	// Covered are the canonical names of the headers that prove something: credentials and what is signed. Where the proxy may
	// have joined or mended values, these must show no trace of it. Covered makes the list.
	Covered []string
	// ClientCertificates: the proxy verifies callers' certificates, and what it says of one counts (over gRPC alone). Otherwise
	// no caller has one.
	ClientCertificates bool
	Now                func() time.Time
}

// Checker answers checks of one environment. Safe for concurrent use. It never changes and has nothing to close: whoever serves
// with other settings makes another one, and each check has one from its beginning to its end.
type Checker struct {
	cfg      Config
	covered  map[string]bool
	checks   sync.Pool // of *check
	overHTTP sync.Pool // of *httpCheck
	keys     certificateKeys
}

// New checks cfg.
func New(cfg Config) (*Checker, error) {
	if cfg.Door == nil || cfg.Now == nil || cfg.MaxBody < 0 {
		return nil, errors.New("extauthz: door and clock must be set, and no bound is negative")
	}
	for _, p := range cfg.Proxies {
		if !p.IsValid() || p.Addr().Is4In6() {
			return nil, errors.New("extauthz: every proxy is a network prefix, IPv4 not written as IPv6")
		}
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Bodies == nil {
		cfg.Bodies = noBudget{}
	}
	c := &Checker{cfg: cfg, covered: map[string]bool{}}
	for _, name := range cfg.Covered {
		c.covered[name] = true
	}
	for _, name := range cfg.Door.CredentialHeaders() {
		c.covered[name] = true
	}
	c.checks.New = func() any { return newCheck() }
	c.overHTTP.New = func() any { return new(httpCheck) }
	return c, nil
}

// noBudget has no room.
type noBudget struct{}

// Take implements door.Budget.
func (noBudget) Take(int64) bool { return false }

// Give implements door.Budget.
func (noBudget) Give(int64) {}

// Covered are the canonical names of the headers that the requests of apis prove something with, sorted, each once.
func Covered(apis []*access.API) []string {
	var names []string
	for _, api := range apis {
		if api == nil || api.Scheme == nil {
			continue
		}
		names = append(append(names, api.Scheme.Headers()...), api.Scheme.SignedHeaders()...)
		if api.Shadow != nil {
			names = append(append(names, api.Shadow.Headers()...), api.Shadow.SignedHeaders()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hears reports whether somebody may ask. An address that is none is of a Unix socket.
func (c *Checker) hears(peer netip.Addr, socket bool) bool {
	if socket {
		return true
	}
	peer = peer.Unmap().WithZone("")
	return slices.ContainsFunc(c.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// mended reports whether a value may be another one than its caller sent, where the proxy joins values with a comma and puts an
// exclamation mark in the place of a byte that is not UTF-8.
func mended(value string) bool { return strings.ContainsAny(value, ",!") }

const (
	faultMended    = "the proxy may have joined or mended a header that counts: its filter needs encode_raw_headers"
	faultTarget    = "the proxy may have mended the target: its filter needs encode_raw_headers"
	faultHidden    = "the proxy holds headers back: its filter must send all of them"
	faultDifferent = "the check request says two things about one request"
	faultName      = "the check request has a header name that is not in lower case"
	faultProxy     = "only proxies that are named may ask this door"
	faultPeer      = "the address of the caller's connection is missing, came twice, or cannot be read"
	faultSecret    = "the proxy does not know this door's secret"
	faultUntrusted = "the proxy's certificate is none of those that this door trusts, or is not in force any more"
	faultTooLong   = "the body in the check request is longer than the door takes"
)
