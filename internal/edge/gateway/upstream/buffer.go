package upstream

import "io"

// fill receives more into the buffer. An end of the connection is always an
// error here.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	n, err := c.Read(c.buf[c.w:])
	c.w += n
	if err == io.EOF {
		return c.truncated()
	}
	return err
}

func (c *conn) truncated() error {
	if !c.got {
		return fail(ErrUnreachable, "read", io.EOF)
	}
	return fail(ErrInvalidAnswer, "answer ends early", io.ErrUnexpectedEOF)
}

// buffered returns what was received and not used yet.
func (c *conn) buffered() []byte { return c.buf[c.r:c.w] }

// room makes space for more bytes after the buffered ones, which it moves to the
// front; the buffer never grows beyond most.
func (c *conn) room(most int) bool {
	if c.w < len(c.buf) {
		return true
	}
	held := c.w - c.r
	if held >= most {
		return false
	}
	to := c.buf
	if c.r == 0 {
		to = make([]byte, min(2*len(c.buf), max(most, smallBuffer)))
	}
	copy(to, c.buffered())
	c.buf, c.r, c.w = to, 0, held
	return true
}
