package clientip

import (
	"net/netip"
	"strings"
)

// parseHop reads one hop: an address, an address with a port, or an IPv6 address
// in brackets with or without one. Some balancers add the port. Spaces and tabs
// around it are allowed (RFC 9110 §5.6.3). Names, "unknown", obfuscated
// identifiers and empty items are not readable (security rule 22).
func parseHop(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if len(text) > maxHopText {
		return netip.Addr{}, false
	}
	host := text
	if strings.HasPrefix(text, "[") {
		inside, port, ok := strings.Cut(text[1:], "]")
		if !ok || !strings.Contains(inside, ":") || !isPort(port) {
			return netip.Addr{}, false
		}
		host = inside
	} else if strings.Count(text, ":") == 1 {
		before, port, _ := strings.Cut(text, ":")
		if !isPort(":" + port) {
			return netip.Addr{}, false
		}
		host = before
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return usable(address)
}

// maxHopText is longer than any address with brackets and port.
const maxHopText = 64

// isPort accepts nothing, or a colon and one to five digits.
func isPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > 6 {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// usable brings an address into its only form and refuses what no client has.
func usable(address netip.Addr) (netip.Addr, bool) {
	if !address.IsValid() || address.Zone() != "" {
		return netip.Addr{}, false
	}
	address = address.Unmap()
	if address.IsUnspecified() || address.IsMulticast() {
		return netip.Addr{}, false
	}
	return address, true
}
