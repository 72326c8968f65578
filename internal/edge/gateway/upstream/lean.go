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
	cfg  Config
	pool *pool
	outs sync.Pool // *[]byte: heads and small bodies on their way out
}

func newLean(cfg Config) *lean {
	return &lean{cfg: cfg, pool: newPool(cfg)}
}

// Close closes idle connections; see Doer.
func (l *lean) Close() error {
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
	if cap(*out) <= 2*largeBody {
		l.outs.Put(out)
	}
}

// send tries a pooled connection and, if that was stale without harm, once more
// on a fresh one.
func (l *lean) send(ctx context.Context, method string, out, late []byte, resp *Response) error {
	if err := ended(ctx); err != nil {
		return err
	}
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
		l.pool.drop(c)
		return err
	}
	l.deliver(c, method, resp)
	return nil
}

// write sends the head and a small body, with one system call, and starts the
// sending of a large one.
func (l *lean) write(c *conn, out, late []byte) error {
	now := time.Now()
	limit := now.Add(l.cfg.WriteTimeout)
	for len(out) > 0 {
		// A turn may wait for the answer as well, so it has no longer than that.
		if err := c.arm(now, now.Add(min(limit.Sub(now), l.cfg.Timeout))); err != nil {
			return c.broken("set deadline", err)
		}
		n, err := l.part(c, out, late == nil)
		c.sent = c.sent || n > 0
		if err != nil {
			if err := c.resume("write", err, limit); err != nil {
				return err
			}
		}
		if out = out[n:]; len(out) > 0 {
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

// part writes once. A turn makes sense only if out ends the request; what the
// socket did not take of it is written in the ordinary way.
func (l *lean) part(c *conn, out []byte, last bool) (int, error) {
	if last && !c.sent {
		return c.post(out)
	}
	return c.nc.Write(out)
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
	h.header(c.buffered(), resp.Header)
	c.r += h.pos
	c.limit, c.silence = time.Time{}, l.cfg.BodyTimeout
	resp.body.begin(l, c, method)
	if resp.body.kind == noBody {
		_ = resp.body.finish(nil)
		return
	}
	resp.ContentLength = resp.body.length()
	resp.Body = &resp.body
}
