// Package partner holds the nouns of the register and their invariants: partners, reviews, credentials and their
// versions, network rules, limits, sealing keys. It does no I/O, knows no store and no protocol; whoever loads or changes these
// values answers for writing them down. It refuses values that no part of the product could handle safely (a review that
// its requester approved, a network rule for every address), so that no caller has to remember to check.
package partner

import (
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is wrapped by every error of a Validate method of this package.
var ErrInvalid = errors.New("invalid")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Partner is an outside organisation that may be admitted to environments. The zero value is not valid.
type Partner struct {
	ID        string    // row identity, "ptn_" and 26 characters; never changes and never travels as a credential
	Name      string    // what people call it; 1 to 200 bytes, for people only
	Closed    bool      // a closed partner is refused everywhere and cannot be opened again
	CreatedAt time.Time // UTC, second resolution
}

// Validate reports what is wrong with p, or nil.
func (p Partner) Validate() error {
	switch {
	case p.ID == "":
		return invalid("partner without an id")
	case p.Name == "" || len(p.Name) > 200:
		return invalid("a partner's name has 1 to 200 bytes, this one has %d", len(p.Name))
	}
	return nil
}

// ReviewState says how far one partner's security review for one environment has come.
type ReviewState string

// The states of a review. The empty string is no review at all and admits nobody.
const (
	ReviewRequested ReviewState = "requested" // applied for; nobody looks at it yet
	ReviewStarted   ReviewState = "in_review" // an operator works on it
	ReviewApproved  ReviewState = "approved"
	ReviewSuspended ReviewState = "suspended" // was approved; refused until resumed
	ReviewClosed    ReviewState = "closed"    // for good
)

// Review is the security review of one partner for one environment. Only an approved one admits its requests.
type Review struct {
	PartnerID   string
	Environment string
	State       ReviewState
	RequestedBy string    // actor
	ApprovedBy  string    // actor; never RequestedBy; empty until approved
	ChangedAt   time.Time // of the last transition
	Reason      string    // of the last transition, for people
}

// Validate reports what is wrong with r, or nil: above all an approval by the person who asked for it.
func (r Review) Validate() error {
	switch r.State {
	case ReviewRequested, ReviewStarted, ReviewApproved, ReviewSuspended, ReviewClosed:
	default:
		return invalid("unknown review state %q", r.State)
	}
	if r.PartnerID == "" || r.Environment == "" || r.RequestedBy == "" {
		return invalid("a review names its partner, its environment and who asked for it")
	}
	if r.State == ReviewApproved && (r.ApprovedBy == "" || r.ApprovedBy == r.RequestedBy) {
		return invalid("a review is approved by somebody other than %q, who asked for it", r.RequestedBy)
	}
	return nil
}
