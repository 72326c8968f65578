package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"countersign.dev/internal/config"
)

// reloadEvery is how often the configuration file is looked at. What is new has to be the same at two looks.
const reloadEvery = time.Second

// maxConfigFile bounds what is read of the file to see whether it has changed.
const maxConfigFile = 2 << 20

// reloading keeps what is in force as new as the configuration file. A configuration is put in force as a whole, or refused
// with the old one going on.
type reloading struct {
	inForce [sha256.Size]byte // of the file
	tried   [sha256.Size]byte // that was refused last
	seen    [sha256.Size]byte // at the last look
	unread  int               // looks since the file could be read
	hangups chan os.Signal

	at       atomic.Int64 // when what is in force was loaded, in Unix seconds
	reloads  atomic.Uint64
	failures atomic.Uint64
	problem  atomic.Pointer[error] // nil: what stands in the file is in force
}

// announce publishes what is to be known of it and notes the file as it is now, before it is put in force. From here on to the end of
// the server SIGHUP does not end it: whoever knows that it serves may send one.
func (r *reloading) announce(s *server) error {
	r.hangups = make(chan os.Signal, 1)
	stop := onHangup(r.hangups)
	s.closers = append(s.closers, func() error { stop(); return nil })
	r.inForce, _ = contentOf(s.file)
	r.seen = r.inForce
	s.expect("config", false, r.trouble)
	return errors.Join(
		s.metrics.Gauge("countersign_config_loaded_seconds", "Unix time at which the configuration in force was loaded.", func() float64 { return float64(r.at.Load()) }),
		s.metrics.Counter("countersign_config_reloads_total", "Configurations that were put in force since the start, without the first one.", func() float64 { return float64(r.reloads.Load()) }),
		s.metrics.Counter("countersign_config_reload_failed_total", "Configurations that were refused while the former one went on.", func() float64 { return float64(r.failures.Load()) }),
	)
}

func (r *reloading) loaded(at time.Time) { r.at.Store(at.Unix()) }

// trouble says why what stands in the file is not in force.
func (r *reloading) trouble() error {
	p := r.problem.Load()
	if p == nil {
		return nil
	}
	if all := config.AsProblems(*p); len(all) > 1 {
		return fmt.Errorf("%s; and %d more in the log", all[0], len(all)-1)
	}
	return *p
}

// run looks at the file until ctx ends, every second, and at once on SIGHUP.
func (r *reloading) run(ctx context.Context, s *server) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			r.now(ctx, s)
		case <-ticker.C:
			r.look(ctx, s)
		}
	}
}

// look loads the file if it is another than the one in force, has not been refused already, and has come to rest.
func (r *reloading) look(ctx context.Context, s *server) {
	content, err := contentOf(s.file)
	if err != nil {
		if r.unread++; r.unread == 3 { // no more a file that is being replaced
			r.problem.Store(&err)
			s.log.Error("the configuration file cannot be read; what it said goes on", "cause", err.Error())
		}
		return
	}
	r.unread = 0
	rests := content == r.seen
	r.seen = content
	switch {
	case content == r.inForce:
		if r.problem.Swap(nil) != nil {
			s.log.Info("the configuration file is again what is in force")
		}
		r.tried = [sha256.Size]byte{}
	case rests && content != r.tried:
		r.now(ctx, s)
	}
}

// now loads the file.
func (r *reloading) now(ctx context.Context, s *server) {
	content, _ := contentOf(s.file) // before the loading: what is written meanwhile is seen at the next look
	err := s.load(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.tried = content
		r.failures.Add(1)
		r.problem.Store(&err)
		s.tellRefusal(err)
		return
	}
	r.inForce, r.tried = content, [sha256.Size]byte{}
	r.problem.Store(nil)
	r.reloads.Add(1)
	r.loaded(s.now())
	s.log.Info("a new configuration is in force", "listeners", s.addresses())
}

// load puts the file in force, or changes nothing.
func (s *server) load(ctx context.Context) error {
	cfg, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := fits(s.cfg, cfg, s.environments, s.served == nil); err != nil {
		return err
	}
	b, err := s.blueprint(cfg)
	if err != nil {
		return err
	}
	former := s.cfg
	s.cfg = cfg
	if err := s.sealingKeys(ctx); err != nil {
		s.cfg = former
		return err
	}
	if err := s.register.SetReviews(b.reviews); err != nil {
		s.cfg = former
		return err
	}
	if err := s.put(ctx, b); err != nil {
		s.cfg = former
		return errors.Join(err, s.register.SetReviews(former.ReviewPolicies()))
	}
	s.level.Set(logLevel(cfg.Log.Level))
	s.rotateEvery.Store(int64(cfg.Sealing.RotateEvery))
	s.acme.settle(s, b)
	s.tellWarnings(cfg)
	return nil
}

// tellRefusal logs each problem on its own line, with its place.
func (s *server) tellRefusal(err error) {
	problems := config.AsProblems(err)
	for _, p := range problems {
		s.log.Error("the new configuration is refused; the former one goes on", "cause", p.String())
	}
	if len(problems) == 0 {
		args := []any{"cause", err.Error()}
		if h := (hinted{}); errors.As(err, &h) {
			args = append(args, "hint", h.hint)
		}
		s.log.Error("the new configuration is refused; the former one goes on", args...)
	}
}

// fits refuses what a running server cannot take on: where it keeps things, which environments it serves.
func fits(old, new *config.Config, served []string, all bool) error {
	var changed []string
	for _, one := range []struct {
		key      string
		old, new any
	}{
		{"data", old.Data, new.Data}, {"keys", old.Keys, new.Keys}, {"ops", old.Ops, new.Ops}, {"memory", old.Memory, new.Memory},
		{"records", old.Records, new.Records}, {"register", old.Register, new.Register}, {"valkey", old.Valkey, new.Valkey},
		{"replay", old.Replay, new.Replay}, {"limits", old.Limits, new.Limits}, {"tracing", old.Tracing, new.Tracing},
	} {
		if !reflect.DeepEqual(one.old, one.new) {
			changed = append(changed, one.key)
		}
	}
	for _, name := range served {
		switch {
		case new.Environment(name) == nil:
			changed = append(changed, "environments."+name+" (it is gone)")
		case old.KeysOf(name) != new.KeysOf(name):
			changed = append(changed, "environments."+name+".key_file")
		}
	}
	for _, name := range new.Names() {
		if all && !slices.Contains(served, name) {
			changed = append(changed, "environments."+name+" (it is new)")
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return hinted{fmt.Errorf("%s cannot change while the server runs: %v", new.File, changed), "restart the server for it, or take the change back"}
}

// contentOf tells one content of a file from another.
func contentOf(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxConfigFile)); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
