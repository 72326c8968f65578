package registry

import (
	"context"
	"fmt"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const maxReason = 500

// step is one transition of a review: from which states it starts, where it leads, what it is called.
type step struct {
	name   string
	action audit.Action
	from   []partner.ReviewState
	to     partner.ReviewState
}

// The whole life of a review. The empty state is "never asked for".
var (
	requestStep  = step{"request review", audit.ReviewRequested, []partner.ReviewState{""}, partner.ReviewRequested}
	approveStep  = step{"approve review", audit.ReviewApproved, []partner.ReviewState{partner.ReviewRequested}, partner.ReviewApproved}
	suspendStep  = step{"suspend review", audit.ReviewSuspended, []partner.ReviewState{partner.ReviewApproved}, partner.ReviewSuspended}
	resumeStep   = step{"resume review", audit.ReviewResumed, []partner.ReviewState{partner.ReviewSuspended}, partner.ReviewApproved}
	withdrawStep = step{"withdraw review", audit.ReviewWithdrawn,
		[]partner.ReviewState{partner.ReviewRequested, partner.ReviewApproved, partner.ReviewSuspended}, ""}
	closeStep = step{"close review", audit.ReviewClosed,
		[]partner.ReviewState{partner.ReviewRequested, partner.ReviewApproved, partner.ReviewSuspended}, partner.ReviewClosed}
)

// RequestReview asks for the security review of a partner for an environment. Errors of this and of the other five:
// ErrActor, ErrArgument, ErrNotFound for the partner or its review, ErrState, the store's.
func (r *Registry) RequestReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, requestStep)
}

// Approve admits a partner to an environment. The actor is an operator, and not the one who asked: else ErrActor or
// ErrFourEyes.
func (r *Registry) Approve(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, approveStep)
}

// Suspend refuses an approved partner until Resume.
func (r *Registry) Suspend(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, suspendStep)
}

// Resume admits a suspended partner again; its approval still stands.
func (r *Registry) Resume(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, resumeStep)
}

// WithdrawReview takes a request, or an approval, back: the partner is admitted no more, and stands where nobody ever asked for
// it. Credentials, networks and limits stay, and count again only after a new request and an approval by somebody else.
func (r *Registry) WithdrawReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, withdrawStep)
}

// CloseReview ends a partner's access to an environment for good.
func (r *Registry) CloseReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, closeStep)
}

func (r *Registry) move(ctx context.Context, actor Actor, partnerID, environment, reason string, s step) error {
	if err := checkEnvironment(environment); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return r.update(ctx, actor, s.name, func(tx Tx) error {
		if _, err := openPartner(tx, partnerID); err != nil {
			return err
		}
		review, _, err := tx.Review(partnerID, environment)
		if err != nil {
			return err
		}
		review.PartnerID, review.Environment = partnerID, environment
		if err := s.apply(&review, actor); err != nil {
			return err
		}
		review.ChangedAt, review.Reason = r.now(), reason
		if err := keepReview(tx, review); err != nil {
			return err
		}
		return r.record(tx, actor, s.action, partnerID, detail(environment, reason))
	})
}

// keepReview writes a review; one in the state in which nobody has asked for it is removed.
func keepReview(tx Tx, review partner.Review) error {
	if review.State == "" {
		return tx.DeleteReview(review.PartnerID, review.Environment)
	}
	if err := review.Validate(); err != nil {
		return err
	}
	return tx.PutReview(review)
}

// apply moves review, or says why it does not move.
func (s step) apply(review *partner.Review, actor Actor) error {
	starts := false
	for _, state := range s.from {
		starts = starts || review.State == state
	}
	switch {
	case !starts && review.State == "":
		return fmt.Errorf("no review for %s was asked for: %w", review.Environment, ErrNotFound)
	case !starts:
		return fmt.Errorf("the review is %s: %w", review.State, ErrState)
	case s.action == audit.ReviewRequested:
		review.RequestedBy = actor.String()
	case s.action == audit.ReviewApproved && actor.Kind != Operator:
		return fmt.Errorf("%w: an approval is an operator's", ErrActor)
	case s.action == audit.ReviewApproved && actor.String() == review.RequestedBy:
		return ErrFourEyes
	case s.action == audit.ReviewApproved:
		review.ApprovedBy = actor.String()
	}
	review.State = s.to
	return nil
}

// admitted returns nil if credentials may be issued to a partner in an environment.
func admitted(tx Tx, partnerID, environment string) error {
	if _, err := openPartner(tx, partnerID); err != nil {
		return err
	}
	review, _, err := tx.Review(partnerID, environment)
	if err != nil {
		return err
	}
	if review.State != partner.ReviewApproved {
		return fmt.Errorf("the review of %s for %s is not approved: %w", partnerID, environment, ErrState)
	}
	return nil
}

// detail joins the environment and what people wrote.
func detail(environment, text string) string {
	if text == "" {
		return environment
	}
	return environment + ": " + text
}
