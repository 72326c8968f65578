package segment

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"countersign.dev/internal/audit"
)

// ErrUnavailable is wrapped by Admit's error where the record cannot take what it has to take.
var ErrUnavailable = errors.New("the decision record takes no lines")

// urgentBytes is how many waiting bytes are written without waiting for more.
const urgentBytes = 256 << 10

// class says what becomes of a line that finds no room.
type class int

const (
	recorded class = iota // lost, and told by a gap
	admitted              // with Refuse, its request is refused and nothing is missing; with TellGap as recorded
	own                   // whoever wanted to add it hears of it
)

// queue is what waits for the writing goroutine. Guarded by Writer.mu.
type queue struct {
	lines   []byte // open bodies, each with a line feed
	count   uint64
	dropped uint64 // lines behind these that found no room
	group   *group // of those who wait until these are durable; nil: nobody does
}

// group is everybody who waits for the same sync.
type group struct {
	done chan struct{}
	err  error // set before done is closed
}

func (g *group) release(err error) {
	if g != nil {
		g.err = err
		close(g.done)
	}
}

// scratch is what one call of Record needs.
type scratch struct {
	line   []byte
	mac    hash.Hash
	sum    [sha256.Size]byte
	digest [sha256.Size]byte // the first half of sum as text
}

func (w *Writer) newScratch() any { return &scratch{mac: hmac.New(sha256.New, w.cfg.Key)} }

// open is the open body of d.
func (w *Writer) open(s *scratch, d *audit.Decision, admit bool) []byte {
	form := audit.Form{Admit: admit, Plain: w.cfg.Queries == Plain}
	if d.Query != "" && !form.Plain {
		s.mac.Reset()
		s.line = append(s.line[:0], d.Query...)
		_, _ = s.mac.Write(s.line)
		sum := s.mac.Sum(s.sum[:0])
		hex.Encode(s.digest[:], sum[:len(sum)/2])
		form.Digest = s.digest[:]
	}
	s.line = append(d.AppendOpen(s.line[:0], form), '\n')
	return s.line
}

// Record adds the line of d. It never waits for the disk and allocates nothing: where MaxQueue bytes wait, and after Close,
// the line is dropped, counted as lost, and told by a gap line where it is missing. Safe for concurrent use.
func (w *Writer) Record(d *audit.Decision) {
	s := w.scratch.Get().(*scratch)
	begins, _ := w.enqueue(w.open(s, d, false), recorded)
	w.scratch.Put(s)
	if begins {
		w.cfg.Log.Error("decision lines are dropped: the record does not keep up", "lost", w.lost.Load())
	}
}

// Admit implements the gateway's question before a request is forwarded (design decision 6). Safe for concurrent use.
//
// Under Sync it adds a line that says "admit" and returns nil when that line is durable. Under Buffered it adds no line.
// With Refuse the error wraps ErrUnavailable where lines cannot be written, half of MaxQueue is taken (the other half is for
// the lines of those who were admitted before), the disk has not answered for Patience (under Buffered: and FlushEvery), or the record is closed; where ctx
// ends first, it wraps its error. With TellGap it is always nil; what is admitted without a durable line is counted (Unsynced).
func (w *Writer) Admit(ctx context.Context, d *audit.Decision) error {
	err := w.full()
	if err == nil && w.cfg.Durability == Sync {
		err = w.prove(ctx, d)
	}
	if err == nil || w.cfg.WhenFull == Refuse {
		return err
	}
	w.unsynced.Add(1)
	return nil
}

// full says why nothing more may be admitted.
func (w *Writer) full() error {
	if w.ended.Load() {
		return fmt.Errorf("%w: it is closed", ErrUnavailable)
	}
	if cause := w.failing.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *cause)
	}
	if since := w.since.Load(); since > 0 && time.Since(w.begun)-time.Duration(since) > w.cfg.FlushEvery+w.cfg.Patience {
		return fmt.Errorf("%w: the disk has not answered for more than %s", ErrUnavailable, w.cfg.Patience)
	}
	if waiting := w.waiting.Load(); waiting > int64(w.cfg.MaxQueue/2) {
		return fmt.Errorf("%w: %d bytes wait for the disk", ErrUnavailable, waiting)
	}
	return nil
}

// prove adds the line of an admission and waits until it is durable.
func (w *Writer) prove(ctx context.Context, d *audit.Decision) error {
	s := w.scratch.Get().(*scratch)
	_, g := w.enqueue(w.open(s, d, true), admitted)
	w.scratch.Put(s)
	if g == nil {
		return fmt.Errorf("%w: no room is left", ErrUnavailable)
	}
	late := time.NewTimer(w.cfg.Patience)
	defer late.Stop()
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the decision record: %w", context.Cause(ctx))
	case <-late.C:
		return fmt.Errorf("%w: the disk has not answered for %s", ErrUnavailable, w.cfg.Patience)
	}
}

// note adds a line of the record itself and waits until it is durable, or is known not to be.
func (w *Writer) note(body []byte) error {
	_, g := w.enqueue(append(body, '\n'), own)
	if g == nil {
		return fmt.Errorf("%w: no room is left", ErrUnavailable)
	}
	<-g.done
	return g.err
}

// enqueue adds a line if there is room. begins: it is the first line of a gap. g is what to wait for until the line is
// durable; nil for recorded ones, and where there was no room.
func (w *Writer) enqueue(line []byte, as class) (begins bool, g *group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := &w.queue
	if w.closed || q.dropped > 0 || len(q.lines)+len(line) > w.cfg.MaxQueue || len(line) > MaxLine-256 {
		if as == own || as == admitted && w.cfg.WhenFull == Refuse {
			return false, nil
		}
		q.dropped++
		w.lost.Add(1)
		return q.dropped == 1, nil
	}
	if w.since.Load() == 0 {
		w.since.Store(max(1, int64(time.Since(w.begun))))
	}
	before := len(q.lines)
	q.lines = append(q.lines, line...)
	q.count++
	w.waiting.Store(int64(len(q.lines)))
	if as != recorded {
		if q.group == nil {
			q.group = &group{done: make(chan struct{})}
		}
		g = q.group
	}
	if before == 0 {
		knock(w.wake)
	}
	if as != recorded || before < urgentBytes && len(q.lines) >= urgentBytes {
		knock(w.urgent)
	}
	return false, g
}

// knock leaves a sign, unless there is one.
func knock(door chan struct{}) {
	select {
	case door <- struct{}{}:
	default:
	}
}

// take empties the queue; spare becomes its memory.
func (w *Writer) take(spare []byte) queue {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue
	w.queue = queue{lines: spare[:0]}
	w.waiting.Store(0)
	return q
}
