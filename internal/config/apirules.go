package config

import (
	"fmt"
	"slices"
	"strings"

	"countersign.dev/profile/library"
)

func (d *decoder) apiRules(c *Config, e *Environment, a *API, path string) {
	signed, token := d.given(join(path, "profile")), d.given(join(path, "token"))
	switch {
	case signed && token:
		d.at(c, join(path, "token"), "not beside profile", "an API is signed or takes tokens; make two of them")
	case !signed && !token:
		d.at(c, path, "neither profile nor token", "say how callers prove who they are: profile: finci, or token: {endpoint: PATH}")
	case token:
		d.tokenRules(c, a, path)
	default:
		d.profileRules(c, a, path)
	}
	d.shadowRules(c, a, path)
	d.upstreamRules(c, e, a, path)
	d.certificateRules(c, e, a, path)
	d.warnModes(c, a, path)
	for _, kind := range []string{"per_partner", "per_credential", "total"} {
		d.limitRules(c, join(path, "limits."+kind))
	}
	if a.MaxBody > c.Memory.Bodies && c.Memory.Bodies > 0 {
		d.at(c, join(path, "max_body"), "more than memory.bodies, so that such a body would never be taken", "raise memory.bodies or lower max_body")
	}
}

// tokenRules holds a token API to what it can do.
func (d *decoder) tokenRules(c *Config, a *API, path string) {
	for _, key := range []string{"replay", "window", "allow_browser"} {
		if d.given(join(path, key)) && !(key == "replay" && a.Replay == "off") && !(key == "allow_browser" && a.AllowBrowser) && !(key == "window" && a.Window == 0) {
			d.at(c, join(path, key), "only with profile", "remove it: requests with tokens are not signed")
		}
	}
	if a.Token == nil || a.Token.Endpoint == "" || len(a.BasePaths) == 0 {
		return
	}
	if !slices.ContainsFunc(a.BasePaths, func(base string) bool { return under(a.Token.Endpoint, base) }) {
		d.at(c, join(path, "token.endpoint"), quote(a.Token.Endpoint)+" is under none of the API's base paths", "write a path below "+a.BasePaths[0])
	}
}

func (d *decoder) profileRules(c *Config, a *API, path string) {
	p, at := a.Profile, join(path, "profile")
	if p == nil {
		return
	}
	if !d.named(c, p, at) || p.Name == "" {
		return // a file is read by Check
	}
	s, err := library.Load(p.shipped())
	if err == nil && !s.HasTime() && a.Replay != "off" {
		d.at(c, join(path, "replay"), "the profile "+p.shipped()+" signs no time, so that a guard would have to remember for ever", "write replay: off")
	}
	if err == nil && !s.HasTime() && a.Window > 0 {
		d.at(c, join(path, "window"), "the profile "+p.shipped()+" signs no time", "remove it")
	}
}

func (d *decoder) upstreamRules(c *Config, e *Environment, a *API, path string) {
	u, at := a.Upstream, join(path, "upstream")
	d.together(c, at, "cert_file", "key_file")
	if u.Host == "keep" && d.given(join(at, "host")) && len(e.Hosts) == 0 {
		d.at(c, join(at, "host"), "keep without hosts: a caller could choose among the upstream's virtual hosts", "list hosts of the environment, or write host: upstream")
	}
	if u.MaxIdle > u.MaxConnections && u.MaxConnections > 0 {
		d.at(c, join(at, "max_idle"), "more than max_connections", fmt.Sprintf("at most %d", u.MaxConnections))
	}
	if u.URL == nil {
		return
	}
	if u.URL.Scheme == "http" {
		for _, key := range []string{"ca_file", "cert_file", "server_name"} {
			if d.given(join(at, key)) {
				d.at(c, join(at, key), "has no meaning for an http upstream", "write https in url, or remove it")
			}
		}
		if !loopback(hostPort(u.URL.Host, "80")) {
			d.warn(c, join(at, "url"), "requests and identity go to another machine in clear", "use https, with ca_file for an authority of your own")
		}
	}
}

func hostPort(host, port string) string {
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	return host + ":" + port
}

// warnModes tells of checks that let everybody pass, so that nobody forgets them after a trial.
func (d *decoder) warnModes(c *Config, a *API, path string) {
	if a.AddressMismatch == "warn" && a.Addresses != "off" {
		d.warn(c, join(path, "address_mismatch"), "callers are let in from every address; the record only says so, and failed authentications from anywhere count",
			"write refuse as soon as the record shows no more address_not_listed")
	}
	if a.CertificateMismatch == "warn" && a.ClientCertificate != "off" {
		d.warn(c, join(path, "certificate_mismatch"), "callers are let in without the client certificate that is asked for; the record only says so",
			"write refuse as soon as the record shows no more client_certificate")
	}
}

// certificateRules: an API that wants client certificates needs a listener that asks for them.
func (d *decoder) certificateRules(c *Config, e *Environment, a *API, path string) {
	asked := 0
	for i := range e.Listeners {
		if e.Listeners[i].ClientCertificates != nil {
			asked++
		}
	}
	switch {
	case a.ClientCertificate == "required" && asked < len(e.Listeners):
		d.at(c, join(path, "client_certificate"), "required, but not every listener of "+e.Name+" asks for certificates, so that nobody could prove one there",
			"add client_certificates to each listener")
	case a.ClientCertificate == "bound" && d.given(join(path, "client_certificate")) && asked == 0:
		d.warn(c, join(path, "client_certificate"), "no listener of "+e.Name+" asks for certificates: credentials that are bound to one are always refused", "add client_certificates to the listeners")
	}
}

func (d *decoder) limitRules(c *Config, path string) {
	switch rate, burst, daily := d.given(join(path, "rate")), d.given(join(path, "burst")), d.given(join(path, "daily")); {
	case !d.given(path):
	case !rate && !daily:
		d.at(c, path, "neither rate nor daily", "write at least one of them, or remove the limit")
	case burst && !rate:
		d.at(c, join(path, "burst"), "without rate", "they go together")
	}
}

// baseRules: two APIs cannot have one base path. One path may lie below another's: the longest that fits decides.
func (d *decoder) baseRules(c *Config, e *Environment, path string) {
	taken := map[string]string{}
	for i := range e.APIs {
		for j, base := range e.APIs[i].BasePaths {
			api, doubled := taken[base]
			switch at := fmt.Sprintf("%s.apis.%s.base_paths[%d]", path, e.APIs[i].Name, j); {
			case base == "":
			case !doubled:
				taken[base] = e.APIs[i].Name
			case api == e.APIs[i].Name:
				d.at(c, at, quote(base)+" is listed twice", "")
			default:
				d.at(c, at, quote(base)+" is a base path of API "+api, "a request can only be for one of them")
			}
		}
	}
}

// under reports whether target is base or below it, by whole segments (security rule 14).
func under(target, base string) bool {
	return target == base || strings.HasPrefix(target, base+"/")
}
