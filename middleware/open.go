package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
	"countersign.dev/internal/blueprint"
	"countersign.dev/internal/config"
	"countersign.dev/internal/country"
	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/internal/engines"
	"countersign.dev/internal/follow"
	"countersign.dev/internal/registry"
)

// actor is who changes the register where the check does it by itself: it makes a sealing key where there is none.
var actor = registry.Actor{Kind: registry.System, Name: "middleware"}

// errOlder keeps a service from bringing a register up to date that servers of the former version may still use.
var errOlder = errors.New("the register is an older version's: stop what runs on it, make a backup, and start countersign serve of this version once")

// recording is where decisions go.
type recording struct{ writer *segment.Writer }

// Record implements gateway.Recorder.
func (r *recording) Record(d *audit.Decision) {
	d.Door = "middleware"
	r.writer.Record(d)
}

// open opens everything, in the order of a server.
func (m *Middleware) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{m.readFile, m.takeFolder, m.openRegister, m.openRecord, m.openMemory, m.openDecider, m.begin} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads the configuration.
func (m *Middleware) readFile(context.Context) error {
	cfg, err := config.Load(m.cfg.ConfigFile, m.cfg.LookupEnv)
	if err != nil {
		return fmt.Errorf("the configuration is refused: %w", err)
	}
	if m.environment = cfg.Environment(m.cfg.Environment); m.environment == nil {
		return fmt.Errorf("%s has no environment %q; it has %q", m.cfg.ConfigFile, m.cfg.Environment, cfg.Names())
	}
	m.file, m.dir, m.bodies = cfg, cfg.Data, gateway.NewBudget(cfg.Memory.Bodies)
	for _, w := range cfg.Warnings() {
		m.cfg.Log.Warn("the configuration says something unusual", "cause", w.String())
	}
	if cfg.Records.Checkpoints != nil {
		m.cfg.Log.Warn("the record of this service is not anchored: checkpoints are made by countersign serve alone")
	}
	if cfg.Records.Stream.Syslog != nil || cfg.Records.Stream.File != "" {
		m.cfg.Log.Warn("the record of this service is not streamed: countersign serve does that, of its own record")
	}
	return nil
}

// takeFolder takes the data folder and the lock of the environment. Nothing is written or removed before.
func (m *Middleware) takeFolder(context.Context) error {
	err := datafolder.Open(m.dir)
	if err == nil {
		lock, failed := datafolder.Lock(m.dir, m.environment.Name)
		if err = failed; err == nil {
			m.closers = append(m.closers, lock)
			return nil
		}
	}
	if f := (*datafolder.Fault)(nil); errors.As(err, &f) {
		return fmt.Errorf("%w; %s", err, f.Next)
	}
	return err
}

// openRegister opens the register with the keys of this environment alone.
func (m *Middleware) openRegister(ctx context.Context) error {
	register, store, err := engines.OpenRegister(ctx, engines.RegisterConfig{Config: m.file, Environments: []string{m.environment.Name},
		Convert: func() error { return errOlder }, Now: m.cfg.Now})
	if err != nil {
		return fmt.Errorf("open the register: %w", err)
	}
	m.register, m.store = register, store
	m.closers = append(m.closers, store)
	if err := m.joinNodes(); err != nil {
		return err
	}
	m.follower, err = follow.New(m.followConfig(register.Reader([]string{m.environment.Name})))
	return err
}

// openRecord opens the decision record of this process: its own segments, in the folder that a server of this environment alone has.
func (m *Middleware) openRecord(context.Context) error {
	key, err := datafolder.Key(m.file.DigestKeyFile())
	if err != nil {
		return err
	}
	d := &m.file.Records.Decisions
	w, err := segment.Open(segment.Config{
		Dir: d.Dir + m.scope, Durability: segment.Durability(d.Durability), WhenFull: segment.WhenFull(d.WhenFull), Queries: segment.Queries(d.Queries),
		MaxSize: d.SegmentSize, MaxAge: d.SegmentAge, Keep: d.Keep, Compress: d.Compress, FlushEvery: d.FlushEvery, MaxQueue: int(d.QueueSize), Patience: d.Patience,
		Key: key, Now: m.cfg.Now, Rand: rand.Reader, Log: m.cfg.Log,
	})
	if errors.Is(err, segment.ErrDamaged) {
		return fmt.Errorf("%w; countersign serve --set-aside-damaged-record keeps it and begins another one", err)
	}
	if err != nil {
		return err
	}
	m.record = &recording{w}
	m.closers = append(m.closers, w)
	return nil
}

// openDecider makes what decides.
func (m *Middleware) openDecider(ctx context.Context) error {
	e, schemes := m.environment, blueprint.Schemes{}
	cfg := access.Config{Replay: m.memory, Limiter: m.limiter, Now: m.cfg.Now, MaxStaleness: e.MaxStaleness}
	exchanged := false
	for i := range e.APIs {
		api, err := schemes.API(e, &e.APIs[i])
		if err != nil {
			return fmt.Errorf("API %s: %w", e.APIs[i].Name, err)
		}
		exchanged = exchanged || api.TokenEndpoint != ""
		cfg.APIs = append(cfg.APIs, api)
	}
	if err := m.watchCountries(&cfg); err != nil {
		return err
	}
	var err error
	if m.decider, err = access.New(cfg); err != nil {
		return err
	}
	if exchanged {
		if err := m.register.EnsureSealingKey(ctx, actor, e.Name); err != nil {
			return fmt.Errorf("make a sealing key: %w", err)
		}
	}
	if m.exchange, err = tokens.New(tokens.Config{Registry: m.register, Issuer: m.decider, Now: m.cfg.Now}); err != nil {
		return err
	}
	if m.address, err = clientip.New(clientip.Config{Trusted: e.TrustedProxies, Header: clientip.Header(e.ForwardingHeader)}); err != nil {
		return err
	}
	m.apis = cfg.APIs
	m.gate, err = m.gateway(refuseAll{})
	return err
}

// watchCountries follows the country file where there is one.
func (m *Middleware) watchCountries(cfg *access.Config) error {
	if m.file.Countries.File == "" {
		return nil
	}
	table, err := country.Watch(country.WatchConfig{Path: m.file.Countries.File, Log: m.cfg.Log})
	if err != nil {
		return err
	}
	cfg.Countries = table
	m.running.Go(func() { table.Run(m.life) })
	return nil
}

// upstreams names the APIs to a gateway that forwards nothing.
func (m *Middleware) upstreams() map[*access.API]upstream.Doer {
	all := map[*access.API]upstream.Doer{}
	for _, api := range m.apis {
		all[api] = nil
	}
	return all
}

// begin puts the register in force and follows it.
func (m *Middleware) begin(ctx context.Context) error {
	m.said = true
	if err := datafolder.Unsay(m.dir, m.environment.Name); err != nil {
		return err
	}
	if m.node != nil { // before it reads: whoever changes the register from now on waits for this node
		if err := m.node.beat(ctx); err != nil {
			return fmt.Errorf("tell the other nodes of this one: %w", err)
		}
	}
	if err := m.follower.Adopt(ctx, m.decider, func() {}); err != nil {
		return err
	}
	m.running.Go(func() { m.follower.Run(m.life) })
	if m.node != nil {
		m.running.Go(func() { m.node.run(m.life) })
	}
	return nil
}

// say tells commands that wait for a change which revision is in force. It is no part of serving: what cannot be written is logged.
func (m *Middleware) say(revision uint64) {
	err := datafolder.Say(m.dir, datafolder.Serving{PID: os.Getpid(), Environment: m.environment.Name, Revision: revision,
		At: m.cfg.Now().UTC().Format(time.RFC3339Nano), Listeners: []string{}})
	if err != nil {
		m.cfg.Log.Warn("commands that wait for a change cannot see that it is live", "environment", m.environment.Name, "cause", err.Error())
	}
	if m.node != nil {
		m.node.soon()
	}
}

// release gives everything back, last first.
func (m *Middleware) release() error {
	m.end()
	m.running.Wait()
	var failures []error
	if m.said {
		failures = append(failures, datafolder.Unsay(m.dir, m.environment.Name))
	}
	for i := len(m.closers) - 1; i >= 0; i-- {
		failures = append(failures, m.closers[i].Close())
	}
	m.closers = nil
	return errors.Join(failures...)
}

// inFolder is a path in the data folder that belongs to this environment alone.
func (m *Middleware) inFolder(name string) string { return filepath.Join(m.dir, name+m.scope) }

var _ http.Handler = refuseAll{}
