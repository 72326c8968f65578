package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"countersign.dev/internal/acme"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/config"
	"countersign.dev/internal/registry"
)

// server is one run of `countersign serve`: an assembly whose blueprints come from a file.
type server struct {
	*assembly
	file   string
	scope  string
	served []string // nil: every environment
	renew  bool     // a damaged decision record is set aside
	admin  bool     // the operators' plane is served although only a part of the environments is
	level  *slog.LevelVar
	echo   *audit.Echo

	cfg    *config.Config // in force; the reloading goroutine's, once that runs
	reload reloading

	rotateEvery atomic.Int64 // age of a sealing key in nanoseconds, of the configuration in force

	checkpoints *checkpoints // nil: none are configured
	couriers    *couriers    // nil: checkpoints stay in their folder
	streams     streams
	shipments   shipments
	acme        acmeManagers
}

// actor is who changes the register where the server does it by itself.
var serveActor = registry.Actor{Kind: registry.System, Name: "serve"}

// newServer makes a server that has opened nothing but its log.
func newServer(o *serveOptions, cfg *config.Config, errOut io.Writer) (*server, error) {
	scope, served, err := scopeOf(cfg, o.environments)
	if err != nil {
		return nil, err
	}
	s := &server{file: o.config, scope: scope, served: served, renew: o.renew, admin: o.admin, cfg: cfg, level: new(slog.LevelVar), echo: audit.NewEcho(errOut)}
	s.level.Set(logLevel(cfg.Log.Level))
	s.rotateEvery.Store(int64(cfg.Sealing.RotateEvery))
	environments := served
	if environments == nil {
		environments = cfg.Names()
	}
	log := slog.New(newCapped(slog.NewJSONHandler(s.echo, &slog.HandlerOptions{Level: s.level})))
	s.assembly = newAssembly(cfg.Data, environments, log, cfg.Memory.Bodies)
	s.atEnd(s.echo)
	s.atEnd(&s.acme)
	return s, nil
}

func logLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo // the configuration has seen to it that this is never needed
	}
	return level
}

// open opens everything that is kept.
func (s *server) open(ctx context.Context) error {
	if err := openFolder(s.dir); err != nil {
		return err
	}
	if err := s.lock(); err != nil {
		return err
	}
	register, store, err := openRegisterOf(ctx, s.cfg, s.served, s.now)
	if err != nil {
		return err
	}
	s.atEnd(store)
	if err := s.shareRegister(register, store, s.scope, leastStaleness(s.cfg)); err != nil {
		return err
	}
	s.atEnd(lastShipment{s})
	s.atEnd(lastCheckpoint{s})
	if err := s.openTracing(); err != nil {
		return err
	}
	if err := s.openDecisions(); err != nil {
		return err
	}
	if err := s.openEngines(); err != nil {
		return err
	}
	if err := s.follow(register, register.Reader(s.environments)); err != nil {
		return err
	}
	if err := s.sealingKeys(ctx); err != nil {
		return err
	}
	if err := s.openCheckpoints(ctx); err != nil {
		return err
	}
	if err := s.openStreams(); err != nil {
		return err
	}
	if err := s.openShipping(); err != nil {
		return err
	}
	if s.checkpoints != nil {
		s.book, s.vouch = s.bookOf, s.bookFor
	}
	record, rollups := s.recordConfig().Dir, filepath.Join(s.dir, "rollups"+s.scope)
	if err := s.derive(record, rollups, s.cfg.Records.Rollups.Keep); err != nil {
		return err
	}
	beside, err := s.besides()
	if err != nil {
		return err
	}
	return s.openRecall(record, rollups, beside...)
}

// openEngines opens what remembers and what counts requests: this node's own, or what it shares with others.
func (s *server) openEngines() error {
	if err := s.openCache(s.cfg); err != nil {
		return err
	}
	if s.limiter == nil {
		if err := s.openLimiter(filepath.Join(s.dir, "quotas"+s.scope), s.cfg.Memory.LimiterEntries); err != nil {
			return err
		}
	}
	if s.replay == nil {
		return s.openReplay(s.scope, s.cfg.Replay.Durability == "sync")
	}
	return s.handOver(s.scope)
}

// sealingKeys sees to it that each environment with access tokens has a key that seals them.
func (s *server) sealingKeys(ctx context.Context) error {
	for _, environment := range s.environments {
		for _, api := range s.cfg.Environment(environment).APIs {
			if api.Token == nil {
				continue
			}
			if err := s.register.EnsureSealingKey(ctx, serveActor, environment); err != nil {
				return fmt.Errorf("make a sealing key of %s: %w", environment, err)
			}
			break
		}
	}
	return nil
}

// serve opens the doors and serves until ctx ends or a listener fails. Whoever calls it drains afterwards.
func (s *server) serve(ctx context.Context) error {
	s.tellWarnings(s.cfg)
	b, err := s.blueprint(s.cfg)
	if err != nil {
		return err
	}
	if err := s.reload.announce(s); err != nil {
		return err
	}
	if acme.Built {
		s.expect("acme", false, func() error { return s.acme.trouble(s.now()) })
	}
	if err := s.keepPlane(ctx); err != nil {
		return err
	}
	if s.cfg.Ops.Listen != "" {
		if err := s.listenOps(s.cfg.Ops.Listen, "choose a free address for ops.listen in "+s.file); err != nil {
			return err
		}
	}
	if err := s.clearServing(); err != nil {
		return err
	}
	if s.node != nil {
		if err := s.node.announce(ctx); err != nil {
			return err
		}
	}
	if err := s.put(ctx, b); err != nil {
		return err
	}
	s.acme.settle(s, b)
	s.startFollowing()
	if s.node != nil {
		s.node.start()
	}
	s.startChores(s.allChores())
	s.reload.loaded(s.now())
	s.ticking(sealingEvery, (&sealing{s: s, every: s.rotateEvery.Load}).run)
	if s.checkpoints != nil {
		s.ticking(s.cfg.Records.Checkpoints.Every, s.checkpoints.run)
	}
	if s.couriers != nil {
		s.ticking(courierEvery, s.couriers.run)
	}
	s.startShipping()
	s.inBackground(func(ctx context.Context) { s.reload.run(ctx, s) }) // from here on the configuration is its own
	s.log.Info("serving", "version", version(), "environments", s.environments, "listeners", s.addresses(), "ops", s.opsURL(), "admin", s.planeURL(), "portal", s.portalURL())
	return s.wait(ctx)
}

// tellWarnings logs what a configuration allows but seldom means.
func (s *server) tellWarnings(cfg *config.Config) {
	for _, w := range cfg.Warnings() {
		s.log.Warn("the configuration says something unusual", "cause", w.String())
	}
}
