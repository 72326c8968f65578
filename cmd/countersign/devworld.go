package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/sandbox"
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

// devWorld is one environment being served: its gateway, and its models where no upstream was given.
type devWorld struct {
	environment string
	gateway     *gateway.Gateway
	doers       map[*access.API]upstream.Doer
	models      []*listening
	api         *listening
}

// openWorld makes the environment's gateway and upstreams. Its listener opens later, when everything behind it is there.
func (d *devServer) openWorld(environment string, apis []*access.API) error {
	w := &devWorld{environment: environment, doers: map[*access.API]upstream.Doer{}}
	d.worlds = append(d.worlds, w)
	for _, api := range apis {
		if api.Environment != environment {
			continue
		}
		base, err := d.upstreamOf(w, api)
		if err != nil {
			return err
		}
		doer, err := upstream.New(upstream.Config{URL: base, Timeout: d.options.upstreamTimeout})
		if err != nil {
			return err
		}
		d.closers = append(d.closers, doer.Close)
		w.doers[api] = doer
	}
	var err error
	w.gateway, err = gateway.New(gateway.Config{
		Environment: environment, Decider: d.decider, Address: d.address, Upstreams: w.doers, Exchange: d.exchange,
		Record: d.records, Log: d.log, Now: time.Now, Bodies: d.bodies,
	})
	return err
}

// upstreamOf is the URL that was given for the API, or that of a model upstream that is started for it.
func (d *devServer) upstreamOf(w *devWorld, api *access.API) (*url.URL, error) {
	given, model := d.options.cardUpstream, sandbox.NewCard
	if api.Protocol == access.Token {
		given, model = d.options.aggregationUpstream, sandbox.NewAggregation
	}
	if base, err := parseUpstream(given); base != nil || err != nil {
		return base, err
	}
	handler, err := model(sandbox.Config{Environment: w.environment, Now: time.Now})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the model of %s: %w", api.Name, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: d.serverLog()}
	w.models = append(w.models, serveOn("the model of "+api.Name, server, listener, d.failed))
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}, nil
}

// listenWorld opens the environment's TLS listener.
func (d *devServer) listenWorld(w *devWorld, addr string) error {
	certificate, err := d.certificate(addr)
	if err != nil {
		return err
	}
	inner, err := net.Listen(networkOf(addr), addr)
	if err != nil {
		return hinted{fmt.Errorf("listen for %s: %w", w.environment, err), "take a free port with --listen-" + w.environment + " 127.0.0.1:0"}
	}
	listener, err := strict.New(inner, strict.Config{
		TLS: tlsPolicy(certificate), Answer: w.gateway.AnswerUnread, Exempt: d.isProxy,
		OnRefused: func(_ netip.AddrPort, fault strict.Fault) { d.metrics.Ended(w.environment, fault.String()) },
	})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: w.gateway, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: d.serverLog()}
	strict.Configure(server, listener)
	w.api = serveOn(w.environment, server, listener, d.failed)
	return nil
}

// isProxy reports whether peer is a proxy that may bring many callers.
func (d *devServer) isProxy(peer netip.Addr) bool {
	return slices.ContainsFunc(d.trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// networkOf keeps a wildcard to the family of addresses that it names: Go would take 0.0.0.0 for IPv6 as well.
func networkOf(addr string) string {
	if host, _, _ := net.SplitHostPort(addr); host == "0.0.0.0" {
		return "tcp4"
	}
	return "tcp"
}

// baseURL is where callers on this machine find the environment: loopback, where it listens on every address.
func (w *devWorld) baseURL() string {
	at, err := netip.ParseAddrPort(w.api.addr.String())
	switch {
	case err != nil || !at.Addr().IsUnspecified():
		return "https://" + w.api.addr.String()
	case at.Addr().Is4():
		return "https://127.0.0.1:" + strconv.Itoa(int(at.Port()))
	}
	return "https://[::1]:" + strconv.Itoa(int(at.Port()))
}
