package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// ErrSignIn is wrapped by every refusal of a sign-in whose proof was good, with the reason in words: the account is disabled, none
// of the provider's groups has a role, the login is another identity's.
var ErrSignIn = errors.New("sign-in refused")

// providerActor changes accounts as the provider says.
var providerActor = Actor{Kind: System, Name: "oidc"}

// Identity is whom an OIDC provider vouches for, verified by the caller.
type Identity struct {
	Issuer, Subject string          // for good
	Login           string          // verified by the provider
	Name            string          // for people
	Roles           []operator.Role // of the provider's groups; empty: none
}

// SignIn is a sign-in that succeeded. Token is a browser session's and the only copy.
type SignIn struct {
	Account  operator.Account
	Session  Session
	Token    secret.Value
	Recovery []string // recovery codes that were made now and are shown this once; nil: none were made
}

// identity says whose account an identity of a provider is. Its id is a digest, so that every issuer and subject fits.
type identity struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	CreatedAt time.Time `json:"created_at"`
}

var identityNoun = noun[identity]{"identity", func(i identity) partner.Document {
	return partner.Document{ID: i.ID, CreatedAt: i.CreatedAt}
}}

func identityID(issuer, subject string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%d %s", len(issuer), issuer, len(subject), subject))
	return hex.EncodeToString(sum[:])
}

// SignInIdentity signs in whom a provider vouches for. The account is found by issuer and subject; who is new gets one, with the
// roles of the provider's groups. Those are taken over at every sign-in, recorded, and end the other sessions where they changed;
// accounts that were invited keep the register's. Errors: ErrSignIn, ErrArgument, secret.ErrRandom, the store's.
func (r *Registry) SignInIdentity(ctx context.Context, who Identity, from string, terms SessionTerms) (SignIn, error) {
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, err := r.accountOf(tx, who)
		if err != nil {
			return SignIn{}, err
		}
		return r.admit(tx, a, "with "+who.Issuer, from, terms)
	})
}

// signIn runs a sign-in in a transaction of its own.
func (r *Registry) signIn(ctx context.Context, in func(Tx) (SignIn, error)) (SignIn, error) {
	var done SignIn
	err := r.store.Update(ctx, func(tx Tx) (err error) {
		done, err = in(tx)
		return err
	})
	if err != nil {
		return SignIn{}, fmt.Errorf("sign in: %w", err)
	}
	return done, nil
}

// admit opens a browser session for an account and records it.
func (r *Registry) admit(tx Tx, a operator.Account, how, from string, terms SessionTerms) (SignIn, error) {
	if a.State() != operator.Active {
		return SignIn{}, fmt.Errorf("%w: the account %s is %s", ErrSignIn, a.Login, a.State())
	}
	if shut, err := barred(tx, a); err != nil || shut {
		return SignIn{}, cmp.Or(err, fmt.Errorf("%w: the partner of %s is closed", ErrSignIn, a.Login))
	}
	idle, absolute := terms.Idle, terms.Absolute
	if idle <= 0 {
		idle = DefaultIdle
	}
	if absolute <= 0 {
		absolute = DefaultAbsolute
	}
	s, token, err := r.openSession(tx, a.ID, a.Login, BrowserSession, r.now().Add(absolute), idle)
	if err != nil {
		return SignIn{}, err
	}
	a.SignedInAt = r.now()
	detail := fmt.Sprintf("%s %s from %s, session %s", a.Login, how, clip(from, 60), s.ID)
	return SignIn{Account: a, Session: s, Token: token}, r.putAccount(tx, self(a), r.realm.signedIn, a, detail)
}

// accountOf finds the account of an identity, or makes it, with the roles that it has now.
func (r *Registry) accountOf(tx Tx, who Identity) (operator.Account, error) {
	link, err := identityNoun.get(tx, identityID(who.Issuer, who.Subject))
	if errors.Is(err, ErrNotFound) {
		return r.newcomer(tx, who)
	}
	if err != nil {
		return operator.Account{}, err
	}
	a, err := accountNoun.get(tx, link.Account)
	if err != nil || a.OwnRoles || a.State() != operator.Active {
		return a, err
	}
	if len(who.Roles) == 0 {
		return operator.Account{}, fmt.Errorf("%w: none of the groups of %s has a role here", ErrSignIn, a.Login)
	}
	roles := inOrder(who.Roles)
	if slices.Equal(roles, a.Roles) {
		return a, nil
	}
	detail := fmt.Sprintf("%s: %s; before: %s; as the provider's groups say", a.Login, joined(roles), joined(a.Roles))
	a.Roles = roles
	if err := r.endSessions(tx, a.ID); err != nil {
		return operator.Account{}, err
	}
	return a, r.putAccount(tx, providerActor, audit.AccountChanged, a, detail)
}

// newcomer makes the account of an identity that was never here.
func (r *Registry) newcomer(tx Tx, who Identity) (operator.Account, error) {
	login := operator.FoldLogin(who.Login)
	if err := operator.CheckLogin(login); err != nil {
		return operator.Account{}, fmt.Errorf("%w: the provider's name for this person is no login here: %w", ErrSignIn, err)
	}
	if len(who.Roles) == 0 {
		return operator.Account{}, fmt.Errorf("%w: none of the groups of %s has a role here", ErrSignIn, login)
	}
	if err := r.loginFree(tx, login, ""); errors.Is(err, ErrState) {
		return operator.Account{}, fmt.Errorf("%w: the login %s belongs to an account with another identity; an admin can send a new link",
			ErrSignIn, login)
	} else if err != nil {
		return operator.Account{}, err
	}
	a := operator.Account{Login: login, Name: fitName(who.Name), Roles: inOrder(who.Roles), Origin: operator.ByOIDC,
		Issuer: who.Issuer, Subject: who.Subject, CreatedAt: r.now()}
	var err error
	if a.ID, err = secret.RowID(r.random, "opr_"); err != nil {
		return operator.Account{}, err
	}
	if err := r.bind(tx, a); err != nil {
		return operator.Account{}, err
	}
	return a, r.putAccount(tx, providerActor, audit.AccountInvited, a, describeAccount(a)+", as the provider's groups say")
}

// bind writes down whose identity it is; the change row is the caller's.
func (r *Registry) bind(tx Tx, a operator.Account) error {
	id := identityID(a.Issuer, a.Subject)
	return identityNoun.put(tx, identity{ID: id, Account: a.ID, Issuer: a.Issuer, Subject: a.Subject, CreatedAt: r.now()})
}

// fitName is a provider's name for a person, or nothing where it does not fit.
func fitName(name string) string {
	if name = clip(strings.TrimSpace(name), 100); operator.CheckName(name) != nil {
		return ""
	}
	return name
}

// DemoAccount makes the account of a demonstration, which has no proof of its own and is signed in by SignInDemo alone; one that is
// there is returned as it is. Only the system does so: package cmd/countersign, for dev. Errors: ErrActor, ErrArgument, ErrState for
// a login that somebody else has, secret.ErrRandom, the store's.
func (r *Registry) DemoAccount(ctx context.Context, actor Actor, login string, roles []operator.Role) (operator.Account, error) {
	if actor.Kind != System {
		return operator.Account{}, fmt.Errorf("make demo account: %w: only the system does", ErrActor)
	}
	return r.accountCase(ctx, actor, "make demo account", func(tx Tx) (operator.Account, error) {
		a, found, err := accountNoun.find(tx, login)
		if err != nil || found && a.Origin == operator.ByDemo {
			return a, err
		}
		if found {
			return a, fmt.Errorf("%w: the login %s is somebody's", ErrState, login)
		}
		a = operator.Account{Login: login, Name: "Demonstration", Roles: inOrder(roles), OwnRoles: true, Origin: operator.ByDemo,
			CreatedAt: r.now()}
		if a.ID, err = secret.RowID(r.random, "opr_"); err != nil {
			return a, err
		}
		return a, r.putAccount(tx, actor, audit.AccountInvited, a, describeAccount(a)+", for a demonstration")
	})
}

// SignInDemo signs the account of a demonstration in, and no other. Errors: ErrSignIn, secret.ErrRandom, the store's.
func (r *Registry) SignInDemo(ctx context.Context, login, from string, terms SessionTerms) (SignIn, error) {
	return r.signIn(ctx, func(tx Tx) (SignIn, error) {
		a, found, err := r.realm.accounts.find(tx, login)
		if err != nil {
			return SignIn{}, err
		}
		if !found || a.Origin != operator.ByDemo {
			return SignIn{}, fmt.Errorf("%w: %s is no account of a demonstration", ErrSignIn, login)
		}
		return r.admit(tx, a, "for the demonstration", from, terms)
	})
}
