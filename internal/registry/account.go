package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// LinkLife is how long a one-time link counts.
const LinkLife = 24 * time.Hour

// accountNoun keeps accounts; the login is the alias, so that it is unique.
var accountNoun = noun[operator.Account]{"operator", func(a operator.Account) partner.Document {
	return partner.Document{ID: a.ID, State: string(a.State()), Alias: a.Login, CreatedAt: a.CreatedAt}
}}

// AccountInvite is the operation account.invite: a new account, or a new link for one that is there. The holder of the link
// registers a passkey, or signs in with the provider as the login says. A link for an account that is in use starts it over: when
// it is used, the former passkeys, recovery codes and sessions end.
type AccountInvite struct {
	Account      string          `json:"account,omitempty"` // id or login of an account that is there; then the rest is empty
	Login        string          `json:"login,omitempty"`   // of a new account
	Name         string          `json:"name,omitempty"`
	Roles        []operator.Role `json:"roles,omitempty"`
	Environments []string        `json:"environments"` // the only ones that it may act in; null: all
}

// AccountChange is the operation account.change. What is left out stays. Roles of an account that has them from the provider's
// groups cannot be changed here.
type AccountChange struct {
	Account         string          `json:"account"` // id or login
	Name            *string         `json:"name,omitempty"`
	Roles           []operator.Role `json:"roles,omitempty"`
	Environments    []string        `json:"environments,omitempty"`
	AllEnvironments bool            `json:"all_environments,omitempty"` // no longer confined; Environments is empty then
}

// AccountDisable is the operation account.disable: its sessions end with it.
type AccountDisable struct {
	Account string `json:"account"` // id or login
}

// AccountEnable is the operation account.enable.
type AccountEnable struct {
	Account string `json:"account"` // id or login
}

// Invitation is a one-time link that was just made. Token is the only copy; whoever has handed it over wipes it.
type Invitation struct {
	Account   operator.Account
	Token     secret.Value
	ExpiresAt time.Time
}

// Accounts lists all accounts by their making.
func (r *Registry) Accounts(ctx context.Context) ([]operator.Account, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]operator.Account, error) { return accountNoun.list(tx, partner.DocumentQuery{}) })
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// Account finds an account by its id or its login. Errors: ErrNotFound, the store's.
func (r *Registry) Account(ctx context.Context, idOrLogin string) (operator.Account, error) {
	a, err := view(ctx, r.store, func(tx Tx) (operator.Account, error) { return findAccount(tx, idOrLogin) })
	if err != nil {
		return operator.Account{}, fmt.Errorf("find account: %w", err)
	}
	return a, nil
}

func findAccount(tx Tx, idOrLogin string) (operator.Account, error) {
	if strings.Contains(idOrLogin, "@") {
		a, found, err := accountNoun.find(tx, operator.FoldLogin(idOrLogin))
		if err == nil && !found {
			err = fmt.Errorf("account %q: %w", idOrLogin, ErrNotFound)
		}
		return a, err
	}
	if idOrLogin == "" {
		return operator.Account{}, fmt.Errorf("%w: which account? its id or its login", ErrArgument)
	}
	return accountNoun.get(tx, idOrLogin)
}

// InviteFirst makes the one-time link of the first admin: whoever holds it chooses a login and registers a passkey, or binds
// the identity with which the provider signs them in. There is no default password. Asked again before the link was used, it
// makes a new one and the former ends. Errors: ErrActor, ErrState when there is an admin already, secret.ErrRandom, the store's.
func (r *Registry) InviteFirst(ctx context.Context, actor Actor) (Invitation, error) {
	var made Invitation
	err := r.update(ctx, actor, "invite the first admin", func(tx Tx) error {
		all, err := accountNoun.list(tx, partner.DocumentQuery{})
		if err != nil {
			return err
		}
		first := operator.Account{Roles: []operator.Role{operator.Admin}, OwnRoles: true, CreatedAt: r.now()}
		for _, a := range all {
			switch {
			case a.Is(operator.Admin):
				return fmt.Errorf("%w: %s is an admin already; an admin invites others", ErrState, a.Login)
			case a.Login == "":
				first = a
			}
		}
		if first.ID == "" {
			if first.ID, err = secret.RowID(r.random, "opr_"); err != nil {
				return err
			}
		}
		made, err = r.invite(tx, actor, first, "the first admin")
		return err
	})
	if err != nil {
		return Invitation{}, err
	}
	return made, nil
}

// InviteAccount makes an account, or a new link for one (AccountInvite). Errors: ErrActor, ErrArgument, ErrNotFound, ErrState for
// a login that is taken or an account that is disabled, secret.ErrRandom, the store's.
func (r *Registry) InviteAccount(ctx context.Context, actor Actor, in AccountInvite) (Invitation, error) {
	var made Invitation
	err := r.update(ctx, actor, "invite account", func(tx Tx) (err error) {
		made, err = r.inviteAccount(tx, actor, in)
		return err
	})
	if err != nil {
		return Invitation{}, err
	}
	return made, nil
}

func (r *Registry) inviteAccount(tx Tx, actor Actor, in AccountInvite) (Invitation, error) {
	if in.Account != "" {
		if in.Login != "" || in.Name != "" || len(in.Roles) > 0 || in.Environments != nil {
			return Invitation{}, fmt.Errorf("%w: a new link for an account that is there changes nothing else of it", ErrArgument)
		}
		a, err := findAccount(tx, in.Account)
		if err != nil {
			return Invitation{}, err
		}
		if a.State() == operator.Disabled {
			return Invitation{}, fmt.Errorf("%w: %s is disabled; enable it first", ErrState, a.Login)
		}
		return r.invite(tx, actor, a, "a new link for "+a.Login)
	}
	a := operator.Account{Login: operator.FoldLogin(in.Login), Name: in.Name, Roles: inOrder(in.Roles), Environments: in.Environments,
		OwnRoles: true, CreatedAt: r.now()}
	if err := operator.CheckLogin(a.Login); err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if err := r.loginFree(tx, a.Login, ""); err != nil {
		return Invitation{}, err
	}
	var err error
	if a.ID, err = secret.RowID(r.random, "opr_"); err != nil {
		return Invitation{}, err
	}
	return r.invite(tx, actor, a, describeAccount(a))
}

// invite makes the link of an account and writes both down. The former link ends.
func (r *Registry) invite(tx Tx, actor Actor, a operator.Account, detail string) (Invitation, error) {
	token, err := operator.NewToken(r.random, r.realm.link, "")
	if err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", secret.ErrRandom, err)
	}
	if err := tx.DeleteTransientsOf(r.realm.links, a.ID); err != nil {
		return Invitation{}, err
	}
	a.InvitedUntil = r.now().Add(LinkLife)
	link := partner.Transient{Kind: r.realm.links, ID: operator.HashToken(token), Owner: a.ID, ExpiresAt: a.InvitedUntil}
	if err := tx.PutTransient(link); err != nil {
		return Invitation{}, err
	}
	detail = fmt.Sprintf("%s, with a one-time link until %s", detail, a.InvitedUntil.Format(time.RFC3339))
	if err := r.putAccount(tx, actor, r.realm.invited, a, detail); err != nil {
		return Invitation{}, err
	}
	return Invitation{Account: a, Token: secret.NewValue([]byte(token)), ExpiresAt: a.InvitedUntil}, nil
}

// putAccount writes an account and its change row.
func (r *Registry) putAccount(tx Tx, actor Actor, action audit.Action, a operator.Account, detail string) error {
	if err := a.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrArgument, err)
	}
	if err := putNoun(tx, a); err != nil {
		return err
	}
	return r.record(tx, actor, action, a.ID, clip(detail, audit.MaxDetail))
}

// loginFree refuses a login that another account has.
func (r *Registry) loginFree(tx Tx, login, id string) error {
	other, found, err := r.realm.accounts.find(tx, login)
	if err == nil && found && other.ID != id {
		return fmt.Errorf("%w: the login %s is taken", ErrState, login)
	}
	return err
}

// self is an account as the actor of what it does itself.
func self(a operator.Account) Actor {
	if a.Member() {
		return Actor{Kind: Member, Name: a.Login}
	}
	return Actor{Kind: Operator, Name: a.Login}
}

// describeAccount is what the record says of a new account.
func describeAccount(a operator.Account) string {
	if a.Member() {
		return fmt.Sprintf("%s of %s", a.Login, a.PartnerID)
	}
	return fmt.Sprintf("%s as %s in %s", a.Login, joined(a.Roles), scope(a.Environments))
}

func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

func scope(environments []string) string {
	if environments == nil {
		return "all environments"
	}
	return strings.Join(environments, ", ")
}

// inOrder is roles in their documented order, so that equal sets are written equally; unknown ones stay, to be refused.
func inOrder(roles []operator.Role) []operator.Role {
	sorted := slices.Clone(roles)
	slices.SortStableFunc(sorted, func(a, b operator.Role) int {
		return slices.Index(operator.Roles(), a) - slices.Index(operator.Roles(), b)
	})
	return sorted
}
