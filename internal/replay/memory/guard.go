package memory

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/replay"
)

const (
	// DefaultMaxEntries is the bound on remembered keys unless Config sets
	// another: four million, up to 120 MB of memory and 176 MB of journal when
	// full. Keys live for the time window, up to twice that for a timestamp
	// that is ahead; at ±300 s this carries 6,600 guarded requests a second
	// from honest clocks.
	DefaultMaxEntries = 4_000_000

	// MaxAhead is how far a claim's expires may lie ahead of now, in seconds.
	// It bounds the number of open segment files to 361.
	MaxAhead = 6 * 60 * 60

	defaultShards = 256
	maxShards     = 256
)

var (
	// ErrLocked says that another process uses the folder.
	ErrLocked = errors.New("replay folder is in use by another process")

	// ErrDamaged says that the journal is damaged in a place that a torn last
	// write does not explain.
	ErrDamaged = errors.New("replay journal is damaged")

	// ErrClock says that the clock stands so far behind what has been
	// forgotten that no claim could succeed.
	ErrClock = errors.New("clock is behind the replay journal")
)

// Config says what Open needs.
type Config struct {
	// Dir is the journal's folder; required. It is made with mode 0700 if it
	// is missing, and belongs to one process at a time.
	Dir string

	// MaxEntries bounds the keys in memory; 0 is DefaultMaxEntries, negative
	// is an error. A journal that holds more, because the bound was lowered,
	// is loaded whole; claims then fail with replay.ErrFull until enough have
	// expired.
	MaxEntries int

	// Shards is the number of locks that claims are spread over: a power of
	// two up to 256; 0 is 256.
	Shards int

	// Sync waits for the disk (fsync) before a claim is fresh. Without it, the
	// default, claims survive the end of the process, kill -9 included, but the
	// last seconds of them may be lost with the machine's power.
	Sync bool

	// Now is the clock; required. Only Open asks it: a claim brings its own.
	Now func() time.Time

	// Loaded hears of each key that Open reads back, with the second until
	// which it is remembered here; its error is Open's. A key may come twice,
	// the later time last. It is how another guard takes over from this one.
	// Nil: nobody.
	Loaded func(key replay.Key, until int64) error

	// Files stands in for the folder's files in tests; nil is the operating
	// system's, see OpenFiles. The lock is taken in Dir all the same.
	Files Files
}

// Recovery tells what Open found, for one log line.
type Recovery struct {
	Segments int   // segment files that were loaded
	Entries  int   // keys that are remembered
	CutBytes int64 // bytes of torn writes that were cut off
}

// Guard is the replay guard of one node. It implements replay.Guard; all
// methods may be called concurrently. The zero value is of no use: see Open.
type Guard struct {
	files    Files
	lock     io.Closer
	markFile File
	limit    int64
	durable  bool
	loaded   func(key replay.Key, until int64) error
	recovery Recovery

	seeds  seeds
	shards []shard
	count  atomic.Int64
	mark   atomic.Int64 // see mark.go

	// due is the second after which there is something to forget: the end of
	// the oldest segment, or later after a failure to forget it.
	due     atomic.Int64
	pruning sync.Mutex

	mu       sync.RWMutex
	segments map[bucket]*segment
	closed   bool
}

var _ replay.Guard = (*Guard)(nil)

// Open locks the folder, forgets what has expired, reads the rest back and
// returns the guard. Errors: ErrLocked, ErrDamaged, ErrClock and those of the
// operating system. The caller closes the guard.
func Open(config Config) (*Guard, error) {
	g, err := prepare(config)
	if err != nil {
		return nil, fmt.Errorf("open replay guard: %w", err)
	}
	if g.files == nil {
		if g.files, err = OpenFiles(config.Dir); err != nil {
			return nil, fmt.Errorf("open replay guard: %w", err)
		}
	}
	lock, err := acquire(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("open replay guard: %w", err)
	}
	g.lock = lock
	if err := g.rebuild(config.Now().Unix()); err != nil {
		return nil, errors.Join(fmt.Errorf("open replay guard in %s: %w", config.Dir, err), g.Close())
	}
	return g, nil
}

// prepare checks the configuration and makes an empty guard.
func prepare(config Config) (*Guard, error) {
	shards, limit := config.Shards, config.MaxEntries
	if shards == 0 {
		shards = defaultShards
	}
	if limit == 0 {
		limit = DefaultMaxEntries
	}
	switch {
	case config.Dir == "":
		return nil, errors.New("no folder is given")
	case config.Now == nil:
		return nil, errors.New("no clock is given")
	case limit < 0:
		return nil, fmt.Errorf("bound of %d entries is negative", limit)
	case shards < 0 || shards > maxShards || shards&(shards-1) != 0:
		return nil, fmt.Errorf("%d shards: a power of two up to %d is needed", shards, maxShards)
	}
	g := &Guard{
		files: config.Files, seeds: newSeeds(), limit: int64(limit), durable: config.Sync, loaded: config.Loaded,
		shards: make([]shard, shards), segments: make(map[bucket]*segment),
	}
	g.due.Store(math.MaxInt64)
	return g, nil
}

// Recovery tells what Open found.
func (g *Guard) Recovery() Recovery { return g.recovery }

// Len is the number of keys in memory, expired ones included until they are
// swept out: a figure for metrics.
func (g *Guard) Len() int { return int(g.count.Load()) }

// Close waits for claims under way, closes the journal and gives the lock back.
// It flushes the files first, so that what was claimed before an orderly end
// survives a loss of power too. A second Close does nothing.
func (g *Guard) Close() error {
	for i := range g.shards {
		g.shards[i].mu.Lock()
		g.shards[i].closed = true
		g.shards[i].mu.Unlock()
	}
	g.pruning.Lock()
	defer g.pruning.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	var err error
	for _, s := range g.segments {
		err = errors.Join(err, s.close(true))
	}
	if g.markFile != nil {
		err = errors.Join(err, g.markFile.Close())
	}
	if err = errors.Join(err, g.lock.Close()); err != nil {
		return fmt.Errorf("close replay guard: %w", err)
	}
	return nil
}
