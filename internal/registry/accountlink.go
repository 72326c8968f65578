package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign.dev/internal/operator"
)

// Redemption is what the holder of a one-time link brings: a passkey, or nothing where an identity is bound.
type Redemption struct {
	Login   string // of the first admin, who chooses it; ignored where the account has one
	Name    string // likewise, for people
	Passkey operator.Passkey
}

// LinkAccount is whose link this is. It uses nothing up. Errors: operator.ErrNotSignedIn for a link that is unknown, was used, or
// has ended; the store's.
func (r *Registry) LinkAccount(ctx context.Context, token string) (operator.Account, error) {
	a, err := view(ctx, r.store, func(tx Tx) (operator.Account, error) { return r.linked(tx, token) })
	if err != nil {
		return operator.Account{}, fmt.Errorf("open link: %w", err)
	}
	return a, nil
}

func (r *Registry) linked(tx Tx, token string) (operator.Account, error) {
	if _, err := operator.ParseToken(token, r.realm.link); err != nil {
		return operator.Account{}, operator.ErrNotSignedIn
	}
	row, found, err := tx.Transient(r.realm.links, operator.HashToken(token))
	if err != nil {
		return operator.Account{}, err
	}
	if !found || r.now().After(row.ExpiresAt) {
		return operator.Account{}, operator.ErrNotSignedIn
	}
	a, err := r.realm.accounts.get(tx, row.Owner)
	if err != nil {
		return a, err
	}
	shut, err := barred(tx, a)
	if err == nil && (shut || a.State() == operator.Disabled) {
		err = operator.ErrNotSignedIn
	}
	return a, err
}

// useLink takes a link, so that of several callers at once one gets it, and starts its account over: what proved it before, and
// its sessions, end.
func (r *Registry) useLink(tx Tx, token string) (operator.Account, error) {
	a, err := r.linked(tx, token)
	if err != nil {
		return a, err
	}
	if err := errors.Join(tx.DeleteTransient(r.realm.links, operator.HashToken(token)), r.endSessions(tx, a.ID)); err != nil {
		return a, err
	}
	if a.Origin == operator.ByOIDC {
		if err := tx.DeleteDocument(identityNoun.kind, identityID(a.Issuer, a.Subject)); err != nil {
			return a, err
		}
	}
	a.Origin, a.Issuer, a.Subject, a.Passkeys, a.Recovery, a.InvitedUntil = "", "", "", nil, nil, time.Time{}
	a.OwnRoles = !a.Member()
	return a, nil
}

// RedeemLink uses a one-time link up: the account gets its first passkey and ten recovery codes, and is signed in. Errors:
// operator.ErrNotSignedIn, ErrArgument, ErrState for a login that is taken (the link still counts then), secret.ErrRandom, the
// store's.
func (r *Registry) RedeemLink(ctx context.Context, token string, with Redemption, from string, terms SessionTerms) (SignIn, error) {
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, err := r.useLink(tx, token)
		if err != nil {
			return SignIn{}, err
		}
		if a.Login == "" {
			a.Login, a.Name = operator.FoldLogin(with.Login), strings.TrimSpace(with.Name)
			if err := r.loginFree(tx, a.Login, a.ID); err != nil {
				return SignIn{}, err
			}
		}
		a.Origin, a.Passkeys = operator.ByPasskey, []operator.Passkey{r.fresh(with.Passkey)}
		codes, err := r.freshRecovery(&a)
		if err != nil {
			return SignIn{}, err
		}
		detail := fmt.Sprintf("%s: %q, by one-time link from %s", a.Login, with.Passkey.Name, clip(from, 60))
		if err := r.putAccount(tx, self(a), r.realm.keyAdded, a, detail); err != nil {
			return SignIn{}, err
		}
		in, err := r.admit(tx, a, "by one-time link", from, terms)
		in.Recovery = codes
		return in, err
	})
}

// RedeemLinkIdentity uses a one-time link up and binds its account to whom the provider vouches for, who signs in as it from now
// on, with the roles of the register. Where the account has a login, the provider must name the same. Errors as RedeemLink, and
// ErrSignIn.
func (r *Registry) RedeemLinkIdentity(
	ctx context.Context, token string, who Identity, from string, terms SessionTerms,
) (SignIn, error) {
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, err := r.useLink(tx, token)
		if err != nil {
			return SignIn{}, err
		}
		login := operator.FoldLogin(who.Login)
		if a.Login != "" && a.Login != login {
			return SignIn{}, fmt.Errorf("%w: this link is for %s; the provider says %s", ErrSignIn, a.Login, clip(login, 100))
		}
		if _, err := identityNoun.get(tx, identityID(who.Issuer, who.Subject)); err == nil {
			return SignIn{}, fmt.Errorf("%w: the provider's identity of %s has an account already", ErrSignIn, clip(login, 100))
		} else if !errors.Is(err, ErrNotFound) {
			return SignIn{}, err
		}
		if err := r.loginFree(tx, login, a.ID); err != nil {
			return SignIn{}, err
		}
		if a.Name == "" {
			a.Name = fitName(who.Name)
		}
		a.Login, a.Origin, a.Issuer, a.Subject = login, operator.ByOIDC, who.Issuer, who.Subject
		if err := r.bind(tx, a); err != nil {
			return SignIn{}, err
		}
		return r.admit(tx, a, "by one-time link with "+who.Issuer, from, terms)
	})
}
