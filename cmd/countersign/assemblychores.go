package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign.dev/internal/registry"
)

// Bounds of what the server does by itself.
const (
	choreEvery   = 15 * time.Second // how often most of it is looked at
	choreSeldom  = 10 * time.Minute // what reads the records
	choreLimit   = time.Minute      // for one round of one chore
	choreReviews = 50               // reviews whose evidence one round reads
)

// chore is one thing that the server does by itself to the register, from time to time.
type chore struct {
	name  string
	every time.Duration
	scope choreScope
	// do is called with what this server may do at the moment; never without a grant, but for what is scoped to this server alone.
	do func(ctx context.Context, granted []grant) (changed int, err error)
}

// choreScope says what a chore is about, and so which servers do it.
type choreScope int

const (
	ofServed   choreScope = iota // environments that are served: one server of each does it
	ofRegister                   // the whole register: one server does it
	ofItself                     // nothing but this server: each does it, and none changes the register
)

// chores runs them, each in a goroutine of its own: one that waits for the disk does not keep the others waiting. What fails is
// tried again at the next tick.
type chores struct {
	a  *assembly
	mu sync.Mutex
	// causes are why the last round of each failed; nil: it did not.
	causes map[string]error
	rights rights
}

// startChores begins with all of them.
func (a *assembly) startChores(all []chore) {
	c := &chores{a: a, causes: map[string]error{}, rights: a.choreRights()}
	a.chores.Store(c)
	for _, one := range all {
		a.metrics.Chore(one.name, 0)
		a.ticking(one.every, func(ctx context.Context, tick <-chan time.Time) { c.run(ctx, one, tick) })
	}
}

func (c *chores) run(ctx context.Context, one chore, tick <-chan time.Time) {
	for {
		gained := c.rights.news() // before the round: what is gained meanwhile brings another one
		c.round(ctx, one)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-gained:
		}
	}
}

// granted is what this server may do of one chore; false: another server does it, or nobody can tell.
func (c *chores) granted(ctx context.Context, one chore) (all []grant, ours bool) {
	var err error
	switch one.scope {
	case ofItself:
		return nil, true
	case ofRegister:
		all, err = c.rights.whole(ctx)
	default:
		all, err = c.rights.served(ctx)
	}
	if err != nil {
		c.note(one, fmt.Errorf("take the lease of the chores: %w", err))
		return nil, false
	}
	if len(all) == 0 {
		c.note(one, nil) // another server does it: what kept this one from it is no trouble any more
	}
	return all, len(all) > 0
}

// round does one chore once, if it is this server's.
func (c *chores) round(ctx context.Context, one chore) {
	granted, ours := c.granted(ctx, one)
	if !ours {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, choreLimit)
	defer cancel()
	changed, err := one.do(ctx, granted)
	c.a.metrics.Chore(one.name, changed)
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if errors.Is(err, registry.ErrLease) {
		c.a.log.Info("a lease ended while its chore was done; nothing was changed without it", "chore", one.name)
		err = nil
	}
	c.note(one, err)
}

// note keeps an outcome and logs each new cause once.
func (c *chores) note(one chore, err error) {
	if err != nil {
		c.a.metrics.ChoreFailed(one.name)
	}
	c.mu.Lock()
	before := c.causes[one.name]
	c.causes[one.name] = err
	c.mu.Unlock()
	switch {
	case err != nil && fmt.Sprint(before) != err.Error():
		c.a.log.Error("what the server does by itself failed; it is tried again", "chore", one.name, "cause", err.Error())
	case err == nil && before != nil:
		c.a.log.Info("what the server does by itself goes on", "chore", one.name)
	}
}

// trouble is every cause. A nil receiver has none.
func (c *chores) trouble() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for name, err := range c.causes {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(all...)
}

// choreActor is who changes the register where the server does it by itself.
var choreActor = registry.Actor{Kind: registry.System, Name: "serve"}
