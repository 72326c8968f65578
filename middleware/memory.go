package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/config"
	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/engines"
	counters "countersign.dev/internal/rate/memory"
	"countersign.dev/internal/replay/memory"
)

// limiter counts requests, in either engine.
type limiter interface {
	access.Limiter
	Ready() error
}

// remembering is the replay guard, in either engine, and until when it must not be believed.
type remembering struct {
	access.ReplayGuard
	now   func() time.Time
	until int64        // Unix seconds until which another journal remembers what this one does not; 0: none does
	asked func() error // whether the engine can answer; nil: only claims show it

	failed atomic.Pointer[failure] // the last claim's; nil: it did not fail
}

// failure is when a claim failed, and why.
type failure struct {
	at    time.Time
	cause error
}

// failedFor is how long readiness remembers a failed claim without a further one: where nobody is sent here because of it, nobody would
// find out that it is over.
const failedFor = 3 * time.Second

var errElsewhere = errors.New("another journal in the data folder still remembers requests of this environment")

// Claim implements access.ReplayGuard.
func (r *remembering) Claim(key [32]byte, expires, now int64) (bool, error) {
	if now <= r.until {
		return false, r.elsewhere()
	}
	fresh, err := r.ReplayGuard.Claim(key, expires, now)
	switch {
	case err != nil:
		r.failed.Store(&failure{time.Now(), err})
	case r.failed.Load() != nil:
		r.failed.Store(nil)
	}
	return fresh, err
}

func (r *remembering) elsewhere() error {
	return fmt.Errorf("%w, until %s", errElsewhere, time.Unix(r.until, 0).UTC().Format(time.RFC3339))
}

func (r *remembering) ready() error {
	if r.now().Unix() <= r.until {
		return r.elsewhere()
	}
	if r.asked != nil {
		return r.asked()
	}
	if f := r.failed.Load(); f != nil && time.Since(f.at) < failedFor {
		return f.cause
	}
	return nil
}

// openMemory opens what remembers requests and what counts them: of this process, or shared with all nodes.
func (m *Middleware) openMemory(context.Context) error {
	shared, err := engines.OpenShared(engines.SharedConfig{Config: m.file, Now: m.cfg.Now, Log: m.cfg.Log})
	if err != nil {
		return err
	}
	if shared != nil {
		m.closers = append(m.closers, shared)
		if shared.Limiter != nil {
			m.limiter = shared.Limiter
		}
		if shared.Guard != nil {
			m.memory = &remembering{ReplayGuard: shared.Guard, now: m.cfg.Now, asked: shared.Guard.Ready}
			if m.memory.until, err = datafolder.Remembered(m.dir, m.scope, true); err != nil { // from before the guard was shared
				return err
			}
		}
	}
	if m.limiter == nil {
		if err := m.openCounters(); err != nil {
			return err
		}
	}
	if m.memory == nil {
		return m.openJournal()
	}
	return nil
}

func (m *Middleware) openCounters() error {
	l, err := counters.Open(counters.Config{Path: m.inFolder("quotas"), Now: m.cfg.Now, MaxKeys: m.file.Memory.LimiterEntries})
	if err != nil {
		return fmt.Errorf("open the counters of quotas: %w", err)
	}
	m.limiter = l
	m.closers = append(m.closers, l)
	return nil
}

func (m *Middleware) openJournal() error {
	guard, err := memory.Open(memory.Config{Dir: m.inFolder("replay"), Now: m.cfg.Now, Sync: m.file.Replay.Durability == "sync"})
	if err != nil {
		return fmt.Errorf("open the replay journal: %w", err)
	}
	m.closers = append(m.closers, guard)
	m.memory = &remembering{ReplayGuard: guard, now: m.cfg.Now}
	if m.memory.until, err = datafolder.Remembered(m.dir, m.scope, false); err != nil {
		return err
	}
	if m.file.Register.Engine != config.EngineSQLite {
		m.cfg.Log.Warn("requests that must not be repeated are remembered by this process alone: other nodes on the register would let them in again", "hint", "set replay.engine to valkey")
	}
	return nil
}
