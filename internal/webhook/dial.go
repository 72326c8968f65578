package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"code.dny.dev/ssrf"
)

// Resolver looks names up; net.Resolver is one.
type Resolver interface {
	// LookupNetIP returns the addresses of host, a name with a dot at its end. network is "ip".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var (
	errUnresolved = errors.New("the host has no address")
	errForbidden  = errors.New("an address of the host may not be called")
)

// maxDialled is how many addresses of one host are tried.
const maxDialled = 4

// platform is an address that is public by its number and a platform's own service in truth (Azure's wire server).
var platform = netip.MustParsePrefix("168.63.129.16/32")

// dialler dials one endpoint, and remembers the last address that it dialled or refused.
type dialler struct {
	cfg     *Config
	guard   *ssrf.Guardian
	address netip.Addr
}

func (c *Client) dialler(environment string) *dialler {
	four, six := split(c.cfg.Allow)
	if c.cfg.Plain != nil && c.cfg.Plain(environment) {
		four, six = append(four, netip.MustParsePrefix("127.0.0.0/8")), append(six, netip.MustParsePrefix("::1/128"))
	}
	return &dialler{cfg: &c.cfg, guard: ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(platform),
		ssrf.WithAllowedV4Prefixes(four...), ssrf.WithAllowedV6Prefixes(six...))}
}

func split(prefixes []netip.Prefix) (four, six []netip.Prefix) {
	for _, p := range prefixes {
		if p.Addr().Is4() {
			four = append(four, p)
		} else {
			six = append(six, p)
		}
	}
	return four, six
}

// dial looks host up once and dials what came of it, by address: no second look-up can say anything else. Every answer is
// judged before the first is dialled, since a name with a public and a private address is how one gets past a check; and the
// address of the socket is judged again as it connects.
func (d *dialler) dial(ctx context.Context, host, port string) (net.Conn, error) {
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if !d.permits(a, port) {
			d.address = a
			return nil, errForbidden
		}
	}
	return d.first(ctx, addresses, port)
}

func (d *dialler) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	found, err := d.cfg.Resolver.LookupNetIP(ctx, "ip", host+".") // the name itself, and none that the system's search list makes of it
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnresolved, err)
	}
	var out []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); a.IsValid() && a.Zone() == "" {
			out = append(out, a)
		}
	}
	if len(out) == 0 || len(out) < len(found) { // none, or one that no address of ours can be compared with
		return nil, errUnresolved
	}
	return out, nil
}

func (d *dialler) permits(a netip.Addr, port string) bool {
	network := "tcp6"
	if a.Is4() {
		network = "tcp4"
	}
	return d.guard.Safe(network, net.JoinHostPort(a.String(), port), nil) == nil
}

// first dials the addresses one after another until one answers.
func (d *dialler) first(ctx context.Context, addresses []netip.Addr, port string) (net.Conn, error) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnresolved, err)
	}
	last := fmt.Errorf("%w of the family of the local address", errUnresolved)
	tried := 0
	for _, a := range addresses {
		if local := d.cfg.LocalAddr; tried == maxDialled || local.IsValid() && local.Is4() != a.Is4() {
			continue
		}
		tried++
		d.address = a
		conn, err := d.one(ctx, netip.AddrPortFrom(a, uint16(number)))
		if err == nil || ctx.Err() != nil || errors.Is(err, errForbidden) {
			return conn, err
		}
		last = err
	}
	return nil, last
}

func (d *dialler) one(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{Control: func(network, address string, raw syscall.RawConn) error {
		if err := d.guard.Safe(network, address, raw); err != nil {
			return fmt.Errorf("%w: %w", errForbidden, err)
		}
		return nil
	}}
	if d.cfg.LocalAddr.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.cfg.LocalAddr, 0))
	}
	return dialer.DialContext(ctx, "tcp", to.String())
}
