package middleware

import (
	"context"
	"net/http"
	"net/netip"

	"countersign.dev/internal/access"
)

// Identity is who a request comes from, as it was proved. It is a copy and may be kept.
type Identity struct {
	Partner     string     // id of the partner
	Credential  string     // id of the credential: of the row, never the key id that callers send
	Version     int        // of the credential, that the signature was made with; 0: the caller had an access token
	Environment string     // name of the environment
	API         string     // name of the API
	RequestID   string     // 32 lower-case hexadecimal digits: in the decision record, the answer's Countersign-Request-Id and here
	Address     netip.Addr // of the client, behind the trusted proxies
}

// IdentityOf is the identity of the request whose context this is, or false where the request was not let in by a Middleware.
func IdentityOf(ctx context.Context) (Identity, bool) {
	if i, ok := ctx.Value(identityKey{}).(*Identity); ok {
		return *i, true
	}
	return Identity{}, false
}

type identityKey struct{}

// identified is a context with an identity in it: one piece of memory instead of two.
type identified struct {
	context.Context
	identity Identity
}

// Value implements context.Context.
func (c *identified) Value(key any) any {
	if _, ours := key.(identityKey); ours {
		return &c.identity
	}
	return c.Context.Value(key)
}

// withIdentity is for gateway.Within.
func withIdentity(ctx context.Context, d *access.Decision) context.Context {
	return &identified{ctx, Identity{Partner: d.Partner.ID, Credential: d.Credential.ID, Version: d.Version, Environment: d.API.Environment,
		API: d.API.Name, RequestID: d.RequestID, Address: d.Address}}
}

// refuseAll stands where no handler is meant to be.
type refuseAll struct{}

// ServeHTTP implements http.Handler.
func (refuseAll) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}
