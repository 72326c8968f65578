package registry

import (
	"context"
	"fmt"
	"slices"

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

// The states in which a review waits for an operator, and those in which there is something to take back.
var (
	openReview = []partner.ReviewState{partner.ReviewRequested, partner.ReviewStarted}
	anyReview  = []partner.ReviewState{partner.ReviewRequested, partner.ReviewStarted, partner.ReviewApproved, partner.ReviewSuspended}
)

// The whole life of a review. The empty state is "never asked for".
var (
	requestStep  = step{"request review", audit.ReviewRequested, []partner.ReviewState{""}, partner.ReviewRequested}
	startStep    = step{"start review", audit.ReviewStarted, []partner.ReviewState{partner.ReviewRequested}, partner.ReviewStarted}
	approveStep  = step{"approve review", audit.ReviewApproved, openReview, partner.ReviewApproved}
	suspendStep  = step{"suspend review", audit.ReviewSuspended, []partner.ReviewState{partner.ReviewApproved}, partner.ReviewSuspended}
	resumeStep   = step{"resume review", audit.ReviewResumed, []partner.ReviewState{partner.ReviewSuspended}, partner.ReviewApproved}
	withdrawStep = step{"withdraw review", audit.ReviewWithdrawn, anyReview, ""}
	closeStep    = step{"close review", audit.ReviewClosed, anyReview, partner.ReviewClosed}
)

// RequestReview asks for the security review of a partner for an environment. Where the configuration says that the environment
// comes after another one, the review for that one must be approved, or it is ErrState. Errors of this and of the other six:
// ErrActor, ErrArgument, ErrNotFound for the partner or its review, ErrState, the store's.
func (r *Registry) RequestReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, requestStep)
}

// StartReview says that actor works on a request from now on. It is no claim: others may check and approve all the same.
func (r *Registry) StartReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, startStep)
}

// Approve admits a partner to an environment. The actor is an operator, and not the one who asked: else ErrActor or
// ErrFourEyes. Every required item of the checklist is done, or it is ErrState; ApproveReview can do more.
func (r *Registry) Approve(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.ApproveReview(ctx, actor, partnerID, environment, Approval{Reason: reason})
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
// it. Credentials, networks and limits stay, and count again only after a new request and an approval by somebody else. What was
// checked has to be checked again; evidence and comments stay to be read and count no more.
func (r *Registry) WithdrawReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, withdrawStep)
}

// CloseReview ends a partner's access to an environment for good.
func (r *Registry) CloseReview(ctx context.Context, actor Actor, partnerID, environment, reason string) error {
	return r.move(ctx, actor, partnerID, environment, reason, closeStep)
}

func (r *Registry) move(ctx context.Context, actor Actor, partnerID, environment, reason string, s step) error {
	at := home{partnerID, environment}
	return r.moving(ctx, actor, at, reason, s.name, func(tx Tx) error {
		review, err := s.start(tx, at, actor)
		if err != nil {
			return err
		}
		if err := r.besides(tx, at, actor, s); err != nil {
			return err
		}
		return r.keepMoved(tx, actor, review, reason, s.action, detail(environment, reason))
	})
}

// moving checks what every transition of a review needs, and runs it.
func (r *Registry) moving(ctx context.Context, actor Actor, at home, reason, what string, change func(Tx) error) error {
	if err := checkEnvironment(at.environment); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return r.update(ctx, actor, what, change)
}

// start reads the review of an open partner and moves it in memory.
func (s step) start(tx Tx, at home, actor Actor) (partner.Review, error) {
	if _, err := openPartner(tx, at.partner); err != nil {
		return partner.Review{}, err
	}
	review, _, err := tx.Review(at.partner, at.environment)
	if err != nil {
		return partner.Review{}, err
	}
	review.PartnerID, review.Environment = at.partner, at.environment
	return review, s.apply(&review, actor)
}

// besides does what a transition changes beside the row of the review.
func (r *Registry) besides(tx Tx, at home, actor Actor, s step) error {
	switch s.action {
	case audit.ReviewRequested:
		return r.reached(tx, at)
	case audit.ReviewStarted:
		return r.changeFile(tx, at, func(f *fileRecord) error {
			f.StartedBy, f.StartedAt = actor.String(), r.now()
			return nil
		})
	case audit.ReviewWithdrawn:
		return r.changeFile(tx, at, func(f *fileRecord) error {
			*f = fileRecord{PartnerID: f.PartnerID, Environment: f.Environment, CreatedAt: f.CreatedAt, Round: f.Round + 1}
			return nil
		})
	}
	return nil
}

// keepMoved writes a review that has moved, with its change row.
func (r *Registry) keepMoved(tx Tx, actor Actor, review partner.Review, reason string, action audit.Action, text string) error {
	review.ChangedAt, review.Reason = r.now(), reason
	if err := keepReview(tx, review); err != nil {
		return err
	}
	return r.record(tx, actor, action, review.PartnerID, text)
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
	starts := slices.Contains(s.from, review.State)
	switch {
	case !starts && review.State == "":
		return fmt.Errorf("no review for %s was asked for: %w", review.Environment, ErrNotFound)
	case !starts:
		return fmt.Errorf("the review is %s: %w", review.State, ErrState)
	case s.action == audit.ReviewRequested && actor.Kind == BreakGlass:
		return fmt.Errorf("%w: nobody knows who opened a break-glass code, and so who is no second person", ErrActor)
	case s.action == audit.ReviewRequested:
		review.RequestedBy = actor.String()
	case s.action == audit.ReviewApproved && actor.Kind != Operator:
		return fmt.Errorf("%w: an approval is an operator's", ErrActor)
	case s.action == audit.ReviewApproved:
		review.ApprovedBy = actor.String()
	}
	review.State = s.to
	return nil
}

// reached returns nil if a review may be asked for, and approved, where the configuration lets environments follow one another.
func (r *Registry) reached(tx Tx, at home) error {
	before := r.policy(at.environment).After
	if before == "" {
		return nil
	}
	review, _, err := tx.Review(at.partner, before)
	if err != nil {
		return err
	}
	return follows(at.environment, before, review.State)
}

// follows says why a review for an environment that comes after another one (before; empty: none) must wait, or nil.
func follows(environment, before string, state partner.ReviewState) error {
	if before == "" || state == partner.ReviewApproved {
		return nil
	}
	return fmt.Errorf("%s comes after %s, for which the review is not approved; ask for that one first: %w", environment, before, ErrState)
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
