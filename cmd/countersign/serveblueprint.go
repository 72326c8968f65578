package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/tlsfile"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// blueprint is what a configuration says about the environments that are served. It reads the files that it names, but no
// certificate: those are watched.
func (s *server) blueprint(cfg *config.Config) (*blueprint, error) {
	b := &blueprint{countries: cfg.Countries.File, drain: cfg.Drain.Deadline, lameduck: cfg.Drain.Lameduck, plane: s.planeOf(cfg), portal: s.portalOf(cfg),
		reviews: cfg.ReviewPolicies(), retireSilent: cfg.Credentials.RetireSilent, warnBefore: cfg.Credentials.WarnBefore}
	schemes := map[config.Profile]*scheme.Scheme{}
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

func (s *server) worldOf(e *config.Environment, schemes map[config.Profile]*scheme.Scheme) (worldPrint, error) {
	w := worldPrint{
		environment: e.Name, bodyTimeout: e.BodyTimeout, writeStall: e.WriteStall,
		address: clientip.Config{Trusted: e.TrustedProxies, Header: clientip.Header(e.ForwardingHeader)},
	}
	if len(e.Hosts) > 0 {
		w.hosts = e.Hosts
	}
	for i := range e.APIs {
		api, err := apiOf(e, &e.APIs[i], schemes)
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
	return w, nil
}

func apiOf(e *config.Environment, c *config.API, schemes map[config.Profile]*scheme.Scheme) (*access.API, error) {
	api := &access.API{
		Name: c.Name, Environment: e.Name, Protocol: access.Token, BasePaths: c.BasePaths, MaxBody: c.MaxBody,
		Addresses:    map[string]access.AddressRule{"required": access.AddressRequired, "optional": access.AddressOptional, "off": access.AddressOff}[c.Addresses],
		AllowBrowser: c.AllowBrowser, AllowEncodedSlash: c.AllowEncodedSlash, AllowEmptySegments: c.AllowEmptySegments,
		HideSunset:      !c.Sunset,
		WarnHeaderNames: c.HeaderNames == "warn", AddressWarn: c.AddressMismatch == "warn", ClientCertificateWarn: c.CertificateMismatch == "warn",
		ClientCertificate: map[string]access.ClientCertificateRule{
			"off": access.ClientCertificateOff, "bound": access.ClientCertificateBound, "required": access.ClientCertificateRequired}[c.ClientCertificate],
		Limits: access.APILimits{PerPartner: limitOf(c.Limits.PerPartner), PerCredential: limitOf(c.Limits.PerCredential), Total: limitOf(c.Limits.Total)},
	}
	if t := c.Token; t != nil {
		api.TokenEndpoint, api.TokenLifetime = t.Endpoint, t.Lifetime
		api.StrictEmptyPost, api.StrictXMLContentType = t.EmptyPost == "strict", t.XMLContentType == "strict"
		return api, nil
	}
	api.Protocol, api.Window = access.Signed, c.Window
	api.Replay = map[string]access.ReplayRule{"writes": access.ReplayWrites, "all": access.ReplayAll, "off": access.ReplayOff}[c.Replay]
	var err error
	if api.Scheme, err = schemeOf(*c.Profile, schemes); err != nil || c.Shadow == nil {
		return api, err
	}
	if api.Shadow, err = schemeOf(*c.Shadow, schemes); err != nil {
		return api, fmt.Errorf("shadow: %w", err)
	}
	return api, nil
}

func limitOf(l *config.Limit) *access.Rate {
	if l == nil {
		return nil
	}
	return &access.Rate{Rate: l.Rate.Count, Per: l.Rate.Per, Burst: l.Burst, Daily: l.Daily}
}

// schemeOf compiles a profile once for all APIs that use it: they share an index of credentials in the snapshot.
func schemeOf(p config.Profile, known map[config.Profile]*scheme.Scheme) (*scheme.Scheme, error) {
	if s := known[p]; s != nil {
		return s, nil
	}
	s, err := compile(p)
	if err == nil {
		known[p] = s
	}
	return s, err
}

func compile(p config.Profile) (*scheme.Scheme, error) {
	if p.File == "" {
		name := p.Name
		if p.Alternative != "" {
			name += "/" + p.Alternative
		}
		return library.Load(name)
	}
	text, err := readBounded(p.File, maxProfile)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	parsed, err := profile.Parse(p.File, text)
	if err != nil {
		return nil, err
	}
	return parsed.Alternative(p.Alternative)
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
		text, err := readBounded(u.CAFile, maxProfile)
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
			handshake: l.HandshakeTimeout, header: l.HeaderTimeout, idle: l.IdleTimeout, own: !l.Standard,
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

// readBounded reads a file that a configuration names.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return os.ReadFile(path)
}
