package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// live returns nil if p can still become something.
func (p Proposal) live(now time.Time) error {
	switch {
	case p.State != ProposalOpen && p.State != ProposalReady:
		return fmt.Errorf("proposal %s is %s: %w", p.ID, p.State, ErrState)
	case now.After(p.ExpiresAt):
		return fmt.Errorf("proposal %s has expired: %w", p.ID, ErrState)
	}
	return nil
}

// liveProposal reads a proposal that can still become something.
func (r *Registry) liveProposal(tx Tx, id string) (Proposal, error) {
	p, err := readProposal(tx, id)
	if err != nil {
		return p, err
	}
	return p, p.live(r.now())
}

// ApproveProposal is one person's yes to the proposal that has this digest. With the last one that is needed the change is made,
// in the same transaction, unless it makes a secret: then it waits for ApplyProposal. Where the change is not possible any more,
// nothing is approved, and the proposal stays open with a note. Errors: ErrActor for anybody but a person, ErrFourEyes for who
// asked or edited, ErrStale for another digest or rows that have moved on, ErrArgument, ErrNotFound, ErrState, those of the use case.
func (r *Registry) ApproveProposal(ctx context.Context, actor Actor, id string, digest [32]byte, comment string) (Done, error) {
	const what = "approve proposal"
	if err := checkLine("a comment", comment, maxReason); err != nil {
		return Done{}, fmt.Errorf("%s: %w", what, err)
	}
	var done Done
	err := r.update(ctx, actor, what, func(inner Tx) (err error) {
		done, err = r.approve(ctx, &counted{Tx: inner}, actor, id, digest, comment)
		return err
	})
	if err != nil {
		return Done{}, r.noted(ctx, actor, id, err)
	}
	return done, nil
}

func (r *Registry) approve(ctx context.Context, tx *counted, actor Actor, id string, digest [32]byte,
	comment string) (Done, error) {
	p, err := r.liveProposal(tx, id)
	if err != nil {
		return Done{}, err
	}
	c, err := parseOperation(p.Operation)
	if err != nil {
		return Done{}, err
	}
	barred, err := bars(tx, p, c)
	if err != nil {
		return Done{}, err
	}
	if err := mayApprove(actor, p, barred); err != nil {
		return Done{}, err
	}
	if p.Approvals, err = r.stillGiven(tx, p); err != nil {
		return Done{}, err
	}
	if p.Digest() != digest {
		return Done{}, fmt.Errorf("what was looked at has another digest than the proposal, which is %s: %w", p.DigestText(), ErrStale)
	}
	if err := possible(r.unmoved(tx, c, p)); err != nil {
		return Done{}, err
	}
	n, err := needed(tx, c)
	if err != nil {
		return Done{}, err
	}
	p.Approvals = append(p.Approvals, ProposalApproval{By: actor.String(), At: r.now(), Digest: p.DigestText(), Comment: comment})
	p.Needed = max(p.Needed, n)
	if err := r.record(tx, actor, audit.ProposalApproved, p.ID, p.yes(comment)); err != nil {
		return Done{}, err
	}
	enough := len(p.Approvals) >= p.Needed
	if enough && !c.op.Name.YieldsSecret() {
		return r.carryOut(ctx, tx, c, p, actor, nil)
	}
	if enough {
		p.State = ProposalReady
	}
	if err := keepProposal(tx, p); err != nil {
		return Done{}, err
	}
	return r.waiting(tx, p)
}

// stillGiven are the approvals of p that count. Errors: ErrState where nobody may approve p any more, because of who asked.
func (r *Registry) stillGiven(tx Tx, p Proposal) ([]ProposalApproval, error) {
	accounts, err := accountNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return nil, err
	}
	why, err := abandoned(tx, p, accounts)
	if err == nil && why != "" {
		err = fmt.Errorf("%s: %w", why, ErrState)
	}
	given, unread := p.given(tx, accounts)
	return given, errors.Join(err, unread)
}

// yes is an approval in one line of the record.
func (p Proposal) yes(comment string) string {
	text := fmt.Sprintf("%d of %d, digest %s", len(p.Approvals), p.Needed, p.DigestText())
	if comment != "" {
		text += ": " + comment
	}
	return clip(text, audit.MaxDetail)
}

// waiting is what is answered where nothing but the proposal was changed.
func (r *Registry) waiting(tx *counted, p Proposal) (done Done, err error) {
	if err := r.annotate(tx, &p); err != nil {
		return Done{}, err
	}
	done.Proposal = &p
	done.Revision, err = tx.made(0)
	return done, err
}

// mayApprove returns nil if actor is a second person: somebody whom nothing bars, and who has not approved it yet.
func mayApprove(actor Actor, p Proposal, barred []bar) error {
	if err := mayReject(actor, p); err != nil {
		return err
	}
	by := actor.String()
	if p.State != ProposalOpen {
		return fmt.Errorf("proposal %s is approved, and waits for %s to apply it: %w", p.ID, p.RequestedBy, ErrState)
	}
	if slices.ContainsFunc(p.Approvals, func(a ProposalApproval) bool { return a.By == by }) {
		return fmt.Errorf("%s has approved it already: %w", by, ErrState)
	}
	return secondPerson(actor, barred)
}

// mayReject returns nil if actor is a person other than the one who asked.
func mayReject(actor Actor, p Proposal) error {
	switch {
	case actor.Kind != Operator:
		return fmt.Errorf("%w: only a person decides about a proposal", ErrActor)
	case actor.String() == p.RequestedBy:
		return fmt.Errorf("%s has asked for it, and may withdraw it: %w", actor, ErrFourEyes)
	}
	return nil
}

// accountOf is the account that parameters are about; the zero value: of none that is there.
func accountOf(tx Tx, params any) (operator.Account, error) {
	name := ""
	switch p := params.(type) {
	case AccountInvite:
		name = p.Account
	case AccountChange:
		name = p.Account
	case AccountEnable:
		name = p.Account
	}
	if name == "" {
		return operator.Account{}, nil
	}
	a, err := findAccount(tx, name)
	if errors.Is(err, ErrNotFound) {
		return operator.Account{}, nil
	}
	return a, err
}

// RejectProposal ends a proposal with another person's no. Errors: ErrActor for anybody but a person, ErrFourEyes for who asked,
// ErrArgument, ErrNotFound, ErrState.
func (r *Registry) RejectProposal(ctx context.Context, actor Actor, id, reason string) (Proposal, error) {
	return r.endProposal(ctx, actor, id, reason, ProposalRejected, audit.ProposalRejected, mayReject)
}

// WithdrawProposal ends a proposal by whoever asked for it. Errors: ErrActor for anybody else, ErrArgument, ErrNotFound, ErrState.
func (r *Registry) WithdrawProposal(ctx context.Context, actor Actor, id, reason string) (Proposal, error) {
	return r.endProposal(ctx, actor, id, reason, ProposalWithdrawn, audit.ProposalWithdrawn, mayWithdraw)
}

func mayWithdraw(actor Actor, p Proposal) error {
	if actor.String() != p.RequestedBy {
		return fmt.Errorf("%w: %s has asked for it", ErrActor, p.RequestedBy)
	}
	return nil
}

func (r *Registry) endProposal(ctx context.Context, actor Actor, id, reason string, state ProposalState, action audit.Action,
	may func(Actor, Proposal) error) (p Proposal, err error) {
	what := string(action)
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return p, fmt.Errorf("%s: %w", what, err)
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if p, err = r.liveProposal(tx, id); err != nil {
			return err
		}
		if err := may(actor, p); err != nil {
			return err
		}
		return r.end(tx, actor, &p, reason, state, action)
	})
	return p, err
}

// end writes the end of a proposal.
func (r *Registry) end(tx Tx, actor Actor, p *Proposal, reason string, state ProposalState, action audit.Action) error {
	p.State, p.EndedAt, p.EndedBy, p.EndReason = state, r.now(), actor.String(), reason
	if err := keepProposal(tx, *p); err != nil {
		return err
	}
	text := string(p.Operation.Name)
	if reason != "" {
		text += ": " + reason
	}
	return r.record(tx, actor, action, p.ID, clip(text, audit.MaxDetail))
}

// refusal reports whether an error says something about the change, not about us.
func refusal(err error) bool {
	known := []error{ErrState, ErrNotFound, ErrArgument, ErrStale, ErrAmbiguous, ErrFourEyes, ErrActor, partner.ErrInvalid, operator.ErrInvalid}
	return slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) })
}

// impossible says that a proposal could not be carried out although it was approved.
type impossible struct{ error }

// Unwrap is why.
func (i impossible) Unwrap() error { return i.error }

// Error says what it means for the proposal.
func (i impossible) Error() string { return "it is not possible any more: " + i.error.Error() }

// possible marks what speaks against the change itself.
func possible(err error) error {
	if refusal(err) {
		return impossible{err}
	}
	return err
}
