package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
)

// ErrLease is wrapped where a transaction was to be made under a lease that has ended or that another node has taken over. Nothing of it is
// kept.
var ErrLease = errors.New("the lease has ended")

// TakeLease takes a lease that nobody holds, or takes the holder's own again, for so long from now by the database's clock; false: another
// node has it. What the holder does, it does with Under. length is above zero and at most partner.MaxLease. Errors: ErrArgument, the store's.
func (r *Registry) TakeLease(ctx context.Context, name, holder string, length time.Duration) (partner.Lease, bool, error) {
	if length <= 0 || length > partner.MaxLease {
		return partner.Lease{}, false, fmt.Errorf("take lease: %w: a lease lasts up to %s", ErrArgument, partner.MaxLease)
	}
	var l partner.Lease
	err := r.store.Aside(ctx, func(tx Tx) (err error) {
		l, err = takeLease(tx, name, holder, length)
		return err
	})
	if err != nil {
		return partner.Lease{}, false, fmt.Errorf("take lease: %w", err)
	}
	return l, l.Holder == holder, nil
}

// takeLease is the lease as it stands afterwards, whoever has it.
func takeLease(tx Tx, name, holder string, length time.Duration) (partner.Lease, error) {
	held, found, err := tx.Lease(name)
	if err != nil {
		return held, err
	}
	now, err := tx.Now()
	if err != nil {
		return held, err
	}
	wanted := partner.Lease{Name: name, Holder: holder, Term: held.Term + 1, Until: now.Add(length)}
	switch live := found && !now.After(held.Until); {
	case live && held.Holder != holder:
		return held, nil
	case live:
		wanted.Term = held.Term
	}
	if err := tx.PutLease(wanted); err != nil {
		return held, err
	}
	held, _, err = tx.Lease(name) // of several that made the first one at once, one has it
	return held, err
}

// ReturnLease gives a lease back before its end, so that another node need not wait for that. One that is lost is left alone. Errors: the
// store's.
func (r *Registry) ReturnLease(ctx context.Context, l partner.Lease) error {
	err := r.store.Aside(ctx, func(tx Tx) error {
		held, found, err := tx.Lease(l.Name)
		if err != nil || !found || held.Holder != l.Holder || held.Term != l.Term {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		held.Until = now.Add(-time.Microsecond)
		return tx.PutLease(held)
	})
	if err != nil {
		return fmt.Errorf("return lease: %w", err)
	}
	return nil
}

// Under is the registry under a lease: each of its transactions looks, by the database's clock, whether the lease is still held in the same
// term, and keeps it so until it ends; else nothing is changed, and the error is ErrLease. A holder that was paused beyond the end of its
// lease therefore changes nothing on its strength.
func (r *Registry) Under(l partner.Lease) *Registry {
	inner := *r
	inner.store = leased{r.store, l}
	return &inner
}

// leased is a store that is written to by the holder of a lease.
type leased struct {
	Store
	lease partner.Lease
}

// Update asks for the lease first, in the transaction itself.
func (s leased) Update(ctx context.Context, change func(Tx) error) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		held, found, err := tx.Lease(s.lease.Name)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if !found || held.Holder != s.lease.Holder || held.Term != s.lease.Term || now.After(held.Until) {
			return fmt.Errorf("%s: %w", s.lease.Name, ErrLease)
		}
		return change(tx)
	})
}
