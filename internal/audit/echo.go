package audit

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// maxEcho is how many bytes may wait for the reader of an Echo.
	maxEcho = 1 << 20
	// echoPatience is how long Close waits for that reader.
	echoPatience = time.Second
)

// Echo shows lines to whoever looks on, and waits for nobody: what is written is queued, one goroutine passes it on, and a
// reader that stalls, fails or does not keep up misses whole lines. It is no record, and nothing that it drops is counted
// as one that was lost; when there is room again, a line says how many are not shown. It keeps a terminal that was stopped,
// or a pipe that nobody empties, from stopping the gateway. Safe for concurrent use.
type Echo struct {
	out io.Writer

	mu      sync.Mutex // guards pending, dropped, closed
	wake    sync.Cond  // signalled when there is something to write, or the end
	pending []byte
	dropped int // lines behind pending that found no room
	closed  bool

	done chan struct{}
}

// NewEcho starts passing on to out, which must not be nil; its errors are ignored, there is nobody to tell. Close ends it;
// out stays open.
func NewEcho(out io.Writer) *Echo {
	e := &Echo{out: out, done: make(chan struct{})}
	e.wake.L = &e.mu
	go e.run()
	return e
}

// Write queues the whole lines of p, as many as there is room for: 1 MiB. What follows the last line feed is dropped, and
// so is everything after Close. It never waits, and always reports that it took all of p.
func (e *Echo) Write(p []byte) (int, error) {
	whole := p[:bytes.LastIndexByte(p, '\n')+1]
	e.mu.Lock()
	defer e.mu.Unlock()
	room := maxEcho - len(e.pending)
	if e.closed || e.dropped > 0 {
		room = 0 // behind a gap there is nothing until the gap has been told
	}
	taken := whole[:min(room, len(whole))]
	taken = taken[:bytes.LastIndexByte(taken, '\n')+1]
	e.pending = append(e.pending, taken...)
	e.dropped += bytes.Count(whole[len(taken):], []byte{'\n'})
	e.wake.Signal()
	return len(p), nil
}

// Close returns when everything was passed on, at the latest after one second.
func (e *Echo) Close() error {
	e.mu.Lock()
	e.closed = true
	e.wake.Signal()
	e.mu.Unlock()
	late := time.NewTimer(echoPatience)
	defer late.Stop()
	select {
	case <-e.done:
	case <-late.C:
	}
	return nil
}

func (e *Echo) run() {
	defer close(e.done)
	var spare []byte
	for {
		lines, ok := e.take(spare)
		if !ok {
			return
		}
		_, _ = e.out.Write(lines)
		spare = lines[:0]
	}
}

// take waits for lines and swaps the buffers.
func (e *Echo) take(spare []byte) (lines []byte, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.pending) == 0 && e.dropped == 0 && !e.closed {
		e.wake.Wait()
	}
	lines = e.pending
	if e.dropped > 0 {
		lines = fmt.Appendf(lines, "{\"not_shown\":%d}\n", e.dropped)
	}
	e.pending, e.dropped = spare, 0
	return lines, len(lines) > 0
}
