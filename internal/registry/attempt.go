package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// The count in the store is failures plus attempts under way. While an attempt is under way it is already counted, so a
// killed process leaves it as a failure. gate.written says how many of the count are under way in this process; elsewhere, how many in others.

// begin writes an attempt down and returns the credential as it was then. An outcome other than zero ends the call: Locked,
// Busy, or Wrong when the credential is gone.
func (r *Registry) begin(ctx context.Context, at *gate, id string) (partner.Credential, Outcome, error) {
	patience, cancel := context.WithTimeout(ctx, r.queueWait)
	defer cancel()
	if !at.take(patience) {
		return partner.Credential{}, Busy, nil
	}
	for {
		if at.written < r.parallel {
			c, outcome, err := r.write(patience, at, id)
			if gone := patience.Err(); gone != nil && errors.Is(err, gone) {
				outcome, err = Busy, nil // it never began
			}
			if err != nil || outcome != Busy || patience.Err() != nil {
				at.give()
				return c, outcome, err
			}
		}
		wait := at.wait
		if at.written == 0 {
			wait = at.elsewhereSettles // nobody here will tell when another process has settled one
		}
		if !wait(patience) {
			return partner.Credential{}, Busy, nil
		}
	}
}

// write is the transaction of begin. Busy means here that the count is full with attempts under way: their settlement
// decides whether there is another.
func (r *Registry) write(ctx context.Context, at *gate, id string) (c partner.Credential, outcome Outcome, err error) {
	err = r.store.Update(ctx, func(tx Tx) error {
		outcome = 0
		var found bool
		var err error
		c, found, err = tx.Credential(id)
		elsewhere, others, failed := r.elsewhere(tx, id)
		switch {
		case err != nil:
			return err
		case failed != nil:
			return failed
		case !found || !c.RevokedAt.IsZero():
			outcome = Wrong
		case !c.LockedAt.IsZero():
			outcome = Locked
		case c.Failures >= partner.MaxFailures && at.written+elsewhere > 0:
			outcome = Busy
		case c.Failures >= partner.MaxFailures:
			outcome = Locked
			return r.lock(tx, c, "attempts that were cut short count as failures")
		default:
			if err := tx.PutFailures(id, c.Failures+1); err != nil {
				return err
			}
			return r.tellAttempts(tx, id, others, at.written+1)
		}
		return nil
	})
	if err != nil {
		return c, 0, err
	}
	if outcome == 0 {
		at.written++
	}
	return c, outcome, nil
}

// settled runs the closing transaction of an attempt with the turn in hand. Should it fail, the attempt stays written down
// and so counts as a failure: we fail closed.
func (r *Registry) settled(ctx context.Context, at *gate, id string, closing func(tx Tx, c partner.Credential, others int) error) error {
	<-at.turn
	defer at.give()
	defer at.settle()
	return r.store.Update(ctx, func(tx Tx) error {
		c, found, err := tx.Credential(id)
		if err == nil && !found {
			err = fmt.Errorf("credential %q: %w", id, ErrNotFound)
		}
		if err != nil {
			return err
		}
		elsewhere, others, err := r.elsewhere(tx, id)
		if err != nil {
			return err
		}
		if err := closing(tx, c, at.written-1+elsewhere); err != nil {
			return err
		}
		return r.tellAttempts(tx, id, others, at.written-1)
	})
}

// void takes an attempt back that never got as far as an answer.
func (r *Registry) void(ctx context.Context, at *gate, id string) error {
	return r.settled(ctx, at, id, func(tx Tx, c partner.Credential, _ int) error {
		return tx.PutFailures(id, max(c.Failures-1, 0))
	})
}

// fail leaves the attempt as it was written down: a failure, also when an operator has reset the count since. The last
// one of a full count locks.
func (r *Registry) fail(ctx context.Context, at *gate, id string) (Outcome, error) {
	err := r.settled(ctx, at, id, func(tx Tx, c partner.Credential, others int) error {
		switch counted := max(c.Failures, others+1); {
		case !c.LockedAt.IsZero():
			return nil
		case counted >= partner.MaxFailures && others == 0:
			return r.lock(tx, c, fmt.Sprintf("%d consecutive failures", partner.MaxFailures))
		case counted != c.Failures:
			return tx.PutFailures(id, counted)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return Wrong, nil
}

// succeed forgets every failure but the attempts that others have under way. What was proved must still count now: a
// credential that was revoked, locked or changed while the hash was computed proves nothing, though it was no guess and is
// not counted.
func (r *Registry) succeed(ctx context.Context, at *gate, id string, number int, then *proof) (outcome Outcome, err error) {
	err = r.settled(ctx, at, id, func(tx Tx, c partner.Credential, others int) error {
		outcome = Wrong
		now := r.now()
		if !c.RevokedAt.IsZero() || !lives(c, number, now) {
			return tx.PutFailures(id, max(c.Failures-1, 0))
		}
		if !c.LockedAt.IsZero() {
			outcome = Locked
			return nil
		}
		outcome = Proved
		if then != nil {
			c.Failures = others
			return then.finish(tx, &c, now)
		}
		return tx.PutFailures(id, others)
	})
	if err != nil {
		return 0, err
	}
	return outcome, nil
}

func lives(c partner.Credential, number int, now time.Time) bool {
	for _, v := range c.Versions {
		if v.Number == number {
			return v.Live(now)
		}
	}
	return false
}

// lock is a change of the system's: it is written down with a row of its own.
func (r *Registry) lock(tx Tx, c partner.Credential, why string) error {
	c.LockedAt = r.now()
	if err := tx.PutCredential(c); err != nil {
		return err
	}
	return r.record(tx, Actor{Kind: System, Name: "registry"}, audit.CredentialLocked, c.ID, detail(c.Environment, why))
}
