package registry

import (
	"context"
	"errors"
	"fmt"

	"countersign.dev/internal/audit"
)

// ApplyProposal makes an approved change that yields a secret; the secret is in the answer, this once: should the answer be lost,
// the secret is lost with it, and has to be made anew. Only whoever asked for it may. Errors: ErrActor for anybody else,
// ErrNotFound, ErrState, ErrStale, those of the use case.
func (r *Registry) ApplyProposal(ctx context.Context, actor Actor, id string) (Done, error) {
	const what = "apply proposal"
	before, err := r.Proposal(ctx, id)
	if err == nil {
		err = r.mayApply(actor, before)
	}
	if err != nil {
		return Done{}, fmt.Errorf("%s: %w", what, err)
	}
	c, err := parseOperation(before.Operation)
	if err != nil {
		return Done{}, fmt.Errorf("%s: %w", what, err)
	}
	ready, err := r.prepare(ctx, c, false)
	if err != nil {
		return Done{}, fmt.Errorf("%s: %w", what, r.noted(ctx, actor, id, possible(err)))
	}
	var done Done
	err = r.update(ctx, actor, what, func(inner Tx) error {
		tx := &counted{Tx: inner}
		p, err := r.liveProposal(tx, id)
		if err != nil {
			return err
		}
		if err := r.mayApply(actor, p); err != nil {
			return err
		}
		if p.Digest() != before.Digest() {
			return fmt.Errorf("it was edited just now: %w", ErrStale)
		}
		if err := r.stillEnough(tx, c, p); err != nil {
			return err
		}
		done, err = r.carryOut(ctx, tx, c, p, actor, ready)
		return err
	})
	if err != nil {
		ready.wipe()
		return Done{}, r.noted(ctx, actor, id, err)
	}
	return done, nil
}

// mayApply returns nil if actor is the one who waits for p.
func (r *Registry) mayApply(actor Actor, p Proposal) error {
	if err := p.live(r.now()); err != nil {
		return err
	}
	switch {
	case actor.String() != p.RequestedBy:
		return fmt.Errorf("%w: %s has asked for it, and applies it", ErrActor, p.RequestedBy)
	case p.State != ProposalReady:
		return fmt.Errorf("proposal %s waits for approval: %w", p.ID, ErrState)
	}
	return nil
}

// stillEnough holds an approved proposal to settings that have become stricter since, and to approvals that still count.
func (r *Registry) stillEnough(tx Tx, c command, p Proposal) error {
	given, err := r.stillGiven(tx, p)
	if err != nil {
		return err
	}
	n, err := needed(tx, c)
	if n = max(n, p.Needed); err == nil && n > len(given) {
		err = fmt.Errorf("it needs %d approvals now and has %d that count; edit it, so that it can be approved anew: %w", n,
			len(given), ErrState)
	}
	return err
}

// carryOut makes the change that p asks for, in the name of whoever asked for it, and ends p.
func (r *Registry) carryOut(ctx context.Context, tx *counted, c command, p Proposal, by Actor, ready *prepared) (Done, error) {
	if err := possible(r.unmoved(tx, c, p)); err != nil {
		return Done{}, err
	}
	requester, err := actorFrom(p.RequestedBy)
	if err != nil {
		return Done{}, err
	}
	if err := possible(c.located(tx)); err != nil {
		return Done{}, err
	}
	done, err := r.execute(ctx, c, job{tx: tx, actor: requester, op: c.op, reason: p.Reason, prepared: ready})
	if err != nil {
		return Done{}, possible(err)
	}
	if p.Revision, err = tx.made(1); err != nil {
		return Done{}, err
	}
	p.Failure = nil
	if err := r.end(tx, by, &p, "", ProposalDone, audit.ProposalApplied); err != nil {
		return Done{}, err
	}
	done.Proposal, done.Revision = &p, p.Revision
	return done, nil
}

// noted writes beside a proposal why it could not be carried out, and returns err. Should that fail too, nothing is lost but the
// note.
func (r *Registry) noted(ctx context.Context, actor Actor, id string, err error) error {
	var why impossible
	if !errors.As(err, &why) {
		return err
	}
	failed := r.store.Update(ctx, func(tx Tx) error {
		p, err := r.liveProposal(tx, id)
		if err != nil {
			return err
		}
		p.Failure = &Failure{At: r.now(), By: actor.String(), Why: clip(why.error.Error(), 500)}
		if err := keepProposal(tx, p); err != nil {
			return err
		}
		return r.record(tx, actor, audit.CommentAdded, p.ID, clip("could not be applied: "+why.error.Error(), audit.MaxDetail))
	})
	if failed != nil {
		return errors.Join(err, fmt.Errorf("note it beside the proposal: %w", failed))
	}
	return err
}

// ExpireProposals ends the proposals whose time has passed, at most a thousand in one call, and says how many. Errors: the store's.
func (r *Registry) ExpireProposals(ctx context.Context) (int, error) {
	ids, err := view(ctx, r.store, r.overdue)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	n := 0
	system := Actor{Kind: System, Name: "registry"}
	err = r.update(ctx, system, "expire proposals", func(tx Tx) error {
		n = 0
		for _, id := range ids {
			p, err := readProposal(tx, id)
			if err != nil {
				return err
			}
			if p.ended() || !r.now().After(p.ExpiresAt) {
				continue
			}
			if err := r.end(tx, system, &p, "", ProposalExpired, audit.ProposalExpired); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
