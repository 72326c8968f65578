package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxLeft is how much of a body that a handler did not read is read and dropped so that the connection can be kept, as net/http does.
const maxLeft = 256 << 10

// leftGrace is how long that may take where no handler has set a deadline.
const leftGrace = 5 * time.Second

// continueHead asks a caller for its body (RFC 9110 §10.1.1).
const continueHead = "HTTP/1.1 100 Continue\r\n\r\n"

var errChunk = errors.New("http1: a chunk that strict would not have let through")

// body is the body of one request. A handler may read it from one goroutine, also while it writes its answer.
type body struct {
	c    *conn
	w    *response
	gone func() // ends the context of the request

	mu      sync.Mutex
	remain  int64 // of the body, or of the chunk at hand
	chunked bool
	inside  bool // a chunk has begun, and its end is still to come
	asks    bool // the caller waits to be asked for the body
	over    bool // read to its end
	closed  bool // the handler has returned, or closed it
	failed  error
}

// begin is called with the declared length; -1: it comes in chunks.
func (b *body) begin(c *conn, x *exchange, length int64, asks bool) {
	b.c, b.w, b.gone = c, &x.w, x.ctx.cancel
	b.remain, b.chunked, b.asks = max(length, 0), length < 0, asks
	b.over = length == 0
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.read(p)
}

// Close implements io.Closer: what is left is not the handler's any more.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (b *body) read(p []byte) (n int, err error) {
	switch {
	case b.over:
		return 0, io.EOF
	case b.failed != nil:
		return 0, b.failed
	case len(p) == 0:
		return 0, nil
	}
	if b.asks {
		b.asks = false
		if err := b.w.invite(); err != nil {
			return 0, b.fail(err)
		}
	}
	if b.chunked && b.remain == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, b.fail(err)
		}
		if b.over {
			return 0, io.EOF
		}
	}
	n, err = b.c.take(p[:min(int64(len(p)), b.remain)])
	b.remain -= int64(n)
	switch {
	case err != nil && n == 0:
		return 0, b.fail(err)
	case b.remain == 0 && !b.chunked:
		b.finish()
		return n, io.EOF
	}
	return n, nil
}

func (b *body) fail(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	b.failed = err
	b.gone() // nothing more can be heard of the caller
	return err
}

// finish notes that nothing more of the request is to come: from now on a read can only tell that the caller has left.
func (b *body) finish() {
	b.over = true
	b.c.watch.quiet.Store(true)
}

// nextChunk reads up to the first byte of the next chunk, or to the end of the body.
func (b *body) nextChunk() error {
	if b.inside {
		if line, err := b.c.line(); err != nil || len(line) > 0 {
			return errors.Join(err, errChunk)
		}
	}
	line, err := b.c.line()
	if err != nil {
		return err
	}
	size, ok := hexSize(line)
	if !ok {
		return errChunk
	}
	if b.remain, b.inside = size, true; size > 0 {
		return nil
	}
	for { // the trailer section: strict has checked it, and nobody gets to see it (security rule 37)
		line, err := b.c.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			b.finish()
			return nil
		}
	}
}

// hexSize reads 1 to 16 hexadecimal digits that make less than 2^62.
func hexSize(line []byte) (n int64, ok bool) {
	if len(line) == 0 || len(line) > 16 {
		return 0, false
	}
	for _, c := range line {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if c < '0' || digit < 0 || n >= 1<<58 {
			return 0, false
		}
		n = n<<4 | int64(digit)
	}
	return n, true
}

// drained reports whether the request has been read to its end, after reading a little more of it if that is all there is.
func (b *body) drained() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.skip()
}

// skip reads what is left of the body, within maxLeft.
func (b *body) skip() bool {
	if b.over || b.failed != nil || b.asks {
		return b.over
	}
	if !b.chunked && b.remain >= maxLeft {
		return false
	}
	if by := time.Now().Add(leftGrace); b.c.readBy.IsZero() || b.c.readBy.After(by) {
		b.c.setRead(by)
	}
	var sink [4 << 10]byte
	for left := maxLeft; left > 0; {
		n, err := b.read(sink[:])
		if left -= n; err != nil {
			return b.over
		}
	}
	return false
}

// settle is asked before the head of an answer goes out: it reports whether the connection can be kept with this body.
func (b *body) settle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.skip()
}

// take reads bytes of the message at hand: first those that came with its head.
func (c *conn) take(p []byte) (int, error) {
	if c.used < len(c.in) {
		n := copy(p, c.in[c.used:])
		c.used += n
		return n, nil
	}
	return c.nc.Read(p)
}

// line reads a line of the chunked framing, without its end. It is good until the next read.
func (c *conn) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(c.in[c.used:], '\n'); i >= 0 {
			line := c.in[c.used : c.used+i]
			c.used += i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		rest := copy(c.in, c.in[c.used:])
		if c.in, c.used = c.in[:rest], 0; rest == cap(c.in) {
			if rest > 8<<10 { // strict ends a trailer section at 4,000 bytes
				return nil, errChunk
			}
			c.in = append(make([]byte, 0, 2*cap(c.in)), c.in...)
		}
		n, err := c.nc.Read(c.in[rest:cap(c.in)])
		if c.in = c.in[:rest+n]; n == 0 && err != nil {
			return nil, err
		}
	}
}
