// Package memory is the limiter of one process: buckets in memory, and the counts of the day in a file. It owns that file
// and refuses what it cannot count: more keys than its bound (unless it was set to let those in), and everything once it is
// closed. A file that is damaged keeps it from opening.
//
// It answers the flood that comes from many connections at once (a request takes from all its buckets under their locks, or
// from none), the caller who waits for a restart to use a day's quota twice (the counts are written each second and at the
// end; a crash loses one second of them), and the one who hopes that many keys push out his own (no bucket is forgotten
// before it is whole again). Rates are not written down: a restart gives each bucket one burst more, at most.
package memory

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/rate"
)

// DefaultMaxKeys is how many buckets are remembered unless it is set. Each takes about 100 bytes.
const DefaultMaxKeys = 1 << 20

// WhenFull says what becomes of a request whose bucket cannot be remembered.
type WhenFull uint8

const (
	// Refuse answers rate.ErrFull; the default.
	Refuse WhenFull = iota
	// Admit lets it in as far as that bucket goes, and does not count it there.
	Admit
)

// Config says how a limiter counts.
type Config struct {
	Path     string           // the file of the day's counts; empty: they end with the process. One process has it at a time
	Now      func() time.Time // must be set; its monotonic part, where it has one, makes rates independent of clock steps
	MaxKeys  int              // 0: DefaultMaxKeys
	WhenFull WhenFull
	Every    time.Duration // how often counts are written; 0: 1 s, which is what a crash may lose
	File     File          // replaces the file system under Path, for tests of a failing disk; nil: Path
}

// Limiter is the engine. Open makes one; Close ends it. Safe for concurrent use.
type Limiter struct {
	shards   [shardCount]shard
	start    time.Time
	whenFull WhenFull
	file     File
	now      func() time.Time
	closed   atomic.Bool

	flushing sync.Mutex            // one flush at a time
	failed   atomic.Pointer[error] // why the last flush failed; nil: it did not
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once
}

var _ rate.Limiter = (*Limiter)(nil)

// Open reads the day's counts and starts to write them as they change. A missing file is a first start; a damaged one is
// ErrDamaged: whoever removes it gives today's quotas anew.
func Open(cfg Config) (*Limiter, error) {
	if cfg.Now == nil || cfg.MaxKeys < 0 || cfg.Every < 0 {
		return nil, errors.New("open rate limiter: a clock is needed, and no bound may be negative")
	}
	l := &Limiter{start: cfg.Now(), now: cfg.Now, whenFull: cfg.WhenFull, file: cfg.File, stop: make(chan struct{}), done: make(chan struct{})}
	if l.file == nil && cfg.Path != "" {
		l.file = onDisk(cfg.Path)
	}
	keys := cfg.MaxKeys
	if keys == 0 {
		keys = DefaultMaxKeys
	}
	for i := range l.shards {
		l.shards[i].open((keys + shardCount - 1) / shardCount)
	}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("open rate limiter: %w", err)
	}
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	go l.run(cfg.Every)
	return l, nil
}

// Take implements rate.Limiter. It allocates nothing but for keys that it has not met.
func (l *Limiter) Take(buckets []rate.Bucket) (bool, error) {
	if len(buckets) > rate.Max {
		return false, fmt.Errorf("%w: %d buckets in one call", rate.ErrUnavailable, len(buckets))
	}
	held := l.lock(buckets)
	defer l.unlock(held)
	if l.closed.Load() { // under the locks, so that nothing is counted behind the last flush
		return false, rate.ErrUnavailable
	}
	now := l.now() // under the locks, too: no request is counted behind a later one
	elapsed := now.Sub(l.start)
	var taken, refused [rate.Max]rate.State
	admitted := true
	for i := range buckets {
		b := &buckets[i]
		s := l.shardOf(b.Key)
		taken[i], refused[i] = s.states[b.Key].Ask(b, s.tick(elapsed), now)
		admitted = admitted && b.Outcome == rate.Room
	}
	if !admitted {
		for i := range buckets {
			l.shardOf(buckets[i].Key).mend(buckets[i].Key, refused[i])
		}
		return false, nil
	}
	return l.put(buckets, &taken, rate.DayOf(now))
}

// put remembers what was taken, or nothing if there is no room for all of it.
func (l *Limiter) put(buckets []rate.Bucket, taken *[rate.Max]rate.State, today int32) (bool, error) {
	var made, kept [rate.Max]bool
	for i := range buckets {
		key, s := buckets[i].Key, l.shardOf(buckets[i].Key)
		if _, kept[i] = s.states[key]; kept[i] {
			continue
		}
		if made[i] = s.makeRoom(today); made[i] {
			s.states[key], kept[i] = taken[i], true
		} else if l.whenFull == Refuse {
			l.undo(buckets[:i], made[:i])
			return false, rate.ErrFull
		}
	}
	for i := range buckets {
		if s := l.shardOf(buckets[i].Key); kept[i] {
			s.keep(buckets[i].Key, taken[i], buckets[i].Daily > 0) // also where making room has just forgotten it
		}
	}
	return true, nil
}

// undo forgets the keys that were made for a request that is not let in.
func (l *Limiter) undo(buckets []rate.Bucket, made []bool) {
	for i := range buckets {
		if made[i] {
			delete(l.shardOf(buckets[i].Key).states, buckets[i].Key)
		}
	}
}

// Keys is how many buckets are remembered.
func (l *Limiter) Keys() int {
	n := 0
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.states)
		s.mu.Unlock()
	}
	return n
}
