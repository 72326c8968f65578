package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// MaxApprovals is the most persons, beside the one who asks, that a change can be made to need.
const MaxApprovals = 3

// Approvals says how many persons other than the one who asks must approve what widens access. What narrows it never waits:
// see OperationName.Waits.
type Approvals struct {
	// Environments are in the order of their names, each once, at most 50. One that is not named needs no approvals.
	Environments []EnvironmentApprovals `json:"environments"`
	// Accounts is for account.invite, account.change, account.enable, service.create and break_glass.make; 0 to MaxApprovals.
	Accounts int `json:"accounts"`
	// Settings is for a change of these settings; 0 to MaxApprovals.
	Settings int `json:"settings"`
}

// EnvironmentApprovals is the part of one environment.
type EnvironmentApprovals struct {
	Environment string `json:"environment"`
	Approvals   int    `json:"approvals"` // 0 to MaxApprovals
	// Operations are the exceptions, by name, each once. What never waits, or is of no environment, cannot be named.
	Operations []OperationApprovals `json:"operations,omitempty"`
}

// OperationApprovals is an exception for one operation.
type OperationApprovals struct {
	Operation OperationName `json:"operation"`
	Approvals int           `json:"approvals"` // 0 to MaxApprovals
}

// DefaultApprovals is in force until somebody sets others: one for what widens access to an environment called production, for
// accounts, and for these settings.
func DefaultApprovals() Approvals {
	return Approvals{Environments: []EnvironmentApprovals{{Environment: "production", Approvals: 1}}, Accounts: 1, Settings: 1}
}

// of is how many approvals an operation in one environment needs.
func (a Approvals) of(name OperationName, environment string) int {
	for _, e := range a.Environments {
		if e.Environment != environment {
			continue
		}
		for _, o := range e.Operations {
			if o.Operation == name {
				return o.Approvals
			}
		}
		return e.Approvals
	}
	return 0
}

// Validate reports what is wrong with a, or nil: an ErrArgument.
func (a Approvals) Validate() error {
	if err := errors.Join(checkApprovals("accounts", a.Accounts), checkApprovals("settings", a.Settings)); err != nil {
		return err
	}
	if len(a.Environments) > 50 {
		return fmt.Errorf("%w: settings of at most 50 environments", ErrArgument)
	}
	for i, e := range a.Environments {
		if err := errors.Join(checkEnvironment(e.Environment), checkApprovals(e.Environment, e.Approvals)); err != nil {
			return err
		}
		if i > 0 && a.Environments[i-1].Environment >= e.Environment {
			return fmt.Errorf("%w: environments are in the order of their names, each once", ErrArgument)
		}
		for j, o := range e.Operations {
			if err := checkApprovals(string(o.Operation), o.Approvals); err != nil {
				return err
			}
			if g := o.Operation.waitRule(); g != byEnvironment && g != byPartner && g != byDesired {
				return fmt.Errorf("%w: %q is no operation that waits in an environment", ErrArgument, o.Operation)
			}
			if j > 0 && e.Operations[j-1].Operation >= o.Operation {
				return fmt.Errorf("%w: operations are in the order of their names, each once", ErrArgument)
			}
		}
	}
	return nil
}

func checkApprovals(what string, n int) error {
	if n < 0 || n > MaxApprovals {
		return fmt.Errorf("%w: %s needs 0 to %d approvals", ErrArgument, what, MaxApprovals)
	}
	return nil
}

// wanted reports whether anything needs a second person.
func (a Approvals) wanted() bool {
	return a.Accounts > 0 || a.Settings > 0 || slices.ContainsFunc(a.Environments, func(e EnvironmentApprovals) bool {
		return e.Approvals > 0 || slices.ContainsFunc(e.Operations, func(o OperationApprovals) bool { return o.Approvals > 0 })
	})
}

// sorted is a with its lists in their order, so that one setting has one form.
func (a Approvals) sorted() Approvals {
	a.Environments = append([]EnvironmentApprovals{}, a.Environments...)
	slices.SortFunc(a.Environments, func(x, y EnvironmentApprovals) int { return strings.Compare(x.Environment, y.Environment) })
	for i, e := range a.Environments {
		e.Operations = append([]OperationApprovals(nil), e.Operations...) // nil where there is none
		slices.SortFunc(e.Operations, func(x, y OperationApprovals) int {
			return strings.Compare(string(x.Operation), string(y.Operation))
		})
		a.Environments[i].Operations = e.Operations
	}
	return a
}

// text is a in one line for the record.
func (a Approvals) text() string {
	parts := []string{fmt.Sprintf("accounts %d, settings %d", a.Accounts, a.Settings)}
	for _, e := range a.Environments {
		part := fmt.Sprintf("%s %d", e.Environment, e.Approvals)
		for _, o := range e.Operations {
			part += fmt.Sprintf(" (%s %d)", o.Operation, o.Approvals)
		}
		parts = append(parts, part)
	}
	return clip(strings.Join(parts, ", "), audit.MaxDetail)
}

// approvalsID is the id of the one document of settings, and the subject of its changes.
const approvalsID = "approvals"

// kept is the form in which settings are stored.
type keptApprovals struct {
	Approvals
	CreatedAt time.Time `json:"created_at"`
}

var approvalsNoun = noun[keptApprovals]{kind: "settings", row: func(k keptApprovals) partner.Document {
	return partner.Document{ID: approvalsID, CreatedAt: k.CreatedAt}
}}

// Approvals reads the settings that are in force. Errors: the store's.
func (r *Registry) Approvals(ctx context.Context) (Approvals, error) {
	return view(ctx, r.store, approvals)
}

func approvals(tx Tx) (Approvals, error) {
	k, err := approvalsNoun.get(tx, approvalsID)
	if errors.Is(err, ErrNotFound) {
		return DefaultApprovals(), nil
	}
	return k.Approvals, err
}

// SetApprovals replaces the settings, at once: the local command line's way, by which an installation with a single operator
// starts. The admin API asks by settings.approvals, which needs approval itself. Equal settings change nothing. Errors: ErrActor,
// ErrArgument, the store's.
func (r *Registry) SetApprovals(ctx context.Context, actor Actor, a Approvals, reason string) (Approvals, error) {
	a = a.sorted()
	if err := errors.Join(a.Validate(), checkLine("a reason", reason, maxReason)); err != nil {
		return Approvals{}, fmt.Errorf("set approvals: %w", err)
	}
	err := r.update(ctx, actor, "set approvals", func(tx Tx) error {
		k, err := approvalsNoun.get(tx, approvalsID)
		before := k.Approvals
		if errors.Is(err, ErrNotFound) {
			k.CreatedAt, before, err = r.now(), DefaultApprovals(), nil
		}
		if err != nil || reflect.DeepEqual(before.sorted(), a) {
			return err
		}
		k.Approvals = a
		if err := approvalsNoun.put(tx, k); err != nil {
			return err
		}
		text := a.text()
		if reason != "" {
			text += ": " + reason
		}
		return r.record(tx, actor, audit.SettingsChanged, approvalsID, clip(text, audit.MaxDetail))
	})
	if err != nil {
		return Approvals{}, err
	}
	return a, nil
}

// SettingsApprovals is the operation settings.approvals.
type SettingsApprovals struct {
	Approvals Approvals `json:"approvals"`
}

// doSettingsApprovals refuses to free what lets one person free the rest alone. Whoever has the disk may want that.
func (r *Registry) doSettingsApprovals(ctx context.Context, j job, p SettingsApprovals) (Done, error) {
	before, err := approvals(j.tx)
	if err != nil {
		return Done{}, err
	}
	frees := before.Accounts > 0 && p.Approvals.Accounts == 0 || before.Settings > 0 && p.Approvals.Settings == 0
	if frees && p.Approvals.wanted() {
		return Done{}, fmt.Errorf("%w: where anything needs a second person, accounts and settings do too: whoever makes accounts alone "+
			"makes his own second person", ErrArgument)
	}
	a, err := r.SetApprovals(ctx, j.actor, p.Approvals, j.reason)
	return Done{Approvals: &a}, err
}
