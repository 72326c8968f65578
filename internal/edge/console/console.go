package console

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"countersign.dev/internal/edge/page"
)

//go:embed pages
var files embed.FS

// base is the path below which all of it lives.
const base = "/console"

// maxForm is the longest body of a form unless its route says otherwise.
const maxForm = 64 << 10

// route is one page, or what one form posts to.
type route struct {
	pattern string // of http.ServeMux, with a method: "GET /console/partners/{partner}"
	serve   func(*visit, http.ResponseWriter, *http.Request)
	body    int64             // the longest body; 0: maxForm
	done    map[string]string // of a POST: what it may say afterwards, by the key in ?done=
}

// routeTable is every page of the console: each file that has pages adds its own.
func routeTable() []route {
	return slices.Concat(
		overviewRoutes(),
		partnerRoutes(), reviewRoutes(), endpointRoutes(), networkRoutes(), limitRoutes(), memberRoutes(),
		proposalRoutes(), whatifRoutes(), credentialRoutes(), accountRoutes(), serviceRoutes(), settingRoutes(), nodeRoutes(), meRoutes(),
		auditRoutes(), decisionsRoutes(), changesRoutes(),
		tailRoutes(), storyRoutes(),
	)
}

// Server shows the console. It is an http.Handler for everything below /console/, safe for concurrent use, and holds nothing
// open. The Host was checked by the operators' plane, in which it is mounted.
type Server struct {
	cfg    Config
	kit    *page.Kit
	mux    *http.ServeMux // finds routes; what it finds is served by visit
	routes map[string]route
	guard  http.Handler
}

// New returns a Server, or an error that says what is missing, which page does not parse, or which route comes twice.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), routes: map[string]route{}}
	pages, err := fs.Sub(files, "pages")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	texts, err := s.addRoutes(routeTable())
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s.kit, err = page.New(page.Config{Surface: "Operators’ console", Files: pages, Assets: pages, Base: base, SignOut: cfg.SignOut,
		Account: base + "/me", Done: texts, Now: cfg.Now, Log: cfg.Log, Funcs: pageFuncs()})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s.guard = page.Guard(http.HandlerFunc(s.serve), http.HandlerFunc(s.foreign))
	return s, nil
}

// addRoutes fills the mux and gathers what pages may say after a POST.
func (s *Server) addRoutes(all []route) (map[string]string, error) {
	texts := map[string]string{}
	for _, one := range all {
		if _, twice := s.routes[one.pattern]; twice {
			return nil, fmt.Errorf("the route %s comes twice", one.pattern)
		}
		if !strings.Contains(one.pattern, " "+base+"/") {
			return nil, fmt.Errorf("the route %s is not below %s", one.pattern, base)
		}
		maps.Copy(texts, one.done) // that no key stands for two texts is held by a test
		s.routes[one.pattern] = one
		s.mux.Handle(one.pattern, http.NotFoundHandler()) // never served: see find
	}
	return texts, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, base+"/assets/") {
		s.kit.Assets().ServeHTTP(w, r)
		return
	}
	s.guard.ServeHTTP(w, r)
}

// foreign answers a form that another site sent.
func (s *Server) foreign(w http.ResponseWriter, r *http.Request) {
	s.kit.Show(w, r, "trouble", page.View{Title: "Not done", Status: http.StatusForbidden, Narrow: true, Data: page.Trouble{
		Text:  "This was sent by a page of another site, or by a browser that does not say which page sent it. Nothing was done.",
		Next:  []string{"Open the console yourself and do it there."},
		Links: []page.Item{{Text: "To the overview", Href: base + "/", Main: true}},
	}})
}

// serve finds the route, then who asks, then lets the page do its work.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	one, found := s.find(r)
	v, ok := s.enter(w, r)
	if !ok {
		return
	}
	if !found {
		v.missing(w, r)
		return
	}
	limit := one.body
	if limit == 0 {
		limit = maxForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	one.serve(v, w, r)
}

// find is the route of a request, whose path values are set. The standard mux would send a path that is not clean elsewhere;
// here it is simply not there.
func (s *Server) find(r *http.Request) (route, bool) {
	if r.URL.Path == base {
		r.URL.Path = base + "/"
	}
	if clean := path.Clean(r.URL.Path); r.URL.RawPath != "" || clean != r.URL.Path && clean+"/" != r.URL.Path {
		return route{}, false
	}
	_, pattern := s.mux.Handler(r)
	one, found := s.routes[pattern]
	if found {
		setPathValues(r, pattern)
	}
	return one, found
}

// setPathValues does for a request that is not served by the mux what the mux would do.
func setPathValues(r *http.Request, pattern string) {
	_, way, _ := strings.Cut(pattern, " ")
	parts := strings.Split(r.URL.Path, "/")
	for i, part := range strings.Split(way, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if name, closed := strings.CutSuffix(name, "}"); ok && closed && i < len(parts) && name != "$" {
			r.SetPathValue(name, parts[i])
		}
	}
}

var errNoKey = errors.New("the form has no key")
