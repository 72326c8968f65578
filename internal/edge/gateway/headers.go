package gateway

import (
	"net/http"
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
	credentials := c.g.credentials[c.decision.API]
	for name, values := range c.r.Header {
		if !dropped[name] && !credentials[name] && !isIdentity(name) && !clientip.IsForwardingHeader(name) && access.IsPlainName(name) {
			out[name] = values
		}
	}
	d := &c.decision
	out[headerPartner] = []string{d.Partner.ID}
	out[headerCredential] = []string{d.Credential.ID}
	out[headerEnvironment] = []string{d.API.Environment}
	out[headerAPI] = []string{d.API.Name}
	out[headerRequestID] = []string{d.RequestID}
	out[headerAddress] = []string{d.Address.String()}
}

// isIdentity compares without case: HTTP/2 and odd spellings arrive canonical, but nothing here depends on it.
func isIdentity(name string) bool {
	return len(name) >= len(identityPrefix) && strings.EqualFold(name[:len(identityPrefix)], identityPrefix)
}

// credentialHeaders are the headers that carry credentials: of the API's own protocol, and of the other family by mistake.
// None of them reaches an upstream (security rule 33).
func credentialHeaders(api *access.API) map[string]bool {
	headers := map[string]bool{access.AppKeyHeader: true, access.AppTokenHeader: true}
	if api.Scheme != nil {
		for _, name := range api.Scheme.Headers() {
			headers[name] = true
		}
	}
	return headers
}
