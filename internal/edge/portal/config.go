package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/operator"
	"countersign.dev/profile"
)

// Config says what New needs. A field is required unless its comment says what nil means.
type Config struct {
	Register Register
	// Authenticate tells who sends a request; an error that is operator.ErrNotSignedIn leads to the sign-in, any other one is a
	// 503. Whoever is not of operator.KindMember is not signed in here.
	Authenticate func(*http.Request) (operator.Principal, error)
	SignIn       http.Handler // answers everything below /sign-in/, after the host was checked

	Records      Records                  // the decision record; nil: the pages say that calls are not kept
	Usage        Usage                    // last uses and addresses really seen; nil: they are not known
	Environments func() []Environment     // those of the configuration as it stands, in the order in which partners pass through them
	Networks     Networks                 // what the rules in force make of an address; nil: it is not told
	Address      func(*http.Request) Seen // of the visitor; nil: the peer of the connection

	Tester   TesterConfig   // the zero value: there is no tester
	Debugger DebuggerConfig // the zero value: there is no debugger

	// PublicURL is where people reach this server: scheme and host. Its host is the only one that is answered.
	PublicURL string
	// Loopback allows the names of this machine as a Host as well, with any port: for a listener that nobody else reaches.
	Loopback bool

	Now  func() time.Time
	Rand io.Reader
	Log  func(what string, err error) // what went wrong on our side, without secrets; nil: nowhere
}

// Records is one decision record; *search.Searcher is one.
type Records interface {
	Find(ctx context.Context, q search.Query) (search.Page, error)
}

// Networks says what the rules in force make of an address; *access.Decider is one for its environments.
type Networks interface {
	TestNetwork(environment, api, partnerID string, address netip.Addr) access.NetworkVerdict
}

// Seen is how the address of a visitor was derived. Hops are told to the visitor alone, whose own request they came with.
type Seen = clientip.Derivation

// Environment is what partners are told of one environment.
type Environment struct {
	Name     string
	BaseURL  string // scheme and host that partners call; empty: it is not configured, and the page says whom to ask
	After    string // the environment in which a partner must be admitted first; empty: none
	Last     bool   // it is what the seeds call production
	Captures bool   // refused requests are kept for a while, to be explained to their owner
	Tester   bool   // calls may be tried from the tester
	APIs     []API
}

// API is what partners are told of one API.
type API struct {
	*access.API                  // as it is served; never changed here
	Profile     *profile.Profile // signed APIs: how requests are signed
	Alternative string           // of Profile; empty: the profile's own
	Source      []byte           // signed APIs: the profile's file, as shipped or configured
}

// environment finds one by its name.
func (s *Server) environment(name string) (Environment, bool) {
	for _, e := range s.cfg.Environments() {
		if e.Name == name {
			return e, true
		}
	}
	return Environment{}, false
}

// API finds one by its name; false: there is none.
func (e Environment) API(name string) (API, bool) {
	for _, a := range e.APIs {
		if a.Name == name {
			return a, true
		}
	}
	return API{}, false
}

func (c Config) check() error {
	required := map[string]bool{"Register": c.Register != nil, "Authenticate": c.Authenticate != nil, "SignIn": c.SignIn != nil,
		"Environments": c.Environments != nil, "Now": c.Now != nil, "Rand": c.Rand != nil}
	for field, set := range required {
		if !set {
			return fmt.Errorf("portal: %s is not set", field)
		}
	}
	if c.PublicURL == "" && !c.Loopback {
		return errors.New("portal: neither PublicURL nor Loopback is set: no host would be answered")
	}
	return nil
}

// publicOrigin is the origin of the public URL as browsers write it: lower case, without the default port. Empty: none is set.
func publicOrigin(public string) (string, error) {
	if public == "" {
		return "", nil
	}
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("portal: PublicURL %q is not like https://partners.example.com", public)
	}
	return u.Scheme + "://" + canonicalHost(u.Host, u.Scheme), nil
}

// canonicalHost is a host in lower case and without its scheme's own port.
func canonicalHost(host, scheme string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"https": ":443", "http": ":80"}[scheme])
}

// peer is the derivation for a server that nobody stands in front of.
func peer(r *http.Request) Seen {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return Seen{Why: "The other end of the connection has no address."}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return Seen{Why: "The other end of the connection has no address."}
	}
	address = address.Unmap().WithZone("")
	return Seen{Address: address, Known: true, Peer: address, Why: "It is the other end of your connection."}
}
