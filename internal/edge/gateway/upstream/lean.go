package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// maxInterim bounds the interim answers before the final one.
const maxInterim = 5

// lean is the HTTP/1.1 client for plain http upstreams.
type lean struct {
	cfg   Config
	queue *queue
	pool  *pool
	outs  sync.Pool // *[]byte: heads and small bodies on their way out
}

func newLean(cfg Config) *lean {
	return &lean{cfg: cfg, queue: newQueue(cfg), pool: newPool(cfg)}
}

// Close closes idle connections; see Doer.
func (l *lean) Close() error {
	l.queue.close()
	l.pool.close()
	return nil
}

// Do sends r and reads the head of its answer; see Doer.
func (l *lean) Do(ctx context.Context, r *Request, resp *Response) error {
	resp.reset()
	out, _ := l.outs.Get().(*[]byte)
	if out == nil {
		out = new([]byte)
	}
	defer l.recycle(out)
	var err error
	if *out, err = appendHead((*out)[:0], r, l.cfg.URL.Host); err != nil {
		return err
	}
	late := r.Body
	if len(r.Body) < largeBody {
		*out, late = append(*out, r.Body...), nil
	}
	return l.send(ctx, r.Method, *out, late, resp)
}

func (l *lean) recycle(out *[]byte) {
	clear(*out) // it may have held a body
	if cap(*out) <= 2*largeBody {
		l.outs.Put(out)
	}
}

// send waits for a place and exchanges request and answer. Whoever ends the
// exchange leaves the place: here if it fails, else the stream of its answer.
func (l *lean) send(ctx context.Context, method string, out, late []byte, resp *Response) error {
	if err := l.queue.enter(ctx); err != nil {
		return err
	}
	err := l.try(ctx, method, out, late, resp)
	if err != nil {
		l.queue.leave()
	}
	return err
}

// try takes a pooled connection and, if that was stale without harm, once more
// a fresh one.
func (l *lean) try(ctx context.Context, method string, out, late []byte, resp *Response) error {
	c, err := l.pool.get(ctx)
	if err != nil {
		return err
	}
	err = l.exchange(ctx, c, method, out, late, resp)
	if err == nil || !again(c, method, err) {
		return err
	}
	if c, err = l.pool.dial(ctx); err != nil {
		return err
	}
	return l.exchange(ctx, c, method, out, late, resp)
}

// again reports whether a request may be sent once more: its connection was a
// used one that ended before an answer began, and either no byte was sent or
// the method is safe.
func again(c *conn, method string, err error) bool {
	return c.reused && errors.Is(err, ErrUnreachable) && (!c.sent || safe(method))
}

// exchange sends one request on c and reads the head of its answer. On error
// the connection is closed.
func (l *lean) exchange(ctx context.Context, c *conn, method string, out, late []byte, resp *Response) error {
	c.begin(ctx)
	err := l.write(c, out, late)
	if err == nil {
		err = l.answer(c)
	}
	if err != nil {
		c.end(false)
		c.close()
		return err
	}
	l.deliver(c, method, resp)
	return nil
}

// write sends the head and a small body, with one system call if the socket
// takes them at once, and starts the sending of a large one.
func (l *lean) write(c *conn, out, late []byte) error {
	now := time.Now()
	limit := now.Add(l.cfg.WriteTimeout)
	c.bulky = late != nil || len(out) > smallBuffer
	for first := true; len(out) > 0; first = false {
		n, err := l.part(c, out, first, late == nil, now, limit)
		if err != nil {
			return err
		}
		if out = out[n:]; len(out) > 0 || !first {
			now = time.Now()
		}
	}
	c.limit = now.Add(l.cfg.Timeout)
	if late != nil {
		c.limit = limit.Add(l.cfg.Timeout)
		c.startWriter(late, limit)
	}
	return nil
}

// part sends what the socket takes of out. The first part does not wait for
// room, the others do. A used connection that has none for the first byte is
// stuck with an earlier request.
func (l *lean) part(c *conn, out []byte, first, whole bool, now, limit time.Time) (n int, err error) {
	until := limit
	if first && whole { // it may wait for the answer as well, so it has no longer than that
		until = now.Add(min(limit.Sub(now), l.cfg.Timeout))
	}
	if err := c.arm(now, until); err != nil {
		return 0, c.broken("set deadline", err)
	}
	if first {
		n, err = c.post(out, whole)
	} else {
		n, err = c.nc.Write(out)
	}
	c.sent = c.sent || n > 0
	if err != nil {
		err = c.resume("write", err, limit)
	}
	if err == nil && c.reused && !c.sent {
		err = fail(ErrUnreachable, "connection takes nothing", nil)
	}
	return n, err
}

// answer reads heads until the final one.
func (l *lean) answer(c *conn) error {
	for range maxInterim + 1 {
		if err := l.readHead(c); err != nil {
			return err
		}
		if c.head.status == http.StatusSwitchingProtocols {
			return invalid("switch of protocol")
		}
		if c.head.status >= 200 {
			return nil
		}
		c.r += c.head.pos
		c.head.reset()
	}
	return invalid("too many interim answers")
}

// readHead reads one head. It stays in the buffer.
func (l *lean) readHead(c *conn) error {
	for {
		done, err := c.head.parse(c.buffered(), l.cfg.MaxHeaderLines)
		if err != nil {
			return err
		}
		if c.head.seen > l.cfg.MaxHeaderBytes || !done && !c.room(l.cfg.MaxHeaderBytes) {
			return invalid("head too large")
		}
		if done {
			return nil
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// deliver hands the answer over. One without a body leaves the connection free
// at once.
func (l *lean) deliver(c *conn, method string, resp *Response) {
	h := &c.head
	resp.Status = h.status
	resp.Header = h.header(c.buffered(), resp.Header)
	c.r += h.pos
	c.early = c.writer.unsent()
	c.limit, c.silence = time.Time{}, l.cfg.BodyTimeout
	resp.body.begin(l, c, method)
	if resp.body.kind == noBody {
		_ = resp.body.finish(nil)
		return
	}
	resp.ContentLength = resp.body.length()
	resp.Body = &resp.body
}
