package upstream

import (
	"errors"
	"os"
	"sync"
	"time"
)

// largeBody is the size from which a body is sent by a goroutine of its own.
// Smaller ones fit into the socket's buffer; with a larger one an upstream that
// answers while it reads would wait for us as we for it.
const largeBody = 64 << 10

// writer sends one large body while the answer is already awaited. A nil writer
// has nothing to send and has finished.
type writer struct {
	done chan struct{}
	err  error // valid once done is closed

	mu   sync.Mutex // held while the socket is given more
	left []byte     // what it has not taken
}

// startWriter sends body until limit. A failure ends only the sending: an
// upstream that refuses a body often answers first and closes then, and the
// answer is worth more than the error. A timeout closes the connection.
func (c *conn) startWriter(body []byte, limit time.Time) {
	c.watch()
	w := &writer{done: make(chan struct{}), left: body}
	c.writer = w
	_ = c.nc.SetWriteDeadline(limit) // fails only on a closed connection, as the write will
	go func() {
		defer close(w.done)
		if err := w.send(c); err != nil {
			w.err = fail(ErrUnreachable, "write body", err)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				w.err = fail(ErrTimeout, "write body", err)
				_ = c.nc.Close()
			}
		}
	}()
}

// send writes all of the body. A connection that cannot be looked into is not
// used again, so it does not matter there how far it came.
func (w *writer) send(c *conn) error {
	if c.raw == nil {
		_, err := c.nc.Write(w.left)
		return err
	}
	var failed error
	err := c.raw.Write(func(fd uintptr) (over bool) {
		over, failed = w.give(int(fd))
		return over
	})
	return errors.Join(err, failed)
}

// give lets the socket take what it has room for and reports whether there is no
// more to do. The lock is held for one write at a time, none of which waits.
func (w *writer) give(fd int) (over bool, err error) {
	for {
		w.mu.Lock()
		n, err := writeSocket(fd, w.left)
		w.left = w.left[n:]
		over := err != nil || len(w.left) == 0
		w.mu.Unlock()
		if over || n == 0 {
			return over, err
		}
	}
}

// unsent reports whether the socket has not taken all of the body. It waits for
// a write that is under way: the answer may be to its very last byte.
func (w *writer) unsent() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.left) > 0
}

// tail is what a sender still gets when the answer is complete already: an
// upstream that answered early may be about to read the rest.
const tail = 100 * time.Millisecond

// settle ends the sending and reports whether everything was sent.
func (c *conn) settle() bool {
	w := c.writer
	if w == nil {
		return true
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(tail))
	<-w.done
	return w.err == nil
}

// failed returns why the sending stopped, if it has.
func (w *writer) failed() error {
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
		return w.err
	default:
		return nil
	}
}

func (w *writer) wait() {
	if w != nil {
		<-w.done
	}
}
