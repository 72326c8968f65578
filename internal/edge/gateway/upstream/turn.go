package upstream

import (
	"errors"
	"os"
	"syscall"
)

// turn is one write and the wait for what it brings, within one visit to the
// poller. A write followed by a read would ask the socket once in vain before
// the answer can be there; that is a system call in ten for a small exchange.
type turn struct {
	out    []byte
	whole  bool // out ends the request, so an answer may follow
	posted bool
	n      int
	err    error
}

// post sends what the socket has room for, which may be less than all of out or
// nothing, without an error. If that was the whole of a request, it also waits
// for the first bytes of the answer and leaves them in the buffer; if it comes
// back without any, the next read goes on waiting.
//
// It never waits for room. A caller who posts the rest again would ask a full
// socket without end.
func (c *conn) post(out []byte, whole bool) (int, error) {
	if c.raw == nil {
		return c.nc.Write(out)
	}
	c.turn = turn{out: out, whole: whole}
	err := c.raw.Read(c.visit)
	n, posted, failed := c.turn.n, c.turn.posted, c.turn.err
	c.turn = turn{}
	switch {
	case !posted:
		return 0, err
	case failed == nil && errors.Is(err, os.ErrDeadlineExceeded):
		c.watch()
	}
	return n, failed
}

// visitSocket writes on the first call and reads on later ones, each of which
// follows a wake-up of the poller. It reports whether the turn is over.
//
// The write comes after the poller was told to forget older events, so that the
// one of the answer cannot be lost.
func (c *conn) visitSocket(fd uintptr) bool {
	if !c.turn.posted {
		c.turn.posted = true
		c.turn.n, c.turn.err = writeSocket(int(fd), c.turn.out)
		return c.turn.err != nil || c.turn.n < len(c.turn.out) || !c.turn.whole
	}
	n, err := readSocket(int(fd), c.buf[c.w:])
	if err == syscall.EAGAIN {
		return false
	}
	if n > 0 {
		c.w += n
		c.got = true
	}
	return true // an end or error is met again by the next read
}
