package segment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/internal/audit/checkpoint"
	"countersign.dev/internal/faultfile"
)

const (
	// linger is how long a buffered line waits for company before it is written.
	linger = 5 * time.Millisecond
	// retryFirst and retryLast bound the pauses between attempts to write to a disk that fails.
	retryFirst, retryLast = 50 * time.Millisecond, time.Second
	// housekeeping is how often ages are looked at.
	housekeeping = time.Minute
)

// ErrUnwritten is wrapped by Close's error where the disk had not taken every line in time.
var ErrUnwritten = errors.New("decision lines were still unwritten")

// Writer writes a decision record. Record only appends to memory; one goroutine chains what has gathered, writes it, and syncs
// it for all who wait. While the disk fails, lines wait, at most MaxQueue bytes of them, and it is tried again until it
// works: then nothing is missing but what found no room, and a line says how many these are. Make one with Open, end it
// with Close. Safe for concurrent use.
type Writer struct {
	cfg     Config
	lock    io.Closer
	scratch sync.Pool

	mu     sync.Mutex // guards queue, closed
	queue  queue
	closed bool

	wake, urgent chan struct{} // signs, each of one place: there are lines; they should be written at once
	tidy         chan struct{} // a sign: a segment was closed
	closing      chan struct{} // closed by Close
	written      chan struct{} // closed when the writing goroutine has ended
	tidied       chan struct{} // closed when the tidying one has
	stop         context.CancelFunc

	// owned by the writing goroutine
	last    *open  // the segment that grows
	group   *group // who waits for the batch that is being written; nil: nobody does, or they were let go
	link    *linker
	gave    bool      // it has given up, at the end
	grewNot time.Time // when the next segment could not be made

	begun   time.Time // when it was opened, with a monotonic reading
	begunAt time.Time // the same by Config.Now
	counts
	head    atomic.Pointer[checkpoint.Anchor] // of the last durable line
	failing atomic.Pointer[error]             // why lines cannot be written; nil: they can
	ended   atomic.Bool
}

// Open opens the record in cfg.Dir, or begins one there, and starts writing. It takes the folder's lock (an error wraps
// faultfile.ErrLocked where another process writes), checks the last segment from its header on, cuts a line that was torn
// by a crash (its bytes are kept in a file beside the segment, and a gap line says so), and goes on behind the last whole
// line. Where the last run did not end with Close, a gap line says that too: lines that it had not written are unknown. An error that wraps ErrDamaged names the first line of the last segment that is not what it was, and what to do.
// Segments before the last one are for Verify. The caller calls Close.
func Open(cfg Config) (*Writer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := faultfile.MakeFolder(cfg.FS, cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the decision record: %w", err)
	}
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open the decision record: %w", err)
	}
	w := &Writer{cfg: cfg, lock: lock, link: newLinker(), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		tidy: make(chan struct{}, 1), closing: make(chan struct{}), written: make(chan struct{}), tidied: make(chan struct{}), begun: time.Now(), begunAt: cfg.Now()}
	w.scratch.New = w.newScratch
	err = w.recoverRecord()
	if err == nil {
		err = w.markRunning()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the decision record in %s: %w", cfg.Dir, err), lock.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.keepHead()
	w.lastSync.Store(cfg.Now().UnixNano())
	knock(w.tidy)
	go w.run()
	go w.keepTidy(ctx)
	return w, nil
}

// ID is the id of the record: 32 lower-case hexadecimal digits.
func (w *Writer) ID() string { return w.head.Load().ID }

// Head is the last durable line as something to sign: a loss of power cannot take the record back behind it.
func (w *Writer) Head() checkpoint.Anchor {
	anchor := *w.head.Load()
	anchor.At = w.cfg.Now().UTC()
	return anchor
}

// Close writes and syncs what waits, and gives the folder back. It returns at the latest after twice Patience. Where the disk
// does not take everything, the error wraps ErrUnwritten and the lines that are given up count as lost; where a write has not
// come back, the lock is kept until the process ends. Record and Admit may be called afterwards. Call it once.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.ended.Store(true)
	close(w.closing)
	w.stop()
	late := time.NewTimer(2 * w.cfg.Patience)
	defer late.Stop()
	for _, done := range []chan struct{}{w.written, w.tidied} {
		select {
		case <-done:
		case <-late.C:
			return fmt.Errorf("%w: the disk has not answered for %s", ErrUnwritten, 2*w.cfg.Patience)
		}
	}
	err := w.lock.Close()
	if w.gave {
		err = errors.Join(fmt.Errorf("%w: %d lost", ErrUnwritten, w.lost.Load()), err)
	}
	return err
}

// run is the writing goroutine.
func (w *Writer) run() {
	defer close(w.written)
	flush := time.NewTimer(w.cfg.FlushEvery)
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	defer flush.Stop()
	var spare []byte
	for set, end := true, false; !end; {
		select {
		case <-w.wake:
			w.gather()
		case <-flush.C:
			set = false
			w.settle(true)
		case <-tick.C:
			w.age()
		case <-w.closing:
			end = true
		}
		q := w.take(spare)
		w.commit(q)
		spare = q.lines
		if !set && len(w.last.tail) > 0 {
			set = true
			flush.Reset(w.cfg.FlushEvery)
		}
	}
	w.finish()
}

// gather waits until it is worth writing.
func (w *Writer) gather() {
	late := time.NewTimer(linger)
	defer late.Stop()
	select {
	case <-w.urgent:
	case <-w.closing:
	case <-late.C:
	}
}

// finish makes everything durable and closes the last segment. No line comes any more: run has emptied the queue after
// Close had shut it.
func (w *Writer) finish() {
	w.settle(true)
	if !w.gave {
		if err := w.unmarkRunning(); err != nil {
			w.cfg.Log.Warn("the next start will tell of a crash that was none", "cause", err.Error())
		}
	}
	if err := w.last.file.Close(); err != nil {
		w.cfg.Log.Error("the last segment of the decision record cannot be closed", "cause", err.Error())
	}
}
