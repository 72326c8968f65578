package config

import (
	"net/url"
	"time"
)

// API is one protected part of an environment. Exactly one of Profile and Token is set.
type API struct {
	// Name is the key in the file: 1 to 32 of a-z, 0-9 and -, beginning with a letter.
	Name string

	// Profile is how callers sign. nil: callers have tokens.
	Profile *Profile `key:"profile"`
	// Shadow is a profile that every signed request is verified by as well, and that never decides. nil: none. Only with Profile.
	Shadow *Profile `key:"shadow"`
	// Token is how callers get tokens. nil: callers sign.
	Token *Token `key:"token"`
	// BasePaths are matched by whole segments (security rule 14); no slash at the end. At least one.
	BasePaths []string `key:"base_paths"`
	// Upstream is what is protected. Required.
	Upstream Upstream `key:"upstream"`
	// Addresses is "required", "optional" or "off". Default "required" with a profile, "off" with token.
	Addresses string `key:"addresses"`
	// AddressMismatch is "refuse", or "warn": an address that is not listed is let in and the record says so. Default "refuse".
	AddressMismatch string `key:"address_mismatch"`
	// ClientCertificate is "off", "bound" (it must match where the credential has client keys) or "required". Default "bound".
	ClientCertificate string `key:"client_certificate"`
	// CertificateMismatch is "refuse", or "warn" as above. Default "refuse".
	CertificateMismatch string `key:"certificate_mismatch"`
	// Replay is "off", "writes" or "all" (design decision 7); "off" with token. Default "writes", or "off" with token and with
	// a shipped profile that has no time.
	Replay string `key:"replay"`
	// Window is how far the caller's clock may be off, at most 15 min. 0: the profile's own. Only with a profile.
	Window time.Duration `key:"window"`
	// MaxBody bounds a request body in bytes. Default 1 MiB.
	MaxBody int64 `key:"max_body"`
	// AllowBrowser admits requests with Origin or Sec-Fetch-*. Default false with a profile; always true with token.
	AllowBrowser bool `key:"allow_browser"`
	// AllowEncodedSlash admits %2f in the path, AllowEmptySegments admits //. Default false.
	AllowEncodedSlash  bool `key:"allow_encoded_slash"`
	AllowEmptySegments bool `key:"allow_empty_segments"`
	// HeaderNames is "refuse": odd header names are refused; or "warn": those headers are dropped. Default "refuse".
	HeaderNames string `key:"header_names"`
	// Sunset tells callers in the header fields Sunset (RFC 8594) and Deprecation (RFC 9745) when the version of the credential
	// ends that they use. Default true.
	Sunset bool `key:"sunset"`
	// Limits hold for every partner without limits of its own.
	Limits Limits `key:"limits"`
}

// Signed reports whether callers of the API sign.
func (a *API) Signed() bool { return a.Profile != nil }

// Profile names a profile: a shipped one, or a file.
type Profile struct {
	// Name is that of a shipped profile. Empty: File is set.
	Name string `key:"name"`
	// File is a profile file. Empty: Name is set.
	File string `key:"file"`
	// Alternative is one of the profile's alternatives. Empty: the profile's own scheme.
	Alternative string `key:"alternative"`
}

// Token is the token endpoint of an API (seed: Accessing the API).
type Token struct {
	// Endpoint is the exact path of Partner Authentication, under a base path. Required.
	Endpoint string `key:"endpoint"`
	// Lifetime is how long a token counts, at most 24 h. Default 2 h.
	Lifetime time.Duration `key:"lifetime"`
	// EmptyPost is "lenient", or "strict": an empty POST must carry Content-Length: 0. Default "lenient".
	EmptyPost string `key:"empty_post"`
	// XMLContentType is "lenient", or "strict": a body in XML must be called so. Default "lenient".
	XMLContentType string `key:"xml_content_type"`
}

// Upstream is the server behind an API.
type Upstream struct {
	// URL is scheme and host, http or https, without path. Required.
	URL *url.URL `key:"url"`
	// Host is "keep": Host is forwarded as it came, only where the environment has hosts; or "upstream": the upstream gets its
	// own. Default "keep" where the environment has hosts, "upstream" else.
	Host string `key:"host"`
	// CAFile holds the authorities (PEM) for an https upstream. Empty: the system's.
	CAFile string `key:"ca_file"`
	// CertFile and KeyFile are the client certificate (PEM) towards it. Empty: none; they go together.
	CertFile string `key:"cert_file"`
	KeyFile  string `key:"key_file"`
	// ServerName is the name that its certificate must have. Empty: the host of URL.
	ServerName string `key:"server_name"`
	// Standard uses the standard transport for an http upstream, too. Default false.
	Standard bool `key:"standard"`
	// Timeout bounds the wait for the answer's head. Default 10 s.
	Timeout time.Duration `key:"timeout"`
	// DialTimeout bounds the making of a connection. Default 5 s.
	DialTimeout time.Duration `key:"dial_timeout"`
	// WriteTimeout bounds the sending of a request. Default 30 s.
	WriteTimeout time.Duration `key:"write_timeout"`
	// BodyTimeout bounds the silence within an answer's body. Default 60 s.
	BodyTimeout time.Duration `key:"body_timeout"`
	// IdleTimeout is how long an unused connection is kept. Default 60 s.
	IdleTimeout time.Duration `key:"idle_timeout"`
	// QueueTimeout bounds the wait for a free connection. Default 1 s.
	QueueTimeout time.Duration `key:"queue_timeout"`
	// MaxConnections bounds connections, or running requests over TLS. Default 512.
	MaxConnections int `key:"max_connections"`
	// MaxWaiting bounds the requests that wait for one. Default 1,024.
	MaxWaiting int `key:"max_waiting"`
	// MaxIdle bounds idle connections; not more than MaxConnections. Default MaxConnections.
	MaxIdle int `key:"max_idle"`
	// MaxHead bounds the head of an answer in bytes. Default 64 KiB, at most 16 MiB.
	MaxHead int64 `key:"max_head"`
	// MaxHeaderLines bounds its header lines. Default 100.
	MaxHeaderLines int `key:"max_header_lines"`
}

// Limits are an API's own: how much every partner, every credential and all together may ask. nil: no limit.
type Limits struct {
	PerPartner    *Limit `key:"per_partner"`
	PerCredential *Limit `key:"per_credential"`
	Total         *Limit `key:"total"`
}

// Limit is a rate, a daily quota or both.
type Limit struct {
	// Rate is how many requests are let in within a span. The zero Rate: no rate, only Daily.
	Rate Rate `key:"rate"`
	// Burst is how many may come at once; at least 1 where there is a rate, where its default is Rate.Count; 0 without one.
	Burst int `key:"burst"`
	// Daily is the quota of each day of UTC. 0: none.
	Daily int64 `key:"daily"`
}

// Rate is Count requests in each Per, as in "50/s".
type Rate struct {
	Count int           // 1 to 1,000,000; 0: no rate
	Per   time.Duration // 1 s, 1 min, 1 h or 24 h; 0 where Count is 0
}
