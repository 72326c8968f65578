package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	ofconfig "countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/signin"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// providerTimeout bounds one request to the provider that operators sign in with.
const providerTimeout = 10 * time.Second

// signIn makes the sign-in pages, and the one function that says in whose name a request acts.
func (a *assembly) signIn(p *planePrint, url string) (*signin.Handler, error) {
	cfg := signin.Config{
		Register: a.register, PublicURL: url, Now: a.now, Passkeys: p.passkeys.Enabled, Demo: p.demo, Home: consoleHome,
		Terms: registry.SessionTerms{Idle: p.sessions.Idle, Absolute: p.sessions.Absolute},
		Log: func(what string, err error) {
			a.log.Error("a sign-in could not be done", "step", what, "cause", err.Error())
		},
		Failed: a.metrics.SignInFailed,
	}
	if p.oidc != nil {
		var err error
		if cfg.OIDC, err = providerOf(p.oidc); err != nil {
			return nil, err
		}
	}
	return signin.New(cfg)
}

// providerOf is the provider of a configuration. Its secret is read now, its keys when somebody signs in.
func providerOf(o *config.OIDC) (*signin.OIDC, error) {
	p := &signin.OIDC{Issuer: o.Issuer, ClientID: o.ClientID, GroupsClaim: o.GroupsClaim, LoginClaim: o.LoginClaim, Scopes: o.Scopes, Roles: map[string][]operators.Role{}}
	for _, r := range o.Roles {
		p.Roles[r.Group] = append(p.Roles[r.Group], operators.Role(r.Role))
	}
	if o.ClientSecretFile != "" {
		text, err := readPrivate(o.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("read the secret for the provider: %w", err)
		}
		line := strings.TrimSuffix(string(text), "\n")
		clear(text)
		if line == "" || strings.ContainsAny(line, "\r\n") {
			return nil, fmt.Errorf("%s: the secret for the provider is one line", o.ClientSecretFile)
		}
		p.ClientSecret = secret.NewValue([]byte(line))
	}
	if o.CAFile == "" {
		return p, nil
	}
	text, err := ofconfig.ReadBounded(o.CAFile, ofconfig.MaxProfile)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of the provider: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New(o.CAFile + " holds no certificate")
	}
	p.Client = &http.Client{
		Timeout:       providerTimeout,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p, nil
}
