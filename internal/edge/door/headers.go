package door

import (
	"net/http"
	"slices"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/passage"
	"countersign.dev/internal/edge/problem"
)

// IdentityNames are the names of the headers that an upstream gets, in canonical form. Each call returns a new slice.
func IdentityNames() []string { return slices.Clone(passage.Names[:]) }

// Identity are the headers that the holder of an allowed request sets for its upstream, each exactly once, in place of what
// the caller sent under that name; nil where it is not allowed.
func (a *Answer) Identity() []problem.Field {
	if !a.Allowed {
		return nil
	}
	values := passage.Values(&a.decision)
	for i, name := range passage.Names {
		a.identity[i] = problem.Field{Name: name, Value: values[i]}
	}
	return a.identity[:]
}

// AppendRemove appends the names of the request's fields that must not arrive upstream: credentials, the identity name space, method
// overrides, names that other programs fold into names that they trust, and what claims an address, a country or another target
// (clientip.IsForwardingHeader): the proxy sets its own. Connection options, framing and Host are the proxy's own business.
func (a *Answer) AppendRemove(to []string) []string {
	for name := range a.q.Header {
		if proxys := strings.HasPrefix(name, "Proxy-"); proxys || !a.door.credentials.Passes(name) && a.ends(name) {
			to = append(to, name)
		}
	}
	return to
}

// ends reports whether a field that does not pass is the caller's to lose, and not one that its proxy has used up.
func (a *Answer) ends(name string) bool {
	return a.door.credentials.Has(name) || passage.IsIdentity(name) || passage.IsOverride(name) || !access.IsPlainName(name) || clientip.IsForwardingHeader(name)
}

// Clean copies into out what of the caller's header a holder may forward, as the gateway does, and sets the identity of an
// allowed request. out must be empty.
func (a *Answer) Clean(out http.Header) {
	for name, values := range a.q.Header {
		if a.door.credentials.Passes(name) {
			out[name] = values
		}
	}
	for _, f := range a.Identity() {
		out[f.Name] = []string{f.Value}
	}
}

// CredentialHeaders are the canonical names of the headers that carry credentials in the door's environment, sorted: what a
// proxy with a fixed list has to remove (security rule 33). Each call returns a new slice.
func (d *Door) CredentialHeaders() []string {
	return d.credentials.Names()
}
