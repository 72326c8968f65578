package config

import (
	"time"

	"countersign.dev/internal/partner"
)

func (d *decoder) environment(e *Environment) []setting {
	return []setting{
		value("key_file", &e.KeyFile, d.path(), "Master key file of this environment alone, mode 0600. A server of another environment needs no access to it. Not beside `key_env`.").
			told("the register's `keys`").like("/etc/countersign/production.key"),
		value("key_env", &e.KeyEnv, env(), "The same from an environment variable. Not beside `key_file`.").like("COUNTERSIGN_PRODUCTION_KEY"),
		lines("hosts", &e.Hosts, 1, host(), "Host names of this environment, without port. A request for another Host is refused. Without them any Host is taken, and upstreams get their own.").like("[api.example.com]"),
		value("base_url", &e.BaseURL, origin(), "Where partners call this environment: scheme and host, as the portal tells them. It changes nothing about what is answered.").like("https://api.example.com"),
		lines("trusted_proxies", &e.TrustedProxies, 1, proxies(), "Networks of your own proxies, whose forwarding header counts. Nobody's counts unless it is listed.").like("[10.0.0.0/24]"),
		value("forwarding_header", &e.ForwardingHeader, oneOf("X-Forwarded-For", "Forwarded"), "The header that these proxies maintain; all others are ignored.").or("X-Forwarded-For"),
		value("max_staleness", &e.MaxStaleness, span(time.Second, day, ""), "How long decisions go on from memory while the register cannot be read; then every answer is 503. Of several environments in one server the shortest counts.").or("15m"),
		value("body_timeout", &e.BodyTimeout, span(time.Second, 10*time.Minute, ""), "How long a request body may take to arrive.").or("30s"),
		value("write_stall", &e.WriteStall, span(time.Second, 10*time.Minute, ""), "How long a caller may take no byte of an answer.").or("60s"),
		section("captures", &e.Captures, func(c *Captures) []setting { return d.captures(c, e.Name) }, "Refused requests of the signed APIs that are kept for a while, sealed with this environment's keys, so that `countersign explain --request-id` can say why: only to the credential that the request named. They hold what the caller sent."),
		several("listeners", &e.Listeners, 1, d.listener, "Addresses on which this environment is served, over TLS. Without them and without `doors`, only a service with the check in its own process serves it."),
		several("doors", &e.Doors, 1, d.door, "Listeners for other proxies, which hold the requests themselves and ask here whether these may pass: nginx, HAProxy, Caddy, Traefik, Envoy. What is answered there is what the listeners above would answer."),
		named("apis", "API", &e.APIs, func(a *API) *string { return &a.Name }, d.api, "What is protected, each API under its name: 1 to 32 of a-z, 0-9 and -, beginning with a letter.").need().
			with(map[string]any{"oneOf": []any{map[string]any{"required": []any{"profile"}}, map[string]any{"required": []any{"token"}}}}),
	}
}

// captures has a default that depends on whose they are; no environment is the table itself, which tells so in words.
func (d *decoder) captures(c *Captures, environment string) []setting {
	enabled := value("enabled", &c.Enabled, truth(), "Keep them. Where it is switched off, what was kept is removed.")
	switch environment {
	case "":
		enabled = enabled.told("`true` in the environment `sandbox`, else `false`").like("true")
	case "sandbox":
		enabled = enabled.or("true")
	default:
		enabled = enabled.or("false")
	}
	return []setting{
		enabled,
		value("keep", &c.Keep, span(time.Minute, day, ""), "For how long.").or("24h"),
	}
}

func (d *decoder) listener(l *Listener) []setting {
	return []setting{
		value("address", &l.Address, listen(""), "Address to listen on: an IP address or nothing, and a port.").need().like("0.0.0.0:443"),
		section("tls", &l.TLS, d.tls, "Certificates: files, which are read again when they change, or ACME. One policy for the whole listener.").need(),
		optional("client_certificates", &l.ClientCertificates, d.clientCertificates, "Ask callers for certificates (mutual TLS). What one proves is set with `client_certificate` of an API."),
		value("drop_unlisted", &l.DropUnlisted, truth(), "Close connections from addresses that no partner of the environment may use, before a byte is read. Only where every API requires an address list.").or("false"),
		value("max_connections", &l.MaxConnections, count(1, 1_000_000), "Open connections at once.").or("10000"),
		value("max_per_peer", &l.MaxPerPeer, count(1, 1_000_000), "Open connections of one peer, for IPv6 of its /64. Trusted proxies are not bounded by it.").or("1024"),
		value("max_handshakes", &l.MaxHandshakes, count(1, 100_000), "TLS handshakes that are computed at one time.").or("256"),
		value("handshake_timeout", &l.HandshakeTimeout, span(100*time.Millisecond, 2*time.Minute, ""), "For a TLS handshake.").or("10s"),
		value("header_timeout", &l.HeaderTimeout, span(100*time.Millisecond, 2*time.Minute, ""), "For the head of a request to arrive.").or("10s"),
		value("idle_timeout", &l.IdleTimeout, span(time.Second, time.Hour, ""), "How long a connection without a request is kept.").or("2m"),
		value("max_head", &l.MaxHead, size(kib, mib), "Bytes of a request's head.").or("32KiB"),
		value("max_request_line", &l.MaxRequestLine, size(256, mib), "Bytes of its first line. At most `max_head`.").or("8KiB"),
		value("max_header_lines", &l.MaxHeaderLines, count(10, 10_000), "Header lines of a request.").or("100"),
		value("standard", &l.Standard, truth(), "Serve HTTP/1 with Go's standard server in place of countersign's own, which costs less. HTTP/2 is the standard server's in any case.").or("false"),
	}
}

func (d *decoder) tls(t *TLS) []setting {
	return []setting{
		value("certificate", &t.Certificate, d.path(), "Certificate chain (PEM), the listener's own certificate first. Not beside `acme`.").like("/etc/countersign/tls/api.pem"),
		value("key", &t.Key, d.path(), "Its private key (PEM), mode 0600 or 0640. Not beside `acme`.").like("/etc/countersign/tls/api-key.pem"),
		several("additional", &t.Additional, 0, d.pair, "Further pairs, chosen by the name that the caller asks for. The first pair serves every other name."),
		value("min_version", &t.MinVersion, version(), "The lowest TLS version that is spoken.").or(`"1.2"`),
		optional("acme", &t.ACME, d.acme, "Get certificates by itself (RFC 8555). Needs a program that was built with the tag `acme`."),
	}
}

func (d *decoder) pair(p *Pair) []setting {
	return []setting{
		value("certificate", &p.Certificate, d.path(), "Certificate chain (PEM).").need().like("/etc/countersign/tls/other.pem"),
		value("key", &p.Key, d.path(), "Its private key (PEM), mode 0600 or 0640.").need().like("/etc/countersign/tls/other-key.pem"),
	}
}

func (d *decoder) acme(a *ACME) []setting {
	return []setting{
		value("directory", &a.Directory, directory(), "URL of the certificate authority's directory.").or("https://acme-v02.api.letsencrypt.org/directory"),
		value("email", &a.Email, word("mail address", "for example ops@example.com"), "Where the authority writes to.").like("ops@example.com"),
		lines("domains", &a.Domains, 1, host(), "Names to get certificates for.").told("the environment's `hosts`").like("[api.example.com]"),
		value("accept_terms", &a.AcceptTerms, truth(), "Say `true` if you agree to the authority's terms of service.").need().like("true"),
		value("storage", &a.Storage, d.path(), "Folder of the account and the certificates.").told("`acme` in the data folder").like("/var/lib/countersign/acme"),
		value("ca_file", &a.CAFile, d.path(), "Certificate authorities (PEM) for the directory itself.").told("those of the system").like("/etc/countersign/acme-ca.pem"),
	}
}

func (d *decoder) clientCertificates(c *ClientCertificates) []setting {
	return []setting{
		value("ca_file", &c.CAFile, d.path(), "Certificate authorities (PEM) that may have issued them. It is read again when it changes.").need().like("/etc/countersign/partners-ca.pem"),
		value("mode", &c.Mode, oneOf("optional", "required"), "Whether a caller without a certificate may connect.").or("optional"),
	}
}

func (d *decoder) api(a *API) []setting {
	return []setting{
		d.profileSetting("profile", &a.Profile, "How callers sign: the name of a shipped profile, also NAME/ALTERNATIVE, or a mapping. Not beside `token`."),
		d.profileSetting("shadow", &a.Shadow, "A profile that every signed request is verified by as well, to see what a change would refuse: it is recorded and never decides. Only with `profile`."),
		optional("token", &a.Token, d.token, "Callers exchange partner id and secret for an access token. Not beside `profile`."),
		lines("base_paths", &a.BasePaths, 1, route(), "Paths of the API, matched by whole segments: `/api/v1` is not `/api/v10`.").need().like("[/api/v1]"),
		section("upstream", &a.Upstream, d.upstream, "The server behind the API.").need(),
		value("addresses", &a.Addresses, oneOf("required", "optional", "off"), "Whether a partner must have listed networks: `required`; `optional`: those who have some are held to them; `off`: only country rules count.").
			told("`required` with `profile`, `off` with `token`").like("required"),
		value("address_mismatch", &a.AddressMismatch, oneOf("refuse", "warn"), "`warn` lets addresses in that are not listed and says so in the record, to try a stricter setting.").or("refuse"),
		value("client_certificate", &a.ClientCertificate, oneOf("off", "bound", "required"), "`bound`: where a credential is bound to client keys, one of them must be presented; `required`: every credential must be; `off`: certificates prove nothing.").or("bound"),
		value("certificate_mismatch", &a.CertificateMismatch, oneOf("refuse", "warn"), "`warn` lets a wrong or missing client certificate in and says so in the record.").or("refuse"),
		value("replay", &a.Replay, oneOf("off", "writes", "all"), "Which methods refuse an equal request: none, all but GET and HEAD, or all. Only with `profile`.").
			told("`writes`; `off` with `token`, and with a shipped profile that signs no time").like("writes"),
		value("window", &a.Window, span(time.Second, 15*time.Minute, "profile"), "How far a caller's clock may be off. Only with `profile`.").or("profile"),
		value("max_body", &a.MaxBody, size(kib, gib), "Size of a request body; more is 413. Bodies are held in memory, see `memory`.").or("1MiB"),
		value("allow_browser", &a.AllowBrowser, truth(), "Admit requests with `Origin` or `Sec-Fetch-*`. Only with `profile`; token APIs always do.").or("false"),
		value("allow_encoded_slash", &a.AllowEncodedSlash, truth(), "Admit `%2f` in paths.").or("false"),
		value("allow_empty_segments", &a.AllowEmptySegments, truth(), "Admit `//` in paths.").or("false"),
		value("header_names", &a.HeaderNames, oneOf("refuse", "warn"), "Header names with other characters than letters, digits and `-`: `refuse` the request, or drop those headers and `warn` in the record.").or("refuse"),
		value("sunset", &a.Sunset, truth(), "Tell callers who use a version of a credential that is replaced or has an end, in the header fields `Sunset` and `Deprecation` of the answers.").or("true"),
		section("limits", &a.Limits, d.limits, "How much callers may ask. A limit that is set for a partner takes the place of the API's own."),
	}
}

func (d *decoder) token(t *Token) []setting {
	return []setting{
		value("endpoint", &t.Endpoint, route(), "Path of Partner Authentication, under one of the base paths.").need().like("/aggregation/v2/partners/authentication"),
		value("lifetime", &t.Lifetime, span(time.Minute, partner.MaxTokenLifetime, ""), "How long an access token counts.").or("2h"),
		value("empty_post", &t.EmptyPost, oneOf("lenient", "strict"), "`strict`: an empty POST must carry `Content-Length: 0`.").or("lenient"),
		value("xml_content_type", &t.XMLContentType, oneOf("lenient", "strict"), "`strict`: a body in XML must be called so in Content-Type.").or("lenient"),
	}
}

func (d *decoder) upstream(u *Upstream) []setting {
	return []setting{
		value("url", &u.URL, address(), "Where it is.").need().like("https://10.0.0.5:8443"),
		value("host", &u.Host, oneOf("keep", "upstream"), "Which Host it gets: the caller's, which was checked against `hosts`, or its own.").
			told("`keep` where the environment has `hosts`, `upstream` else").like("keep"),
		value("ca_file", &u.CAFile, d.path(), "Certificate authorities (PEM) for an https upstream.").told("those of the system").like("/etc/countersign/upstream-ca.pem"),
		value("cert_file", &u.CertFile, d.path(), "Client certificate (PEM) towards it. Together with `key_file`.").like("/etc/countersign/upstream-client.pem"),
		value("key_file", &u.KeyFile, d.path(), "Its key (PEM), mode 0600.").like("/etc/countersign/upstream-client-key.pem"),
		value("server_name", &u.ServerName, host(), "Name that its certificate must have.").told("the host of `url`").like("cards.internal"),
		value("standard", &u.Standard, truth(), "Use Go's standard transport for an http upstream, too.").or("false"),
		value("timeout", &u.Timeout, span(25*time.Millisecond, time.Hour, ""), "For the head of its answer; then the caller gets 504.").or("10s"),
		value("dial_timeout", &u.DialTimeout, span(10*time.Millisecond, 5*time.Minute, ""), "For a connection, TLS included.").or("5s"),
		value("write_timeout", &u.WriteTimeout, span(10*time.Millisecond, time.Hour, ""), "For sending a request.").or("30s"),
		value("body_timeout", &u.BodyTimeout, span(10*time.Millisecond, time.Hour, ""), "For silence within an answer's body.").or("60s"),
		value("idle_timeout", &u.IdleTimeout, span(time.Second, time.Hour, ""), "How long an unused connection is kept; shorter than the upstream's own.").or("60s"),
		value("queue_timeout", &u.QueueTimeout, span(time.Millisecond, 5*time.Minute, ""), "How long a request waits for a free connection; then 503.").or("1s"),
		value("max_connections", &u.MaxConnections, count(1, 100_000), "Connections at once; over TLS, requests at once.").or("512"),
		value("max_waiting", &u.MaxWaiting, count(1, 1_000_000), "Requests that wait for one.").or("1024"),
		value("max_idle", &u.MaxIdle, count(1, 100_000), "Idle connections that are kept. At most `max_connections`.").told("`max_connections`").like("128"),
		value("max_head", &u.MaxHead, size(kib, 16*mib), "Bytes of an answer's head.").or("64KiB"),
		value("max_header_lines", &u.MaxHeaderLines, count(10, 10_000), "Header lines of an answer.").or("100"),
	}
}

func (d *decoder) limits(l *Limits) []setting {
	return []setting{
		optional("per_partner", &l.PerPartner, d.limit, "For each partner without a limit of its own for this API."),
		optional("per_credential", &l.PerCredential, d.limit, "For each credential without a limit of its own for this API."),
		optional("total", &l.Total, d.limit, "For all callers together."),
	}
}

func (d *decoder) limit(l *Limit) []setting {
	return []setting{
		value("rate", &l.Rate, rate(), "Requests in a second, minute, hour or day.").like("50/s"),
		value("burst", &l.Burst, unlessZero(count(1, partner.MaxLimitBurst)), "Requests that may come at once. Only with `rate`.").told("the number of `rate`").like("100"),
		value("daily", &l.Daily, unlessZero(count[int64](1, partner.MaxLimitDaily)), "Requests on each day of UTC.").like("1000000"),
	}
}
