package strict

import (
	"context"
	"time"
)

// stopPoll is how often Stop and Settle look at the connections.
const stopPoll = 5 * time.Millisecond

// Stop accepts no further connection, but Accept goes on giving out those that
// were accepted before: a caller in its handshake has been let in, and with TLS
// 1.3 its request may be on its way. It returns when no handshake is under way,
// or when ctx ends. Settle comes next.
func (l *Listener) Stop(ctx context.Context) {
	l.stopped.Store(true)
	_ = l.inner.Close() // Close tells the error
	l.until(ctx, func(raw *rawConn) bool { return raw.phase.Load() != phaseHandshake })
}

// Settle waits until the first request of every connection has reached its
// handler, of those that Accept gave out in the last 2 s: http.Server drops a
// request without an answer that it reads while it shuts down. It also returns
// when ctx ends. http.Server.Shutdown comes next; it closes the Listener.
func (l *Listener) Settle(ctx context.Context) { l.until(ctx, (*rawConn).settled) }

// until waits for every connection, for ctx or for Close.
func (l *Listener) until(ctx context.Context, so func(*rawConn) bool) {
	poll := time.NewTicker(stopPoll)
	defer poll.Stop()
	for !l.all(so) {
		select {
		case <-ctx.Done():
			return
		case <-l.closing:
			return
		case <-poll.C:
		}
	}
}

func (l *Listener) all(so func(*rawConn) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for raw := range l.conns {
		if !so(raw) {
			return false
		}
	}
	return true
}

// settled reports whether a server that shuts down now loses no first request
// of this connection.
func (r *rawConn) settled() bool {
	switch r.phase.Load() {
	case phaseHandshake:
		return true // Stop has waited for it
	case phaseNew:
		return time.Since(r.given) >= newGrace
	case phaseActive:
		return !r.standard.Load() || r.reached.Load() || time.Since(r.given) >= newGrace
	}
	return true
}
