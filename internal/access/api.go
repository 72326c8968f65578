package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/scheme"
)

// Protocol is the way in which callers of an API prove who they are.
type Protocol uint8

const (
	// Signed is API token, timestamp and HMAC over the request (seed: API Authentication).
	Signed Protocol = iota + 1
	// Token is app key and short-lived access token (seed: Accessing the API).
	Token
)

// String is "signed" or "token".
func (p Protocol) String() string {
	switch p {
	case Signed:
		return "signed"
	case Token:
		return "token"
	}
	return "none"
}

// AddressRule says whether a partner must have network rules for an API.
type AddressRule uint8

const (
	// AddressDefault is AddressRequired for signed APIs and AddressOff for token APIs.
	AddressDefault AddressRule = iota
	// AddressRequired refuses every address that no prefix of the partner holds; country rules come on top.
	AddressRequired
	// AddressOptional applies the rules of partners that have some.
	AddressOptional
	// AddressOff ignores prefixes; country rules still count.
	AddressOff
)

// ClientCertificateRule says whether a caller must hold the key of a TLS client certificate (partner.Credential.ClientKeys).
type ClientCertificateRule uint8

const (
	// ClientCertificateBound asks it of credentials that are bound to client keys; the default.
	ClientCertificateBound ClientCertificateRule = iota
	// ClientCertificateRequired asks it of all: a credential that is bound to none cannot call.
	ClientCertificateRequired
	// ClientCertificateOff asks nobody, also not for credentials that are bound.
	ClientCertificateOff
)

// ReplayRule says which methods refuse an equal request (design decision 7).
type ReplayRule uint8

const (
	// ReplayWrites refuses equal requests but for GET and HEAD; the default.
	ReplayWrites ReplayRule = iota
	// ReplayAll refuses every equal request.
	ReplayAll
	// ReplayOff refuses none.
	ReplayOff
)

// DefaultMaxBody is the cap of an API's request bodies unless it is set: 1 MiB.
const DefaultMaxBody = 1 << 20

// MaxWindow is the widest time window that an API may have. The replay guard remembers every request for that long, whatever
// the API's own window is, so that a window that is widened later revives nothing.
const MaxWindow = 15 * time.Minute

// DefaultTokenLifetime is how long an access token counts unless it is set (vendor: two hours).
const DefaultTokenLifetime = 2 * time.Hour

// API is one protected part of an environment. Fields are set once, before New, and never changed afterwards. One value may
// be given to several Deciders, one New after the other.
type API struct {
	Name        string   // unique within the environment: "card", "aggregation"
	Environment string   // the environment it belongs to
	Protocol    Protocol // must be set
	BasePaths   []string // at least one; "/api/v1": no slash at the end; matched by whole segments on the raw target

	Scheme *scheme.Scheme // Signed: must be set
	Window time.Duration  // Signed: 0 means the profile's window

	// Shadow is verified beside Scheme for every signed request that reaches verification, and recorded; it never decides, and
	// no answer depends on it. Its time window is Window, or its own profile's where that is 0: what it would be in the place of
	// Scheme. nil: none.
	Shadow *scheme.Scheme
	// HideSunset keeps Sunset and Deprecation from callers with a version that ends or that a newer one has replaced.
	HideSunset bool

	TokenEndpoint string        // Token: exact path of Partner Authentication, under one of BasePaths
	TokenLifetime time.Duration // Token: 0 means DefaultTokenLifetime

	Addresses AddressRule
	Replay    ReplayRule // Signed only
	MaxBody   int64      // bytes; 0 means DefaultMaxBody

	AllowBrowser       bool // Signed: admit requests with Origin or Sec-Fetch-*; token APIs always do
	AllowEncodedSlash  bool // admit %2f in the path
	AllowEmptySegments bool // admit // in the path
	AddressWarn        bool // let in an address that is on no list, and say so in the record: for tightening without breaking callers
	WarnHeaderNames    bool // forward a request whose header names are outside [A-Za-z0-9-] without those headers, and say so in the record

	ClientCertificate     ClientCertificateRule
	ClientCertificateWarn bool // let in a caller without the client certificate that is asked for, and say so in the record

	Limits APILimits // the zero value: none but those of the register

	limits    *apiLimits // Limits, made ready by New; nil: none
	keyHeader string     // the one that holds nothing but the key id; empty: there is none

	StrictEmptyPost      bool // empty_post: strict: an empty POST must carry Content-Length: 0
	StrictXMLContentType bool // xml_content_type: strict: a POST or PUT with an XML body must say so
}

// ErrAPI is wrapped by every error about an API's settings.
var ErrAPI = errors.New("api settings")

func (a *API) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s/%s: %s", ErrAPI, a.Environment, a.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case a.Name == "" || a.Environment == "":
		return bad("an API has a name and an environment")
	case len(a.BasePaths) == 0:
		return bad("an API has at least one base path")
	case a.Protocol == Signed && a.Scheme == nil:
		return bad("a signed API needs a profile")
	case a.Protocol == Signed && !a.Scheme.HasKeyID():
		return bad("the profile %s names no key id, so that nobody could be told apart", a.Scheme.Name())
	case a.Protocol == Signed && (a.Scheme.InBody() || len(a.Scheme.Vars()) > 0 || len(a.Scheme.Secrets()) > 0):
		return bad("the profile %s is for callers only: it needs the body, variables or parts of a secret before a request can be decided on", a.Scheme.Name())
	case a.Protocol == Signed && max(a.Window, a.Scheme.Window()) > MaxWindow:
		return bad("a window of %s is wider than %s", max(a.Window, a.Scheme.Window()), MaxWindow)
	case a.Protocol == Signed && !a.Scheme.HasTime() && a.Replay != ReplayOff:
		return bad("the profile %s has no time, so that a replay guard would have to remember for ever; set replay to off", a.Scheme.Name())
	case a.Shadow != nil && a.Protocol != Signed:
		return bad("a shadow profile is verified beside a profile: it needs a signed API")
	case a.Shadow != nil && !a.Shadow.HasKeyID():
		return bad("the shadow profile %s names no key id, so that nobody could be told apart", a.Shadow.Name())
	case a.Shadow != nil && (a.Shadow.InBody() || len(a.Shadow.Vars()) > 0 || len(a.Shadow.Secrets()) > 0):
		return bad("the shadow profile %s is for callers only: it needs the body, variables or parts of a secret before a request can be decided on", a.Shadow.Name())
	case a.Shadow != nil && a.Shadow.Window() > MaxWindow:
		return bad("the window of the shadow profile %s is wider than %s", a.Shadow.Name(), MaxWindow)
	case a.Protocol != Signed && a.Protocol != Token:
		return bad("an API is signed or takes tokens")
	case a.TokenLifetime > partner.MaxTokenLifetime:
		return bad("an access token lives for %s at most", partner.MaxTokenLifetime)
	case a.MaxBody < 0 || a.Window < 0 || a.TokenLifetime < 0:
		return bad("sizes and durations are not negative")
	}
	for _, base := range a.BasePaths {
		if targetFault(base, false, false) != "" || strings.HasSuffix(base, "/") || strings.ContainsAny(base, "?%") {
			return bad("base path %q must be a plain path without escapes and without a slash at its end", base)
		}
	}
	if name := a.findKeyHeader(); name != a.keyHeader { // as with limits: of an API that decides already nothing is written
		a.keyHeader = name
	}
	if a.limits == nil {
		made, err := a.makeLimits()
		if err != nil {
			return bad("limits: %v", err)
		}
		if made != nil {
			a.limits = made
		}
	}
	return a.checkEndpoint(bad)
}

// checkEndpoint holds a token endpoint to a plain path below one of the API's base paths.
func (a *API) checkEndpoint(bad func(string, ...any) error) error {
	if a.TokenEndpoint == "" {
		return nil
	}
	below := slices.ContainsFunc(a.BasePaths, func(base string) bool { return under(a.TokenEndpoint, base) })
	if a.Protocol != Token || !below || targetFault(a.TokenEndpoint, false, false) != "" || strings.ContainsAny(a.TokenEndpoint, "?%") {
		return bad("token endpoint %q must be a plain path below a base path of an API that takes tokens", a.TokenEndpoint)
	}
	return nil
}

func (a *API) maxBody() int64 {
	if a.MaxBody == 0 {
		return DefaultMaxBody
	}
	return a.MaxBody
}

func (a *API) tokenLifetime() time.Duration {
	if a.TokenLifetime == 0 {
		return DefaultTokenLifetime
	}
	return a.TokenLifetime
}

func (a *API) addresses() AddressRule {
	switch {
	case a.Addresses != AddressDefault:
		return a.Addresses
	case a.Protocol == Signed:
		return AddressRequired
	}
	return AddressOff
}
