package strict

import (
	"context"
	"time"
)

// stopPoll is how often Stop looks whether handshakes are under way.
const stopPoll = 5 * time.Millisecond

// Stop accepts no further connection, but Accept goes on giving out those that
// were accepted before: a caller in its handshake has been let in, and with TLS
// 1.3 its request may be on its way. It returns when no handshake is under way,
// or when ctx ends. http.Server.Shutdown comes next; it closes the Listener.
func (l *Listener) Stop(ctx context.Context) {
	l.stopped.Store(true)
	_ = l.inner.Close() // Close tells the error
	poll := time.NewTicker(stopPoll)
	defer poll.Stop()
	for l.shaking() {
		select {
		case <-ctx.Done():
			return
		case <-l.closing:
			return
		case <-poll.C:
		}
	}
}

// shaking reports whether a connection is in its handshake.
func (l *Listener) shaking() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for raw := range l.conns {
		if raw.phase.Load() == phaseHandshake {
			return true
		}
	}
	return false
}
