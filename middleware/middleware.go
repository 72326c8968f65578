package middleware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/registry"
)

// Config says what a Middleware checks by.
type Config struct {
	// ConfigFile is the configuration file, as `countersign serve --config` takes it. It is read once: what changes in it later
	// counts from the next Open. Required.
	ConfigFile string
	// Environment is the one that is served, by its name in the file. Required.
	Environment string
	// RequireListener refuses every HTTP/1 request whose connection did not come through Listener. Without it such requests are
	// checked as far as net/http leaves them as they came.
	RequireListener bool
	// LookupEnv finds the variables that the file names. nil: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// Log hears what a server would log: why decisions are not taken from the newest register, what the record cannot take. It is
	// never told a secret. nil: slog.Default().
	Log *slog.Logger
	// Now is the clock of decisions and records; safe for concurrent use. nil: time.Now.
	Now func() time.Time
}

// Middleware checks requests of one environment. Make one with Open for the life of the process, end it with Close. Safe for
// concurrent use.
type Middleware struct {
	cfg         Config
	file        *config.Config
	environment *config.Environment
	dir, scope  string

	register *registry.Registry
	store    engines.Store
	follower *follow.Follower
	node     *node // nil: the register is of this machine alone
	apis     []*access.API
	decider  *access.Decider
	exchange *tokens.Exchange
	record   *recording
	memory   *remembering
	limiter  limiter
	address  *clientip.Deriver
	bodies   *gateway.Budget
	gate     *gateway.Gateway // that every other is made like; it answers what no handler sees

	life    context.Context // of what runs in the background
	end     context.CancelFunc
	running sync.WaitGroup
	said    bool        // the folder says what is served
	closers []io.Closer // in the order of opening

	users  atomic.Int64  // requests; below zero once Close was called
	idle   chan struct{} // closed when nobody is in any more, after Close was called
	last   sync.Once
	closed sync.Once
	failed error // of Close
}

// closing is what users is lowered by when nobody is let in any more.
const closing = 1 << 62

// Open opens what a configuration names: register, keys, journal of replays, counters of limits, decision record. It reads the register
// once; when it returns, requests can be checked. Errors say what is missing and where: of the configuration each problem with file,
// line and column; a data folder from which another process serves the environment; a register that is not there; keys that cannot be
// read; a decision record that is damaged. ctx bounds the opening alone.
func Open(ctx context.Context, cfg Config) (*Middleware, error) {
	if cfg.ConfigFile == "" || cfg.Environment == "" {
		return nil, errors.New("middleware: ConfigFile and Environment are required")
	}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = os.LookupEnv
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Middleware{cfg: cfg, scope: "-" + cfg.Environment, idle: make(chan struct{})}
	m.life, m.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := m.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("middleware: %w", err), m.release())
	}
	return m, nil
}

// Ready is nil while requests can be let in by the newest register that there is, or says why not: for the service's own readiness.
func (m *Middleware) Ready() error {
	if m.users.Load() < 0 {
		return errors.New("middleware: closed")
	}
	err := errors.Join(m.follower.Trouble(), m.follower.Young(), m.record.writer.Healthy(), m.memory.ready())
	if m.file.Limits.Engine == config.EngineValkey && m.file.Limits.Unreachable != "allow" {
		err = errors.Join(err, m.limiter.Ready()) // then what cannot be counted is refused
	}
	return err
}

// Close ends the check: further requests get 503, those that run are waited for until ctx ends, then what was recorded is made durable
// and everything is given back. Call it after http.Server.Shutdown. The error says what could be lost; further calls return the same.
func (m *Middleware) Close(ctx context.Context) error {
	m.closed.Do(func() {
		if m.users.Add(-closing) != -closing {
			select {
			case <-m.idle:
			case <-ctx.Done():
				m.failed = fmt.Errorf("middleware: requests were still running: %w", ctx.Err())
			}
		}
		m.failed = errors.Join(m.failed, m.release())
	})
	return m.failed
}

// enter counts a request in; false: Close was called.
func (m *Middleware) enter() bool {
	if m.users.Add(1) > 0 {
		return true
	}
	m.leave()
	return false
}

// leave counts a request out, and tells Close of the last one.
func (m *Middleware) leave() {
	if m.users.Add(-1) == -closing {
		m.last.Do(func() { close(m.idle) })
	}
}

// Wrap is next behind the check. Requests that no API of the environment serves are refused with 404, so that pages of the service
// itself, health for example, stand beside it and not behind it, best on a listener of their own: an http.ServeMux in front answers
// targets with // or .. itself, with a redirect, and the check neither sees nor records them. The handler gets each request as an upstream would: without
// credentials, forwarding headers and connection options; with identity headers; with no Host unless the environment has names; with a
// body that is whole, in memory, and gone when the handler returns. It cannot take the connection over (http.Hijacker). Calls to a token
// endpoint are answered by the check itself and never reach it. nil: what is let in gets 404.
func (m *Middleware) Wrap(next http.Handler) http.Handler {
	if next == nil {
		next = http.NotFoundHandler()
	}
	gate, err := m.gateway(next)
	if err != nil { // Open has made one like it, so that this cannot be
		m.cfg.Log.Error("no request is let in", "cause", err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gate == nil || !m.enter() {
			w.Header().Set("Connection", "close")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer m.leave()
		gate.ServeHTTP(w, r)
	})
}

// gateway makes the check in front of a handler.
func (m *Middleware) gateway(next http.Handler) (*gateway.Gateway, error) {
	e := m.environment
	cfg := gateway.Config{
		Environment: e.Name, Decider: m.decider, Address: m.address, Exchange: m.exchange, Record: m.record, Admit: m.record.writer.Admit,
		Upstreams: m.upstreams(), Within: &gateway.Within{Next: next, Context: withIdentity, Unread: !m.cfg.RequireListener},
		Log: m.cfg.Log, Now: m.cfg.Now, Bodies: m.bodies, BodyTimeout: e.BodyTimeout, WriteStall: e.WriteStall,
	}
	if len(e.Hosts) > 0 {
		cfg.Hosts = e.Hosts
	}
	return gateway.New(cfg)
}
