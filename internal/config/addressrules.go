package config

import (
	"fmt"
	"net"
	"net/netip"
)

// maxListeners bounds the comparison of each with each.
const maxListeners = 1000

// bound is one listener of the whole configuration.
type bound struct {
	path        string
	environment string
	hosts       []string
	host, port  string
}

// addressRules: two listeners cannot share an address, and the operators' one stands alone. Port 0 is always free.
func (d *decoder) addressRules(c *Config) {
	var all []bound
	if host, port, err := net.SplitHostPort(c.Ops.Listen); err == nil {
		all = append(all, bound{path: "ops.listen", host: host, port: port})
	}
	if c.Admin != nil {
		all = d.deskAddress(c, all, "admin.listen", c.Admin.Listen)
	}
	if c.Portal != nil {
		all = d.deskAddress(c, all, "portal.listen", c.Portal.Listen)
	}
	for _, e := range c.Environments {
		for i, l := range e.Listeners {
			if len(all) > maxListeners {
				d.at(c, fmt.Sprintf("environments.%s.listeners[%d]", e.Name, i), "too many listeners", fmt.Sprintf("at most %d", maxListeners))
				return
			}
			host, port, err := net.SplitHostPort(l.Address)
			if err != nil {
				continue
			}
			b := bound{path: fmt.Sprintf("environments.%s.listeners[%d].address", e.Name, i), environment: e.Name, hosts: e.Hosts, host: host, port: port}
			for _, other := range all {
				if clash(b, other) {
					d.at(c, b.path, quote(l.Address)+" takes the address of "+other.path, clashHint(b, other))
					break
				}
			}
			all = append(all, b)
		}
		all = d.doorAddresses(c, all, &e)
	}
}

// deskAddress adds a listener for people to those that there are already.
func (d *decoder) deskAddress(c *Config, all []bound, path, listen string) []bound {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return all
	}
	b := bound{path: path, host: host, port: port}
	for _, other := range all {
		if clash(b, other) {
			d.at(c, path, quote(listen)+" takes the address of "+other.path, clashHint(b, other))
			break
		}
	}
	return append(all, b)
}

func clash(a, b bound) bool {
	return a.port == b.port && a.port != "0" && (a.host == b.host || covers(a.host, b.host) || covers(b.host, a.host))
}

// isAddress reports whether a host is an IP address.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// covers reports whether a wildcard takes the other host too: 0.0.0.0 all of IPv4, nothing and :: all there is.
func covers(wild, host string) bool {
	ip, err := netip.ParseAddr(host)
	switch wild {
	case "", "::":
		return true
	case "0.0.0.0":
		return host == "localhost" || host == "" || err == nil && ip.Unmap().Is4()
	case "localhost":
		return err == nil && ip.Unmap().IsLoopback()
	}
	return false
}

func clashHint(a, b bound) string {
	for _, h := range a.hosts {
		for _, o := range b.hosts {
			if h == o && a.environment != b.environment {
				return "environments share no address, and " + quote(h) + " could not tell them apart; use another port or address"
			}
		}
	}
	return "use another port or address"
}
