package config

import (
	"fmt"
	"strings"

	"countersign.dev/internal/partner"
	"countersign.dev/profile/library"
)

// adminRules holds the operators' plane to what strangers must not reach (security rule 31).
func (d *decoder) adminRules(c *Config) {
	a := c.Admin
	if a == nil {
		return
	}
	remote := d.deskRules(c, "admin", a.Listen, a.AllowRemote, "operators")
	d.publicURLRules(c, a, remote)
	d.sessionRules(c, "admin.sessions", a.Sessions)
	if a.OIDC != nil {
		d.oidcRules(c, a)
	}
	if !a.Passkeys.Enabled && a.OIDC == nil && d.given("admin.passkeys.enabled") {
		d.at(c, "admin.passkeys.enabled", "nobody could sign in", "add admin.oidc, or leave passkeys on")
	}
}

func (d *decoder) publicURLRules(c *Config, a *Admin, remote bool) {
	u := a.PublicURL
	switch {
	case u == nil && d.given("admin.public_url"): // told already
	case u == nil && (remote || a.OIDC != nil):
		why := "allow_remote"
		if a.OIDC != nil {
			why = "oidc"
		}
		d.at(c, "admin", "no public_url, which "+why+" needs", "write where browsers find the plane, for example https://admin.example.com")
	case u == nil:
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		d.at(c, "admin.public_url", quote(u.String())+" is not https", "browsers would send sessions in clear, and know no passkeys there")
	case u.Scheme == "http" && d.given("admin.tls"):
		d.at(c, "admin.public_url", quote(u.String())+" is http, but the listener has TLS", "write https")
	case a.Passkeys.Enabled && isAddress(u.Hostname()):
		d.at(c, "admin.public_url", quote(u.Hostname())+" is an address, and passkeys belong to a host name", "write a name, for example localhost, or passkeys: {enabled: false}")
	}
}

func (d *decoder) oidcRules(c *Config, a *Admin) {
	seen := map[GroupRole]bool{}
	for i, r := range a.OIDC.Roles {
		if seen[r] && r.Group != "" {
			d.at(c, fmt.Sprintf("admin.oidc.roles[%d]", i), quote(r.Group)+" has the role "+r.Role+" already", "")
		}
		seen[r] = true
	}
	for i, s := range a.OIDC.Scopes {
		if s == "openid" || s == "email" || s == "profile" {
			d.at(c, fmt.Sprintf("admin.oidc.scopes[%d]", i), s+" is always asked for", "remove it")
		}
	}
	if d.given("admin.oidc") && !d.given("admin.oidc.client_secret_file") {
		d.warn(c, "admin.oidc", "no client_secret_file: the server is a public client, which PKCE alone protects", "give it a secret where the provider has one")
	}
}

// reviewRules: policies are for environments that there are, and their order has a beginning.
func (d *decoder) reviewRules(c *Config) {
	for i := range c.Reviews {
		r := &c.Reviews[i]
		path := join("reviews", r.Name)
		if c.Environment(r.Name) == nil {
			d.at(c, path, "there is no environment "+quote(r.Name), "known: "+strings.Join(c.Names(), ", "))
		}
		switch {
		case r.After == "":
		case c.Environment(r.After) == nil:
			d.at(c, path+".after", "there is no environment "+quote(r.After), "known: "+strings.Join(c.Names(), ", "))
		case c.comesBack(r.Name):
			d.at(c, path+".after", quote(r.After)+" comes after "+r.Name+" itself: nobody could begin", "let one environment come first")
		}
		if len(r.Checklist) > partner.MaxChecklist {
			d.at(c, path+".checklist", fmt.Sprintf("%d items", len(r.Checklist)), fmt.Sprintf("at most %d", partner.MaxChecklist))
		}
		seen := map[string]bool{}
		for j, item := range r.Checklist {
			if seen[item.ID] && item.ID != "" {
				d.at(c, fmt.Sprintf("%s.checklist[%d].id", path, j), quote(item.ID)+" is there already", "what is recorded names it: each item needs an id of its own")
			}
			seen[item.ID] = true
		}
	}
}

// comesBack reports whether an environment comes after itself.
func (c *Config) comesBack(environment string) bool {
	at := environment
	for range c.Reviews {
		r := c.ReviewOf(at)
		if r == nil || r.After == "" {
			return false
		}
		if at = r.After; at == environment {
			return true
		}
	}
	return false
}

// shadowRules: what is tried out beside a profile is a profile that could take its place.
func (d *decoder) shadowRules(c *Config, a *API, path string) {
	p, at := a.Shadow, join(path, "shadow")
	if !d.given(at) {
		return
	}
	if !d.given(join(path, "profile")) {
		d.at(c, at, "only with profile", "remove it: requests with tokens are not signed")
		return
	}
	if p == nil || !d.named(c, p, at) || p.Name == "" {
		return // a file is read by Check
	}
	if a.Profile != nil && *a.Profile == *p {
		d.warn(c, at, "the very profile that decides", "name the one that shall be tried out, or remove it")
	}
}

// named tells of a mapping that names no profile, two, or one that is not shipped.
func (d *decoder) named(c *Config, p *Profile, at string) bool {
	if d.places[at] != (Place{}) && !d.both(c, at, "name", "file", "a profile is a shipped one or a file") && p.Name == "" && p.File == "" {
		d.at(c, at, "names no profile", "write name or file")
		return false
	}
	if wrong := shippedProblem(p); wrong != "" {
		d.at(c, at, wrong, "shipped: "+strings.Join(library.Names(), ", "))
		return false
	}
	return true
}
