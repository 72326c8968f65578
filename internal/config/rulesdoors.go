package config

import "fmt"

// doorRules holds a door for other proxies to what makes it safe: whoever may ask there is believed about addresses and bodies.
func (d *decoder) doorRules(c *Config, o *Door, path string) {
	d.doorProxyRules(c, o, path)
	d.doorEnvoyRules(c, o, path)
	if o.Kind == DoorExtAuthz && o.Standard {
		d.at(c, join(path, "standard"), "has no meaning for gRPC", "remove it")
	}
	switch {
	case o.Address == "" || o.Kind == "": // told already
	case isSocket(o.Address):
		for _, key := range []string{"tls", "client_ca_file", "proxies", "allow_plain"} {
			if d.given(join(path, key)) && (key != "allow_plain" || o.AllowPlain) {
				d.at(c, join(path, key), "has no meaning for a socket", "remove it: who may open the socket, may ask")
			}
		}
		return
	case !onThisMachine(o.Address) && !d.given(join(path, "tls")) && !o.AllowPlain:
		d.at(c, join(path, "address"), quote(o.Address)+" is not a loopback address, and there is no TLS: credentials of callers would be sent in clear", "add tls, or allow_plain: true where the network between is as safe as this machine")
	case o.AllowPlain && !onThisMachine(o.Address) && !d.given(join(path, "tls")):
		d.warn(c, join(path, "allow_plain"), "questions and answers go over the network in clear: whoever is between reads credentials and can let anybody in", "use tls")
	}
	if len(o.Proxies) == 0 && !d.given(join(path, "proxies")) && d.given(path) {
		d.at(c, path, "no proxies: nobody may ask", "list the addresses of the proxies, for example [127.0.0.1/32]")
	}
	if d.given(join(path, "client_ca_file")) && !d.given(join(path, "tls")) {
		d.at(c, join(path, "client_ca_file"), "without tls", "they go together")
	}
}

// doorProxyRules: a question is read as its proxy writes it, and in no other way.
func (d *decoder) doorProxyRules(c *Config, o *Door, path string) {
	at := join(path, "proxy")
	switch {
	case o.Kind == "":
	case o.Kind == DoorForwardAuth && o.Proxy == "" && !d.given(at):
		d.at(c, path, "no proxy", "say which: nginx, nginx_auth_request, caddy, traefik or haproxy")
	case o.Kind == DoorForwardAuth && o.Proxy == "envoy":
		d.at(c, at, "Envoy asks in another way", "write kind: ext_authz, or ext_authz_http")
	case o.Kind != DoorForwardAuth && o.Proxy != "" && o.Proxy != "envoy":
		d.at(c, at, o.Kind+" is what Envoy speaks", "write kind: forward_auth")
	}
	switch {
	case o.WholeBody && o.Proxy != "traefik":
		d.at(c, join(path, "whole_body"), "is for Traefik alone", "other proxies say themselves whether a body is whole; remove it")
	case o.WholeBody:
		d.warn(c, join(path, "whole_body"), "nobody here can see whether Traefik hands bodies over: without forwardBody, a body that no signature covers passes behind a signed request", "set forwardBody: true in every forwardAuth that asks here, as in deploy/traefik")
	}
}

// doorAddresses adds the doors of an environment to the listeners that there are already: they share no address.
func (d *decoder) doorAddresses(c *Config, all []bound, e *Environment) []bound {
	for i := range e.Doors {
		address, path := e.Doors[i].Address, fmt.Sprintf("environments.%s.doors[%d].address", e.Name, i)
		if !isSocket(address) {
			all = d.deskAddress(c, all, path, address)
			continue
		}
		b := bound{path: path, environment: e.Name, host: address, port: "unix"} // no port is called so
		for _, other := range all {
			if clash(b, other) {
				d.at(c, path, quote(address)+" takes the address of "+other.path, "use another path")
				break
			}
		}
		all = append(all, b)
	}
	return all
}
