//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is how a workload is sent: over so many connections, as fast as they answer or at a rate.
type load struct {
	conns  int
	rate   int // requests a second, whether answers come or not; 0: each connection sends when it has its answer
	want   int // status that every answer must have
	from   net.Addr
	length time.Duration
}

// outcome is what a turn came to.
type outcome struct {
	requests  int64
	elapsed   time.Duration
	latencies []time.Duration // with a rate: from the moment at which a request was due, not at which it could be sent
}

// drive sends requests of f to a peer for one turn. With a rate each request is due at a fixed moment; a peer that stalls makes all that are due meanwhile late,
// and they count as late (no coordinated omission).
func (s *site) drive(ctx context.Context, p *peer, f *form, l load) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		all      sync.WaitGroup
		next     atomic.Int64
		requests atomic.Int64
		mu       sync.Mutex
		late     []time.Duration
	)
	callers := make([]*conn, l.conns)
	for i := range callers {
		c, err := dial(p.address, s.trust, l.from)
		if err != nil {
			return outcome{}, err
		}
		defer c.close()
		callers[i] = c
	}
	start := time.Now()
	for _, c := range callers {
		all.Go(func() {
			mine := make([]time.Duration, 0, 1024)
			defer func() {
				mu.Lock()
				late = append(late, mine...)
				mu.Unlock()
			}()
			var b []byte
			for ctx.Err() == nil {
				due := time.Since(start)
				if l.rate > 0 {
					due = time.Duration(next.Add(1)-1) * time.Second / time.Duration(l.rate)
					time.Sleep(time.Until(start.Add(due)))
				}
				if due >= l.length {
					return
				}
				b = f.next(b[:0])
				status, err := s.once(p, &c, b, f.close, l.from)
				if err == nil && status != l.want {
					err = fmt.Errorf("answered %d in place of %d", status, l.want)
				}
				if err != nil {
					cancel(err)
					return
				}
				requests.Add(1)
				if l.rate > 0 {
					mine = append(mine, time.Since(start)-due)
				}
			}
		})
	}
	all.Wait()
	slices.Sort(late)
	return outcome{requests: requests.Load(), elapsed: time.Since(start), latencies: late}, context.Cause(ctx)
}

// once sends one request, over a connection of its own where the former one was asked to end.
func (s *site) once(p *peer, c **conn, request []byte, closing bool, from net.Addr) (int, error) {
	status, err := (*c).do(request)
	if err != nil || !closing {
		return status, err
	}
	(*c).close()
	*c, err = dial(p.address, s.trust, from)
	return status, err
}

// quantile is the value below which a share of the sorted values lies.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
