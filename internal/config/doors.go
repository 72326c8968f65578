package config

import "net/netip"

// The kinds of doors.
const (
	DoorForwardAuth  = "forward_auth"   // a sub-request of nginx, Caddy, Traefik or HAProxy
	DoorExtAuthz     = "ext_authz"      // Envoy's check over gRPC
	DoorExtAuthzHTTP = "ext_authz_http" // Envoy's check over HTTP
)

// Door is a listener of an environment for other proxies: they hold the requests, and ask here whether these may pass.
type Door struct {
	// Kind is one of the constants. Required.
	Kind string `key:"kind"`
	// Proxy is who asks, which decides how its questions are read: "nginx", "nginx_auth_request", "caddy", "traefik", "haproxy",
	// "envoy". Required with DoorForwardAuth; else "envoy", or empty, which is the same.
	Proxy string `key:"proxy"`
	// Address is HOST:PORT, or "unix:" and the path of a socket. Required.
	Address string `key:"address"`
	// Proxies are the networks of those who may ask, masked. Empty only for a socket, where its mode 0660 decides.
	Proxies []netip.Prefix `key:"proxies"`
	// SecretFile holds a secret, mode 0600, that every question has to carry in Countersign-Door-Secret. Empty: none is asked for.
	SecretFile string `key:"secret_file"`
	// WholeBody says that the proxy hands over every body. Only for Traefik, which does not say so itself. Default false.
	WholeBody bool `key:"whole_body"`
	// AllowPlain lets Address be another than loopback without TLS. Default false.
	AllowPlain bool `key:"allow_plain"`
	// TLS is the listener's own certificate. nil: plain HTTP, on loopback or a socket alone.
	TLS *AdminTLS `key:"tls"`
	// ClientCAFile holds the authorities (PEM) of whom every proxy must show a certificate. Empty: it is not asked for one.
	ClientCAFile string `key:"client_ca_file"`
	// Envoy repeats what a check request of Envoy's does not show. nil: nothing is said, all of it is off.
	Envoy *DoorEnvoy `key:"envoy"`
	// MaxBody bounds a body that is handed over, in bytes. Default 1 MiB.
	MaxBody int64 `key:"max_body"`
	// MaxConnections bounds open connections. Default 1,024.
	MaxConnections int `key:"max_connections"`
	// Standard serves questions over HTTP with net/http alone; false: with the server of internal/edge/gateway/http1 behind the strict
	// reader, as listeners are. Not with DoorExtAuthz, which is gRPC's in any case. Default false.
	Standard bool `key:"standard"`
}

// Asks is who asks at the door: Proxy, or "envoy".
func (d *Door) Asks() string {
	if d.Proxy == "" && d.Kind != DoorForwardAuth {
		return "envoy"
	}
	return d.Proxy
}
