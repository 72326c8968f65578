package registry

import (
	"context"
	"errors"
	"fmt"

	"countersign.dev/internal/operator"
)

// Principal is in whose name whoever presents a token acts, as the register stands now: roles, scope, disabling and revocation
// count from the next call on. prefix says which tokens the caller takes at this place; one of another kind proves nothing. A
// recovery session is nobody here. Errors: operator.ErrNotSignedIn for whatever proves nobody, the store's.
func (r *Registry) Principal(ctx context.Context, prefix operator.Prefix, token string) (operator.Principal, error) {
	if _, err := operator.ParseToken(token, prefix); err != nil || !r.realm.takes(prefix) {
		return operator.Principal{}, operator.ErrNotSignedIn
	}
	var seen bool
	p, err := view(ctx, r.store, func(tx Tx) (p operator.Principal, err error) {
		if prefix == operator.ServiceToken {
			p, seen, err = r.servicePrincipal(tx, token)
			return p, err
		}
		owner, all, at, err := r.findSession(tx, prefix, token)
		if err != nil || at < 0 || all[at].Kind == RecoverySession {
			return p, err
		}
		seen = r.now().Sub(all[at].SeenAt) >= sessionSeen
		return r.ownerPrincipal(tx, owner, all[at])
	})
	if err != nil {
		return operator.Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	if p.ID == "" {
		return operator.Principal{}, operator.ErrNotSignedIn
	}
	if seen {
		// That it cannot be noted ends a session early, and lets nobody in: the request goes on.
		_ = r.see(ctx, prefix, token, p)
	}
	return p, nil
}

// ownerPrincipal is whom a session stands for; the zero principal where the account is disabled or the code has ended.
func (r *Registry) ownerPrincipal(tx Tx, owner string, s sessionRow) (operator.Principal, error) {
	p := operator.Principal{ID: owner, ExpiresAt: s.ends(), SessionID: s.ID}
	if isBreakGlass(owner) {
		b, err := breakGlassNoun.get(tx, owner)
		if err != nil || b.State(r.now()) != operator.BreakGlassOpen {
			return operator.Principal{}, ignoreMissing(err)
		}
		p.Kind, p.Name, p.Permissions = operator.KindBreakGlass, b.Name, operator.Permissions()
		return p, nil
	}
	a, err := r.signable(tx, owner)
	if err != nil || a.ID == "" {
		return operator.Principal{}, err
	}
	if a.Member() {
		p.Kind, p.Name, p.PartnerID = operator.KindMember, a.Login, a.PartnerID
		return p, nil
	}
	p.Kind, p.Name, p.Roles, p.Environments = operator.KindAccount, a.Login, a.Roles, a.Environments
	p.Permissions = operator.PermissionsOf(a.Roles)
	return p, nil
}

// signable is the account of a row identity, if somebody may act in its name now; else the zero account.
func (r *Registry) signable(tx Tx, id string) (operator.Account, error) {
	a, err := r.realm.accounts.get(tx, id)
	if err != nil || a.State() != operator.Active {
		return operator.Account{}, ignoreMissing(err)
	}
	if shut, err := barred(tx, a); err != nil || shut {
		return operator.Account{}, err
	}
	return a, nil
}

// ignoreMissing is err, or nil where it says that a row is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// see notes that a session or a service account is in use.
func (r *Registry) see(ctx context.Context, prefix operator.Prefix, token string, p operator.Principal) error {
	return r.store.Update(ctx, func(tx Tx) error {
		if prefix == operator.ServiceToken {
			return r.seeService(tx, p.ID)
		}
		owner, all, at, err := r.findSession(tx, prefix, token)
		if err != nil || at < 0 {
			return err
		}
		all[at].SeenAt = r.now()
		return r.putSessions(tx, owner, all)
	})
}

// SignedIn returns the account and the session of a browser's token, also of a recovery session: for the pages on which people look
// after their own account, and for nothing else. Errors: operator.ErrNotSignedIn, the store's.
func (r *Registry) SignedIn(ctx context.Context, token string) (operator.Account, Session, error) {
	var s Session
	a, err := view(ctx, r.store, func(tx Tx) (a operator.Account, err error) {
		owner, all, at, err := r.findSession(tx, r.realm.session, token)
		if err != nil || at < 0 || isBreakGlass(owner) {
			return a, err
		}
		if a, err = r.signable(tx, owner); err != nil || a.ID == "" {
			return a, err
		}
		s = shown(all[at], owner, a.Login)
		return a, nil
	})
	if err != nil {
		return operator.Account{}, Session{}, fmt.Errorf("find session: %w", err)
	}
	if a.ID == "" {
		return operator.Account{}, Session{}, operator.ErrNotSignedIn
	}
	return a, s, nil
}
