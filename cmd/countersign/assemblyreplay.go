package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/datafolder"
	"countersign.dev/internal/replay/memory"
)

// watchedReplay is the replay guard, and what readiness is told of it.
type watchedReplay struct {
	guard  access.ReplayGuard
	shared func() error // how the guard stands that nodes share; nil: the guard is this node's own
	now    func() time.Time
	until  int64 // Unix seconds until which another journal remembers what this one does not; 0: none does
	failed atomic.Pointer[replayFailure]
}

// replayFailure is when a claim failed, and why.
type replayFailure struct {
	at    time.Time
	cause error
}

// replayMemory is how long readiness remembers a failure without a further claim: where nobody is sent here because of it,
// nobody would find out that it is over.
const replayMemory = 3 * time.Second

var errOtherJournal = errors.New("another journal in the data folder still remembers requests of this environment")

// Claim implements access.ReplayGuard.
func (w *watchedReplay) Claim(key [32]byte, expires, now int64) (bool, error) {
	if now <= w.until {
		return false, fmt.Errorf("%w, until %s", errOtherJournal, time.Unix(w.until, 0).UTC().Format(time.RFC3339))
	}
	fresh, err := w.guard.Claim(key, expires, now)
	switch {
	case err != nil:
		w.failed.Store(&replayFailure{time.Now(), err})
	case w.failed.Load() != nil:
		w.failed.Store(nil)
	}
	return fresh, err
}

var _ access.ReplayGuard = (*watchedReplay)(nil)

func (w *watchedReplay) healthy() error {
	if now := w.now().Unix(); now <= w.until {
		return fmt.Errorf("%w, until %s", errOtherJournal, time.Unix(w.until, 0).UTC().Format(time.RFC3339))
	}
	if w.shared != nil {
		return w.shared()
	}
	if f := w.failed.Load(); f != nil && time.Since(f.at) < replayMemory {
		return f.cause
	}
	return nil
}

// openReplay opens the journal of this server. scope is empty where every environment is served. sync: a request is remembered
// when that is on the disk.
func (a *assembly) openReplay(scope string, sync bool) error {
	guard, err := memory.Open(memory.Config{Dir: a.replayDir(scope), Now: a.now, Sync: sync})
	if err != nil {
		return fmt.Errorf("open the replay journal: %w", err)
	}
	a.atEnd(guard)
	durability := "buffered"
	if sync {
		durability = "sync"
	}
	a.log.Info("the replay journal is open", "durability", durability)
	a.replay = &watchedReplay{guard: guard, now: a.now}
	if r := guard.Recovery(); r.Entries > 0 || r.CutBytes > 0 {
		a.log.Info("the replay journal was read back", "segments", r.Segments, "entries", r.Entries, "torn_bytes_cut", r.CutBytes)
	}
	if a.replay.until, err = datafolder.Remembered(a.dir, scope, false); err != nil {
		return err
	}
	if now := a.now().Unix(); now <= a.replay.until {
		a.log.Warn("this folder was served with other environments together a moment ago; requests that must not be repeated are refused for a while",
			"until", time.Unix(a.replay.until, 0).UTC())
	}
	return a.metrics.Gauge("countersign_replay_entries", "Requests that are remembered so that they cannot be repeated.", func() float64 { return float64(guard.Len()) })
}
