package partner

// Stage says in one word how far a partner has come on its way through all environments. It is derived, never stored: no row
// can disagree with the reviews (record 31). It decides no request; only the review of an environment does.
type Stage string

// The stages, in the order in which a partner passes through them.
const (
	StageNone             Stage = "none"              // nobody has asked for anything
	StageApplied          Stage = "applied"           // a review is asked for, nothing was ever approved
	StageInReview         Stage = "in_review"         // an operator works on it, nothing was ever approved
	StageSandbox          Stage = "sandbox"           // approved in an environment that is not the last of its order
	StageProductionReview Stage = "production_review" // and the review of a last environment is asked for, or under way
	StageProduction       Stage = "production"        // approved in a last environment
	StageSuspended        Stage = "suspended"         // the furthest environment that it had reached refuses it for now
	StageClosed           Stage = "closed"            // the partner is closed, or every review that it had
)

// Stages returns the closed list in its order; a fresh slice each time.
func Stages() []Stage {
	return []Stage{StageNone, StageApplied, StageInReview, StageSandbox, StageProductionReview, StageProduction, StageSuspended, StageClosed}
}

// StageOf derives the stage of p from its reviews, in any order, and the reviews' policies by environment, nil for none. Reviews
// of other partners are passed over. It is total: every combination of states has one stage, the first that fits of: closed
// partner; approved in a last environment; with such a one suspended; approved elsewhere, with or without an open review of a
// last environment; suspended elsewhere; in review; applied; closed; none. What is a last environment says LastEnvironment.
func StageOf(p Partner, reviews []Review, policies map[string]ReviewPolicy) Stage {
	var early, last tally
	for _, r := range reviews {
		switch {
		case r.PartnerID != p.ID:
		case LastEnvironment(r.Environment, policies):
			last.add(r.State)
		default:
			early.add(r.State)
		}
	}
	switch {
	case p.Closed:
		return StageClosed
	case last.approved:
		return StageProduction
	case last.suspended:
		return StageSuspended
	case early.approved && last.open():
		return StageProductionReview
	case early.approved:
		return StageSandbox
	case early.suspended:
		return StageSuspended
	case early.started, last.started:
		return StageInReview
	case early.requested, last.requested:
		return StageApplied
	case early.closed, last.closed:
		return StageClosed
	}
	return StageNone
}

// LastEnvironment reports whether an environment is what the seeds call production: one that comes after another and before
// none; where no policy says what comes after what, the environment that is called "production".
func LastEnvironment(name string, policies map[string]ReviewPolicy) bool {
	for _, policy := range policies {
		if policy.After == name {
			return false
		}
	}
	return policies[name].After != "" || name == "production"
}

// tally is which states a group of reviews is in.
type tally struct{ requested, started, approved, suspended, closed bool }

func (t *tally) add(state ReviewState) {
	switch state {
	case ReviewRequested:
		t.requested = true
	case ReviewStarted:
		t.started = true
	case ReviewApproved:
		t.approved = true
	case ReviewSuspended:
		t.suspended = true
	case ReviewClosed:
		t.closed = true
	}
}

// open reports whether a review waits for somebody.
func (t *tally) open() bool { return t.requested || t.started }
