package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// MemberRegister is what every sign-in needs of the register, and all that members' ones do; registry.MemberSignIns is one.
type MemberRegister interface {
	Principal(ctx context.Context, prefix operator.Prefix, token string) (operator.Principal, error)
	SignedIn(ctx context.Context, token string) (operator.Account, registry.Session, error)
	Account(ctx context.Context, idOrLogin string) (operator.Account, error)
	SignInPasskey(ctx context.Context, accountID, keyID string, before, after json.RawMessage, from string,
		terms registry.SessionTerms) (registry.SignIn, error)
	SignInDemo(ctx context.Context, login, from string, terms registry.SessionTerms) (registry.SignIn, error)
	SignOut(ctx context.Context, prefix operator.Prefix, token string) error
	LinkAccount(ctx context.Context, token string) (operator.Account, error)
	RedeemLink(ctx context.Context, token string, with registry.Redemption, from string,
		terms registry.SessionTerms) (registry.SignIn, error)
	AddPasskey(ctx context.Context, accountID string, key operator.Passkey) (operator.Account, error)
	RemovePasskey(ctx context.Context, accountID, keyID string) (operator.Account, error)
	RenewRecovery(ctx context.Context, accountID string) ([]string, error)
	UseRecovery(ctx context.Context, login, code, from string) (registry.SignIn, error)
	KeepTicket(ctx context.Context, kind registry.TicketKind, body []byte, life time.Duration) (string, error)
	TakeTicket(ctx context.Context, kind registry.TicketKind, name string) ([]byte, error)
	NoteRefused(ctx context.Context, actor registry.Actor, operation, why string) error
}

// Register is what operators' sign-ins need of the register beside that; registry.Registry is one.
type Register interface {
	MemberRegister
	SignInIdentity(ctx context.Context, who registry.Identity, from string, terms registry.SessionTerms) (registry.SignIn, error)
	RedeemLinkIdentity(ctx context.Context, token string, who registry.Identity, from string,
		terms registry.SessionTerms) (registry.SignIn, error)
	UseBreakGlass(ctx context.Context, code, why, from string) (registry.BreakGlassSession, error)
	TerminalCode(ctx context.Context, p operator.Principal, challenge string) (string, error)
	TerminalToken(ctx context.Context, code, verifier string) (operator.Principal, secret.Value, error)
}

// Config says what New needs: one of Register and Members, PublicURL and Now; the rest may be zero.
type Config struct {
	Register  Register         // of the operators' sign-in
	Members   MemberRegister   // in its place, of the sign-in at the partners' portal: passkeys and recovery codes, and nothing else
	PublicURL string           // scheme and host as browsers see them: https, or http on loopback; no path
	Now       func() time.Time // the clock of ID tokens and of throttles

	Terms    registry.SessionTerms          // zero fields: 30 minutes without a request, 12 hours at most
	OIDC     *OIDC                          // nil: no provider; never with Members
	Passkeys bool                           // offer passkeys; with neither these nor OIDC, break-glass is the only way in
	Demo     *Demo                          // of dev alone; nil: none
	Address  func(*http.Request) netip.Addr // of the client; nil: the connection's peer
	Log      func(what string, err error)   // what went wrong on our side, without secrets; nil: nowhere
	Home     string                         // where a sign-in leads that was asked for nothing else; empty: the account's page
	Failed   func(way string)               // counts refused sign-ins by way: oidc, passkey, link, recovery, break_glass, terminal; may be nil
}

// OIDC is the provider that people sign in with.
type OIDC struct {
	Issuer       string                     // exactly as the provider writes it; https, or http on loopback
	ClientID     string                     //
	ClientSecret secret.Value               // zero: a public client
	GroupsClaim  string                     // of the ID token; empty: "groups"
	LoginClaim   string                     // empty: "email", which counts only with email_verified; any other is taken as the provider's word
	Scopes       []string                   // beside openid, email and profile
	Roles        map[string][]operator.Role // of each group; a group that is not here gives none
	Client       *http.Client               // for tests: how the provider is reached; nil: the system's authorities, 10 s, no redirects
}

const maxPublicURL = 300

// readPublicURL takes https://HOST[:PORT], and http:// of a loopback host.
func readPublicURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxPublicURL || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the public URL is https://HOST or https://HOST:PORT, without a path")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("the public URL %s is plain http, which is for loopback alone; use https", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: withoutPort(strings.ToLower(u.Host), u.Scheme)}, nil
}

// withoutPort leaves the scheme's own port out, as browsers do.
func withoutPort(host, scheme string) string {
	return strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.Unmap().IsLoopback()
}

// Link is the address at which a one-time link token is redeemed. The token stands behind the #, which browsers send to nobody.
func Link(publicURL, token string) string {
	return strings.TrimRight(publicURL, "/") + "/sign-in/link#" + token
}

// peer is the address of the connection.
func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
