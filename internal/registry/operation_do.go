package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
)

// asked is one call of Do.
type asked struct {
	actor  Actor
	member operator.Principal // who asks, where actor is a member; else zero
	c      command
	in     Intent
}

// counted is a transaction that counts its change rows, so that the revision that it makes is known before it ends.
type counted struct {
	Tx
	records uint64
}

// Record counts.
func (t *counted) Record(c audit.Change) error {
	t.records++
	return t.Tx.Record(c)
}

// made is the revision that the transaction makes, with so many more rows.
func (t *counted) made(more uint64) (uint64, error) {
	n, err := t.Tx.Revision()
	return n + t.records + more, err
}

// errUnprepared says that a transaction found that a secret should have been made before it began: the settings have changed
// between the two.
var errUnprepared = errors.New("a secret was not made in time")

// Do does what an operation asks for, or keeps it as a proposal where the settings want other persons to agree: one transaction
// decides about repetition, stale rows and approvals, and makes the change with its rows. The caller has checked the actor's
// permission, in the operation's own environment (Locate). What could not be done now is not proposed either. Errors: ErrActor,
// ErrArgument, ErrNotFound (also for a partner or an environment that is not the row's), ErrState, ErrStale, ErrIdempotency, those
// of the use case, the store's.
func (r *Registry) Do(ctx context.Context, actor Actor, op Operation, in Intent) (Done, error) {
	done, err := r.perform(ctx, actor, op, in)
	if err != nil {
		return Done{}, fmt.Errorf("%s: %w", clip(string(op.Name), 60), err)
	}
	return done, nil
}

func (r *Registry) perform(ctx context.Context, actor Actor, op Operation, in Intent) (Done, error) {
	if err := actor.manages(); err != nil {
		return Done{}, err
	}
	return r.ask(ctx, asked{actor: actor, in: in}, op)
}

// ask is Do for who may ask: an operator, or a member by DoAsMember.
func (r *Registry) ask(ctx context.Context, a asked, op Operation) (Done, error) {
	if err := a.in.check(a.actor); err != nil {
		return Done{}, err
	}
	var err error
	if a.c, err = parseOperation(op); err != nil {
		return Done{}, err
	}
	for range 3 { // the settings may change between the look and the transaction, but hardly twice
		done, waits, err := r.look(ctx, a)
		if err != nil || done.Repeated {
			return done, err
		}
		var ready *prepared
		if waits {
			err = r.trial(ctx, a.actor, a.c, a.in.Reason)
		} else {
			ready, err = r.prepare(ctx, a.c, false)
		}
		if err != nil {
			return Done{}, err
		}
		done, err = r.settle(ctx, a, ready)
		if err != nil || done.Proposal != nil || done.Repeated {
			ready.wipe()
		}
		if !errors.Is(err, errUnprepared) {
			return done, err
		}
	}
	return Done{}, fmt.Errorf("the settings keep changing, try again: %w", ErrState)
}

// look says what will become of a as things stand: a repetition, or whether it waits.
func (r *Registry) look(ctx context.Context, a asked) (done Done, waits bool, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		var found bool
		err := r.stands(tx, a)
		if err != nil {
			return err
		}
		if done, found, err = r.repeated(ctx, tx, a); err != nil || found {
			return err
		}
		n, err := a.weigh(tx)
		waits = n > 0
		return err
	})
	return done, waits, err
}

// weigh refuses what is stale or elsewhere, and says how many approvals a needs.
func (a asked) weigh(tx Tx) (int, error) {
	if err := a.c.located(tx); err != nil {
		return 0, err
	}
	if err := matches(tx, a.in.IfMatch); err != nil {
		return 0, err
	}
	n, err := needed(tx, a.c)
	if err == nil && a.actor.Kind == Member {
		return a.memberNeeds(tx, n)
	}
	switch {
	case err == nil && a.actor.Kind == BreakGlass && a.c.op.Name.Outlasts():
		return 0, fmt.Errorf("%w: a break-glass session ends, and leaves nobody and no setting behind by which somebody gets in again; "+
			"on the server itself the command line can", ErrActor)
	case err != nil || n == 0 || a.in.Bypass:
		return 0, err
	case a.actor.Kind == BreakGlass:
		return 0, fmt.Errorf("%w: a break-glass session acts at once or not at all", ErrActor)
	}
	return n, nil
}

// settle is the transaction that decides everything.
func (r *Registry) settle(ctx context.Context, a asked, ready *prepared) (done Done, err error) {
	err = r.store.Update(ctx, func(inner Tx) error {
		tx := &counted{Tx: inner}
		var found bool
		if err := r.stands(tx, a); err != nil {
			return err
		}
		if done, found, err = r.repeated(ctx, tx, a); err != nil || found {
			return err
		}
		n, err := a.weigh(tx)
		switch {
		case err != nil:
			return err
		case n > 0:
			done, err = r.propose(tx, a, n)
		case a.c.prepares() && ready == nil:
			return errUnprepared
		default:
			done, err = r.execute(ctx, a.c, job{tx: tx, actor: a.actor, op: a.c.op, reason: a.in.Reason, prepared: ready})
		}
		if err != nil {
			return err
		}
		if done.Revision, err = tx.made(0); err != nil {
			return err
		}
		return r.keepReceipt(tx, a, done)
	})
	if err != nil {
		return Done{}, err
	}
	return done, nil
}

// execute runs a command inside its transaction. An overlap that has passed is refused: what was to overlap when it was asked for
// would end at once now.
func (r *Registry) execute(ctx context.Context, c command, j job) (Done, error) {
	var overlap time.Time
	switch p := c.params.(type) {
	case CredentialRotate:
		overlap = p.OverlapUntil
	case EndpointRotate:
		overlap = p.OverlapUntil
	}
	if !overlap.IsZero() && !overlap.After(r.now()) {
		return Done{}, fmt.Errorf("%w: the overlap was to end at %s, which has passed; leave it out to end the older ones at once",
			ErrArgument, overlap.UTC().Format(time.RFC3339))
	}
	inner := r
	if j.actor.Kind == Member {
		if err := memberFits(j.tx, c); err != nil {
			return Done{}, err
		}
		inner = r.asMember()
	}
	j.tx = reasoned{Tx: j.tx, reason: j.reason, environment: j.op.Environment}
	return c.run(ctx, inner.within(j.tx), j)
}

// errTrial takes back what a trial did.
var errTrial = errors.New("this was a trial")

// trial finds out whether a change could be made now, and takes it back: nobody should be asked to approve what cannot be done.
func (r *Registry) trial(ctx context.Context, actor Actor, c command, reason string) error {
	ready, err := r.prepare(ctx, c, true)
	if err != nil {
		return err
	}
	err = r.store.Update(ctx, func(tx Tx) error {
		if _, err := r.execute(ctx, c, job{tx: tx, actor: actor, op: c.op, reason: reason, prepared: ready}); err != nil {
			return err
		}
		return errTrial
	})
	if errors.Is(err, errTrial) {
		return nil
	}
	return err
}
