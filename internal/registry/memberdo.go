package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"countersign.dev/internal/operator"
)

// DoAsMember does what a member asks for, or keeps it as a proposal that an operator decides about. The partner is the member's, as
// the register knows it in the very transaction, whatever op says: one that names another partner, or a row of one, is ErrNotFound,
// as for a row that is not there. The permitted operations are a closed table:
//
//   - review.request, evidence.add, comment.add (op.Environment): at once;
//   - network.allow (op.Environment): a prefix, no country; always a proposal, in every environment;
//   - network.remove: at once where it only narrows; where it takes the last prefix or the last country of an API away, which could
//     open it to more addresses, a proposal;
//   - credential.issue (op.Environment): where the partner is approved and has none of the kind that is not revoked; at once, or a
//     proposal where the settings of the environment want approvals for it;
//   - credential.rotate: likewise by the settings;
//   - credential.retire: of an older version, at once.
//
// Errors: ErrActor for an operation that is not in the table, operator.ErrNotSignedIn for who is no active member any more,
// otherwise as Do. What was refused is written into the record, gathered.
func (r *Registry) DoAsMember(ctx context.Context, p operator.Principal, op Operation, in Intent) (MemberDone, error) {
	done, err := r.askAsMember(ctx, p, op, in)
	if err != nil {
		r.refusedMember(ctx, p, string(op.Name), err)
		return MemberDone{}, fmt.Errorf("%s: %w", clip(string(op.Name), 60), err)
	}
	return memberDoneOf(p, done), nil
}

func (r *Registry) askAsMember(ctx context.Context, p operator.Principal, op Operation, in Intent) (Done, error) {
	actor, err := memberActor(p)
	if err != nil {
		return Done{}, err
	}
	if !memberAsks(op.Name) {
		return Done{}, fmt.Errorf("%w: members do not do this", ErrActor)
	}
	if op.PartnerID != "" && op.PartnerID != p.PartnerID {
		return Done{}, elsewhere(op)
	}
	op.PartnerID = p.PartnerID
	if op, err = r.Locate(ctx, op); err != nil {
		return Done{}, err
	}
	return r.ask(ctx, asked{actor: actor, member: p, in: in}, op)
}

// memberActor is a member as an actor; nobody else is one.
func memberActor(p operator.Principal) (Actor, error) {
	if p.Kind != operator.KindMember || p.PartnerID == "" {
		return Actor{}, operator.ErrNotSignedIn
	}
	return ActorOf(p), nil
}

// stands returns operator.ErrNotSignedIn where a principal is no active member of its partner any more, or the partner is closed.
func stands(tx Tx, p operator.Principal) error {
	a, err := memberOf(tx, p.PartnerID, p.ID)
	if err == nil {
		var shut bool
		if shut, err = barred(tx, a); err == nil && !shut && a.State() == operator.Active && a.Login == p.Name {
			return nil
		}
	}
	if ignoreMissing(err) != nil {
		return err
	}
	return operator.ErrNotSignedIn
}

// asMember is the registry inside a transaction, or around one, of what a member asked for: its use cases take the member as actor.
// Whoever makes one has looked the member and its rows up.
func (r *Registry) asMember() *Registry {
	inner := *r
	inner.member = true
	return &inner
}

// ApplyAsMember carries out an approved proposal of the same member that makes a secret; the secret is in the answer, this once.
// Errors: ErrNotFound for a proposal that is not the partner's or not a member's, ErrActor for another member's, otherwise as
// ApplyProposal.
func (r *Registry) ApplyAsMember(ctx context.Context, p operator.Principal, id string) (MemberDone, error) {
	done, err := func() (Done, error) {
		actor, err := r.ownsProposal(ctx, p, id)
		if err != nil {
			return Done{}, err
		}
		return r.asMember().ApplyProposal(ctx, actor, id)
	}()
	if err != nil {
		r.refusedMember(ctx, p, "proposal.apply", err)
		return MemberDone{}, fmt.Errorf("apply: %w", err)
	}
	return memberDoneOf(p, done), nil
}

// WithdrawAsMember ends a proposal of the same member that waits. Errors as ApplyAsMember, ErrArgument.
func (r *Registry) WithdrawAsMember(ctx context.Context, p operator.Principal, id, reason string) (MemberProposal, error) {
	ended, err := func() (Proposal, error) {
		actor, err := r.ownsProposal(ctx, p, id)
		if err != nil {
			return Proposal{}, err
		}
		return r.asMember().WithdrawProposal(ctx, actor, id, reason)
	}()
	if err != nil {
		r.refusedMember(ctx, p, "proposal.withdraw", err)
		return MemberProposal{}, fmt.Errorf("withdraw: %w", err)
	}
	return memberProposal(ended), nil
}

// ownsProposal is p as the actor of a proposal of its partner. Whose a proposal is never changes, so that one look before the
// transaction is enough; whether the member still stands is looked at there again (abandoned).
func (r *Registry) ownsProposal(ctx context.Context, p operator.Principal, id string) (Actor, error) {
	actor, err := memberActor(p)
	if err != nil {
		return Actor{}, err
	}
	missing := fmt.Errorf("proposal %q: %w", clip(id, 60), ErrNotFound)
	err = r.store.View(ctx, func(tx Tx) error {
		if err := stands(tx, p); err != nil {
			return err
		}
		found, err := readProposal(tx, id)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && !found.ofMember(p.PartnerID):
			return missing
		case err != nil:
			return err
		case found.RequestedBy != actor.String():
			return fmt.Errorf("%w: another member of your organisation has asked for it", ErrActor)
		}
		return nil
	})
	return actor, err
}

// ofMember reports whether a member of a partner asked for p.
func (p Proposal) ofMember(partnerID string) bool {
	return partnerID != "" && p.Operation.PartnerID == partnerID && isMember(p.RequestedBy)
}

// isMember reports whether an actor, as it is written down, is a member.
func isMember(actor string) bool { return strings.HasPrefix(actor, string(Member)+":") }

// RevealAsMember hands over, once, the secret that a schedule made for a credential of the member's partner. version 0 stands for the
// one that waits. Errors: ErrNotFound, operator.ErrNotSignedIn, otherwise as RevealSecret.
func (r *Registry) RevealAsMember(ctx context.Context, p operator.Principal, credentialID string, version int) (Issued, error) {
	var out Issued
	err := func() error {
		actor, err := memberActor(p)
		if err != nil {
			return err
		}
		return r.store.Update(ctx, func(tx Tx) error {
			if err := stands(tx, p); err != nil {
				return err
			}
			c, found, err := tx.Credential(credentialID)
			if err == nil && (!found || c.PartnerID != p.PartnerID) {
				err = fmt.Errorf("credential %q: %w", clip(credentialID, 60), ErrNotFound)
			}
			if err != nil {
				return err
			}
			out, err = r.within(tx).asMember().RevealSecret(ctx, actor, c.ID, version)
			return err
		})
	}()
	if err != nil {
		out.Secret.Zero()
		r.refusedMember(ctx, p, "secret.reveal", err)
		return Issued{}, fmt.Errorf("reveal: %w", err)
	}
	return out, nil
}
