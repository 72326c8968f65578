package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// Handler serves /sign-in/ and says in whose name requests act. Safe for concurrent use. It holds nothing open.
type Handler struct {
	register MemberRegister
	ops      Register        // nil: of the members' realm
	session  operator.Prefix // of the sessions that count here
	cookies  string          // what the names of the cookies begin with
	public   *url.URL
	now      func() time.Time
	terms    registry.SessionTerms
	provider *provider          // nil: none
	passkeys *webauthn.WebAuthn // nil: none
	demo     *Demo
	address  func(*http.Request) netip.Addr
	log      func(string, error)
	home     string
	failed   func(string)

	mux       *http.ServeMux
	cross     *http.CrossOriginProtection
	starts    *throttle // what is kept before a proof, for each source
	allStarts *throttle // and for all together: with more, strangers could fill the disk; sessions and tokens go on
	failures  *throttle // proofs that failed
	refusals  *refusals
}

// New returns a Handler, or an error that names what is missing or impossible. It reaches nobody: the provider is asked when
// somebody signs in.
func New(cfg Config) (*Handler, error) {
	switch {
	case (cfg.Register == nil) == (cfg.Members == nil) || cfg.Now == nil:
		return nil, errors.New("new sign-in: one of Register and Members, and Now, must be set")
	case cfg.Members != nil && cfg.OIDC != nil:
		return nil, errors.New("new sign-in: members sign in with passkeys, not with the operators' provider")
	}
	public, err := readPublicURL(cfg.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("new sign-in: %w", err)
	}
	h := &Handler{register: cfg.Register, ops: cfg.Register, session: operator.SessionToken, cookies: operatorCookies, public: public,
		now: cfg.Now, terms: cfg.Terms, demo: cfg.Demo, address: cfg.Address, log: cfg.Log, home: cfg.Home, failed: cfg.Failed, cross: http.NewCrossOriginProtection(),
		starts: newThrottle(30, 2*time.Second), allStarts: newThrottle(1000, 50*time.Millisecond), failures: newThrottle(10, 30*time.Second)}
	if cfg.Members != nil {
		h.register, h.ops, h.session, h.cookies = cfg.Members, nil, operator.MemberSessionToken, memberCookies
	}
	h.refusals = &refusals{register: h.register, now: cfg.Now}
	h.fill()
	if cfg.OIDC != nil {
		if h.provider, err = newProvider(*cfg.OIDC, public.String()+callbackPath, cfg.Now); err != nil {
			return nil, fmt.Errorf("new sign-in: %w", err)
		}
	}
	if cfg.Passkeys {
		if h.passkeys, err = newPasskeys(public); err != nil {
			return nil, fmt.Errorf("new sign-in: %w", err)
		}
	}
	h.mux = h.routes()
	return h, nil
}

// fill sets what the configuration left out.
func (h *Handler) fill() {
	if h.address == nil {
		h.address = peer
	}
	if h.log == nil {
		h.log = func(string, error) {}
	}
	if h.failed == nil {
		h.failed = func(string) {}
	}
	if !isLocalPath(h.home) {
		h.home = accountPath
	}
}

// The paths.
const (
	accountPath  = "/sign-in/"
	callbackPath = "/sign-in/oidc/callback"
	tokenPath    = "/sign-in/cli/token"
)

func (h *Handler) routes() *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("GET /{$}", http.RedirectHandler(accountPath, http.StatusSeeOther))
	m.HandleFunc("GET /sign-in/{$}", h.front)
	m.HandleFunc("POST /sign-in/out", h.signOut)
	m.HandleFunc("GET /sign-in/link", h.linkPage)
	m.HandleFunc("POST /sign-in/link", h.takeLink)
	m.HandleFunc("GET /sign-in/welcome", h.welcome)
	m.HandleFunc("POST /sign-in/passkey/begin", h.beginPasskey)
	m.HandleFunc("POST /sign-in/passkey/finish", h.finishPasskey)
	m.HandleFunc("POST /sign-in/passkey/new", h.newPasskey)
	m.HandleFunc("POST /sign-in/passkey/add", h.addPasskey)
	m.HandleFunc("POST /sign-in/passkey/remove", h.removePasskey)
	m.HandleFunc("POST /sign-in/recovery/codes", h.renewRecovery)
	m.HandleFunc("GET /sign-in/recovery", h.recoveryPage)
	m.HandleFunc("POST /sign-in/recovery", h.useRecovery)
	m.HandleFunc("GET /sign-in/style.css", asset("style.css", "text/css; charset=utf-8"))
	m.HandleFunc("GET /sign-in/mark.svg", asset("mark.svg", "image/svg+xml"))
	m.HandleFunc("GET /sign-in/passkey.js", asset("passkey.js", "text/javascript; charset=utf-8"))
	if h.ops != nil {
		h.operatorRoutes(m)
	}
	return m
}

// operatorRoutes are the ways in that members do not have.
func (h *Handler) operatorRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /sign-in/oidc", h.startOIDC)
	m.HandleFunc("GET "+callbackPath, h.finishOIDC)
	m.HandleFunc("GET /sign-in/break-glass", h.breakGlassPage)
	m.HandleFunc("POST /sign-in/break-glass", h.useBreakGlass)
	m.HandleFunc("GET /sign-in/cli", h.terminalPage)
	m.HandleFunc("POST /sign-in/cli", h.letTerminalIn)
	m.HandleFunc("POST "+tokenPath, h.terminalToken)
	m.HandleFunc("DELETE "+tokenPath, h.endTerminal)
}

// ServeHTTP answers the pages below /sign-in/; the root leads there.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header(), "")
	if !strings.EqualFold(withoutPort(r.Host, h.public.Scheme), h.public.Host) {
		h.otherHost(w, r)
		return
	}
	if !safe(r.Method) && !h.ownOrigin(r) {
		h.refused(r, "sign_in", "a page of another origin asked for it")
		h.fail(w, r, http.StatusForbidden, "This was asked for by a page of another origin, and was not done.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if _, pattern := h.mux.Handler(r); pattern == "" {
		h.fail(w, r, http.StatusNotFound, "There is no such page, or not with this method.")
		return
	}
	h.mux.ServeHTTP(w, r)
}

// maxBody is the longest body of any form or ceremony.
const maxBody = 64 << 10

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// ownOrigin reports whether a request that changes something comes from a page of this server. Browsers say so. The token
// endpoint is for programs, which have no origin; a browser's request to it is judged all the same.
func (h *Handler) ownOrigin(r *http.Request) bool {
	if h.cross.Check(r) != nil {
		return false
	}
	origin, site := r.Header.Values("Origin"), r.Header.Values("Sec-Fetch-Site")
	if len(origin) > 1 || len(site) > 1 {
		return false
	}
	if r.URL.Path == tokenPath && len(origin) == 0 && len(site) == 0 {
		return true
	}
	if len(origin) == 1 && origin[0] != "null" && !strings.EqualFold(origin[0], h.public.String()) {
		return false
	}
	return len(site) == 1 && site[0] == "same-origin" || len(origin) == 1 && origin[0] != "null"
}

// otherHost answers a request for a host that is not the public URL's: on loopback by sending the visitor there, since dev and
// first steps begin at 127.0.0.1, elsewhere with a refusal (security rule 31).
func (h *Handler) otherHost(w http.ResponseWriter, r *http.Request) {
	name := r.Host
	if u, err := url.Parse("//" + r.Host); err == nil {
		name = u.Hostname()
	}
	if safe(r.Method) && isLoopback(name) && isLoopback(h.public.Hostname()) && isLocalPath(r.URL.RequestURI()) {
		http.Redirect(w, r, h.public.String()+r.URL.RequestURI(), http.StatusFound)
		return
	}
	h.fail(w, r, http.StatusMisdirectedRequest, "This server is "+h.public.String()+"; it answers for no other host.")
}

// isLocalPath reports whether text is a path on this host and nothing that a browser would take for another one.
func isLocalPath(text string) bool {
	if !strings.HasPrefix(text, "/") || len(text) > 1000 || strings.HasPrefix(text, "//") {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	u, err := url.Parse(text)
	return err == nil && u.Host == "" && u.Scheme == "" && u.User == nil
}

// next is where a request wants to go on to after the sign-in.
func (h *Handler) next(text string) string {
	if isLocalPath(text) {
		return text
	}
	return h.home
}

// Authenticate says in whose name a request acts: by one Authorization: Bearer of a service account or a terminal, or by one
// session cookie. A request with both, or with two of either, proves nothing, since it could be read in two ways. It is asked for
// each request anew. Members have cookies alone: the portal has no API. Errors: operator.ErrNotSignedIn for whatever proves nobody,
// the register's.
func (h *Handler) Authenticate(r *http.Request) (operator.Principal, error) {
	bearer, cookies := r.Header.Values("Authorization"), r.CookiesNamed(h.cookieName(sessionCookie))
	switch {
	case len(bearer) == 1 && len(cookies) == 0 && h.ops != nil:
		token, ok := strings.CutPrefix(bearer[0], "Bearer ")
		if !ok {
			return operator.Principal{}, operator.ErrNotSignedIn
		}
		if strings.HasPrefix(token, string(operator.TerminalToken)) {
			return h.register.Principal(r.Context(), operator.TerminalToken, token)
		}
		return h.register.Principal(r.Context(), operator.ServiceToken, token)
	case len(bearer) == 0 && len(cookies) == 1:
		return h.register.Principal(r.Context(), h.session, cookies[0].Value)
	}
	return operator.Principal{}, operator.ErrNotSignedIn
}
