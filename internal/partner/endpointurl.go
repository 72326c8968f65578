package partner

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ParseEndpointURL reads the URL of a webhook endpoint and returns it in the one form in which it is kept: scheme and host in
// lower case, no default port, at least "/" as its path; path and query stay byte for byte. It is strict: what two programs
// could read in two ways is refused. plain also admits http, for a host that is this machine itself (localhost, 127.0.0.0/8,
// ::1): for trying things out (security rule 32: https only outside dev). Whether the host may be called is decided when it is
// dialled, not here: names change what they mean. Errors wrap ErrInvalid.
func ParseEndpointURL(text string, plain bool) (string, error) {
	if text == "" || len(text) > MaxEndpointURL {
		return "", invalid("the URL of an endpoint has 1 to %d bytes", MaxEndpointURL)
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return "", invalid("the URL of an endpoint is plain ASCII without spaces; write a name of other letters in its xn-- form")
		}
	}
	if strings.Contains(text, "#") {
		return "", invalid("the URL of an endpoint has no fragment")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return "", invalid("the URL of an endpoint is https://host/path, with a port or a query where needed")
	}
	if u.User != nil || strings.Contains(authority(text), "@") {
		return "", invalid("the URL of an endpoint holds no user name and no password")
	}
	host, err := endpointHost(u)
	if err != nil {
		return "", err
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && plain && isLoopback(host):
	default:
		return "", invalid("the URL of an endpoint begins with https://")
	}
	return canonicalURL(u, host)
}

// authority is what stands between the scheme and the path, as it was written.
func authority(text string) string {
	_, rest, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

func canonicalURL(u *url.URL, host string) (string, error) {
	out := u.Scheme + "://" + host
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' {
			return "", invalid("the port of an endpoint is a number from 1 to 65535")
		}
		if u.Scheme == "https" && n != 443 || u.Scheme == "http" && n != 80 {
			out += ":" + port
		}
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	out += path
	if u.RawQuery != "" || u.ForceQuery {
		out += "?" + u.RawQuery
	}
	if len(out) > MaxEndpointURL {
		return "", invalid("the URL of an endpoint has 1 to %d bytes", MaxEndpointURL)
	}
	return out, nil
}

// endpointHost is the host in the form in which it is kept: a name, an IPv4 address in its four numbers, an IPv6 address in
// brackets.
func endpointHost(u *url.URL) (string, error) {
	host := strings.ToLower(u.Hostname())
	if strings.HasPrefix(u.Host, "[") {
		a, err := netip.ParseAddr(host)
		if err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
			return "", invalid("the host of an endpoint in brackets is an IPv6 address, without a zone and not a mapped IPv4 address")
		}
		return "[" + a.String() + "]", nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return a.String(), nil
	}
	if !isHostName(host) {
		return "", invalid("the host of an endpoint is a name of letters, digits, hyphens and dots, or a plain IP address")
	}
	return host, nil
}

// isHostName admits names as DNS has them. A last label of digits, or one that begins as a hexadecimal number does, is refused:
// some resolvers take 127.1, 0x7f000001 and 2130706433 for addresses.
func isHostName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
		last = label
	}
	return last[0] < '0' || last[0] > '9'
}

// isLoopback reports whether a host is this machine, by its form alone.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}
