package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"countersign.dev/internal/config/document"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/partner"
)

func same(s string) string { return s }

// path is a file or folder; a relative one starts at the folder of the configuration file.
func (d *decoder) path() format[string] {
	return plain("path", "", "", func(s string) (string, string, string) {
		switch {
		case s == "" || strings.ContainsFunc(s, unicode.IsControl):
			return "", "not a path", "write the path of a file or folder"
		case strings.HasPrefix(s, "~"):
			return "", quote(s) + " begins with ~, which only a shell understands", "write the whole path"
		case strings.Contains(s, "${") || strings.HasPrefix(s, "$"):
			return "", quote(s) + ": variables are not replaced", "write the path itself; secrets may come from a variable with env"
		case filepath.IsAbs(s):
			return filepath.Clean(s), "", ""
		}
		return filepath.Join(d.base, s), "", ""
	}, same)
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)

// env is the name of an environment variable.
func env() format[string] {
	return plain("variable", "", variableName.String(), func(s string) (string, string, string) {
		if !variableName.MatchString(s) {
			// The text is not shown: it may be the secret itself.
			return "", "not the name of an environment variable", "write its name, for example COUNTERSIGN_MASTER_KEY, and keep the secret out of this file"
		}
		return s, "", ""
	}, same)
}

// endpoint is HOST:PORT of something that is called.
func endpoint() format[string] {
	return plain("address", "", "^.+:[0-9]{1,5}$", func(s string) (string, string, string) {
		host, port, err := net.SplitHostPort(s)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
			return "", quote(s) + " is not HOST:PORT", "for example siem.example:6514"
		}
		if ip, err := netip.ParseAddr(host); (err != nil || ip.Zone() != "") && !hostName.MatchString(strings.ToLower(host)) {
			return "", quote(host) + " is neither an address nor a host name", ""
		}
		return s, "", ""
	}, same)
}

// interfaceName is the zone of a link-local address.
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,15}$`)

// listen is IP:PORT or :PORT of something that is listened on; off, if any, is the word for nothing.
func listen(off string) format[string] {
	pattern, bounds := `^.*:[0-9]{1,5}$`, ""
	if off != "" {
		pattern, bounds = "^("+off+"|.*:[0-9]{1,5})$", "HOST:PORT, or "+off
	}
	return plain("address", bounds, pattern, func(s string) (string, string, string) {
		if off != "" && s == off {
			return "", "", ""
		}
		host, port, err := net.SplitHostPort(s)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			return "", quote(s) + " is not an address with a port", "write HOST:PORT, for example 0.0.0.0:443 or [::]:443"
		}
		if ip, err := netip.ParseAddr(host); host != "" && host != "localhost" && (err != nil || ip.Zone() != "" && !interfaceName.MatchString(ip.Zone())) {
			return "", quote(host) + " is not an IP address", "a listener takes an address of this machine, or nothing before the colon for all of them"
		}
		return s, "", ""
	}, func(s string) string {
		if s == "" {
			return off
		}
		return s
	})
}

var hostName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)

// host is a name that callers write into Host, without port.
func host() format[string] {
	return plain("host name", "", "", func(s string) (string, string, string) {
		lower := strings.ToLower(s)
		if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && addr.Zone() == "" {
			return addr.String(), "", "" // without brackets, as the names of requests are compared
		}
		switch {
		case strings.Contains(s, "*"):
			return "", quote(s) + " has a wildcard", "list every host name"
		case strings.Contains(s, "/"):
			return "", quote(s) + " is not a host name", "write api.example.com, without scheme and path"
		case strings.Contains(s, ":"):
			return "", quote(s) + " has a port", "write the name alone: the port of a Host header is not compared"
		case len(s) > 253 || !hostName.MatchString(lower):
			return "", quote(s) + " is not a host name", "write api.example.com; names in other scripts in their xn-- form"
		}
		return lower, "", ""
	}, same)
}

// proxies is a prefix that may be trusted (security rule 21).
func proxies() format[netip.Prefix] {
	bounds := "IPv4 at least /" + strconv.Itoa(clientip.MinBits4) + ", IPv6 at least /" + strconv.Itoa(clientip.MinBits6)
	return plain("prefix", bounds, "^[0-9a-fA-F.:]+/[0-9]{1,3}$", func(s string) (zero netip.Prefix, message, hint string) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return zero, quote(s) + " is not a prefix", "write an address and a length, for example 10.0.0.0/24; a single address ends in /32 or /128"
		}
		least := clientip.MinBits4
		if p.Addr().Is6() {
			least = clientip.MinBits6
		}
		switch {
		case p.Addr().Is4In6():
			return zero, quote(s) + " is an IPv4 prefix in the form of an IPv6 one", "write it as IPv4"
		case p.Bits() < least:
			return zero, quote(s) + " is too wide to be trusted: whoever is in it can claim to be any address", bounds
		case p != p.Masked():
			return zero, quote(s) + " has bits behind its length", "write " + p.Masked().String()
		}
		return p, "", ""
	}, func(p netip.Prefix) string { return p.String() })
}

var rateText = regexp.MustCompile(`^([1-9][0-9]{0,6})/(s|m|h|d)$`)

// rate is a number of requests in a span.
func rate() format[Rate] {
	most := strconv.Itoa(partner.MaxLimitRate)
	return plain("rate", "1/s to "+most+"/s; also /m, /h, /d", rateText.String(), func(s string) (Rate, string, string) {
		part := rateText.FindStringSubmatch(s)
		if part == nil {
			return Rate{}, quote(s) + " is not a rate", "write a number, a slash and s, m, h or d, for example 50/s"
		}
		n, _ := strconv.Atoi(part[1]) // at most 7 digits
		if n > partner.MaxLimitRate {
			return Rate{}, quote(s) + " is out of bounds", "at most " + most
		}
		return Rate{Count: n, Per: durationUnits[part[2]]}, "", ""
	}, Rate.String)
}

// String is the rate as in the file; empty for the zero Rate.
func (r Rate) String() string {
	for _, unit := range []string{"s", "m", "h", "d"} {
		if durationUnits[unit] == r.Per {
			return strconv.Itoa(r.Count) + "/" + unit
		}
	}
	if r.Count == 0 {
		return ""
	}
	return strconv.Itoa(r.Count) + " in " + r.Per.Round(time.Second).String()
}

// address is the base of an HTTP server: scheme and host.
func address() format[*url.URL] {
	return plain("URL", "scheme and host, no path", "^https?://", func(s string) (*url.URL, string, string) {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			return nil, "not a URL", "for example https://10.0.0.5:8443"
		case u.User != nil:
			return nil, "a URL with a user name or password", "credentials do not belong into this file; use a client certificate (cert_file)"
		case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
			return nil, quote(s) + " is not the base of an HTTP server", "write http://HOST:PORT or https://HOST:PORT"
		case u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
			return nil, quote(s) + " has more than scheme and host", "targets are forwarded byte for byte, so that an upstream has no path of its own"
		}
		if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) {
			return nil, quote(s) + " has no such port", "1 to 65535"
		}
		return &url.URL{Scheme: u.Scheme, Host: u.Host}, "", ""
	}, func(u *url.URL) string {
		if u == nil {
			return ""
		}
		return u.String()
	})
}

// directory is the URL of an ACME directory.
func directory() format[string] {
	return plain("URL", "https", "^https://", func(s string) (string, string, string) {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return "", quote(s) + " is not the https URL of an ACME directory", "the authority's documentation has it"
		}
		return s, "", ""
	}, same)
}

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~!$&'()*+,=:@-]+)+$`)

// route is a plain path: no escapes, no empty or dot segments, no slash at the end.
func route() format[string] {
	return plain("URL path", "", "^/", func(s string) (string, string, string) {
		switch {
		case s == "/":
			return "", "the whole host is no base path", "name the paths of the API, for example /api/v1"
		case strings.HasSuffix(s, "/"):
			return "", quote(s) + " ends in a slash", "write " + quote(strings.TrimRight(s, "/"))
		case len(s) > 1024 || !plainPath.MatchString(s) || strings.Contains(s+"/", "/./") || strings.Contains(s+"/", "/../"):
			return "", quote(s) + " is not a plain path", "begin with a slash; no escapes, no query, no dot segments"
		}
		return s, "", ""
	}, same)
}

var chosenName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// IsName reports whether an environment or an API may be called so: 1 to 32 of a-z, 0-9 and -, beginning with a letter.
func IsName(name string) bool { return chosenName.MatchString(name) }

// word is a short text for people or other machines, without control characters.
func word(name, hint string) format[string] {
	return plain(name, "", "", func(s string) (string, string, string) {
		if s == "" || len(s) > 254 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return "", "not " + article(name), hint
		}
		return s, "", ""
	}, same)
}

// version is a TLS version. Unquoted it is a number to YAML, and taken all the same.
func version() format[string] {
	f := oneOf("1.2", "1.3")
	words := f.parse
	f.schema = map[string]any{"enum": []any{"1.2", "1.3", 1.2, 1.3}}
	f.parse = func(n *document.Node) (string, string, string) {
		asText := *n
		if n.Kind == document.Float {
			asText.Kind = document.Text
		}
		return words(&asText)
	}
	return f
}
