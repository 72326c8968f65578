// Package passage is what every door agrees on about a request that passes: which of its header fields end here, under which names its
// upstream is told who called, and which hosts name an environment. It owns these lists and nothing else; it reads no request and takes
// no decision.
//
// Attacks it answers: identity headers that a caller sets itself, in any spelling; credentials that travel on to an upstream; a method
// or a host that overrides the one that was verified. There is one list of each, so that no door forgets a name that another one knows.
package passage

import (
	"iter"
	"maps"
	"net"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
)

// prefix begins every header of the name space in which identity is passed on. Whatever a caller sends there is removed, also when
// nothing is set (security rule 19).
const prefix = "Countersign-"

// The headers in which an upstream is told of a request. docs/identity-headers.md describes them.
const (
	HeaderPartner     = prefix + "Partner"
	HeaderCredential  = prefix + "Credential"
	HeaderEnvironment = prefix + "Environment"
	HeaderAPI         = prefix + "Api"
	HeaderRequestID   = prefix + "Request-Id"
	HeaderAddress     = prefix + "Client-Address"
)

// HeaderTime is the server's time in a refusal, in seconds since 1970.
const HeaderTime = prefix + "Server-Time"

// IdentityFields is how many headers Names has.
const IdentityFields = 6

// Names are the headers that an upstream gets, in canonical form; Values are their values in the same order. Nobody changes it.
var Names = [IdentityFields]string{HeaderPartner, HeaderCredential, HeaderEnvironment, HeaderAPI, HeaderRequestID, HeaderAddress}

// Values are what an upstream is told of a request that was let in, in the order of Names.
func Values(d *access.Decision) [IdentityFields]string {
	return [IdentityFields]string{d.Partner.ID, d.Credential.ID, d.API.Environment, d.API.Name, d.RequestID, d.Address.String()}
}

// IsIdentity reports whether a header belongs to the name space of identity. It compares without case: HTTP/2 and odd spellings
// arrive canonical, but nothing here depends on it.
func IsIdentity(name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// IsSet reports whether name, in canonical form, is one that every request that is let in gets anew.
func IsSet(name string) bool { return slices.Contains(Names[:], name) }

// ends are headers that end at every door: connection options, framing, and what net/http has read already. Keys are canonical.
var ends = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Http2-Settings": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Content-Length": true, "Host": true, "Expect": true,
}

// overrides are headers that ask for another method than that which was verified (security rule 15). Keys are canonical.
var overrides = map[string]bool{"X-Http-Method-Override": true, "X-Http-Method": true, "X-Method-Override": true}

// IsOverride reports whether a header, in canonical form, is one of them.
func IsOverride(name string) bool { return overrides[name] }

// Credentials are the canonical names of the headers that carry credentials: of all APIs of an environment, since a caller of several
// may send one's to another by mistake. None of them reaches an upstream (security rule 33).
type Credentials struct {
	end   map[string]bool
	known map[string]bool // what Passes says of names that are met often: one look in place of several
}

// often are names that callers send often.
var often = []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "Cookie", "Idempotency-Key",
	"If-Match", "If-None-Match", "Pragma", "Traceparent", "Tracestate", "User-Agent", "X-Correlation-Id", "X-Request-Id"}

// CredentialsOf are those of some APIs.
func CredentialsOf(apis iter.Seq[*access.API]) Credentials {
	c := Credentials{end: credentialHeaders(apis), known: map[string]bool{}}
	for _, names := range []iter.Seq[string]{maps.Keys(ends), maps.Keys(overrides), maps.Keys(c.end), slices.Values(often)} {
		for name := range names {
			c.known[name] = c.passes(name)
		}
	}
	return c
}

func credentialHeaders(apis iter.Seq[*access.API]) map[string]bool {
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

// Has reports whether a header, in canonical form, carries credentials.
func (c *Credentials) Has(name string) bool { return c.end[name] }

// Names are the headers that carry credentials, sorted. Each call returns a new slice.
func (c *Credentials) Names() []string { return slices.Sorted(maps.Keys(c.end)) }

// Passes reports whether a header, in canonical form, may go on to an upstream.
func (c *Credentials) Passes(name string) bool {
	if verdict, ok := c.known[name]; ok {
		return verdict
	}
	return c.passes(name)
}

func (c *Credentials) passes(name string) bool {
	return !ends[name] && !overrides[name] && !c.end[name] && !IsIdentity(name) && !clientip.IsForwardingHeader(name) && access.IsPlainName(name)
}

// Hosts are the names of an environment, in lower case; nil: any.
type Hosts map[string]bool

// HostsOf are some names, without ports; nil: any.
func HostsOf(names []string) Hosts {
	if names == nil {
		return nil
	}
	hosts := Hosts{}
	for _, name := range names {
		hosts[strings.ToLower(name)] = true
	}
	return hosts
}

// Serve reports whether a Host, with or without a port, is one of them; names compare without case (security rule 16).
func (h Hosts) Serve(host string) bool {
	if h == nil {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	return h[strings.ToLower(host)]
}

// IsHost admits the bytes that a host and a port are made of. Over HTTP/1 the strict reader has seen to it; others let anything through,
// which no upstream could be sent.
func IsHost(host string) bool {
	for i := range len(host) {
		c := host[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(".-_:[]", c) < 0 {
			return false
		}
	}
	return host != "" && len(host) <= 264
}
