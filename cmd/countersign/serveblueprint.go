package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/tlsfile"
)

// blueprint is what a configuration says about the environments that are served. It reads the files that it names, but no
// certificate: those are watched.
func (s *server) blueprint(cfg *config.Config) (*blueprint, error) {
	b := &blueprint{countries: cfg.Countries.File, drain: cfg.Drain.Deadline, lameduck: cfg.Drain.Lameduck, plane: s.planeOf(cfg), portal: s.portalOf(cfg),
		reviews: cfg.ReviewPolicies(), retireSilent: cfg.Credentials.RetireSilent, warnBefore: cfg.Credentials.WarnBefore}
	schemes := ofconfig.Schemes{}
	for _, name := range s.environments {
		e := cfg.Environment(name)
		w, err := s.worldOf(e, schemes)
		if err == nil && e.Captures.Enabled {
			err = w.keepCaptures(&capturePrint{keep: e.Captures.Keep, keys: cfg.KeySource(cfg.KeysOf(name))},
				func(api string) (*profilePrint, error) { return profileOf(*e.API(api).Profile) })
		}
		if err == nil && b.portal != nil {
			err = w.tellProfiles(func(api string) (*toldProfile, error) { return toldOf(*e.API(api).Profile) })
		}
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", name, err)
		}
		b.worlds = append(b.worlds, w)
		// One snapshot serves all: the shortest patience counts for all.
		if b.staleness == 0 || e.MaxStaleness < b.staleness {
			b.staleness = e.MaxStaleness
		}
	}
	logWarnings(s.log, b.apis())
	return b, nil
}

func (s *server) worldOf(e *config.Environment, schemes ofconfig.Schemes) (worldPrint, error) {
	w := worldPrint{
		environment: e.Name, bodyTimeout: e.BodyTimeout, writeStall: e.WriteStall,
		address: clientip.Config{Trusted: e.TrustedProxies, Header: clientip.Header(e.ForwardingHeader)},
	}
	if len(e.Listeners) == 0 && len(e.Doors) == 0 {
		return w, hinted{errors.New("it has no listeners and no doors"), "list an address under its listeners; where a service checks its requests itself, serve the others by --environment"}
	}
	if len(e.Hosts) > 0 {
		w.hosts = e.Hosts
	}
	for i := range e.APIs {
		api, err := schemes.API(e, &e.APIs[i])
		if err != nil {
			return w, fmt.Errorf("API %s: %w", e.APIs[i].Name, err)
		}
		up, err := upstreamOf(&e.APIs[i].Upstream)
		if err != nil {
			return w, fmt.Errorf("upstream of %s: %w", api.Name, err)
		}
		w.apis = append(w.apis, apiPrint{api: api, upstream: up, ownHost: e.APIs[i].Upstream.Host == "upstream"})
	}
	for i, l := range e.Listeners {
		d, err := s.doorOf(e, i, l)
		if err != nil {
			return w, fmt.Errorf("listener %s: %w", l.Address, err)
		}
		w.doors = append(w.doors, d)
	}
	for i := range e.Doors {
		d, err := doorwayOf(e, i)
		if err != nil {
			return w, err
		}
		w.doorways = append(w.doorways, d)
	}
	return w, nil
}

func upstreamOf(u *config.Upstream) (upstream.Config, error) {
	cfg := upstream.Config{
		URL: u.URL, Timeout: u.Timeout, DialTimeout: u.DialTimeout, WriteTimeout: u.WriteTimeout, BodyTimeout: u.BodyTimeout,
		IdleTimeout: u.IdleTimeout, MaxConns: u.MaxConnections, QueueTimeout: u.QueueTimeout, MaxWaiting: u.MaxWaiting,
		MaxIdle: u.MaxIdle, MaxHeaderBytes: int(u.MaxHead), MaxHeaderLines: u.MaxHeaderLines, Standard: u.Standard,
	}
	if u.URL.Scheme != "https" {
		return cfg, nil
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.ServerName}
	if u.CAFile != "" {
		text, err := ofconfig.ReadBounded(u.CAFile, ofconfig.MaxProfile)
		if err != nil {
			return cfg, err
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(text) {
			return cfg, errors.New(u.CAFile + " holds no certificate")
		}
	}
	if u.CertFile != "" {
		pair, err := pairOf(u.CertFile, u.KeyFile)
		if err != nil {
			return cfg, err
		}
		cfg.TLS.Certificates = []tls.Certificate{*pair}
	}
	return cfg, nil
}

// pairOf reads a client certificate of ours.
func pairOf(cert, key string) (*tls.Certificate, error) {
	files, err := tlsfile.Open(tlsfile.Config{Pairs: []tlsfile.Pair{{Certificate: cert, Key: key}}, Now: clock, Log: discard()})
	if err != nil {
		return nil, err
	}
	return files.Certificate(&tls.ClientHelloInfo{})
}

func (s *server) doorOf(e *config.Environment, i int, l config.Listener) (doorPrint, error) {
	d := doorPrint{
		key: doorKey(e.Name, i, l.Address), address: l.Address, dropUnlisted: l.DropUnlisted,
		hint: "choose a free address, or see who listens there",
		tls:  tlsPrint{minVersion: map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[l.TLS.MinVersion]},
		bounds: doorBounds{
			maxConns: l.MaxConnections, maxPerPeer: l.MaxPerPeer, maxHandshakes: l.MaxHandshakes, maxHead: int(l.MaxHead),
			maxRequestLine: int(l.MaxRequestLine), maxHeaderLines: l.MaxHeaderLines,
			handshake: l.HandshakeTimeout, header: l.HeaderTimeout, idle: l.IdleTimeout, standard: l.Standard,
		},
	}
	for _, p := range l.TLS.Pairs() {
		d.tls.files = append(d.tls.files, tlsfile.Pair{Certificate: p.Certificate, Key: p.Key})
	}
	if c := l.ClientCertificates; c != nil {
		d.tls.clientCA, d.tls.clientAuth = c.CAFile, tls.VerifyClientCertIfGiven
		if c.Mode == "required" {
			d.tls.clientAuth = tls.RequireAndVerifyClientCert
		}
	}
	if l.TLS.ACME != nil {
		return d, s.acme.use(s, &d.tls, l.Address, l.TLS.ACME)
	}
	return d, nil
}
