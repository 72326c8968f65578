package main

import (
	"fmt"
	"path/filepath"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// The base paths of `countersign dev`. The vendor's newer paths stand at the host's root, beside its old base path.
const (
	cardPath        = "/api/v1"
	aggregationPath = "/aggregation"
	tokenEndpoint   = aggregationPath + "/v2/partners/authentication"
)

// devAPIs are the two seeds' APIs in both environments.
func devAPIs(o *devOptions) ([]*access.API, error) {
	finci, err := library.Load("finci")
	if err != nil {
		return nil, fmt.Errorf("load the finci profile: %w", err)
	}
	var apis []*access.API
	for _, environment := range devEnvironments {
		apis = append(apis,
			&access.API{Name: "card", Environment: environment, Protocol: access.Signed, BasePaths: []string{cardPath}, Scheme: finci},
			&access.API{Name: "aggregation", Environment: environment, Protocol: access.Token, TokenLifetime: o.tokenLifetime,
				BasePaths: []string{aggregationPath, "/institution", "/connect"}, TokenEndpoint: tokenEndpoint})
	}
	return apis, nil
}

// finci is the profile of the card API, for its captures.
func finci(string) (*profilePrint, error) { return profileOf(config.Profile{Name: "finci"}) }

// blueprint is what dev serves. It starts the models and makes the certificates.
func (d *devServer) blueprint() (*blueprint, error) {
	apis, err := devAPIs(d.options)
	if err != nil {
		return nil, err
	}
	trusted, err := d.options.trusted()
	if err != nil {
		return nil, err
	}
	b := &blueprint{countries: d.options.countryFile, drain: drainFor}
	if b.plane, err = d.planePrint(); err != nil {
		return nil, err
	}
	if b.portal, err = d.portalPrint(); err != nil {
		return nil, err
	}
	for i, environment := range devEnvironments {
		w := worldPrint{environment: environment, address: clientip.Config{Trusted: trusted}}
		for _, api := range apis {
			if api.Environment != environment {
				continue
			}
			base, err := d.upstreamOf(api)
			if err != nil {
				return nil, fmt.Errorf("open %s: %w", environment, err)
			}
			w.apis = append(w.apis, apiPrint{api: api, upstream: upstream.Config{URL: base, Timeout: d.options.upstreamTimeout}})
		}
		addr := []string{d.options.listenSandbox, d.options.listenProduction}[i]
		certificate, err := d.certificate(addr)
		if err != nil {
			return nil, err
		}
		w.doors = []doorPrint{{key: environment, address: addr, hint: "take a free port with --listen-" + environment + " 127.0.0.1:0", tls: tlsPrint{fixed: &certificate}}}
		if environment == "sandbox" {
			keys := secret.KeyFile{Path: filepath.Join(d.dir, "master.key")}
			if err := w.keepCaptures(&capturePrint{keep: 24 * time.Hour, keys: keys}, finci); err != nil {
				return nil, err
			}
		}
		if err := w.tellProfiles(func(string) (*toldProfile, error) { return toldOf(config.Profile{Name: "finci"}) }); err != nil {
			return nil, err
		}
		b.worlds = append(b.worlds, w)
	}
	return b, nil
}

// baseURL is where callers on this machine find an environment.
func (d *devServer) baseURL(environment string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return baseURL(d.fronts[environment].listening.addr)
}
