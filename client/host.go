package client

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// ErrHost is wrapped by the error for a request to a host that is not listed, or over plain HTTP: nothing was sent.
var ErrHost = errors.New("credentials are not sent there")

// allowed are the hosts that get credentials, as "host:port" in lower case.
type allowed struct {
	hosts []string
	plain bool // plain HTTP beyond this machine
}

// newAllowed takes "host" (port 443) or "host:port".
func newAllowed(hosts []string, plain bool) (allowed, error) {
	if len(hosts) == 0 {
		return allowed{}, errors.New("client: Hosts must name the hosts that get credentials")
	}
	a := allowed{plain: plain}
	for _, h := range hosts {
		u, err := url.Parse("https://" + h)
		if err != nil || u.Host != h || u.Hostname() == "" {
			return allowed{}, fmt.Errorf("client: %q is not a host or host:port", h)
		}
		a.hosts = append(a.hosts, authority(u))
	}
	return a, nil
}

// check refuses a URL that gets no credentials.
func (a allowed) check(u *url.URL) error {
	switch {
	case u == nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%w: the URL has no host, or is opaque", ErrHost)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: the scheme is neither https nor http", ErrHost)
	case u.Scheme == "http" && !a.plain && !loopback(u.Hostname()):
		return fmt.Errorf("%w: %s over plain HTTP", ErrHost, u.Host)
	case !slices.Contains(a.hosts, authority(u)):
		return fmt.Errorf("%w: %s is not one of Hosts", ErrHost, u.Host)
	}
	return nil
}

// authority is host and port, the scheme's own where none is given.
func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
