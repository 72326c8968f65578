package registry

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// Desired is what a file says the register should hold. It is declarative for what it names and silent about the rest:
// credentials, secrets and approvals are no part of it. An approval is a decision of a second person about the present state
// (design decision 14); a file that could say "approved" would let its author approve himself.
type Desired struct {
	Partners []DesiredPartner
	// Prune lists the open partners that Partners does not name in Diff.Unnamed. Nothing happens to them unless ClosePruned is
	// set as well: then they are closed, for good.
	Prune       bool
	ClosePruned bool
}

// DesiredPartner is one partner, by its name: within a Desired, and among the open partners of the register, a name stands
// for one partner. A partner that is not there is added.
type DesiredPartner struct {
	Name         string
	Closed       bool                 // it is to be closed, for good; then Environments is empty
	Environments []DesiredEnvironment // those that are not named stay as they are
}

// DesiredEnvironment is what one partner has in one environment.
type DesiredEnvironment struct {
	Name      string
	Requested bool             // the review is to be asked for if it never was; approving it stays with a person
	Networks  []DesiredNetwork // exactly these rules; empty but not nil: none; nil: whatever there is
	Limits    []DesiredLimit   // exactly these limits; empty but not nil: none; nil: whatever there is
}

// DesiredNetwork is a partner.NetworkRule without what the register adds. A rule whose note differs is made anew.
type DesiredNetwork struct {
	API     string
	Prefix  netip.Prefix
	Country string
	Note    string
}

// DesiredLimit is a partner.Limit without what the register adds.
type DesiredLimit struct {
	API        string
	Credential string // row identity of a credential; empty: all of the partner together
	Rate       int
	Per        time.Duration
	Burst      int
	Daily      int64
}

// Step is one difference between the register and a Desired.
type Step struct {
	Action      audit.Action `json:"action"` // of the change row that it becomes
	Path        string       `json:"path"`   // the item of the Desired that asks for it: "partners[3].environments[0].networks[2]"
	Partner     string       `json:"partner"`
	Environment string       `json:"environment,omitempty"`
	Text        string       `json:"text,omitempty"` // what is added, set or removed, for people
}

// String is the step in one line.
func (s Step) String() string {
	line := fmt.Sprintf("%s: %q", s.Action, s.Partner)
	if s.Environment != "" {
		line += " in " + s.Environment
	}
	if s.Text != "" {
		line += ": " + s.Text
	}
	return line
}

// Diff is everything that Apply does or would do, in the order in which it does it: the order of the file, and within an
// environment removals first. No steps: the register is as the file says.
type Diff struct {
	Steps   []Step            `json:"steps"`
	Unnamed []partner.Partner `json:"unnamed,omitempty"` // with Desired.Prune: by name; not closed unless a step says so
}

// Apply makes the register what desired says, in one transaction, and returns what it did; every step is a change row of its
// own by actor. With dryRun it only says what it would do, and blocks nobody. One item that cannot be had changes nothing:
// the error is an *ApplyError that names it. Applying the same again does nothing. Other errors: ErrActor, the store's.
func (r *Registry) Apply(ctx context.Context, actor Actor, desired Desired, dryRun bool) (Diff, error) {
	var diff Diff
	run := func(tx Tx) error {
		p, err := r.plan(tx, actor, desired)
		if err != nil {
			return err
		}
		diff = p.diff
		if dryRun {
			return nil
		}
		return p.run(tx)
	}
	var err error
	if dryRun {
		if err = actor.manages(); err == nil {
			err = r.store.View(ctx, run)
		}
		if err != nil {
			err = fmt.Errorf("apply: %w", err)
		}
	} else {
		err = r.update(ctx, actor, "apply", run)
	}
	if err != nil {
		return Diff{}, err
	}
	return diff, nil
}
