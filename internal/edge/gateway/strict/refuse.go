package strict

import (
	"io"
	"net"
	"strconv"
	"time"
)

const (
	answerTimeout = time.Second            // to write our 400
	lingerTimeout = 500 * time.Millisecond // to let the peer read an answer
	lingerBytes   = 256 << 10
)

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

// Close ends the connection. After a fault there may be unread bytes, and
// closing over them would reset the connection before the peer has read the
// answer: so our side is closed first and the rest is drained, within bounds.
// It never blocks on the peer.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	if c.over.Load() && !c.hijacked.Load() {
		go c.linger()
		return nil
	}
	return c.tls.Close()
}

func (c *conn) linger() {
	_ = c.tls.SetDeadline(time.Now().Add(lingerTimeout))
	_ = c.tls.CloseWrite()
	c.raw.closeWrite()
	_, _ = io.CopyN(io.Discard, c.raw.Conn, lingerBytes)
	_ = c.raw.Close()
}
