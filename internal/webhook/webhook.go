// Package webhook goes out to the URLs that partners registered. Today it runs the handshake with which an endpoint proves that
// whoever serves it holds its signing key; deliveries will use the same dialler. It knows no register: it is given an endpoint
// and says what came of it.
//
// It refuses: to dial a private, link-local, carrier, mapped, metadata or otherwise special address that the operator has not
// listed, whatever a name resolved to a moment before (security rule 32); anything but https outside dev; redirects; proxies of
// the environment; answers that are long, late or not the one that was asked for.
//
// Attacks it answers: a URL that makes the server call its own network; a name that changes its address between check and
// call; an endpoint of somebody else, who would be flooded; a service that sends back whatever it got.
package webhook

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"
)

// DefaultTimeout is how long a handshake may take, from the look-up of the name to the last byte of the answer.
const DefaultTimeout = 10 * time.Second

// Config says what a Client may do. Now and Rand must be set; everything else has a default.
type Config struct {
	// Allow are prefixes that may be dialled although they are special, such as 10.20.0.0/16 for endpoints in one's own network.
	// Nil: none. A prefix that holds a whole address family is refused.
	Allow []netip.Prefix
	// Sources are the addresses from which partners see our calls: published, never enforced, since only the operator's network
	// knows them. Nil: none are published.
	Sources []netip.Prefix
	// LocalAddr is the address that calls go out from; the zero value: the system chooses. Only addresses of its family are dialled.
	LocalAddr netip.Addr
	// Plain says in which environments http to this machine itself is called; nil: in none. There loopback needs no entry in Allow.
	Plain func(environment string) bool

	Roots    *x509.CertPool // who may vouch for an endpoint; nil: the authorities of the system
	Resolver Resolver       // nil: net.DefaultResolver
	Timeout  time.Duration  // 0: DefaultTimeout
	Now      func() time.Time
	Rand     io.Reader
}

// Client calls endpoints. Safe for concurrent use. It holds nothing open between calls.
type Client struct {
	cfg Config
}

// New checks cfg.
func New(cfg Config) (*Client, error) {
	if cfg.Now == nil || cfg.Rand == nil {
		return nil, errors.New("new webhook client: Now and Rand must be set")
	}
	for _, p := range cfg.Allow {
		if !p.IsValid() || p.Bits() == 0 || p.Addr().Is4In6() {
			return nil, fmt.Errorf("new webhook client: %s cannot be allowed: name the networks that endpoints are in", p)
		}
	}
	for _, p := range cfg.Sources {
		if !p.IsValid() || p.Bits() == 0 {
			return nil, fmt.Errorf("new webhook client: %s is no source address", p)
		}
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("new webhook client: Timeout is not negative")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.LocalAddr = cfg.LocalAddr.Unmap()
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	return &Client{cfg: cfg}, nil
}

// Sources are the addresses from which partners see our calls, for their firewalls. The slice is the caller's.
func (c *Client) Sources() []netip.Prefix { return slices.Clone(c.cfg.Sources) }
