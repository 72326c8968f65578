package config

func (d *decoder) portal(p *Portal) []setting {
	return []setting{
		value("listen", &p.Listen, listen(""), "Address of the portal. Port 0 takes a free one. Another address than loopback needs `allow_remote` and `tls`.").or("127.0.0.1:9903"),
		value("allow_remote", &p.AllowRemote, truth(), "Let `listen` be another address than loopback.").or("false"),
		value("public_url", &p.PublicURL, origin(), "Where browsers find it: scheme and host. Requests for another host are refused, and members' passkeys belong to this host: where it changes, all of them are lost. Needed with `allow_remote`.").
			told("`localhost` and the port of `listen`").like("https://partners.example.com"),
		optional("tls", &p.TLS, d.adminTLS, "Its certificate, files that are read again when they change. Without it, plain HTTP on loopback."),
		lines("trusted_proxies", &p.TrustedProxies, 1, proxies(), "Networks of your own proxies in front of the portal, whose forwarding header counts. From it members are told their address, and the tester calls with it. Nobody's counts unless it is listed.").like("[10.0.0.0/24]"),
		value("forwarding_header", &p.ForwardingHeader, oneOf("X-Forwarded-For", "Forwarded"), "The header that these proxies maintain; all others are ignored.").or("X-Forwarded-For"),
		section("sessions", &p.Sessions, d.sessions, "How long a member is signed in."),
		lines("tester", &p.Tester, 0, word("environment", "write the name of an environment"), "Environments whose gateway members may call from the portal's request tester, each call with its visitor's own address. Never `production`, nor the last environment in the order of `reviews`. `[]`: none.").
			told("`[sandbox]`, where there is one").like("[sandbox]"),
	}
}
