package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// How long a lease lasts, and how often it is taken again: two of three tries may fail without a change of holder.
const (
	leaseLength = 30 * time.Second
	leaseEvery  = leaseLength / 3
	leaseWait   = 5 * time.Second // for the database
	choresLease = "chores"        // and one for each environment, with its name behind a slash
)

// leasedRights are those of servers that share a register over many machines: leases in the register itself, one for the whole and one for
// each environment. A right is never more than a hint here: every transaction that is made on its strength asks for the lease again, so that
// a server that was paused does nothing with one that it has lost.
type leasedRights struct {
	register     *registry.Registry
	node         string // the id of this server
	environments []string
	note         func(error)   // each outcome of a round; must be set
	length       time.Duration // of a lease

	mu   sync.Mutex
	held map[string]partner.Lease
	gain chan struct{} // closed when held has grown
}

func newLeasedRights(register *registry.Registry, node string, environments []string, note func(error)) *leasedRights {
	return &leasedRights{register: register, node: node, environments: environments, note: note, length: leaseLength,
		held: map[string]partner.Lease{}, gain: make(chan struct{})}
}

func leaseOf(environment string) string { return choresLease + "/" + environment }

// run takes and renews until ctx ends. What other servers hold is asked for each time: it is free when they have ended.
func (r *leasedRights) run(ctx context.Context) {
	again := time.NewTicker(leaseEvery) // the database's clock judges; this one only asks
	defer again.Stop()
	for {
		if err := r.round(ctx); ctx.Err() == nil {
			r.note(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// round asks for every lease once.
func (r *leasedRights) round(ctx context.Context) error {
	failures := []error{r.take(ctx, choresLease)}
	for _, environment := range r.environments {
		failures = append(failures, r.take(ctx, leaseOf(environment)))
	}
	return errors.Join(failures...)
}

// take asks for one lease. Where the database does not answer, what was held is still taken for held: its transactions will tell.
func (r *leasedRights) take(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, leaseWait)
	defer cancel()
	lease, ours, err := r.register.TakeLease(ctx, name, r.node, r.length)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ours {
		delete(r.held, name)
		return nil
	}
	if _, before := r.held[name]; !before {
		close(r.gain)
		r.gain = make(chan struct{})
	}
	r.held[name] = lease
	return nil
}

func (r *leasedRights) under(name string, environments ...string) []grant {
	r.mu.Lock()
	defer r.mu.Unlock()
	lease, ours := r.held[name]
	if !ours {
		return nil
	}
	return []grant{{r.register.Under(lease), environments}}
}

func (r *leasedRights) whole(context.Context) ([]grant, error) {
	return r.under(choresLease, r.environments...), nil
}

func (r *leasedRights) served(context.Context) (all []grant, err error) {
	for _, environment := range r.environments {
		all = append(all, r.under(leaseOf(environment), environment)...)
	}
	return all, nil
}

func (r *leasedRights) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gain
}

// Close gives every lease back, so that others need not wait for their ends. It is called when nothing is done on their strength any more;
// where the database does not answer, they end by themselves.
func (r *leasedRights) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	var failures []error
	for name, lease := range r.held {
		failures = append(failures, r.register.ReturnLease(ctx, lease))
		delete(r.held, name)
	}
	return errors.Join(failures...)
}
