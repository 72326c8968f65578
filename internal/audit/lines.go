package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// maxPending is how many bytes of lines may wait for the writer before Record waits with them.
const maxPending = 4 << 20

// Lines writes decision lines to one writer. Record only appends to memory; one goroutine writes what has gathered, so
// that a crash of the process loses at most what the last write had not taken. A failing writer loses lines and says how
// many: Lost counts them (a write that was cut counts whole), and a line that tells the gap comes before the next one.
type Lines struct {
	out io.Writer
	key []byte
	log *slog.Logger

	mu      sync.Mutex // guards pending, count, closed
	room    sync.Cond  // signalled when pending has been taken
	wake    sync.Cond  // signalled when there is something to write, or the end
	pending []byte
	count   uint64 // lines in pending
	closed  bool

	lost atomic.Uint64
	done chan struct{}
}

// NewLines starts writing to out. key makes the digests of queries: the same query of two requests can be recognised, but
// not read, without it; it has at least 16 bytes. log hears of failing writes. Close ends it; out stays open.
func NewLines(out io.Writer, key []byte, log *slog.Logger) (*Lines, error) {
	if out == nil || log == nil || len(key) < 16 {
		return nil, errors.New("decision lines: a writer, a log and a key of 16 bytes are needed")
	}
	l := &Lines{out: out, key: key, log: log, done: make(chan struct{})}
	l.room.L, l.wake.L = &l.mu, &l.mu
	go l.run()
	return l, nil
}

// Record adds the line of d. It waits only while more than 4 MiB are unwritten. Safe for concurrent use; after Close it
// counts the line as lost.
func (l *Lines) Record(d *Decision) {
	digest := l.digest(d.Query)
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) > maxPending && !l.closed {
		l.room.Wait()
	}
	if l.closed {
		l.lost.Add(1)
		return
	}
	l.pending = d.append(l.pending, digest)
	l.count++
	l.wake.Signal()
}

// Lost is how many lines could not be written since the start.
func (l *Lines) Lost() uint64 { return l.lost.Load() }

// Close writes what is pending and returns when it has been taken or refused.
func (l *Lines) Close() error {
	l.mu.Lock()
	l.closed = true
	l.wake.Signal()
	l.room.Broadcast()
	l.mu.Unlock()
	<-l.done
	return nil
}

func (l *Lines) run() {
	defer close(l.done)
	var spare []byte
	var state gap
	for {
		lines, count, ok := l.take(spare)
		if !ok {
			return
		}
		state = l.write(lines, count, state)
		spare = lines[:0]
	}
}

// gap is what is missing in the output before the next line.
type gap struct {
	lines uint64 // that could not be written
	torn  bool   // the output ends inside a line
}

// take waits for lines and swaps the buffers.
func (l *Lines) take(spare []byte) (lines []byte, count uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) == 0 && !l.closed {
		l.wake.Wait()
	}
	if len(l.pending) == 0 {
		return nil, 0, false
	}
	lines, count = l.pending, l.count
	l.pending, l.count = spare, 0
	l.room.Broadcast()
	return lines, count, true
}

// write hands lines to the writer, after a word on those that are missing, and returns what is missing now.
func (l *Lines) write(lines []byte, count uint64, missing gap) gap {
	if missing.lines > 0 {
		var note []byte
		if missing.torn {
			note = append(note, '\n') // a torn line must not swallow the next one
		}
		note = append(number(append(note, `{"gap":true`...), "lost", int64(missing.lines)), '}', '\n')
		lines = append(note, lines...)
	}
	n, err := l.out.Write(lines)
	if err == nil {
		return gap{}
	}
	l.lost.Add(count)
	if missing.lines == 0 {
		l.log.Error("decision lines cannot be written", "cause", err.Error(), "lost", l.lost.Load())
	}
	return gap{lines: missing.lines + count, torn: n > 0 || missing.torn}
}

func (l *Lines) digest(query string) string {
	if query == "" {
		return ""
	}
	mac := hmac.New(sha256.New, l.key)
	_, _ = io.WriteString(mac, query)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
