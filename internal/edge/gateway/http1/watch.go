package http1

import (
	"sync"
	"sync/atomic"
	"time"
)

// A handler that runs for longer than patience is told when its caller leaves. Whoever answers at once, as nearly all do, does not
// pay for it: a watch costs a goroutine and two system calls.
const (
	patience = 20 * time.Millisecond
	glance   = 10 * time.Millisecond // how often is looked for such handlers
)

// watch reads from a connection while its handler runs, so that the handler learns that the caller has left.
type watch struct {
	quiet atomic.Bool  // nothing more of the request is to come
	since atomic.Int64 // when the handler began, in nanoseconds; 0: none runs

	mu     sync.Mutex
	x      *exchange     // of the handler that runs
	ended  chan struct{} // closed by the goroutine that reads; nil: none does
	byte   [1]byte       // the first of the next request, where one came
	caught bool
}

// begin is called before a handler runs.
func (w *watch) begin(x *exchange, over bool) {
	w.quiet.Store(over)
	w.mu.Lock()
	w.x = x
	w.mu.Unlock()
	w.since.Store(time.Now().UnixNano())
}

// end is called when the handler has returned: the reading is broken off.
func (w *watch) end(c *conn) {
	w.since.Store(0)
	w.mu.Lock()
	ended := w.ended
	w.x, w.ended = nil, nil
	w.mu.Unlock()
	if ended == nil {
		return
	}
	c.setRead(time.Unix(1, 0))
	<-ended
}

// take returns the first byte of the next request, if the watch got it.
func (w *watch) take() (byte, bool) {
	caught := w.caught
	w.caught = false
	return w.byte[0], caught
}

// start begins to read for a handler that has run for long.
func (w *watch) start(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.x == nil || w.ended != nil || w.caught || !w.quiet.Load() {
		return
	}
	w.ended = make(chan struct{})
	_ = c.nc.SetReadDeadline(time.Time{}) // not setRead: what is known of the deadline is the connection's own goroutine's, and end sets it
	go w.read(c, w.x, w.ended)
}

// read waits for one byte, or the end of the connection, or to be broken off.
func (w *watch) read(c *conn, x *exchange, ended chan struct{}) {
	defer close(ended)
	n, err := c.nc.Read(w.byte[:])
	switch ne, ok := err.(interface{ Timeout() bool }); {
	case n > 0:
		w.caught = true
	case ok && ne.Timeout():
	case err != nil:
		x.ctx.cancel()
	}
}

// watchAll looks after the handlers of all connections until stop is called.
func (s *Server) watchAll() (stop func()) {
	ticker, ended := time.NewTicker(glance), make(chan struct{})
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case now := <-ticker.C:
				if !s.busy.Swap(false) {
					continue // thousands of connections that do nothing are not looked through
				}
				for _, c := range s.patient(now.Add(-patience)) {
					c.watch.start(c)
				}
			}
		}
	}()
	return func() { close(ended) }
}

// patient are the connections whose handler has run since before a moment.
func (s *Server) patient(before time.Time) (found []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		since := c.watch.since.Load()
		if since == 0 {
			continue
		}
		s.busy.Store(true) // it is looked at again
		if since < before.UnixNano() && c.watch.quiet.Load() {
			found = append(found, c)
		}
	}
	return found
}
