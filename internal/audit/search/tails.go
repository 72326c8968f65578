package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"countersign.dev/internal/audit/segment"
)

// Defaults of TailsConfig.
const (
	DefaultTailBuffer = 256
	DefaultTailKeep   = 16 << 20
)

const (
	tailBack   = 5 * time.Minute // of the past is read when the first tail comes: pages that were made a moment ago go on from there
	tailBytes  = 1 << 20         // wait for one tail, beside the number of lines
	tailLinger = 150             // looks without a tail, and the reader is closed: half a minute of TailEvery
	tailBatch  = 512             // lines are handed out under one lock
)

// TailEvery is how often a server looks for new lines where somebody follows them.
const TailEvery = 200 * time.Millisecond

// ErrTailsClosed is returned by Tailing.Take and Tails.Open when the reader has ended.
var ErrTailsClosed = errors.New("nothing follows the record any more")

// TailsConfig says what Tails follows. Dir, Now and Log are required.
type TailsConfig struct {
	Dir    string // folder of the record
	Now    func() time.Time
	Log    *slog.Logger // hears of a record that cannot be read, once until it can be again
	Buffer int          // lines that wait for one tail before further ones are lost to it; 0: DefaultTailBuffer
	Keep   int          // bytes that past lines may take, so that a tail can go on from them; 0: DefaultTailKeep
}

// Tails hands what is written to a record to many followers, with one reader for all of them. While nobody follows it reads
// nothing. Its memory is bounded by Keep and by 1 MiB for each tail; how many tails there may be is for whoever opens them.
// Safe for concurrent use. Run must run; nothing is to be closed.
type Tails struct {
	cfg  TailsConfig
	wake chan struct{} // a sign of one place: somebody has come

	mu     sync.Mutex // guards what follows
	all    map[*Tailing]struct{}
	past   []Found // the last lines, oldest first
	kept   int     // bytes of past
	first  uint64  // seq of the first line of past: what stands before it cannot be had here
	last   uint64  // seq of the last line that was read
	closed bool

	// owned by Run
	reader *segment.Reader
	idle   int  // looks without a tail
	failed bool // the last look failed
}

// NewTails makes one that has read nothing. Errors: a field that is missing.
func NewTails(cfg TailsConfig) (*Tails, error) {
	if cfg.Dir == "" || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("tails: Dir, Now and Log are required")
	}
	if cfg.Buffer <= 0 {
		cfg.Buffer = DefaultTailBuffer
	}
	if cfg.Keep <= 0 {
		cfg.Keep = DefaultTailKeep
	}
	return &Tails{cfg: cfg, wake: make(chan struct{}, 1), all: map[*Tailing]struct{}{}}, nil
}

// Run reads what is new whenever tick gives something, until ctx ends or tick is closed; then all tails end. A server runs it once,
// with a ticker of TailEvery.
func (t *Tails) Run(ctx context.Context, tick <-chan time.Time) {
	defer t.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case _, ok := <-tick:
			if !ok {
				return
			}
		}
		t.look(ctx)
	}
}

// end sends everybody away.
func (t *Tails) end() {
	t.forget()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for one := range t.all {
		one.signal()
	}
}

// look reads what is there, if somebody wants it.
func (t *Tails) look(ctx context.Context) {
	t.mu.Lock()
	followers := len(t.all)
	t.mu.Unlock()
	if followers == 0 {
		if t.idle++; t.idle >= tailLinger && t.reader != nil {
			t.forget()
		}
		return
	}
	t.idle = 0
	err := t.read(ctx)
	if err == nil {
		t.failed = false
		return
	}
	t.close() // it begins anew behind the last line
	if !t.failed && ctx.Err() == nil {
		t.cfg.Log.Error("the record of decisions cannot be followed", "cause", err.Error())
	}
	t.failed = true
}

// read reads to the end of what is there.
func (t *Tails) read(ctx context.Context) error {
	if t.reader == nil {
		reader, err := segment.NewReader(t.from())
		if err != nil {
			return fmt.Errorf("follow the record: %w", err)
		}
		t.reader = reader
	}
	var batch []Found
	for ctx.Err() == nil {
		line, err := t.reader.Next()
		switch {
		case err == nil:
			if found, ok := foundOf(line); ok {
				if batch = append(batch, found); len(batch) == tailBatch {
					t.give(batch, false)
					batch = batch[:0]
				}
			}
		case errors.Is(err, segment.ErrMalformed): // told by a verification
		case errors.Is(err, io.EOF):
			t.give(batch, true)
			return nil
		default:
			t.give(batch, false)
			return err
		}
	}
	return ctx.Err()
}

// from is where a reader begins: behind what was read, or a little before now.
func (t *Tails) from() segment.ReaderConfig {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last > 0 {
		return segment.ReaderConfig{Dir: t.cfg.Dir, Seq: t.last + 1}
	}
	return segment.ReaderConfig{Dir: t.cfg.Dir, From: t.cfg.Now().Add(-tailBack)}
}

func foundOf(line segment.Line) (Found, bool) {
	found := Found{Segment: line.Segment, Row: uint64(line.Number - 1), Text: slices.Clone(line.Text)}
	if found.Line.Parse(found.Text) != nil || found.Line.Kind == Header || found.Line.Kind == Unreadable {
		return Found{}, false
	}
	return found, true
}

// give keeps lines and hands them to those who follow. end: there is no more for now.
func (t *Tails) give(batch []Found, end bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range batch {
		t.keep(batch[i])
		for one := range t.all {
			if one.begun {
				one.offer(&batch[i])
			}
		}
	}
	for one := range t.all {
		if end && !one.begun {
			t.begin(one)
		}
		one.rest()
	}
}

// keep adds a line to the past, and lets go of what is too old. The lock is held.
func (t *Tails) keep(f Found) {
	if len(t.past) == 0 && t.first == 0 {
		t.first = f.Line.Seq
	}
	t.past, t.kept, t.last = append(t.past, f), t.kept+weight(&f), max(t.last, f.Line.Seq)
	for t.kept > t.cfg.Keep && len(t.past) > 1 {
		t.kept -= weight(&t.past[0])
		t.past = t.past[1:]
		t.first = t.past[0].Line.Seq
	}
}

// weight is about how much memory a line takes: what was read of it takes more than most lines themselves.
func weight(f *Found) int { return len(f.Text) + 1<<10 }

// begin gives a tail what it has missed. The lock is held.
func (t *Tails) begin(one *Tailing) {
	one.begun = true
	known := one.after > 0 && one.after <= t.last // else it is from now on, or the place is one of another record
	one.gap = known && t.first > one.after+1
	for i := range t.past {
		if l := &t.past[i].Line; known && l.Seq > one.after || !known && !l.Time.Before(one.opened) {
			one.offer(&t.past[i])
		}
	}
}

// forget lets go of the reader and of the past.
func (t *Tails) forget() {
	t.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.past, t.kept, t.first, t.last = nil, 0, 0, 0
}

func (t *Tails) close() {
	if t.reader != nil {
		_ = t.reader.Close() // only read from
	}
	t.reader = nil
}
