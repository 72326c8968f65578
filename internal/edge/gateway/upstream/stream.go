package upstream

import (
	"errors"
	"io"
	"net/http"
)

type bodyKind byte

const (
	noBody bodyKind = iota
	sized           // Content-Length
	chunked
	untilEnd // of the connection
)

// stream is the body of one answer. It lives in the Response, so that handing
// one out allocates nothing and a stale handle finds no connection in it.
type stream struct {
	l    *lean
	c    *conn // nil once the exchange is over
	err  error // how it ended
	kind bodyKind
	keep bool
	left int64 // bytes left of the body, or of the chunk
	part chunkPart
}

// begin decides where the body ends (RFC 9112 §6.3).
func (s *stream) begin(l *lean, c *conn, method string) {
	h := &c.head
	*s = stream{l: l, c: c, keep: !h.close}
	switch {
	case h.status == http.StatusNoContent:
		// No content by definition; one that says otherwise is not trusted to
		// mean it.
		s.keep = s.keep && !h.chunked && h.length <= 0
	case method == http.MethodHead, h.status == http.StatusNotModified:
	case h.chunked:
		s.kind = chunked
	case h.length > 0:
		s.kind, s.left = sized, h.length
	case h.length < 0:
		s.kind, s.keep = untilEnd, false
	}
}

func (s *stream) length() int64 {
	if s.kind == sized {
		return s.left
	}
	return -1
}

// finish ends the exchange: the connection goes back to the pool if the answer
// was read to its end and nothing speaks against it.
func (s *stream) finish(err error) error {
	c := s.c
	s.c, s.err = nil, err
	if c.end(s.keep && (err == nil || err == io.EOF)) {
		s.l.pool.put(c)
	} else {
		c.close()
	}
	s.l.queue.leave()
	return err
}

// Read reads content. Its errors are io.EOF and the outcomes of Do. After any
// of them the connection is given back or closed.
func (s *stream) Read(p []byte) (n int, err error) {
	if s.c == nil {
		return 0, s.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	switch s.kind {
	case sized:
		n, err = s.readSized(p)
	case chunked:
		n, err = s.readChunked(p)
	default:
		n, err = s.take(p)
	}
	if err != nil {
		err = s.finish(err)
	}
	return n, err
}

// Close ends the exchange. Before the end of the body it closes the connection.
// Reading afterwards is an error.
func (s *stream) Close() error {
	if s.c != nil {
		s.keep = false
		_ = s.finish(nil)
	}
	s.err = errClosed
	return nil
}

var errClosed = errors.New("upstream answer: read after close")

// take moves received bytes into p, from the buffer or, if that is empty,
// straight from the socket.
func (s *stream) take(p []byte) (int, error) {
	c := s.c
	if c.r < c.w {
		n := copy(p, c.buffered())
		c.r += n
		return n, nil
	}
	if len(p) >= len(c.buf) {
		return c.Read(p)
	}
	c.r, c.w = 0, 0
	n, err := c.Read(c.buf)
	c.w = n
	n = copy(p, c.buffered())
	c.r = n
	return n, err
}

func (s *stream) readSized(p []byte) (int, error) {
	n, err := s.take(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	switch {
	case err == io.EOF:
		return n, s.c.truncated()
	case err == nil && s.left == 0:
		return n, io.EOF
	}
	return n, err
}
