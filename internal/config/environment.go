package config

import (
	"net/netip"
	"net/url"
	"time"
)

// Environment is one separate world: own listeners, APIs and, if it has a key file, own keys.
type Environment struct {
	// Name is the key in the file: 1 to 32 of a-z, 0-9 and -, beginning with a letter.
	Name string

	// KeyFile is the master key file of this environment alone. Empty, and KeyEnv too: the one of Config.Keys. See Config.KeysOf.
	KeyFile string `key:"key_file"`
	// KeyEnv names the variable that holds the text of such a file. At most one of both is set.
	KeyEnv string `key:"key_env"`
	// Hosts are the names of this environment, lower case, without port. Empty: any Host is taken, and the upstream gets its own.
	Hosts []string `key:"hosts"`
	// BaseURL is where partners call this environment, as the portal tells them: scheme and host. nil: it is not told.
	BaseURL *url.URL `key:"base_url"`
	// TrustedProxies are the networks whose forwarding header counts, masked; IPv4 at least /8, IPv6 at least /16 (security rule
	// 21). Empty: nobody's.
	TrustedProxies []netip.Prefix `key:"trusted_proxies"`
	// ForwardingHeader is the one that these proxies maintain: "X-Forwarded-For" or "Forwarded". Default "X-Forwarded-For".
	ForwardingHeader string `key:"forwarding_header"`
	// MaxStaleness is how long decisions go on while the register cannot be read. Default 15 min (design decision 3).
	MaxStaleness time.Duration `key:"max_staleness"`
	// BodyTimeout is how long a request body may take to arrive. Default 30 s.
	BodyTimeout time.Duration `key:"body_timeout"`
	// WriteStall is how long a caller may take no byte of an answer. Default 60 s.
	WriteStall time.Duration `key:"write_stall"`
	// Captures is about refused requests that are kept for their owner.
	Captures Captures `key:"captures"`
	// Listeners are in the order of the file; at least one.
	Listeners []Listener `key:"listeners"`
	// Doors are listeners for other proxies, in the order of the file. Empty: there are none.
	Doors []Door `key:"doors"`
	// APIs are in the order of the file; at least one. Names are unique.
	APIs []API `key:"apis"`
}

// Captures says whether refused requests of the signed APIs are kept for a while, sealed, so that the server can explain them to
// the credential that they named, and to nobody else.
type Captures struct {
	// Enabled switches it on. Default: true in the environment named "sandbox", false elsewhere.
	Enabled bool `key:"enabled"`
	// Keep is how long a request is kept, at most a day. Default 24 h.
	Keep time.Duration `key:"keep"`
}

// API returns the API of the name, or nil. It is not a copy.
func (e *Environment) API(name string) *API {
	for i := range e.APIs {
		if e.APIs[i].Name == name {
			return &e.APIs[i]
		}
	}
	return nil
}

// Listener is one address on which an environment is served over TLS.
type Listener struct {
	// Address is HOST:PORT; the host is an IP address, or empty for all. Required.
	Address string `key:"address"`
	// TLS is the policy and the certificates. Required.
	TLS TLS `key:"tls"`
	// ClientCertificates asks callers for certificates. nil: they are not asked.
	ClientCertificates *ClientCertificates `key:"client_certificates"`
	// DropUnlisted closes connections from addresses that no partner of the environment may use, before the handshake. Default
	// false. Only where every API requires an address list.
	DropUnlisted bool `key:"drop_unlisted"`
	// MaxConnections bounds open connections. Default 10,000.
	MaxConnections int `key:"max_connections"`
	// MaxPerPeer bounds those of one peer (IPv6: of its /64), but for trusted proxies. Default 1,024.
	MaxPerPeer int `key:"max_per_peer"`
	// MaxHandshakes bounds handshakes that are computed at one time. Default 256.
	MaxHandshakes int `key:"max_handshakes"`
	// HandshakeTimeout bounds a handshake. Default 10 s.
	HandshakeTimeout time.Duration `key:"handshake_timeout"`
	// HeaderTimeout bounds the arrival of a request's head. Default 10 s.
	HeaderTimeout time.Duration `key:"header_timeout"`
	// IdleTimeout is how long a connection without a request is kept. Default 2 min.
	IdleTimeout time.Duration `key:"idle_timeout"`
	// MaxHead bounds a request's head in bytes. Default 32 KiB.
	MaxHead int64 `key:"max_head"`
	// MaxRequestLine bounds its first line in bytes; at most MaxHead. Default 8 KiB.
	MaxRequestLine int64 `key:"max_request_line"`
	// MaxHeaderLines bounds its header lines. Default 100.
	MaxHeaderLines int `key:"max_header_lines"`
	// Standard serves HTTP/1 with net/http; false: with the server of internal/edge/gateway/http1. HTTP/2 is net/http's in any case. Default true.
	Standard bool `key:"standard"`
}

// TLS is the one policy of a listener (security rule 29): files, or ACME.
type TLS struct {
	// Certificate and Key are PEM files: the chain with the leaf first, and its private key. Both empty only with ACME.
	Certificate string `key:"certificate"`
	Key         string `key:"key"`
	// Additional pairs are chosen by the name that the caller asks for (SNI); the first pair serves every other name.
	Additional []Pair `key:"additional"`
	// MinVersion is "1.2" or "1.3". Default "1.2" (seed: TLS 1.2 or higher).
	MinVersion string `key:"min_version"`
	// ACME gets certificates by itself; needs a build with the tag acme. nil: files.
	ACME *ACME `key:"acme"`
}

// Pair is a certificate chain and its key, PEM files.
type Pair struct {
	Certificate string `key:"certificate"`
	Key         string `key:"key"`
}

// Pairs are all file pairs, the default one first; empty with ACME. The slice is the caller's.
func (t TLS) Pairs() []Pair {
	if t.Certificate == "" {
		return nil
	}
	return append([]Pair{{t.Certificate, t.Key}}, t.Additional...)
}

// ACME says where certificates come from (RFC 8555, TLS-ALPN-01 on the listener itself).
type ACME struct {
	// Directory is the URL of the certificate authority's directory. Default Let's Encrypt's production one.
	Directory string `key:"directory"`
	// Email is where the authority writes to. Empty: none.
	Email string `key:"email"`
	// Domains are the names to get certificates for. Empty: the hosts of the environment, which must be set then.
	Domains []string `key:"domains"`
	// AcceptTerms says that the operator agrees to the authority's terms. Must be true.
	AcceptTerms bool `key:"accept_terms"`
	// Storage is the folder of account and certificates. Default "acme" in the data folder.
	Storage string `key:"storage"`
	// CAFile holds the authorities (PEM) for Directory itself. Empty: the system's.
	CAFile string `key:"ca_file"`
}

// ClientCertificates asks callers for certificates (mutual TLS).
type ClientCertificates struct {
	// CAFile holds the authorities (PEM) that may have issued them. Required.
	CAFile string `key:"ca_file"`
	// Mode is "optional": who has none may connect; or "required". Default "optional".
	Mode string `key:"mode"`
}
