package registry

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// serviceNoun keeps service accounts; the hash of the token is the alias, so that a token is found by it.
var serviceNoun = noun[operator.ServiceAccount]{"service", func(s operator.ServiceAccount) partner.Document {
	state := "active"
	if !s.RevokedAt.IsZero() {
		state = serviceRevoked
	}
	return partner.Document{ID: s.ID, State: state, Alias: s.TokenHash, CreatedAt: s.CreatedAt}
}}

// serviceRevoked is the state of one that was revoked, in listings.
const serviceRevoked = "revoked"

// usedKind is the transient that says when a service account was last seen.
const usedKind = "service_used"

// ServiceCreate is the operation service.create. It may be given any roles and permissions but those that approve.
type ServiceCreate struct {
	Name         string                `json:"name"`
	Roles        []operator.Role       `json:"roles,omitempty"`
	Permissions  []operator.Permission `json:"permissions,omitempty"`
	Environments []string              `json:"environments"` // the only ones that it may act in; null: all
	NotAfter     time.Time             `json:"not_after"`    // required, within operator.MaxServiceLifetime
}

// ServiceRevoke is the operation service.revoke: its token counts no more, for good.
type ServiceRevoke struct {
	Service string `json:"service"` // id or name
}

// ServiceAccounts lists all service accounts by their making, revoked ones included, each with about when it was last used.
func (r *Registry) ServiceAccounts(ctx context.Context) ([]operator.ServiceAccount, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]operator.ServiceAccount, error) {
		list, err := serviceNoun.list(tx, partner.DocumentQuery{})
		for i := range list {
			if err == nil {
				list[i].UsedAt, err = lastUsed(tx, list[i].ID)
			}
		}
		return list, err
	})
	if err != nil {
		return nil, fmt.Errorf("list service accounts: %w", err)
	}
	return list, nil
}

// ServiceAccount finds a service account by its id or its name. Errors: ErrNotFound, the store's.
func (r *Registry) ServiceAccount(ctx context.Context, idOrName string) (operator.ServiceAccount, error) {
	s, err := view(ctx, r.store, func(tx Tx) (operator.ServiceAccount, error) {
		s, err := findService(tx, idOrName)
		if err == nil {
			s.UsedAt, err = lastUsed(tx, s.ID)
		}
		return s, err
	})
	if err != nil {
		return operator.ServiceAccount{}, fmt.Errorf("find service account: %w", err)
	}
	return s, nil
}

func findService(tx Tx, idOrName string) (operator.ServiceAccount, error) {
	all, err := serviceNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return operator.ServiceAccount{}, err
	}
	for _, s := range all {
		if s.ID == idOrName || s.Name == idOrName {
			return s, nil
		}
	}
	return operator.ServiceAccount{}, fmt.Errorf("service account %q: %w", idOrName, ErrNotFound)
}

// CreateService makes a service account and its token, which is shown this once and kept as a hash. Names are unique for good,
// so that the record stays clear. Errors: ErrActor, ErrArgument, ErrState for a name that is or was taken, secret.ErrRandom, the
// store's.
func (r *Registry) CreateService(
	ctx context.Context, actor Actor, in ServiceCreate,
) (s operator.ServiceAccount, token secret.Value, err error) {
	err = r.update(ctx, actor, "create service account", func(tx Tx) (err error) {
		s, token, err = r.createService(tx, actor, in)
		return err
	})
	if err != nil {
		return operator.ServiceAccount{}, secret.Value{}, err
	}
	return s, token, nil
}

func (r *Registry) createService(tx Tx, actor Actor, in ServiceCreate) (s operator.ServiceAccount, token secret.Value, err error) {
	s = operator.ServiceAccount{Name: in.Name, Roles: inOrder(in.Roles), Permissions: in.Permissions, Environments: in.Environments,
		NotAfter: in.NotAfter.UTC().Truncate(partner.Resolution), CreatedAt: r.now(), CreatedBy: actor.String()}
	if err := s.Validate(); err != nil {
		return s, token, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	all, err := serviceNoun.list(tx, partner.DocumentQuery{})
	if err != nil {
		return s, token, err
	}
	for _, other := range all {
		if other.Name == s.Name {
			return s, token, fmt.Errorf("%w: the name %s is or was another service account's; choose one that was never used",
				ErrState, s.Name)
		}
	}
	if s.ID, err = secret.RowID(r.random, "svc_"); err != nil {
		return s, token, err
	}
	text, err := operator.NewToken(r.random, operator.ServiceToken, "")
	if err != nil {
		return s, token, fmt.Errorf("%w: %w", secret.ErrRandom, err)
	}
	s.TokenHash = operator.HashToken(text)
	if err := serviceNoun.put(tx, s); err != nil {
		return s, token, err
	}
	detail := fmt.Sprintf("%s: %s in %s until %s", s.Name, joined(s.Allowed()), scope(s.Environments), s.NotAfter.Format(time.RFC3339))
	return s, secret.NewValue([]byte(text)), r.record(tx, actor, audit.ServiceCreated, s.ID, clip(detail, audit.MaxDetail))
}

// RevokeService ends a service account from its next request on. Errors: ErrActor, ErrArgument, ErrNotFound, ErrState if it is
// revoked already, the store's.
func (r *Registry) RevokeService(ctx context.Context, actor Actor, idOrName, reason string) (operator.ServiceAccount, error) {
	var s operator.ServiceAccount
	err := r.update(ctx, actor, "revoke service account", func(tx Tx) (err error) {
		s, err = r.revokeService(tx, actor, ServiceRevoke{Service: idOrName}, reason)
		return err
	})
	if err != nil {
		return operator.ServiceAccount{}, err
	}
	return s, nil
}

func (r *Registry) revokeService(tx Tx, actor Actor, in ServiceRevoke, reason string) (operator.ServiceAccount, error) {
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return operator.ServiceAccount{}, err
	}
	s, err := findService(tx, in.Service)
	switch {
	case err != nil:
		return s, err
	case !s.RevokedAt.IsZero():
		return s, fmt.Errorf("%w: %s is revoked already", ErrState, s.Name)
	}
	s.RevokedAt = r.now()
	if err := serviceNoun.put(tx, s); err != nil {
		return s, err
	}
	return s, r.record(tx, actor, audit.ServiceRevoked, s.ID, withReason(s.Name, reason))
}

// servicePrincipal finds whose token this is; the zero principal for one that counts no more.
func (r *Registry) servicePrincipal(tx Tx, token string) (p operator.Principal, seen bool, err error) {
	hash := operator.HashToken(token)
	s, found, err := serviceNoun.find(tx, hash)
	if err != nil || !found || subtle.ConstantTimeCompare([]byte(hash), []byte(s.TokenHash)) != 1 || !s.Live(r.now()) {
		return operator.Principal{}, false, err
	}
	used, err := lastUsed(tx, s.ID)
	if err != nil {
		return operator.Principal{}, false, err
	}
	return operator.Principal{Kind: operator.KindService, ID: s.ID, Name: s.Name, Roles: s.Roles, Permissions: s.Allowed(),
		Environments: s.Environments, ExpiresAt: s.NotAfter}, r.now().Sub(used) >= time.Hour, nil
}

// seeService notes, at most once an hour, that a service account was used.
func (r *Registry) seeService(tx Tx, id string) error {
	return tx.PutTransient(partner.Transient{Kind: usedKind, ID: id, Owner: id, ExpiresAt: r.now().Add(operator.MaxServiceLifetime),
		Body: []byte(r.now().Format(time.RFC3339))})
}

func lastUsed(tx Tx, id string) (time.Time, error) {
	row, found, err := tx.Transient(usedKind, id)
	if err != nil || !found {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, string(row.Body))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last use of %s: %w", id, err)
	}
	return at, nil
}
