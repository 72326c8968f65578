// Package clientip derives the client's address. It is the only place that does:
// network rules, country rules, logs and limits all use its answer.
//
// It owns the walk along one forwarding header, from the connection's peer
// towards the client, and the closed list of headers that speak about addresses
// and are removed before a request is forwarded.
//
// It refuses to believe anybody but the proxies that the operator named, to start
// with a trusted prefix that takes in half the internet, and to guess: a hop that
// cannot be read ends the walk with an unknown address, which callers deny.
//
// It answers the attack in which a caller writes an allowed address into a header
// of its own (security rules 21 and 22).
package clientip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Header chooses the one header that trusted proxies report addresses in. All
// others are ignored: two headers can contradict each other, and a proxy that
// maintains one of them commonly passes on the other as the client wrote it.
type Header string

const (
	// XForwardedFor is the default: addresses separated by commas, each proxy
	// adding its peer at the right.
	XForwardedFor Header = "X-Forwarded-For"
	// Forwarded is RFC 7239: only the parameter "for" of each element is used.
	Forwarded Header = "Forwarded"
)

const (
	// MaxHops is how many hops a walk takes at most. A longer one ends as
	// unknown.
	MaxHops = 32

	// MinBits4 and MinBits6 are the shortest trusted prefixes. A /8 is the
	// largest network that one organisation holds or that is private
	// (10.0.0.0/8); in IPv6 even the largest allocations are longer than /16.
	MinBits4 = 8
	MinBits6 = 16
)

// Config says whom to believe.
type Config struct {
	// Trusted lists the networks of one's own proxies; empty trusts nobody,
	// the default. Each is a network address without host bits, IPv4 not
	// written as IPv6, at least MinBits4 or MinBits6 long.
	Trusted []netip.Prefix

	// Header is the header that those proxies maintain; empty is
	// XForwardedFor. Both proxies and clients can send it, so every trusted
	// proxy has to append to it or to replace it.
	Header Header
}

// Deriver derives addresses. It is immutable; all methods may be called
// concurrently.
type Deriver struct {
	trusted []netip.Prefix
	header  Header
}

// New checks the configuration. 0.0.0.0/0, ::/0 and anything nearly as wide is an
// error: whoever may connect could then name any address (security rule 21).
func New(config Config) (*Deriver, error) {
	d := &Deriver{header: config.Header}
	switch d.header {
	case "":
		d.header = XForwardedFor
	case XForwardedFor, Forwarded:
	default:
		return nil, fmt.Errorf("trusted proxies: header %q: want %s or %s", config.Header, XForwardedFor, Forwarded)
	}
	for _, prefix := range config.Trusted {
		if err := trustworthy(prefix); err != nil {
			return nil, fmt.Errorf("trusted proxies: %s: %w", prefix, err)
		}
		d.trusted = append(d.trusted, prefix)
	}
	return d, nil
}

func trustworthy(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return errors.New("not a network prefix")
	case p.Addr().Is4In6():
		return errors.New("write an IPv4 network as IPv4")
	case p != p.Masked():
		return fmt.Errorf("bits are set behind the prefix length; did you mean %s?", p.Masked())
	case p.Addr().Is4() && p.Bits() < MinBits4:
		return fmt.Errorf("too wide to trust: an IPv4 prefix needs at least /%d", MinBits4)
	case p.Addr().Is6() && p.Bits() < MinBits6:
		return fmt.Errorf("too wide to trust: an IPv6 prefix needs at least /%d", MinBits6)
	}
	return nil
}

// Derive fills out for a request that came over a connection from peer. header
// has canonical keys, as net/http makes them; it is not changed.
//
// An untrusted peer is the client, whatever the header says. Otherwise the header
// is walked from right to left as long as the hops are trusted; the first that is
// not is the client. When all are trusted, the leftmost is. Several lines of the
// header count as one, in order. These end the walk as unknown: a hop that cannot
// be read, a zone, an address that no client has (unspecified, multicast), more
// than MaxHops hops, and a trusted proxy that sends no header at all, since its
// own address says nothing about who is behind it.
//
// out is overwritten; the memory of its Hops is used again, so one Derivation
// must not be used by two goroutines at a time. When the peer is not trusted,
// nothing is allocated.
func (d *Deriver) Derive(peer netip.Addr, header map[string][]string, out *Derivation) {
	*out = Derivation{Hops: out.Hops[:0]}
	client, ok := usable(peer)
	if !ok {
		out.Why = whyPeer
		return
	}
	out.Peer = client
	if !d.trusts(client) {
		out.found(client, whyDirect)
		return
	}
	lines := header[string(d.header)]
	if len(lines) == 0 {
		out.Why = whySilent
		return
	}
	if d.header == Forwarded {
		d.walkForwarded(lines, out)
	} else {
		d.walkList(lines, out)
	}
}

// walkList walks X-Forwarded-For.
func (d *Deriver) walkList(lines []string, out *Derivation) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			var text string
			text, rest, more = lastItem(rest)
			if d.step(text, out) {
				return
			}
		}
	}
	out.found(out.Hops[len(out.Hops)-1].Address, whyAllTrusted)
}

// lastItem cuts the rightmost item off a list.
func lastItem(list string) (item, rest string, more bool) {
	comma := strings.LastIndexByte(list, ',')
	if comma < 0 {
		return list, "", false
	}
	return list[comma+1:], list[:comma], true
}

// step takes one hop and reports whether the walk is over.
func (d *Deriver) step(text string, out *Derivation) (over bool) {
	if len(out.Hops) == MaxHops {
		out.Why = whyTooMany
		return true
	}
	address, ok := parseHop(text)
	if !ok {
		out.Hops = append(out.Hops, Hop{Text: text})
		out.Why = whyUnreadable
		return true
	}
	trusted := d.trusts(address)
	out.Hops = append(out.Hops, Hop{Text: text, Address: address, Trusted: trusted})
	if !trusted {
		out.found(address, whyReported)
	}
	return !trusted
}

func (d *Deriver) trusts(address netip.Addr) bool {
	for _, prefix := range d.trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
