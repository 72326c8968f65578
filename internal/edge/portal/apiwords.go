package portal

import (
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/registry"
)

// apiWords is one API for whoever writes the client.
type apiWords struct {
	Name      string
	URLs      []string // base URL and base path together; the path alone where no base URL is configured
	Signed    bool
	Profile   string // name of a signed API's profile
	Words     signingWords
	Spoken    bool // Words says something
	Token     tokenWords
	Addresses string
	Limits    []string
	Replay    string
	MaxBody   int64
	Browser   bool   // a browser may call
	File      string // where the profile's file is; empty: there is none
	Caller    string // where the template of the caller file is
	Anchor    string
}

// tokenWords says how an access token is had (seed: Accessing the API).
type tokenWords struct {
	URL       string
	KeyHeader string
	Header    string
	Lifetime  time.Duration
}

func apiWordsOf(own registry.MemberView, e Environment) (out []apiWords) {
	for _, a := range e.APIs {
		if a.API == nil {
			continue
		}
		w := apiWords{Name: a.Name, Signed: a.Protocol == access.Signed, Addresses: addressWords(a.API), Limits: limitsOf(own, e, a), MaxBody: a.MaxBody, Anchor: "api-" + a.Name,
			Browser: a.AllowBrowser || a.Protocol == access.Token, Caller: page.Path(Base+"/start", e.Name, "caller", a.Name)}
		if w.MaxBody == 0 {
			w.MaxBody = access.DefaultMaxBody
		}
		for _, base := range a.BasePaths {
			w.URLs = append(w.URLs, e.BaseURL+base)
		}
		if w.Signed {
			w.Words, w.Spoken = wordsOf(a)
			w.Replay = replayWords(a.Replay)
			if a.Scheme != nil {
				w.Profile = a.Scheme.Name()
			}
			if len(a.Source) > 0 {
				w.File = page.Path(Base+"/start", e.Name, "profile", a.Name)
			}
		} else {
			w.Token = tokenWords{URL: e.BaseURL + a.TokenEndpoint, KeyHeader: access.AppKeyHeader, Header: access.AppTokenHeader, Lifetime: a.TokenLifetime}
			if w.Token.Lifetime == 0 {
				w.Token.Lifetime = access.DefaultTokenLifetime
			}
		}
		out = append(out, w)
	}
	return out
}

func addressWords(a *access.API) string {
	rule := a.Addresses
	if rule == access.AddressDefault {
		rule = access.AddressOff
		if a.Protocol == access.Signed {
			rule = access.AddressRequired
		}
	}
	switch {
	case a.AddressWarn && rule != access.AddressOff:
		return "Register the addresses that you call from. A call from another one is let in for now and noted; that will end."
	case rule == access.AddressRequired:
		return "Only addresses that you registered may call."
	case rule == access.AddressOptional:
		return "Any address may call until you register some; then only those may."
	}
	return "Any address may call."
}

func replayWords(rule access.ReplayRule) string {
	switch rule {
	case access.ReplayAll:
		return "An equal request is refused the second time (409), whatever its method: sign each one afresh."
	case access.ReplayOff:
		return "Equal requests are not told apart."
	}
	return "An equal request that changes something is refused the second time (409): sign each one afresh."
}

// shellName makes of a name what can stand in a file's name and as a caller's name.
func shellName(parts ...string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, strings.Join(parts, "-"))
}
