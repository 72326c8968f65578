package admin

import (
	"net"
	"strings"
)

// canonicalHost is a Host as it is compared: lower case, without the scheme's own port and without a trailing dot.
func canonicalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil {
		if port == "443" && scheme == "https" || port == "80" && scheme == "http" {
			host = name
			if strings.Contains(name, ":") {
				host = "[" + name + "]"
			}
		}
	}
	return host
}

// answers reports whether a request with this Host is meant for this server. A page of somebody else's whose name was made to
// point here has another one (DNS rebinding, security rule 31).
func (s *Server) answers(host string, tls bool) bool {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	if s.host != "" && (canonicalHost(host, "https") == s.host || canonicalHost(host, scheme) == s.host) {
		return true
	}
	if !s.cfg.Loopback {
		return false
	}
	name := strings.ToLower(host)
	if only, _, err := net.SplitHostPort(name); err == nil {
		name = only
	} else {
		name = strings.Trim(name, "[]")
	}
	return name == "localhost" || name == "127.0.0.1" || name == "::1"
}
