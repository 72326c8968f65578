package upstream

import (
	"context"
	"net"
	"sync"
	"time"
)

// pool keeps the idle connections of one upstream. The one used last is taken
// first, so that a pool which was once large shrinks by idleness.
//
// Whoever calls get or dial holds a place in the queue, and gives it back only
// after the connection. A connection is made when none is idle, that is when all
// the others belong to other places; so there are never more than places.
type pool struct {
	addr    string
	dialFor time.Duration
	idleFor time.Duration
	maxIdle int
	dialer  func(ctx context.Context, network, addr string) (net.Conn, error)
	clock   func() time.Time

	mu     sync.Mutex
	idle   []*conn // oldest first
	closed bool
	sweep  *time.Timer // closes idle connections when no request comes by
}

func newPool(cfg Config) *pool {
	return &pool{
		addr: address(cfg.URL), dialFor: cfg.DialTimeout, idleFor: cfg.IdleTimeout,
		maxIdle: cfg.MaxIdle, dialer: cfg.Dial, clock: cfg.Clock,
	}
}

// get takes an idle connection that is provably silent and open, or makes one.
func (p *pool) get(ctx context.Context) (*conn, error) {
	for {
		c, ok := p.pop()
		if !ok {
			return p.dial(ctx)
		}
		if p.clock().Sub(c.idleSince) < p.idleFor && c.silent() {
			c.reused = true
			return c, nil
		}
		c.close()
	}
}

func (p *pool) pop() (*conn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil, false
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c, true
}

// dial makes a connection.
func (p *pool) dial(ctx context.Context) (*conn, error) {
	timed, cancel := context.WithTimeout(ctx, p.dialFor)
	defer cancel()
	nc, err := p.dialer(timed, "tcp", p.addr)
	if err != nil {
		if gone := ended(ctx); gone != nil {
			return nil, gone
		}
		return nil, fail(ErrUnreachable, "dial", err)
	}
	return newConn(nc), nil
}

// forget takes the n oldest idle connections, which are closed, off the list.
func (p *pool) forget(n int) {
	left := copy(p.idle, p.idle[n:])
	clear(p.idle[left:])
	p.idle = p.idle[:left]
}

// put takes back a connection whose exchange ended whole.
func (p *pool) put(c *conn) {
	c.idleSince = p.clock()
	p.mu.Lock()
	kept := !p.closed && c.raw != nil && len(p.idle) < p.maxIdle
	if kept {
		p.idle = append(p.idle, c)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(p.idleFor, p.expire)
		}
	}
	p.mu.Unlock()
	if !kept {
		c.close()
	}
}

// expire closes what has been idle for too long and comes back while anything
// is left.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].idleSince) >= p.idleFor {
		p.idle[n].close()
		n++
	}
	p.forget(n)
	p.sweep = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweep = time.AfterFunc(p.idleFor, p.expire)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.idle {
		c.close()
	}
	p.forget(len(p.idle))
	if p.sweep != nil {
		p.sweep.Stop()
	}
}
