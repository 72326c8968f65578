package clientip

import (
	"fmt"
	"net/netip"
	"strings"
)

// Why an address is what it is. The texts are for logs and people; programs look
// at Known.
const (
	whyDirect     = "the connection's peer is not a trusted proxy, so it is the client; forwarding headers do not count"
	whyReported   = "the first hop from the right that is not a trusted proxy"
	whyAllTrusted = "every hop is a trusted proxy; the leftmost is taken as the client"
	whyPeer       = "unknown: the connection's peer has no usable address"
	whySilent     = "unknown: the trusted proxy sent no forwarding header"
	whyUnreadable = "unknown: a hop cannot be read as an address"
	whyTooMany    = "unknown: too many hops"
)

// Derivation is the answer for one request and how it came about. The zero value
// is an unknown address; it may be used again for the next request.
type Derivation struct {
	// Address is the client's address: unmapped, without a zone. It is the
	// zero Addr when Known is false.
	Address netip.Addr
	// Known is false when the address could not be derived; the caller denies.
	Known bool
	// Peer is the other end of the connection, unmapped; the zero Addr when
	// it has no usable address.
	Peer netip.Addr
	// Hops are the header's entries that were looked at, from right to left.
	// It is empty when the peer is not trusted.
	Hops []Hop
	// Why says in a sentence what decided.
	Why string
}

// Hop is one entry of the forwarding header.
type Hop struct {
	// Text is the entry as it came. It is the caller's text: escape it.
	Text string
	// Address is zero when the entry could not be read.
	Address netip.Addr
	// Trusted says that the address lies in a trusted prefix.
	Trusted bool
}

func (out *Derivation) found(address netip.Addr, why string) {
	out.Address, out.Known, out.Why = address, true, why
}

// Explain tells the derivation hop by hop, one line each, for people. Text from
// the request is quoted and capped (security rule 34).
func (out *Derivation) Explain() string {
	var b strings.Builder
	if out.Peer.IsValid() {
		write(&b, "connection from ", out.Peer.String(), ": ", standing(len(out.Hops) > 0 || out.Why == whySilent), "\n")
	}
	for i, hop := range out.Hops {
		if !hop.Address.IsValid() {
			fmt.Fprintf(&b, "hop %d from the right: %s: not readable\n", i+1, quote(hop.Text))
			continue
		}
		fmt.Fprintf(&b, "hop %d from the right: %s: %s\n", i+1, hop.Address, standing(hop.Trusted))
	}
	switch {
	case out.Known:
		write(&b, "client address ", out.Address.String(), ": ", out.Why, "\n")
	case out.Why == "":
		b.WriteString("client address unknown: nothing has been derived\n")
	default:
		write(&b, "client address ", out.Why, "\n")
	}
	return b.String()
}

func write(b *strings.Builder, parts ...string) {
	for _, part := range parts {
		b.WriteString(part)
	}
}

func standing(trusted bool) string {
	if trusted {
		return "a trusted proxy"
	}
	return "not a trusted proxy"
}

func quote(text string) string {
	if len(text) > maxHopText {
		return fmt.Sprintf("%q (and %d bytes more)", text[:maxHopText], len(text)-maxHopText)
	}
	return fmt.Sprintf("%q", text)
}
