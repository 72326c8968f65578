package audit

import (
	"fmt"
	"time"
)

// ChangeQuery says which changes are listed. Empty fields ask for nothing.
type ChangeQuery struct {
	Actor   string   // exactly
	Actions []Action // any of these
	Kind    string   // the part of the action before the point: "credential", "proposal"
	Subject string   // exactly

	// Partner asks for what concerns a partner: with it as the subject, or one of its credentials, network rules, limits or
	// documents (proposals, endpoints, the file of a review), those that are gone by now included.
	Partner string

	From  time.Time // the first moment; zero: the beginning
	Until time.Time // the last moment; zero: no end

	Newest bool   // the newest first
	After  uint64 // Seq of the change before the first one in the order of the listing; 0: none
	Limit  int    // 0: as many as a page has
}

// MaxQueryActions is how many actions one query names.
const MaxQueryActions = 100

// Validate reports what is wrong with q, or nil: an error that wraps ErrChange.
func (q ChangeQuery) Validate() error {
	if len(q.Actor) > MaxActor || len(q.Subject) > MaxSubject || len(q.Partner) > MaxSubject || len(q.Actions) > MaxQueryActions {
		return fmt.Errorf("%w: a query for an actor, a subject or a number of actions that no change has", ErrChange)
	}
	for _, a := range q.Actions {
		if !a.Known() {
			return fmt.Errorf("%w: unknown action %q", ErrChange, string(a))
		}
	}
	for i := range len(q.Kind) {
		if c := q.Kind[i]; (c < 'a' || c > 'z') && c != '_' {
			return fmt.Errorf("%w: the kind of an action has a-z and _", ErrChange)
		}
	}
	if !q.Until.IsZero() && q.Until.Before(q.From) {
		return fmt.Errorf("%w: the end is before the beginning", ErrChange)
	}
	return nil
}
