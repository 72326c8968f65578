package config

import (
	"fmt"
	"slices"
	"strings"
)

// deskRules holds a listener for people to what strangers must not reach (security rule 31): that of operators, or that of partners.
func (d *decoder) deskRules(c *Config, path, listen string, allowRemote bool, whose string) (remote bool) {
	remote = listen != "" && !loopback(listen)
	switch {
	case remote && !allowRemote:
		d.at(c, path+".listen", quote(listen)+" is not a loopback address", "add allow_remote: true, tls and public_url if "+whose+" on other machines shall reach it")
	case remote && !d.given(path+".tls"):
		d.at(c, path+".listen", quote(listen)+" is not a loopback address, and there is no TLS: sessions and tokens would be sent in clear", "add "+path+".tls, or listen on loopback behind a proxy of this machine")
	}
	return remote
}

// sessionRules: what ends first must be able to.
func (d *decoder) sessionRules(c *Config, path string, s Sessions) {
	if s.Absolute > 0 && s.Idle > s.Absolute {
		d.at(c, path+".idle", "longer than absolute, which would end the session first", "write a shorter one")
	}
}

// portalRules holds the partners' portal to the same, and the tester to environments that are for tests.
func (d *decoder) portalRules(c *Config) {
	p := c.Portal
	if p == nil {
		return
	}
	remote := d.deskRules(c, "portal", p.Listen, p.AllowRemote, "partners")
	d.sessionRules(c, "portal.sessions", p.Sessions)
	switch u := p.PublicURL; {
	case u == nil && d.given("portal.public_url"): // told already
	case u == nil && remote:
		d.at(c, "portal", "no public_url, which allow_remote needs", "write where browsers find the portal, for example https://partners.example.com")
	case u == nil:
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		d.at(c, "portal.public_url", quote(u.String())+" is not https", "browsers would send sessions in clear, and know no passkeys there")
	case u.Scheme == "http" && d.given("portal.tls"):
		d.at(c, "portal.public_url", quote(u.String())+" is http, but the listener has TLS", "write https")
	case isAddress(u.Hostname()):
		d.at(c, "portal.public_url", quote(u.Hostname())+" is an address, and passkeys belong to a host name", "write a name, for example localhost")
	case c.Admin == nil || c.Admin.PublicURL == nil:
	case c.Admin.PublicURL.Host == u.Host:
		d.at(c, "portal.public_url", "is admin.public_url: browsers could not tell the two apart", "give the portal a name of its own")
	case c.Admin.PublicURL.Hostname() == u.Hostname() && !loopbackHost(u.Hostname()):
		d.warn(c, "portal.public_url", "the host of admin.public_url: browsers send the cookies of one to the other, and offer passkeys of both", "give the portal a name of its own")
	}
	if p.PublicURL != nil && p.PublicURL.Scheme == "https" && !d.given("portal.tls") && len(p.TrustedProxies) == 0 {
		d.warn(c, "portal", "no trusted_proxies, but a proxy does the TLS: every visitor seems to come from that proxy, also in the tester", "list its network, for example [127.0.0.1/32]")
	}
	for i, name := range p.Tester {
		path := fmt.Sprintf("portal.tester[%d]", i)
		switch {
		case name == "": // told already
		case c.Environment(name) == nil:
			d.at(c, path, "there is no environment "+quote(name), "known: "+strings.Join(c.Names(), ", "))
		case slices.Contains(p.Tester[:i], name):
			d.at(c, path, quote(name)+" is listed twice", "")
		case c.LastOfReviews(name):
			d.at(c, path, quote(name)+" is where partners' real traffic goes: no page may send requests there", "list environments for tests, or none with []")
		}
	}
	for _, e := range c.Environments {
		path := join("environments", e.Name)
		switch {
		case e.BaseURL == nil && !d.given(path+".base_url"):
			d.warn(c, path, "no base_url: the portal cannot tell partners where to call", "write scheme and host as partners call them")
		case e.BaseURL != nil && len(e.Hosts) > 0 && !slices.Contains(e.Hosts, strings.ToLower(e.BaseURL.Hostname())):
			d.warn(c, path+".base_url", "its host is none of hosts: what partners send there, as the portal tells them, is refused", "add it to hosts")
		}
	}
}
