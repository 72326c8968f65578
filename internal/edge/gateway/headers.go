package gateway

import (
	"net/http"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
)

// identityPrefix begins every header of the name space in which identity is passed on. Whatever a caller sends there is
// deleted, also when nothing is set (security rule 19).
const identityPrefix = "Countersign-"

// The identity headers that an upstream gets. docs/identity-headers.md describes them.
const (
	headerPartner     = identityPrefix + "Partner"
	headerCredential  = identityPrefix + "Credential"
	headerEnvironment = identityPrefix + "Environment"
	headerAPI         = identityPrefix + "Api"
	headerRequestID   = identityPrefix + "Request-Id"
	headerAddress     = identityPrefix + "Client-Address"
	headerTime        = identityPrefix + "Server-Time"
)

// dropped are headers that end here: connection options, framing, method overrides (security rule 15), and what net/http
// has read already. Keys are canonical (trap 5).
var dropped = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Http2-Settings": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Content-Length": true, "Host": true, "Expect": true,
	"X-Http-Method-Override": true, "X-Http-Method": true, "X-Method-Override": true,
}

// cleanHeaders copies into out what may reach the upstream, and sets the identity.
func (c *call) cleanHeaders(out http.Header) {
	credentials := c.g.credentials
	for name, values := range c.r.Header {
		if !dropped[name] && !credentials[name] && !isIdentity(name) && !clientip.IsForwardingHeader(name) && access.IsPlainName(name) {
			out[name] = values
		}
	}
	d := &c.decision
	// One allocation for all, and a new one for each request: a transport may still read it when the request is over.
	values := []string{d.Partner.ID, d.Credential.ID, d.API.Environment, d.API.Name, d.RequestID, d.Address.String()}
	for i, name := range identityHeaders {
		out[name] = values[i : i+1 : i+1]
	}
}

var identityHeaders = [...]string{headerPartner, headerCredential, headerEnvironment, headerAPI, headerRequestID, headerAddress}

// isIdentity compares without case: HTTP/2 and odd spellings arrive canonical, but nothing here depends on it.
func isIdentity(name string) bool {
	return len(name) >= len(identityPrefix) && strings.EqualFold(name[:len(identityPrefix)], identityPrefix)
}

// credentialHeaders are the headers that carry credentials: of all APIs of the environment, since a caller of several may
// send one's to another by mistake. None of them reaches an upstream (security rule 33).
func credentialHeaders[T any](apis map[*access.API]T) map[string]bool {
	headers := map[string]bool{access.AppKeyHeader: true, access.AppTokenHeader: true}
	for api := range apis {
		if api.Scheme == nil {
			continue
		}
		for _, name := range api.Scheme.Headers() {
			headers[name] = true
		}
		if api.Shadow == nil {
			continue
		}
		for _, name := range api.Shadow.Headers() {
			if !slices.Contains(api.Scheme.SignedHeaders(), name) { // what the profile in force signs is forwarded untouched
				headers[name] = true
			}
		}
	}
	return headers
}
