package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"countersign.dev/profile/library"
)

// rules checks what no setting can say alone. It runs also over a configuration of which parts could not be decoded, so that
// everything is told at once; each rule leaves empty values to whoever told of them.
func (d *decoder) rules(c *Config) {
	d.keyRules("keys", "file", "env", c.Keys, c)
	if addr := c.Ops.Listen; addr != "" && !loopback(addr) && !c.Ops.AllowRemote {
		d.at(c, "ops.listen", quote(addr)+" is not a loopback address", "metrics are not for strangers; add allow_remote: true if machines other than this one shall reach it")
	}
	d.adminRules(c)
	d.portalRules(c)
	d.reviewRules(c)
	d.recordRules(c)
	d.engineRules(c)
	d.tracingRules(c)
	for i := range c.Environments {
		d.environmentRules(c, &c.Environments[i])
	}
	d.addressRules(c)
}

// at tells of a problem at a setting.
func (d *decoder) at(c *Config, path, message, hint string) {
	d.add(c.At(path), path+": "+message, hint)
}

// warn is at for what is allowed.
func (d *decoder) warn(c *Config, path, message, hint string) {
	at := c.At(path)
	d.warnings = append(d.warnings, Problem{File: d.file, Line: at.Line, Column: at.Column, Message: path + ": " + message, Hint: hint})
}

// given reports whether a setting stands in the file.
func (d *decoder) given(path string) bool {
	_, ok := d.places[path]
	return ok
}

// both tells of two settings that exclude one another.
func (d *decoder) both(c *Config, path, one, other, hint string) bool {
	if d.given(join(path, one)) && d.given(join(path, other)) {
		d.at(c, join(path, other), "not beside "+one, hint)
		return true
	}
	return false
}

// together tells of a setting without its partner.
func (d *decoder) together(c *Config, path, one, other string) {
	for _, pair := range [][2]string{{one, other}, {other, one}} {
		if d.given(join(path, pair[0])) && !d.given(join(path, pair[1])) {
			d.at(c, join(path, pair[0]), "without "+pair[1], "they go together")
		}
	}
}

func (d *decoder) keyRules(path, file, env string, k Keys, c *Config) {
	d.both(c, path, file, env, "keys come from one place")
	if k.File != "" && inside(k.File, c.Data) {
		d.warn(c, join(path, file), "the key lies in the data folder, where one copy takes both", "keep it elsewhere, for example in /etc/countersign")
	}
}

func (d *decoder) recordRules(c *Config) {
	if p := c.Records.Checkpoints; p != nil {
		if inside(p.Dir, c.Data) && p.URL == "" {
			d.warn(c, "records.checkpoints.dir", "the checkpoints lie in the data folder: who can alter the records can alter them too", "use another disk or machine")
		}
		if inside(p.KeyFile, c.Data) {
			d.warn(c, "records.checkpoints.key_file", "the key lies in the data folder: who can alter the records can sign for them", "keep it elsewhere, for example in /etc/countersign")
		} else if inside(p.KeyFile, p.Dir) {
			d.warn(c, "records.checkpoints.key_file", "the key lies beside the checkpoints: who gets at them there can sign others", "keep it elsewhere, for example in /etc/countersign")
		}
		for _, key := range []string{"url_token_file", "url_ca_file"} {
			if p.URL == "" && d.given("records.checkpoints."+key) && !d.given("records.checkpoints.url") {
				d.at(c, "records.checkpoints."+key, "without url", "they go together")
			}
		}
		if inside(p.Dir, c.Records.Decisions.Dir) {
			d.warn(c, "records.checkpoints.dir", "the checkpoints lie in the folder of the decision record: who can alter it can alter them too", "use another disk or machine")
		}
		if keep := c.Records.Decisions.Keep; keep > 0 && keep < p.Every {
			d.at(c, "records.decisions.keep", "shorter than records.checkpoints.every: lines would be removed before one of their successors is signed, and a verification could not tell that from a forgery", "write a longer one, or a shorter every")
		}
	} else if !d.given("records.checkpoints") {
		d.warn(c, "records", "no checkpoints: the end of a record could be cut off, or all of it rewritten, and nobody could show it", "add records.checkpoints")
	}
	if r := c.Records.Decisions; r.Keep > 0 && r.Keep < r.SegmentAge {
		d.at(c, "records.decisions.keep", "shorter than segment_age: every segment would be removed as soon as it is closed", "write a longer one")
	}
	if dir := c.Records.Decisions.Dir; c.Data != "" && (dir == c.Data || inside(dir, c.ReplayDir())) {
		d.at(c, "records.decisions.dir", "holds other files of the server", "give the record a folder of its own")
	}
	d.shipRules(c)
	d.together(c, "records.stream.syslog", "cert_file", "key_file")
	if y := c.Records.Stream.Syslog; y != nil && y.Plain {
		for _, key := range []string{"ca_file", "cert_file", "server_name"} {
			if d.given("records.stream.syslog." + key) {
				d.at(c, "records.stream.syslog."+key, "has no meaning without TLS", "remove it, or plain")
			}
		}
		if y.Address != "" && !loopback(y.Address) {
			d.at(c, "records.stream.syslog.plain", "the record would go to another machine in clear", "remove plain, or send to a forwarder on this machine")
		}
	}
	if f := c.Records.Stream.File; f != "" && inside(f, c.Records.Decisions.Dir) {
		d.at(c, "records.stream.file", "lies in the folder of the decision record", "write it elsewhere")
	}
}

func (d *decoder) environmentRules(c *Config, e *Environment) {
	path := join("environments", e.Name)
	d.keyRules(path, "key_file", "key_env", Keys{File: e.KeyFile, Env: e.KeyEnv}, c)
	seen := make(map[string]bool, len(e.Hosts))
	for i, h := range e.Hosts {
		if seen[h] && h != "" {
			d.at(c, fmt.Sprintf("%s.hosts[%d]", path, i), quote(h)+" is listed twice", "")
		}
		seen[h] = true
	}
	if len(e.Hosts) == 0 && !d.given(join(path, "hosts")) && d.given(path) {
		d.warn(c, path, "no hosts: a request for any Host is taken", "list the names that callers use under hosts")
	}
	if len(e.Listeners) == 0 && len(e.Doors) == 0 && !d.given(join(path, "listeners")) && d.given(path) {
		d.warn(c, path, "no listeners: only a service with the check in its own process serves this environment", "list addresses under listeners, unless that is meant")
	}
	for i := range e.Listeners {
		d.listenerRules(c, e, &e.Listeners[i], fmt.Sprintf("%s.listeners[%d]", path, i))
	}
	for i := range e.Doors {
		d.doorRules(c, &e.Doors[i], fmt.Sprintf("%s.doors[%d]", path, i))
	}
	for i := range e.APIs {
		d.apiRules(c, e, &e.APIs[i], join(path, "apis."+e.APIs[i].Name))
	}
	d.baseRules(c, e, path)
}

func (d *decoder) listenerRules(c *Config, e *Environment, l *Listener, path string) {
	tls := join(path, "tls")
	switch {
	case !d.given(tls):
	case d.given(join(tls, "acme")):
		d.both(c, tls, "acme", "certificate", "certificates come from files or from the authority")
		d.both(c, tls, "acme", "key", "certificates come from files or from the authority")
		d.both(c, tls, "acme", "additional", "certificates come from files or from the authority")
		if a := l.TLS.ACME; a != nil && len(a.Domains) == 0 && !d.given(join(tls, "acme.domains")) {
			d.at(c, join(tls, "acme"), "no names to get certificates for", "list them under domains, or under hosts of the environment")
		} else if a != nil && !a.AcceptTerms && d.given(join(tls, "acme.accept_terms")) {
			d.at(c, join(tls, "acme.accept_terms"), "the authority's terms are not accepted", "read them; then write true, or use certificate files")
		}
	case !d.given(join(tls, "certificate")) && !d.given(join(tls, "key")):
		d.at(c, tls, "no certificate", "write certificate and key, or acme")
	default:
		d.together(c, tls, "certificate", "key")
	}
	if l.MaxRequestLine > l.MaxHead {
		d.at(c, join(path, "max_request_line"), "more than max_head", "a request line is part of the head")
	}
	if !l.DropUnlisted {
		return
	}
	for i := range e.APIs {
		if a := &e.APIs[i]; a.Addresses != "" && a.Addresses != "required" || a.AddressMismatch == "warn" {
			d.at(c, join(path, "drop_unlisted"), "API "+a.Name+" does not require an address list, so that callers without one would be cut off",
				"set addresses: required and address_mismatch: refuse for every API of "+e.Name+", or drop_unlisted: false")
			return
		}
	}
}

// inside reports whether a path lies in a folder, by their names.
func inside(path, folder string) bool {
	if path == "" || folder == "" {
		return false
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip, bad := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || bad == nil && ip.Unmap().IsLoopback())
}

// shippedProblem says why a shipped profile cannot be used; empty: it can.
func shippedProblem(p *Profile) string {
	if p.Name == "" {
		return ""
	}
	if _, err := library.Load(p.shipped()); err != nil {
		return err.Error()
	}
	return ""
}
