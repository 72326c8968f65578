package portal

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/partnerfile"
	"countersign.dev/internal/registry"
)

func downloadRoutes() []route {
	return []route{
		{pattern: "GET /start/{environment}/profile/{api}", serve: (*visit).profileFile},
		{pattern: "GET /start/{environment}/caller/{api}", serve: (*visit).callerFile},
	}
}

// ownAPI finds an API of an environment in which the partner has a review; false: it was answered. What an environment's APIs are
// is told to nobody who has not asked for access to it.
func (v *visit) ownAPI(w http.ResponseWriter, r *http.Request) (registry.MemberView, Environment, API, bool) {
	own, err := v.own(r.Context())
	if err != nil {
		v.fail(w, r, err, nil)
		return own, Environment{}, API{}, false
	}
	e, ok := v.s.environment(r.PathValue("environment"))
	a, found := e.API(r.PathValue("api"))
	if !ok || !found || a.API == nil || reviewOf(own, e.Name).State == "" {
		v.nowhere(w, r)
		return own, e, a, false
	}
	return own, e, a, true
}

// profileFile is the profile of an API as it was shipped or configured: the same file drives client, proxy and tests.
func (v *visit) profileFile(w http.ResponseWriter, r *http.Request) {
	_, _, a, ok := v.ownAPI(w, r)
	if !ok {
		return
	}
	if len(a.Source) == 0 || a.Profile == nil {
		v.nowhere(w, r)
		return
	}
	attach(w, shellName(a.Profile.Name())+".yaml", "application/yaml", a.Source)
}

// callerFile is a template for the file with which `countersign call` and the signing proxy prove themselves: all but the secret.
func (v *visit) callerFile(w http.ResponseWriter, r *http.Request) {
	own, e, a, ok := v.ownAPI(w, r)
	if !ok {
		return
	}
	text, err := callerTemplate(own, e, a)
	if err != nil {
		v.fail(w, r, err, nil)
		return
	}
	attach(w, "callers.yaml", "application/yaml", text)
}

// callerTemplate writes the file. The secret is no part of it: it is read from a variable or a file of the caller's own.
func callerTemplate(own registry.MemberView, e Environment, a API) ([]byte, error) {
	entry := partnerfile.Entry{Name: shellName(e.Name, a.Name), Base: &url.URL{Scheme: "https", Host: "api.example.com"}}
	if base, err := partnerfile.ParseBase(e.BaseURL); err == nil {
		entry.Base = base
	}
	c := liveCredential(own, e.Name, a.Protocol)
	if a.Protocol == access.Signed {
		if a.Scheme != nil {
			entry.Profile = a.Scheme.Name()
		}
		if entry.KeyID = c.KeyID; entry.KeyID == "" {
			entry.KeyID = strings.Repeat("0", 32)
		}
	} else {
		entry.Token = &partnerfile.Token{Endpoint: a.TokenEndpoint, AppKey: c.KeyID, PartnerID: c.Login}
		if c.KeyID == "" {
			entry.Token.AppKey, entry.Token.PartnerID = strings.Repeat("0", 32), "0000000000000"
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# For %s: COUNTERSIGN_CALLERS=callers.yaml countersign call GET %s/... --as %s\n", e.Name, strings.Join(a.BasePaths[:min(1, len(a.BasePaths))], ""), entry.Name)
	fmt.Fprintf(&b, "# The file needs mode 0600. The secret is not in it: put it into the variable %s,\n", partnerfile.Variable(entry.Name))
	b.WriteString("# or into a file of mode 0600 that secret_file names.\n")
	if c.KeyID == "" {
		b.WriteString("# You have no credential in this environment yet: put its parts in the place of the zeros.\n")
	}
	if e.BaseURL == "" {
		b.WriteString("# Ask your operator for the base URL, and put it in the place of api.example.com.\n")
	}
	b.Write(partnerfile.Render(entry))
	if _, err := partnerfile.Parse("callers.yaml", b.Bytes()); err != nil {
		return nil, fmt.Errorf("make the template of a caller file: %w", err)
	}
	return b.Bytes(), nil
}

// liveCredential is a credential of the partner for a protocol; the zero value where there is none.
func liveCredential(own registry.MemberView, environment string, protocol access.Protocol) partner.Credential {
	kind := partner.SigningKey
	if protocol == access.Token {
		kind = partner.App
	}
	for _, c := range own.Credentials {
		if c.Environment == environment && c.Kind == kind && c.RevokedAt.IsZero() {
			return c
		}
	}
	return partner.Credential{}
}
