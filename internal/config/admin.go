package config

import (
	"net/url"
	"time"

	"countersign.dev/internal/partner"
)

// Admin is the operators' plane: the listener of the admin API, and who may sign in there (security rule 31).
type Admin struct {
	// Listen is HOST:PORT. Port 0 takes a free one. Another address than loopback needs AllowRemote and TLS. Default 127.0.0.1:9901.
	Listen string `key:"listen"`
	// AllowRemote lets Listen be another address than loopback. Default false.
	AllowRemote bool `key:"allow_remote"`
	// PublicURL is where browsers and commands find the listener: scheme and host. nil: https with TLS, else http, to the name
	// localhost and the port that is listened on. Needed with AllowRemote and with OIDC.
	PublicURL *url.URL `key:"public_url"`
	// TLS is the listener's own certificate. nil: plain HTTP, on loopback alone.
	TLS *AdminTLS `key:"tls"`
	// OIDC is the provider that operators sign in with. nil: none.
	OIDC *OIDC `key:"oidc"`
	// Passkeys is about those who sign in without a provider.
	Passkeys Passkeys `key:"passkeys"`
	// Sessions bounds how long somebody is signed in.
	Sessions Sessions `key:"sessions"`
}

// AdminTLS is the certificate of the admin listener, PEM files that are read again when they change.
type AdminTLS struct {
	// Certificate is the chain, the listener's own certificate first. Required.
	Certificate string `key:"certificate"`
	// Key is its private key, mode 0600 or 0640. Required.
	Key string `key:"key"`
	// MinVersion is "1.2" or "1.3". Default "1.2".
	MinVersion string `key:"min_version"`
}

// OIDC is an OpenID Connect provider (authorisation code with PKCE).
type OIDC struct {
	// Issuer is the provider's issuer, exactly as it names itself; https, or http to a loopback host. Required.
	Issuer string `key:"issuer"`
	// ClientID is the name under which this server is known there. Required.
	ClientID string `key:"client_id"`
	// ClientSecretFile holds the client's secret on one line, mode 0600. Empty: a public client, which PKCE alone protects.
	ClientSecretFile string `key:"client_secret_file"`
	// CAFile holds the authorities (PEM) for the provider. Empty: the system's.
	CAFile string `key:"ca_file"`
	// Scopes are asked for beside openid, email and profile. Empty: none.
	Scopes []string `key:"scopes"`
	// LoginClaim is the claim that is the login here. "email" counts only where the provider says that it is verified; of any other
	// claim the provider's word is taken. Default "email".
	LoginClaim string `key:"login_claim"`
	// GroupsClaim is the claim of the ID token that lists groups. Default "groups".
	GroupsClaim string `key:"groups_claim"`
	// Roles says which group has which role; at least one. Who is in none of the groups is not let in.
	Roles []GroupRole `key:"roles"`
}

// GroupRole gives the members of a group a role. A group may stand in several of them.
type GroupRole struct {
	// Group is the group as the provider names it. Required.
	Group string `key:"group"`
	// Role is "viewer", "operator", "approver", "auditor" or "admin". Required.
	Role string `key:"role"`
}

// Passkeys is about WebAuthn (small installations without a provider).
type Passkeys struct {
	// Enabled lets operators sign in with passkeys. Default true.
	Enabled bool `key:"enabled"`
}

// Sessions bounds a session of a browser and a token of the command line.
type Sessions struct {
	// Idle ends a session that was not used. Default 30 min.
	Idle time.Duration `key:"idle"`
	// Absolute ends every session. At least Idle, at most 24 h. Default 12 h.
	Absolute time.Duration `key:"absolute"`
}

// Review is what an environment asks of a partner before it is approved there.
type Review struct {
	// Name is the environment's.
	Name string

	// After is the environment in which a partner must be approved first. Empty: none.
	After string `key:"after"`
	// Checklist are the items of the review in their order. Empty: none.
	Checklist []ChecklistItem `key:"checklist"`
}

// ChecklistItem is one thing that a review looks at.
type ChecklistItem struct {
	// ID names it: 1 to 32 of a-z, 0-9 and -, beginning with a letter; unique in its list. Required.
	ID string `key:"id"`
	// Title says it to people, one line. Required.
	Title string `key:"title"`
	// Evidence says what it is checked by: "manual", "file", "link", or what the system sees itself: "addresses", "calls", "tls",
	// "webhook". Default "manual".
	Evidence string `key:"evidence"`
	// Required says whether the review can be approved without it. Default true.
	Required bool `key:"required"`
}

// ReviewPolicies are the review policies by environment, as the register takes them. The map is the caller's.
func (c *Config) ReviewPolicies() map[string]partner.ReviewPolicy {
	all := make(map[string]partner.ReviewPolicy, len(c.Reviews))
	for _, r := range c.Reviews {
		policy := partner.ReviewPolicy{After: r.After}
		for _, i := range r.Checklist {
			policy.Items = append(policy.Items, partner.ChecklistItem{ID: i.ID, Title: i.Title, Evidence: partner.EvidenceKind(i.Evidence), Required: i.Required})
		}
		all[r.Name] = policy
	}
	return all
}

// ReviewOf is the review policy of an environment, or nil. It is not a copy.
func (c *Config) ReviewOf(environment string) *Review {
	for i := range c.Reviews {
		if c.Reviews[i].Name == environment {
			return &c.Reviews[i]
		}
	}
	return nil
}
