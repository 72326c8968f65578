package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxPending is how many bytes of lines may wait for the writer; beyond it, lines are dropped and told as a gap.
	maxPending = 4 << 20
	// closePatience is how long Close waits for a writer that does not come back.
	closePatience = 5 * time.Second
)

// ErrUnwritten is wrapped by Close's error when the writer had not taken every line in time.
var ErrUnwritten = errors.New("decision lines were still unwritten")

// Lines writes decision lines to one writer, the record. Record only appends to memory; one goroutine writes what has
// gathered, so that a crash of the process loses at most what the last write had not taken. No request waits for a disk: a
// writer that fails, hangs or does not keep up loses lines, and says how many. Lost counts them (a write that was cut
// counts whole), and a line that tells the gap stands where they are missing. At most 4 MiB wait while as many are being
// written.
type Lines struct {
	out io.Writer
	key []byte
	log *slog.Logger

	mu      sync.Mutex // guards pending, count, dropped, writing, closed
	wake    sync.Cond  // signalled when there is something to write, or the end
	pending []byte
	count   uint64 // lines in pending
	dropped uint64 // lines behind pending that found no room
	writing uint64 // lines that the writer has been given and has not answered for yet
	closed  bool

	lost atomic.Uint64
	done chan struct{}
}

// NewLines starts writing to out. key makes the digests of queries: the same query of two requests can be recognised, but
// not read, without it; it has at least 16 bytes. log hears of lost lines and must not block: Record and the writing wait
// for it. Close ends it; out stays open.
func NewLines(out io.Writer, key []byte, log *slog.Logger) (*Lines, error) {
	if out == nil || log == nil || len(key) < 16 {
		return nil, errors.New("decision lines: a writer, a log and a key of 16 bytes are needed")
	}
	l := &Lines{out: out, key: key, log: log, done: make(chan struct{})}
	l.wake.L = &l.mu
	go l.run()
	return l, nil
}

// Record adds the line of d. It never waits for the writer: while 4 MiB are unwritten, and after Close, the line is dropped
// and counted as lost. Safe for concurrent use.
func (l *Lines) Record(d *Decision) {
	if l.add(d, l.digest(d.Query)) {
		l.log.Error("decision lines are dropped: the record does not keep up", "lost", l.lost.Load())
	}
}

// add reports whether this line is the first of a gap.
func (l *Lines) add(d *Decision, digest string) (gapBegins bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.pending) >= maxPending {
		l.lost.Add(1)
		l.dropped++
		return l.dropped == 1
	}
	l.pending = d.append(l.pending, digest)
	l.count++
	l.wake.Signal()
	return false
}

// Lost is how many lines could not be written since the start.
func (l *Lines) Lost() uint64 { return l.lost.Load() }

// Close writes what is pending and returns when it has been taken or refused, at the latest after five seconds. Then what
// still waits is given up and counted as lost, and the error wraps ErrUnwritten; nobody knows what became of a write that
// has not returned. Call it once.
func (l *Lines) Close() error {
	l.mu.Lock()
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	late := time.NewTimer(closePatience)
	defer late.Stop()
	select {
	case <-l.done:
		return nil
	case <-late.C:
		return l.giveUp()
	}
}

func (l *Lines) giveUp() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.count
	l.lost.Add(waiting)
	l.dropped += waiting
	l.pending, l.count = nil, 0
	return fmt.Errorf("%w after %s: %d given up, %d in a write that has not returned", ErrUnwritten, closePatience, waiting, l.writing)
}

// gap is what is missing in the output before the next line.
type gap struct {
	lines uint64 // that could not be written
	torn  bool   // the output ends inside a line
}

// batch is what one write takes.
type batch struct {
	lines   []byte
	count   uint64
	dropped uint64 // lines that are missing behind these
}

func (l *Lines) run() {
	defer close(l.done)
	var spare []byte
	var missing gap
	for {
		b, more := l.take(spare)
		if b.count > 0 || b.dropped > 0 || missing.lines > 0 {
			missing = l.write(b, missing)
		}
		if !more {
			return
		}
		spare = b.lines[:0]
	}
}

// take waits for lines and swaps the buffers. more is false when this was the last batch, which may be empty.
func (l *Lines) take(spare []byte) (b batch, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) == 0 && !l.closed {
		l.wake.Wait()
	}
	b = batch{lines: l.pending, count: l.count, dropped: l.dropped}
	l.pending, l.count, l.dropped, l.writing = spare, 0, 0, b.count
	return b, b.count > 0
}

// write hands b to the writer, between words on what is missing before and behind it, and returns what is missing now.
func (l *Lines) write(b batch, missing gap) gap {
	lines := b.lines
	if missing.lines > 0 {
		var note []byte
		if missing.torn {
			note = append(note, '\n') // a torn line must not swallow the next one
		}
		lines = append(tell(note, missing.lines), lines...)
	}
	if b.dropped > 0 {
		lines = tell(lines, b.dropped)
	}
	n, err := l.out.Write(lines)
	if err == nil {
		return gap{}
	}
	l.lost.Add(b.count)
	if missing.lines == 0 {
		l.log.Error("decision lines cannot be written", "cause", err.Error(), "lost", l.lost.Load())
	}
	return gap{lines: missing.lines + b.count + b.dropped, torn: n > 0 || missing.torn}
}

// tell adds the line that stands for lost ones.
func tell(b []byte, lost uint64) []byte {
	return append(number(append(b, `{"gap":true`...), "lost", int64(lost)), '}', '\n')
}

func (l *Lines) digest(query string) string {
	if query == "" {
		return ""
	}
	mac := hmac.New(sha256.New, l.key)
	_, _ = io.WriteString(mac, query)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
