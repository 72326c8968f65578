package portal

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/edge/page"
)

// Base is the path below which the portal's pages live. The root leads there.
const Base = "/portal"

//go:embed pages assets
var files embed.FS

// maxForm bounds the body of a form that carries no file.
const maxForm = 64 << 10

// Server is the portal. Safe for concurrent use. It holds nothing open.
type Server struct {
	cfg     Config
	origin  string // of the public URL; empty: none
	kit     *page.Kit
	routes  []route
	pages   *http.ServeMux
	guarded http.Handler
	uploads *uploads
}

// New returns a Server, or an error that names what is missing. It asks nobody.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	origin, err := publicOrigin(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = func(string, error) {}
	}
	if cfg.Address == nil {
		cfg.Address = peer
	}
	if cfg.Records != nil {
		cfg.Records = newBounded(cfg.Records)
	}
	s := &Server{cfg: cfg, origin: origin, pages: http.NewServeMux(), uploads: &uploads{of: map[string]bool{}}}
	if s.kit, err = newKit(cfg); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	s.routes = slices.Concat(startRoutes(), evidenceRoutes(), downloadRoutes(), credentialRoutes(), requestRoutes(), callRoutes(), networkRoutes(),
		addressRoutes(), accountRoutes(), testerRoutes(), debuggerRoutes())
	for _, r := range s.routes {
		s.handle(r)
		if at, form := strings.CutPrefix(r.pattern, http.MethodPost); form && !slices.Contains(s.Patterns(), http.MethodGet+at) {
			s.handle(route{pattern: http.MethodGet + at, serve: (*visit).toPage, back: r.back})
		}
	}
	s.guarded = page.Guard(http.HandlerFunc(s.inside), http.HandlerFunc(s.foreign))
	return s, nil
}

func (s *Server) handle(r route) {
	s.pages.HandleFunc(withBase(r.pattern), func(w http.ResponseWriter, req *http.Request) { s.visit(w, req, r) })
}

// withBase puts Base into "GET /calls/{request}".
func withBase(pattern string) string {
	method, path, _ := strings.Cut(pattern, " ")
	return method + " " + Base + path
}

func newKit(cfg Config) (*page.Kit, error) {
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return nil, err
	}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		return nil, err
	}
	return page.New(page.Config{Surface: "Partners' portal", Files: pages, Assets: assets, Base: Base, SignOut: "/sign-in/out",
		Account: Base + "/account", Done: done, Now: cfg.Now, Log: cfg.Log,
		Funcs: template.FuncMap{"abs": time.Duration.Abs}})
}

// ServeHTTP answers every path of the listener: the pages below Base, the sign-in, the root.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page.Protect(w.Header())
	if !s.hostAllowed(r.Host) {
		http.Error(w, "This server answers for another host name only. Use the address that you were given.", http.StatusMisdirectedRequest)
		return
	}
	if r.URL.Path != "/" && !strings.HasPrefix(r.URL.Path, Base) {
		s.cfg.SignIn.ServeHTTP(w, r) // it guards itself, and says of what is no page of its own that there is none
		return
	}
	s.guarded.ServeHTTP(w, r)
}

// inside answers what comes from this site, or was typed into the browser.
func (s *Server) inside(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/" || r.URL.Path == Base || r.URL.Path == Base+"/":
		http.Redirect(w, r, Base+"/start", http.StatusSeeOther)
	case strings.HasPrefix(r.URL.Path, Base+"/assets/"):
		s.kit.Assets().ServeHTTP(w, r)
	default:
		if _, pattern := s.pages.Handler(r); pattern != "" {
			s.pages.ServeHTTP(w, r)
			return
		}
		s.visit(w, r, route{serve: (*visit).nowhere})
	}
}

// foreign answers a change that a page of another site asks for (cross-site request forgery), or that nobody says he asks for.
func (s *Server) foreign(w http.ResponseWriter, r *http.Request) {
	s.kit.Show(w, r, "trouble", page.View{Title: "Not done", Status: http.StatusForbidden, Narrow: true, Data: page.Trouble{
		Text: "Another website asked for this in your name, or your browser did not say who asked. Nothing was changed.",
		Next: []string{"If it was you: go to the portal, and do it there."}, Links: home()}})
}

func home() []page.Item {
	return []page.Item{{Text: "To the portal", Href: Base + "/start", Main: true}}
}

// hostAllowed holds a request to the public URL's host; where nobody but this machine reaches the listener, its own names are
// good enough. A page of another site that has its own name resolve to this machine (DNS rebinding) names neither.
func (s *Server) hostAllowed(host string) bool {
	scheme, name, _ := strings.Cut(s.origin, "://")
	if name != "" && canonicalHost(host, scheme) == name {
		return true
	}
	if !s.cfg.Loopback {
		return false
	}
	u, err := url.Parse("//" + host)
	if err != nil || u.User != nil || u.Path != "" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err == nil && address.Unmap().IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

// Patterns are those of all pages and forms, without Base: for tests that walk all of them.
func (s *Server) Patterns() []string {
	list := make([]string, len(s.routes))
	for i, r := range s.routes {
		list[i] = r.pattern
	}
	return list
}
