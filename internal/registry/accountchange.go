package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
)

// ChangeAccount changes an account's name, roles or environments. Where roles or environments change, its sessions end. Errors:
// ErrActor, ErrArgument, ErrNotFound, ErrState when the roles are the provider's or nobody would be an admin, the store's.
func (r *Registry) ChangeAccount(ctx context.Context, actor Actor, in AccountChange) (operator.Account, error) {
	return r.accountCase(ctx, actor, "change account", func(tx Tx) (operator.Account, error) { return r.changeAccount(tx, actor, in) })
}

// DisableAccount refuses an account from its next request on, and ends its sessions and its link. Errors: ErrActor, ErrArgument,
// ErrNotFound, ErrState if it is disabled already or the only admin, the store's.
func (r *Registry) DisableAccount(ctx context.Context, actor Actor, idOrLogin, reason string) (operator.Account, error) {
	return r.accountCase(ctx, actor, "disable account", func(tx Tx) (operator.Account, error) {
		return r.disableAccount(tx, actor, AccountDisable{Account: idOrLogin}, reason)
	})
}

// EnableAccount lets a disabled account sign in again. Errors: ErrActor, ErrArgument, ErrNotFound, ErrState if it is not
// disabled, the store's.
func (r *Registry) EnableAccount(ctx context.Context, actor Actor, idOrLogin, reason string) (operator.Account, error) {
	return r.accountCase(ctx, actor, "enable account", func(tx Tx) (operator.Account, error) {
		return r.enableAccount(tx, actor, AccountEnable{Account: idOrLogin}, reason)
	})
}

// accountCase runs a use case of accounts in a transaction of its own.
func (r *Registry) accountCase(
	ctx context.Context, actor Actor, what string, change func(Tx) (operator.Account, error),
) (operator.Account, error) {
	var changed operator.Account
	err := r.update(ctx, actor, what, func(tx Tx) (err error) {
		changed, err = change(tx)
		return err
	})
	if err != nil {
		return operator.Account{}, err
	}
	return changed, nil
}

func (r *Registry) changeAccount(tx Tx, actor Actor, in AccountChange) (operator.Account, error) {
	before, err := findAccount(tx, in.Account)
	if err != nil {
		return operator.Account{}, err
	}
	after := before
	if in.Name != nil {
		after.Name = *in.Name
	}
	if in.Roles != nil {
		after.Roles = inOrder(in.Roles)
	}
	switch {
	case in.AllEnvironments && in.Environments != nil:
		return operator.Account{}, fmt.Errorf("%w: either all environments, or those that are named", ErrArgument)
	case in.AllEnvironments:
		after.Environments = nil
	case in.Environments != nil:
		after.Environments = in.Environments
	}
	powers := !slices.Equal(before.Roles, after.Roles) || !slices.Equal(before.Environments, after.Environments) ||
		(before.Environments == nil) != (after.Environments == nil)
	switch {
	case !powers && before.Name == after.Name:
		return before, nil
	case !before.OwnRoles && !slices.Equal(before.Roles, after.Roles):
		return operator.Account{}, fmt.Errorf("%w: the roles of %s come from the provider's groups; change them there", ErrState, before.Login)
	}
	if !slices.Contains(after.Roles, operator.Admin) || after.Environments != nil {
		if err := stillAdmin(tx, before); err != nil {
			return operator.Account{}, err
		}
	}
	if powers {
		if err := r.endSessions(tx, after.ID); err != nil {
			return operator.Account{}, err
		}
	}
	detail := fmt.Sprintf("%s: %s in %s; before: %s in %s", after.Login, joined(after.Roles), scope(after.Environments),
		joined(before.Roles), scope(before.Environments))
	return after, r.putAccount(tx, actor, audit.AccountChanged, after, detail)
}

func (r *Registry) disableAccount(tx Tx, actor Actor, in AccountDisable, reason string) (operator.Account, error) {
	a, err := findAccount(tx, in.Account)
	switch {
	case err != nil:
		return operator.Account{}, err
	case checkLine("a reason", reason, maxReason) != nil:
		return operator.Account{}, checkLine("a reason", reason, maxReason)
	case a.State() == operator.Disabled:
		return operator.Account{}, fmt.Errorf("%w: %s is disabled already", ErrState, a.Login)
	}
	if err := stillAdmin(tx, a); err != nil {
		return operator.Account{}, err
	}
	return r.shut(tx, actor, a, reason)
}

// shut disables an account of either realm: its sessions and its link end.
func (r *Registry) shut(tx Tx, actor Actor, a operator.Account, reason string) (operator.Account, error) {
	if err := r.endSessions(tx, a.ID); err != nil {
		return operator.Account{}, err
	}
	if err := tx.DeleteTransientsOf(r.realm.links, a.ID); err != nil {
		return operator.Account{}, err
	}
	a.DisabledAt, a.InvitedUntil = r.now(), time.Time{}
	return a, r.putAccount(tx, actor, r.realm.disabled, a, withReason(a.Login, reason))
}

func (r *Registry) enableAccount(tx Tx, actor Actor, in AccountEnable, reason string) (operator.Account, error) {
	a, err := findAccount(tx, in.Account)
	switch {
	case err != nil:
		return operator.Account{}, err
	case checkLine("a reason", reason, maxReason) != nil:
		return operator.Account{}, checkLine("a reason", reason, maxReason)
	}
	return r.reopen(tx, actor, a, reason)
}

// reopen enables an account of either realm.
func (r *Registry) reopen(tx Tx, actor Actor, a operator.Account, reason string) (operator.Account, error) {
	if a.State() != operator.Disabled {
		return operator.Account{}, fmt.Errorf("%w: %s is not disabled", ErrState, a.Login)
	}
	a.DisabledAt = time.Time{}
	return a, r.putAccount(tx, actor, r.realm.enabled, a, withReason(a.Login, reason))
}

// stillAdmin refuses what would leave no admin of all environments but a.
func stillAdmin(tx Tx, a operator.Account) error {
	if !wholeAdmin(a) {
		return nil
	}
	all, err := accountNoun.list(tx, partner.DocumentQuery{State: string(operator.Active)})
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != a.ID && wholeAdmin(other) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is the only admin; make another one first", ErrState, a.Login)
}

func wholeAdmin(a operator.Account) bool { return a.Is(operator.Admin) && a.Environments == nil }

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}
