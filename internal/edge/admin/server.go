package admin

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/turnstile"
)

// How many questions to the records are answered at once, how many handshakes are made, and how many of each may wait for a place.
const (
	heavyPlaces, heavyRoom = 2, 4
	shakePlaces, shakeRoom = 4, 8
)

// Server answers the operators' plane. It is an http.Handler, safe for concurrent use. Call Maintain beside it, and Close when the
// last request has ended.
type Server struct {
	cfg      Config
	host     string // Host of the public URL; empty: none
	contract *contract
	mux      *http.ServeMux        // finds paths; never serves
	byRoute  map[string]*operation // by method and path
	allow    map[string]string     // path pattern -> Allow
	routes   map[string]http.HandlerFunc
	origin   *http.CrossOriginProtection
	heavy    *turnstile.Turnstile
	shakes   *turnstile.Turnstile // handshakes with endpoints
	tails    *tailPlaces          // streams of the record
	refused  *ledger
	standing standing // what the register says of everybody
	failures *throttle
	wire     func() time.Time // the clock of connections, which is not the one that decides
}

func newServer(cfg Config, host string) (*Server, error) {
	c, err := readContract()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, host: host, contract: c, mux: http.NewServeMux(), byRoute: map[string]*operation{}, allow: map[string]string{},
		origin: http.NewCrossOriginProtection(), heavy: turnstile.New(heavyPlaces, heavyRoom),
		shakes: turnstile.New(shakePlaces, shakeRoom), tails: newTailPlaces(), failures: newThrottle(cfg.Now), wire: time.Now}
	s.refused = &ledger{s: s}
	s.routes = api.Routes(handlers{s}, badParameter)
	methods := map[string][]string{}
	for _, op := range c.operations {
		if s.routes[op.id] == nil {
			return nil, fmt.Errorf("admin: nothing answers %s", op.id)
		}
		s.byRoute[op.method+" "+op.path] = op
		methods[op.path] = append(methods[op.path], op.method)
	}
	for pattern, list := range methods {
		s.mux.Handle(pattern, http.NotFoundHandler())
		slices.Sort(list)
		s.allow[pattern] = strings.Join(list, ", ")
	}
	return s, nil
}

// badParameter answers a parameter that the contract let pass and Go cannot hold.
func badParameter(w http.ResponseWriter, _ *http.Request, err error) {
	if c, ok := w.(*call); ok {
		c.refuse(refusal{kind: api.Invalid, detail: told(err)})
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{ResponseWriter: w, s: s, r: r, start: s.cfg.Now()}
	defer c.finish()
	if err := c.begin(); err != nil {
		c.broke(err)
		return
	}
	if !s.answers(r.Host, r.TLS != nil) {
		c.secure()
		c.refuse(refusal{kind: api.MisdirectedRequest})
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		c.signIn()
		return
	}
	c.secure()
	handler := c.route()
	if handler == nil || !c.authenticate() || !c.permit() || !c.preconditions() || !c.readBody() {
		return
	}
	if c.validate(c.pathValues()) {
		handler(c, c.r)
	}
}

// begin gives the request its id.
func (c *call) begin() error {
	var b [16]byte
	if _, err := io.ReadFull(c.s.cfg.Rand, b[:]); err != nil {
		return fmt.Errorf("draw a request id: %w", err)
	}
	c.id = hex.EncodeToString(b[:])
	c.Header().Set("Countersign-Request-Id", c.id)
	return nil
}

func (c *call) signIn() {
	if c.s.cfg.SignIn == nil {
		c.secure()
		c.refuse(notFound)
		return
	}
	c.s.cfg.SignIn.ServeHTTP(c, c.r)
}

// secure sets what every answer of the API carries: it is data for one caller, never a page.
func (c *call) secure() {
	h := c.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// route finds the operation. The standard mux would redirect a path that is not clean; here it is simply not there.
func (c *call) route() http.HandlerFunc {
	p := c.r.URL.Path
	if c.r.URL.RawPath != "" || path.Clean(p) != p {
		c.refuse(notFound)
		return nil
	}
	_, pattern := c.s.mux.Handler(c.r)
	op := c.s.byRoute[c.r.Method+" "+pattern]
	if op == nil {
		if allow := c.s.allow[pattern]; allow != "" {
			c.Header().Set("Allow", allow)
			c.refuse(refusal{kind: api.MethodNotAllowed})
			return nil
		}
		c.refuse(notFound)
		return nil
	}
	c.op = op
	return c.s.routes[op.id]
}

// pathValues are the parts of the path that the operation names.
func (c *call) pathValues() map[string]string {
	values := map[string]string{}
	parts := strings.Split(c.r.URL.Path, "/")
	for i, part := range strings.Split(c.op.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			values[name] = parts[i]
			c.r.SetPathValue(name, parts[i])
		}
	}
	return values
}

// finish logs, counts and records a refused attempt; it also ends a panic, which is a fault of ours.
func (c *call) finish() {
	fault := recover()
	if fault == http.ErrAbortHandler {
		defer panic(fault) // how net/http ends an answer that was cut off; it catches it
	} else if fault != nil {
		if c.status != 0 { // a part of the answer is on its way: nobody may take it for the whole
			defer panic(http.ErrAbortHandler)
		}
		c.broke(fmt.Errorf("panic: %v", fault))
	}
	c.patient()
	if c.op != nil && c.op.change && !c.tries && refusedStatus(c.status) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), 5*time.Second)
		defer cancel()
		c.s.refused.note(ctx, c)
	}
	if c.s.cfg.Count != nil {
		c.s.cfg.Count(c.operation(), c.status)
	}
	c.log()
}

// operation is the operationId, for log and count.
func (c *call) operation() string {
	if c.op == nil {
		return "none"
	}
	return c.op.id
}

// log writes one line. It has no query, no header and no body: those may hold what somebody searches for, or a secret.
func (c *call) log() {
	attributes := []any{"request_id", c.id, "operation", c.operation(), "method", clip(c.r.Method, 20), "path", clip(c.r.URL.Path, 300),
		"status", c.status, "bytes", c.bytes, "duration_us", c.s.cfg.Now().Sub(c.start).Microseconds(), "address", clip(c.r.RemoteAddr, 60)}
	if c.who.Kind != "" {
		attributes = append(attributes, "actor", c.actor().String())
	}
	if c.why != "" {
		attributes = append(attributes, "problem", clip(c.why, 300))
	}
	c.s.cfg.Log.Info("admin", attributes...)
}

// Maintain writes down the refused attempts that were gathered, whenever tick gives something, until ctx ends or tick is closed.
// A server runs it with a time.Ticker of some seconds.
func (s *Server) Maintain(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-tick:
			if !ok {
				return
			}
			s.refused.turn(ctx)
		}
	}
}

// Close writes down what is gathered still, and sends everybody away who waits for a place. Errors: the store's.
func (s *Server) Close(ctx context.Context) error {
	s.EndTails()
	s.heavy.Close()
	s.shakes.Close()
	return s.refused.write(ctx, s.refused.take(true))
}
