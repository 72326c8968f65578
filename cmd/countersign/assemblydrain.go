package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// drainFor is how long running requests may take once a stop was asked for, unless a configuration says otherwise: more than
// a body and an upstream together.
const drainFor = 45 * time.Second

// drain ends the listeners: readiness says no at once; after the lame duck's time nothing is accepted any more; running
// requests end, and what is left after the deadline is cut off. It ends whatever there is, also after a start that failed.
// behind are listeners on which the APIs depend, which end last.
func (a *assembly) drain(behind ...*listening) error {
	a.draining.Store(true)
	limit, pause := drainFor, time.Duration(0)
	if g := a.current.Load(); g != nil {
		limit, pause = g.blueprint.drain, g.blueprint.lameduck
	}
	a.beLame(pause)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.tellDrain(ctx, limit)()
	surfaces := a.departing()
	var all sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for _, f := range a.fronts {
		all.Go(func() {
			if err := a.drainFront(ctx, f); err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
		})
	}
	for _, f := range a.doorways {
		all.Go(func() {
			if err := f.drain(ctx); err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	a.leaving.Wait()
	for _, l := range append(append(surfaces, behind...), a.ops) {
		failures = append(failures, a.drainListening(ctx, l))
	}
	return errors.Join(failures...)
}

// tellDrain logs the begin of a stop, and its end when what it returns is called: how many requests were running, and how many
// of them had to be cut off. A server that never served has nothing to tell. The caller holds mu.
func (a *assembly) tellDrain(ctx context.Context, limit time.Duration) (ended func()) {
	if a.current.Load() == nil {
		return func() {}
	}
	running := func() (n int64) {
		for _, f := range a.fronts {
			n += f.running.Load()
		}
		for _, f := range a.doorways {
			n += f.running.Load()
		}
		return n
	}
	begun, cut, counted := time.Now(), int64(0), make(chan struct{})
	a.log.Info("the listeners stop; running requests may end", "running", running(), "deadline", limit.String())
	stop := context.AfterFunc(ctx, func() {
		cut = running()
		close(counted)
	})
	return func() {
		if !stop() {
			<-counted
		}
		a.log.Info("the listeners have stopped", "cut_off", cut, "after", time.Since(begun).Round(time.Millisecond).String())
	}
}

// beLame waits while balancers notice, unless a listener fails: then nobody is served any more.
func (a *assembly) beLame(pause time.Duration) {
	if pause <= 0 {
		return
	}
	a.log.Info("not ready any more; listeners stop soon", "lameduck", pause.String())
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
	case <-a.failed:
	}
}

// drainListening drains one listener. Requests that had to be cut off are told in the log and are no failure of the stop.
func (a *assembly) drainListening(ctx context.Context, l *listening) error {
	begun := time.Now()
	cut, err := l.drain(ctx)
	if cut {
		a.log.Warn("requests that were still running were cut off", "address", l.addr.String(), "after", time.Since(begun).Round(time.Millisecond).String())
	}
	return err
}
