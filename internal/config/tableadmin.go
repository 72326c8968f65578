package config

import (
	"time"

	"countersign.dev/internal/partner"
)

// roleNames are the roles of operators, from the least to the most.
var roleNames = []string{"viewer", "operator", "approver", "auditor", "admin"}

// evidenceKinds are what an item of a review may be checked by.
var evidenceKinds = []string{"manual", "file", "link", "addresses", "calls", "tls", "webhook"}

func (d *decoder) admin(a *Admin) []setting {
	return []setting{
		value("listen", &a.Listen, listen(""), "Address of the admin API. Port 0 takes a free one. Another address than loopback needs `allow_remote` and `tls`.").or("127.0.0.1:9901"),
		value("allow_remote", &a.AllowRemote, truth(), "Let `listen` be another address than loopback.").or("false"),
		value("public_url", &a.PublicURL, origin(), "Where browsers and commands find it: scheme and host. Requests for another host are refused. Needed with `allow_remote` and with `oidc`.").
			told("`localhost` and the port of `listen`").like("https://admin.example.com"),
		optional("tls", &a.TLS, d.adminTLS, "Its certificate, files that are read again when they change. Without it, plain HTTP on loopback."),
		optional("oidc", &a.OIDC, d.oidc, "The OpenID Connect provider that operators sign in with."),
		section("passkeys", &a.Passkeys, d.passkeys, "Sign-in without a provider: passkeys (WebAuthn) and recovery codes."),
		section("sessions", &a.Sessions, d.sessions, "How long somebody is signed in."),
	}
}

func (d *decoder) adminTLS(t *AdminTLS) []setting {
	return []setting{
		value("certificate", &t.Certificate, d.path(), "Certificate chain (PEM), the listener's own certificate first.").need().like("/etc/countersign/tls/admin.pem"),
		value("key", &t.Key, d.path(), "Its private key (PEM), mode 0600 or 0640.").need().like("/etc/countersign/tls/admin-key.pem"),
		value("min_version", &t.MinVersion, version(), "The lowest TLS version that is spoken.").or(`"1.2"`),
	}
}

func (d *decoder) oidc(o *OIDC) []setting {
	return []setting{
		value("issuer", &o.Issuer, issuer(), "The provider's issuer, exactly as it names itself.").need().like("https://login.example.com/realms/staff"),
		value("client_id", &o.ClientID, word("client id", "write the id that the provider gave this server"), "The name under which the provider knows this server. Its redirect URL there is `public_url` and `/sign-in/oidc/callback`.").need().like("countersign"),
		value("client_secret_file", &o.ClientSecretFile, d.path(), "File with the client's secret on one line, mode 0600. Without it the server is a public client, which PKCE alone protects.").like("/etc/countersign/oidc-secret"),
		value("ca_file", &o.CAFile, d.path(), "Certificate authorities (PEM) for the provider.").told("those of the system").like("/etc/countersign/login-ca.pem"),
		lines("scopes", &o.Scopes, 1, word("scope", "write one word"), "Scopes that are asked for beside `openid`, `email` and `profile`: many providers list groups only where they are asked to.").like("[groups]"),
		value("login_claim", &o.LoginClaim, word("claim", "write the name of a claim"), "The claim that is the login here. `email` counts only where the provider says that it is verified; of another claim its word is taken.").or("email"),
		value("groups_claim", &o.GroupsClaim, word("claim", "write the name of a claim"), "The claim of the ID token that lists the groups of whoever signs in.").or("groups"),
		several("roles", &o.Roles, 1, d.groupRole, "Which group has which role. Who is in none of them is not let in, and that is recorded.").need(),
	}
}

func (d *decoder) groupRole(r *GroupRole) []setting {
	return []setting{
		value("group", &r.Group, sentence("group", 200), "The group as the provider names it.").need().like("platform-admins"),
		value("role", &r.Role, oneOf(roleNames...), "What its members are here.").need().like("admin"),
	}
}

func (d *decoder) passkeys(p *Passkeys) []setting {
	return []setting{
		value("enabled", &p.Enabled, truth(), "Let operators sign in with passkeys. A passkey belongs to the host of `public_url`: where that changes, all of them are lost.").or("true"),
	}
}

func (d *decoder) sessions(s *Sessions) []setting {
	return []setting{
		value("idle", &s.Idle, span(time.Minute, 12*time.Hour, ""), "Ends a session that was not used for so long.").or("30m"),
		value("absolute", &s.Absolute, span(5*time.Minute, day, ""), "Ends every session, however much it is used. At least `idle`.").or("12h"),
	}
}

func (d *decoder) review(r *Review) []setting {
	return []setting{
		value("after", &r.After, word("environment", "write the name of an environment"), "The environment in which a partner must be approved before it may ask for this one.").like("sandbox"),
		several("checklist", &r.Checklist, 1, d.checklistItem, "What the review looks at, in this order."),
	}
}

func (d *decoder) checklistItem(i *ChecklistItem) []setting {
	return []setting{
		value("id", &i.ID, chosen("id"), "Its name: 1 to 32 of a-z, 0-9 and -, beginning with a letter. What is recorded names it: do not use one again for something else.").need().like("security-review"),
		value("title", &i.Title, sentence("title", partner.MaxChecklistText), "What is to be looked at, for people.").need().like("Security review of the partner is done"),
		value("evidence", &i.Evidence, oneOf(evidenceKinds...), "What it is checked by: a reviewer's word (`manual`), a `file` or a `link` that is attached, or what the system sees itself: registered `addresses`, successful `calls`, calls over `tls`, a verified `webhook` endpoint.").or("manual"),
		value("required", &i.Required, truth(), "Whether the partner cannot be approved without it.").or("true"),
	}
}

func (d *decoder) webhooks(w *Webhooks) []setting {
	return []setting{
		lines("source_addresses", &w.SourceAddresses, 1, network(), "Networks from which this server calls partners' endpoints, as partners are told. They change nothing: list what your machines and gateways have.").like("[203.0.113.0/28]"),
		lines("allow", &w.Allow, 1, network(), "Networks that may be called although they are not public, for partners that are reached inside. Whatever answers there can be reached by who may register an endpoint.").like("[10.20.0.0/24]"),
	}
}

func (d *decoder) credentials(c *Credentials) []setting {
	return []setting{
		value("retire_silent", &c.RetireSilent, span(7*day, years, "never"), "End a credential's version that has an end or a successor as soon as it was silent for so long. The last version that counts is never ended by it.").or("never"),
		value("warn_before", &c.WarnBefore, span(day, 365*day, ""), "How long before its end a version that is still used is counted as ending, in the metrics and the log.").or("30d"),
	}
}
