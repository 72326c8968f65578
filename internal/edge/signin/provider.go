package signin

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

const (
	providerTimeout = 10 * time.Second
	providerAnswer  = 1 << 20         // bytes of any answer of a provider
	providerPause   = 5 * time.Second // after a failure, before it is asked again
	providerFresh   = 24 * time.Hour  // how long a discovery counts
	maxIDToken      = 128 << 10       // bytes: maxGroups of long names fit
	maxGroups       = 1000            // in one ID token
	signatureMethod = "RS256, ES256, EdDSA"
)

// provider is an OIDC provider that is discovered when somebody signs in, and again after a day: a dead one stops nobody else.
type provider struct {
	issuer      string
	clientID    string
	secret      string
	groupsClaim string
	loginClaim  string
	scopes      []string
	roles       map[string][]operator.Role
	redirect    string
	client      *http.Client
	now         func() time.Time

	mu       sync.Mutex
	config   *oauth2.Config
	verifier *oidc.IDTokenVerifier
	since    time.Time // of config
	failedAt time.Time
	failure  error
}

// newProvider checks what can be checked without asking.
func newProvider(cfg OIDC, redirect string, now func() time.Time) (*provider, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !reachable(u) {
		return nil, errors.New("the issuer is an https URL without query, exactly as the provider writes it")
	}
	if cfg.ClientID == "" {
		return nil, errors.New("the provider's client id is missing")
	}
	for group, roles := range cfg.Roles {
		if err := operator.CheckRoles(roles); err != nil || group == "" {
			return nil, fmt.Errorf("the roles of the group %q: %w", group, err)
		}
	}
	p := &provider{issuer: cfg.Issuer, clientID: cfg.ClientID, secret: string(cfg.ClientSecret.Bytes()), groupsClaim: cfg.GroupsClaim,
		loginClaim: cfg.LoginClaim, scopes: append([]string{oidc.ScopeOpenID, "email", "profile"}, cfg.Scopes...), roles: cfg.Roles,
		redirect: redirect, now: now, client: bounded(cfg.Client)}
	if p.groupsClaim == "" {
		p.groupsClaim = "groups"
	}
	if p.loginClaim == "" {
		p.loginClaim = "email"
	}
	return p, nil
}

// reachable reports whether tokens may travel to u.
func reachable(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

// bounded is a client that follows no redirect, so that codes and secrets go to the provider alone, and reads no endless answer.
func bounded(given *http.Client) *http.Client {
	c := http.Client{Timeout: providerTimeout}
	if given != nil {
		c = *given
	}
	if c.Timeout <= 0 {
		c.Timeout = providerTimeout
	}
	inner := c.Transport
	if inner == nil {
		inner = http.DefaultTransport
	}
	c.Transport = limited{inner}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// limited cuts answers that are too long: what is cut does not parse, and is refused.
type limited struct{ inner http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, providerAnswer), answer.Body}
	return answer, nil
}

// get is how to reach the provider; it is discovered on the first call and when that is a day old. What is known goes on counting
// while it cannot be discovered again. Errors: unreachable.
func (p *provider) get(ctx context.Context) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch {
	case p.config != nil && now.Sub(p.since) < providerFresh:
		return p.config, p.verifier, nil
	case p.failure != nil && now.Sub(p.failedAt) < providerPause && !now.Before(p.failedAt):
		return p.config, p.verifier, p.known()
	}
	// Others wait for this answer; whoever asked may go away meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
	defer cancel()
	config, verifier, err := p.discover(ctx)
	if err != nil {
		p.failedAt, p.failure = now, unreachable{err}
		return p.config, p.verifier, p.known()
	}
	p.config, p.verifier, p.since, p.failure = config, verifier, now, nil
	return p.config, p.verifier, nil
}

// known is the failure, unless an older discovery is there.
func (p *provider) known() error {
	if p.config != nil {
		return nil
	}
	return p.failure
}

func (p *provider) discover(ctx context.Context) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	found, err := oidc.NewProvider(ctx, p.issuer)
	if err != nil {
		return nil, nil, err
	}
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, nil, err
	}
	for _, endpoint := range []string{found.Endpoint().AuthURL, found.Endpoint().TokenURL, more.Keys} {
		if u, err := url.Parse(endpoint); err != nil || !reachable(u) {
			return nil, nil, fmt.Errorf("the provider names %q, which is no https URL", endpoint)
		}
	}
	config := &oauth2.Config{ClientID: p.clientID, ClientSecret: p.secret, Endpoint: found.Endpoint(), RedirectURL: p.redirect,
		Scopes: p.scopes}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), p.client), more.Keys)
	verifier := oidc.NewVerifier(p.issuer, keys, &oidc.Config{ClientID: p.clientID, Now: p.now,
		SupportedSigningAlgs: strings.Split(signatureMethod, ", ")})
	return config, verifier, nil
}

// identity exchanges the code and reads whom the provider vouches for. Errors: refusal, unreachable.
func (p *provider) identity(ctx context.Context, code string, t oidcTicket) (registry.Identity, error) {
	config, verifier, err := p.get(ctx)
	if err != nil {
		return registry.Identity{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerTimeout)
	defer cancel()
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		if refusedByProvider(err) {
			return registry.Identity{}, refusal{why: "the provider did not take its code"}
		}
		return registry.Identity{}, unreachable{err}
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return registry.Identity{}, refusal{why: "the provider gave no ID token"}
	}
	if len(raw) > maxIDToken {
		return registry.Identity{}, refusal{why: fmt.Sprintf("the provider's ID token is longer than %d KiB; let it list only the groups that have roles here", maxIDToken>>10)}
	}
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		return registry.Identity{}, p.unverified(err)
	}
	if token.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(t.Nonce)) != 1 {
		return registry.Identity{}, refusal{why: "the ID token was not made for this sign-in"}
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(tokens.AccessToken) != nil {
		return registry.Identity{}, refusal{why: "the ID token belongs to another access token"}
	}
	return p.read(token)
}

// refusedByProvider reports whether the provider answered, and said no.
func refusedByProvider(err error) bool {
	answer := (*oauth2.RetrieveError)(nil)
	return errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode >= 400 && answer.Response.StatusCode < 500
}

// unverified tells an ID token that is wrong from keys that could not be fetched.
func (p *provider) unverified(err error) error {
	if netError := (*url.Error)(nil); errors.As(err, &netError) {
		return unreachable{err}
	}
	return refusal{why: "the ID token does not verify for this issuer and client with " + signatureMethod}
}

// claims are those of the ID token that are read here.
type claims struct {
	Email    string          `json:"email"`
	Verified json.RawMessage `json:"email_verified"`
	Name     string          `json:"name"`
	Party    string          `json:"azp"`
}

// read makes an identity of a verified ID token.
func (p *provider) read(token *oidc.IDToken) (registry.Identity, error) {
	var c claims
	all := map[string]json.RawMessage{}
	if token.Claims(&c) != nil || token.Claims(&all) != nil {
		return registry.Identity{}, refusal{why: "the claims of the ID token cannot be read"}
	}
	if len(token.Audience) > 1 && c.Party != p.clientID || c.Party != "" && c.Party != p.clientID {
		return registry.Identity{}, refusal{why: "the ID token was issued to another client"}
	}
	if token.Subject == "" {
		return registry.Identity{}, refusal{why: "the ID token names nobody"}
	}
	who := registry.Identity{Issuer: token.Issuer, Subject: token.Subject, Name: c.Name}
	if p.loginClaim == "email" {
		if v := string(bytes.TrimSpace(c.Verified)); v != "true" && v != `"true"` {
			return who, refusal{why: "the provider does not vouch for the email address"}
		}
		who.Login = c.Email
	} else if json.Unmarshal(all[p.loginClaim], &who.Login) != nil {
		return who, refusal{why: "the ID token lacks the claim " + p.loginClaim}
	}
	who.Roles = p.rolesOf(all[p.groupsClaim])
	return who, nil
}

// rolesOf maps groups to roles: a list, or a single one. Whatever else stands there gives none.
func (p *provider) rolesOf(claim json.RawMessage) []operator.Role {
	var groups []string
	var one string
	if json.Unmarshal(claim, &groups) != nil && json.Unmarshal(claim, &one) == nil {
		groups = []string{one}
	}
	var roles []operator.Role
	for _, group := range groups[:min(len(groups), maxGroups)] {
		for _, role := range p.roles[group] {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}
