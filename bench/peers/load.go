//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// load is how a workload is sent: over so many connections, as fast as they answer or at a rate.
type load struct {
	conns int
	rate  int           // requests a second, whether answers come or not; 0: each connection sends when it has its answer
	tick  time.Duration // with a rate: the caller looks after its connections so often; 0: whenever one has something, which costs it three times as much
	// patience is how far a peer may fall behind at a rate, at any moment, and to a quarter of it when the last request is due. Beyond it the queue is taken to
	// grow without end, and the turn ends. 0: a second.
	patience time.Duration
	want     int // status that every answer must have
	from     net.Addr
	length   time.Duration
}

// outcome is what a turn came to.
type outcome struct {
	requests int64
	elapsed  time.Duration
	caller   time.Duration // processor time of whoever sent the requests
	late     *histogram    // with a rate: from the moment at which a request was due, not at which it could be sent; else nil
	served   float64       // with a rate: answered in a second, of the turn itself
	fell     bool          // with a rate: the peer fell behind, and the turn was ended
}

// renew sends each request over a new connection, which the peer is asked to end.
func (s *site) renew(ctx context.Context, p *peer, f *form, l load) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, err := processorTime(os.Getpid())
	if err != nil {
		return outcome{}, err
	}
	var all sync.WaitGroup
	var requests atomic.Int64
	start := time.Now()
	for range l.conns {
		all.Go(func() {
			m := f.maker()
			for ctx.Err() == nil && time.Since(start) < l.length {
				if err := s.once(p, m.next(nil), l); err != nil {
					cancel(err)
					return
				}
				requests.Add(1)
			}
		})
	}
	all.Wait()
	elapsed := time.Since(start)
	after, err := processorTime(os.Getpid())
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return outcome{requests: requests.Load(), elapsed: elapsed, caller: after - before}, err
}

// once sends one request over a connection of its own.
func (s *site) once(p *peer, request []byte, l load) error {
	c, err := dial(p.address, s.trust, l.from)
	if err != nil {
		return err
	}
	defer c.close()
	status, err := c.do(request)
	if err == nil && status != l.want {
		err = fmt.Errorf("answered %d in place of %d", status, l.want)
	}
	return err
}
