package config

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"
)

// origin is where people find a server: scheme and host.
func origin() format[*url.URL] {
	base := address()
	return plain("URL", "scheme and host, no path", "^https?://", func(s string) (*url.URL, string, string) {
		u, err := url.Parse(s)
		switch {
		case err == nil && u.Path == "/":
			return nil, quote(s) + " has more than scheme and host", "write " + quote(strings.TrimSuffix(s, "/"))
		case err == nil && (u.Path != "" || u.RawQuery != "" || u.Fragment != ""):
			return nil, quote(s) + " has more than scheme and host", "the plane has a host of its own: put it under another name instead of another path"
		}
		node := initialNode(s)
		v, message, _ := base.parse(node)
		if message != "" {
			return nil, message, "for example https://admin.example.com"
		}
		if v.Host != strings.ToLower(v.Host) {
			return nil, quote(s) + " has capitals in its host", "write " + quote(v.Scheme+"://"+strings.ToLower(v.Host))
		}
		return v, "", ""
	}, base.show)
}

// issuer is the URL of an OpenID Connect provider, which is compared byte for byte.
func issuer() format[string] {
	return plain("URL", "https, or http to a loopback host", "^https?://", func(s string) (string, string, string) {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
			return "", quote(s) + " is not an issuer", "copy it from the provider's /.well-known/openid-configuration"
		case u.Scheme == "http" && !loopbackHost(u.Hostname()):
			return "", quote(s) + " is not https", "whoever is between could sign in as anybody"
		}
		return s, "", ""
	}, same)
}

// receiver is the URL to which something is posted.
func receiver() format[string] {
	return plain("URL", "https, or http to a loopback host", "^https?://", func(s string) (string, string, string) {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Fragment != "":
			return "", "not the URL of a receiver", "for example https://anchors.example/countersign"
		case u.User != nil:
			return "", "a URL with a user name or password", "credentials do not belong into this file; name a file with url_token_file"
		case u.Scheme == "http" && !loopbackHost(u.Hostname()):
			return "", quote(s) + " is not https", "whoever is between could keep checkpoints back"
		}
		return s, "", ""
	}, same)
}

// loopbackHost reports whether a name or an address can only be this machine.
func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// network is any prefix but that of all addresses.
func network() format[netip.Prefix] {
	return plain("prefix", "", "^[0-9a-fA-F.:]+/[0-9]{1,3}$", func(s string) (zero netip.Prefix, message, hint string) {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			return zero, quote(s) + " is not a prefix", "write an address and a length, for example 203.0.113.0/28; a single address ends in /32 or /128"
		case p.Addr().Is4In6():
			return zero, quote(s) + " is an IPv4 prefix in the form of an IPv6 one", "write it as IPv4"
		case p.Bits() == 0:
			return zero, quote(s) + " is every address", "write the networks that are meant"
		case p != p.Masked():
			return zero, quote(s) + " has bits behind its length", "write " + p.Masked().String()
		}
		return p, "", ""
	}, func(p netip.Prefix) string { return p.String() })
}

// chosen is a name that the operator gives.
func chosen(what string) format[string] {
	return plain(what, "", chosenName.String(), func(s string) (string, string, string) {
		if !IsName(s) {
			return "", quote(s) + " is not " + article(what), "1 to 32 of a-z, 0-9 and -, beginning with a letter"
		}
		return s, "", ""
	}, same)
}

// sentence is one line for people, of so many bytes at most.
func sentence(what string, most int) format[string] {
	return plain(what, "", "", func(s string) (string, string, string) {
		printable := !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
		if s == "" || !printable || len(s) > most || strings.TrimSpace(s) != s {
			return "", "not " + article(what), "write one line without blanks around it"
		}
		return s, "", ""
	}, same)
}
