package config

import (
	"net/url"
	"time"
)

// admin looks at the files of the operators' plane.
func (k checker) admin() {
	a := k.c.Admin
	if a == nil {
		return
	}
	k.deskTLS("admin", a.TLS, a.PublicURL)
	if o := a.OIDC; o != nil {
		if o.ClientSecretFile != "" {
			k.private("admin.oidc.client_secret_file", o.ClientSecretFile, 0o077, "write the client's secret into it, on one line")
		}
		k.authorities("admin.oidc.ca_file", o.CAFile)
	}
}

// portal looks at the files of the partners' portal.
func (k checker) portal() {
	if p := k.c.Portal; p != nil {
		k.deskTLS("portal", p.TLS, p.PublicURL)
	}
}

// deskTLS looks at the certificate of a listener for people, and whether it is for the name under which they find it.
func (k checker) deskTLS(path string, t *AdminTLS, public *url.URL) {
	if t == nil {
		return
	}
	var hosts []string
	if public != nil {
		hosts = []string{public.Hostname()}
	}
	named := map[string]bool{}
	k.pair(path+".tls.certificate", Pair{t.Certificate, t.Key}, hosts, named)
	for _, h := range hosts {
		if len(named) > 0 && !named[h] {
			k.warn(k.c, path+".public_url", "no certificate of "+path+".tls is for "+quote(h), "browsers will refuse it; use one that names it")
		}
	}
}

// profileFile compiles a profile file, with its place in that file where it is wrong. replay is the setting that is wrong where
// no time is signed; empty: the profile does not decide, and guards nothing.
func (k checker) profileFile(a *API, p *Profile, at, replay string) {
	s, err := p.Scheme()
	switch {
	case err != nil:
		k.wrong(at, err, "")
	case !s.HasKeyID():
		k.at(k.c, at, "the profile "+s.Name()+" names no key id, so that callers could not be told apart", "add one to the profile")
	case s.InBody() || len(s.Vars()) > 0 || len(s.Secrets()) > 0:
		k.at(k.c, at, "the profile "+s.Name()+" is for callers only: it needs the body, variables or parts of a secret before a request can be decided on", "take a profile whose key id and time stand in headers or in the query")
	case !s.HasTime() && a.Replay != "off" && replay != "":
		k.at(k.c, replay, "the profile "+s.Name()+" signs no time, so that a guard would have to remember for ever", "write replay: off")
	case max(a.Window, s.Window()) > 15*time.Minute:
		k.at(k.c, at, "the profile's window of "+showSpan(s.Window())+" is wider than 15m", "")
	default:
		for _, w := range s.Warnings() {
			k.warn(k.c, at, w, "see the profile's documentation")
		}
	}
}
