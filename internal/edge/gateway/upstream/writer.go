package upstream

import (
	"errors"
	"os"
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
}

// startWriter sends body until limit. A failure ends only the sending: an
// upstream that refuses a body often answers first and closes then, and the
// answer is worth more than the error. A timeout closes the connection.
func (c *conn) startWriter(body []byte, limit time.Time) {
	c.watch()
	w := &writer{done: make(chan struct{})}
	nc := c.nc
	c.writer = w
	_ = nc.SetWriteDeadline(limit) // fails only on a closed connection, as the write will
	go func() {
		defer close(w.done)
		if _, err := nc.Write(body); err != nil {
			w.err = fail(ErrUnreachable, "write body", err)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				w.err = fail(ErrTimeout, "write body", err)
				_ = nc.Close()
			}
		}
	}()
}

// tail is what a sender still gets when the answer is complete already. Mostly
// it has written its last byte and only not come round to saying so.
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
