package strict

import (
	"errors"
	"net"
	"strconv"
	"time"
)

// answerTimeout bounds the writing of our 400.
const answerTimeout = time.Second

// refuse answers a request that net/http must not see. It runs inside a Read
// for the next head, so no handler is writing.
func (c *conn) refuse(f Fault) {
	answer := c.l.answer(c.raw.peer, f)
	c.muted.Store(true)
	_ = c.tls.SetWriteDeadline(time.Now().Add(answerTimeout))
	_, _ = c.tls.Write(answer) // the peer may be gone: nothing to do about it
}

// ownAnswer is the minimal refusal (RFC 9110 §15.5.1). The fault's name tells a
// caller's engineer what to mend; it repeats nothing that was sent.
func ownAnswer(f Fault) []byte {
	body := f.String() + "\n"
	return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// errMuted is the cause of a failed Write after the end inside a head.
var errMuted = errors.New("the strict reader has ended the connection")

// Write sends p, unless the connection has ended inside a head. Then net/http,
// which parses what it has of a broken line, could still answer in its own way.
func (c *conn) Write(p []byte) (int, error) {
	switch {
	case c.muted.Load():
		return 0, silentError(errMuted)
	case c.closed.Load():
		return 0, net.ErrClosed
	}
	return c.tls.Write(p)
}
