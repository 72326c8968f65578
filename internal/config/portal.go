package config

import (
	"net/netip"
	"net/url"
)

// Portal is the partners' portal: a listener of its own, for people whom operators have invited (members).
type Portal struct {
	// Listen is HOST:PORT. Port 0 takes a free one. Another address than loopback needs AllowRemote and TLS. Default 127.0.0.1:9903.
	Listen string `key:"listen"`
	// AllowRemote lets Listen be another address than loopback. Default false.
	AllowRemote bool `key:"allow_remote"`
	// PublicURL is where browsers find the listener: scheme and host. nil: https with TLS, else http, to the name localhost and the
	// port that is listened on. Needed with AllowRemote. Members' passkeys belong to its host.
	PublicURL *url.URL `key:"public_url"`
	// TLS is the listener's own certificate. nil: plain HTTP, on loopback alone.
	TLS *AdminTLS `key:"tls"`
	// TrustedProxies are the networks whose forwarding header counts, masked (security rule 21). Empty: nobody's.
	TrustedProxies []netip.Prefix `key:"trusted_proxies"`
	// ForwardingHeader is the one that these proxies maintain: "X-Forwarded-For" or "Forwarded". Default "X-Forwarded-For".
	ForwardingHeader string `key:"forwarding_header"`
	// Sessions bounds how long a member is signed in.
	Sessions Sessions `key:"sessions"`
	// Tester are the environments whose gateway members may call from the portal. Never production, and none that is the last one in
	// the order of reviews. Default: the environment named "sandbox", where it is neither. Empty only where the file says so: none.
	Tester []string `key:"tester"`
}

// LastOfReviews reports whether an environment is where partners end up: it is named production, or it comes after another one
// and nothing comes after it.
func (c *Config) LastOfReviews(environment string) bool {
	if environment == "production" {
		return true
	}
	r := c.ReviewOf(environment)
	if r == nil || r.After == "" {
		return false
	}
	for _, other := range c.Reviews {
		if other.After == environment {
			return false
		}
	}
	return true
}

// tested are the environments that the tester reaches unless the file says otherwise.
func (c *Config) tested() []string {
	if c.Environment("sandbox") == nil || c.LastOfReviews("sandbox") {
		return nil
	}
	return []string{"sandbox"}
}
