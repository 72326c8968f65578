package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/secret"
)

// MemberSignIns are the sign-ins of members: what package signin needs of the register for the portal. They are the use cases of
// operators' accounts on the members' own rows: no token, link, ticket, login or passkey of an operator counts here, and none of a
// member there. Safe for concurrent use; the zero value is not usable.
type MemberSignIns struct{ r *Registry }

// MemberSignIns returns the sign-ins of members in this register.
func (r *Registry) MemberSignIns() MemberSignIns { return MemberSignIns{r.forMembers()} }

// forMembers is the registry as it works on members' accounts.
func (r *Registry) forMembers() *Registry {
	inner := *r
	inner.realm = membersRealm()
	return &inner
}

// Principal is in whose name whoever presents a token acts; prefix is operator.MemberSessionToken, and any other proves nobody.
// Errors: operator.ErrNotSignedIn for whatever proves nobody, also where the member was disabled or the partner is closed; the store's.
func (m MemberSignIns) Principal(ctx context.Context, prefix operator.Prefix, token string) (operator.Principal, error) {
	return m.r.Principal(ctx, prefix, token)
}

// SignedIn is Registry.SignedIn for members.
func (m MemberSignIns) SignedIn(ctx context.Context, token string) (operator.Account, Session, error) {
	return m.r.SignedIn(ctx, token)
}

// Account finds a member by its id. Errors: ErrNotFound, the store's.
func (m MemberSignIns) Account(ctx context.Context, id string) (operator.Account, error) {
	a, err := view(ctx, m.r.store, func(tx Tx) (operator.Account, error) { return memberNoun.get(tx, id) })
	if err != nil {
		return operator.Account{}, fmt.Errorf("find member: %w", err)
	}
	return a, nil
}

// SignInPasskey is Registry.SignInPasskey for members.
func (m MemberSignIns) SignInPasskey(
	ctx context.Context, memberID, keyID string, before, after json.RawMessage, from string, terms SessionTerms,
) (SignIn, error) {
	return m.r.SignInPasskey(ctx, memberID, keyID, before, after, from, terms)
}

// SignInDemo is Registry.SignInDemo for members.
func (m MemberSignIns) SignInDemo(ctx context.Context, login, from string, terms SessionTerms) (SignIn, error) {
	return m.r.SignInDemo(ctx, login, from, terms)
}

// SignOut is Registry.SignOut for members.
func (m MemberSignIns) SignOut(ctx context.Context, prefix operator.Prefix, token string) error {
	return m.r.SignOut(ctx, prefix, token)
}

// LinkAccount is Registry.LinkAccount for members.
func (m MemberSignIns) LinkAccount(ctx context.Context, token string) (operator.Account, error) {
	return m.r.LinkAccount(ctx, token)
}

// RedeemLink is Registry.RedeemLink for members; the login is the invitation's.
func (m MemberSignIns) RedeemLink(
	ctx context.Context, token string, with Redemption, from string, terms SessionTerms,
) (SignIn, error) {
	return m.r.RedeemLink(ctx, token, with, from, terms)
}

// AddPasskey is Registry.AddPasskey for members.
func (m MemberSignIns) AddPasskey(ctx context.Context, memberID string, key operator.Passkey) (operator.Account, error) {
	return m.r.AddPasskey(ctx, memberID, key)
}

// RemovePasskey is Registry.RemovePasskey for members.
func (m MemberSignIns) RemovePasskey(ctx context.Context, memberID, keyID string) (operator.Account, error) {
	return m.r.RemovePasskey(ctx, memberID, keyID)
}

// RenewRecovery is Registry.RenewRecovery for members.
func (m MemberSignIns) RenewRecovery(ctx context.Context, memberID string) ([]string, error) {
	return m.r.RenewRecovery(ctx, memberID)
}

// UseRecovery is Registry.UseRecovery for members.
func (m MemberSignIns) UseRecovery(ctx context.Context, login, code, from string) (SignIn, error) {
	return m.r.UseRecovery(ctx, login, code, from)
}

// KeepTicket is Registry.KeepTicket; TakeTicket of operators' sign-ins does not find it.
func (m MemberSignIns) KeepTicket(ctx context.Context, kind TicketKind, body []byte, life time.Duration) (string, error) {
	return m.r.KeepTicket(ctx, kind, body, life)
}

// TakeTicket is Registry.TakeTicket for what KeepTicket of members kept.
func (m MemberSignIns) TakeTicket(ctx context.Context, kind TicketKind, name string) ([]byte, error) {
	return m.r.TakeTicket(ctx, kind, name)
}

// NoteRefused is Registry.NoteRefused.
func (m MemberSignIns) NoteRefused(ctx context.Context, actor Actor, operation, why string) error {
	return m.r.NoteRefused(ctx, actor, operation, why)
}

// Sessions lists the browser sessions of one member, the oldest first. Errors: ErrNotFound, the store's.
func (m MemberSignIns) Sessions(ctx context.Context, memberID string) ([]Session, error) {
	list, err := view(ctx, m.r.store, func(tx Tx) ([]Session, error) {
		a, err := memberNoun.get(tx, memberID)
		if err != nil {
			return nil, err
		}
		all, err := m.r.sessionsOf(tx, a.ID)
		var list []Session
		for _, s := range all {
			list = append(list, shown(s, a.ID, a.Login))
		}
		return list, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// DemoMember makes the member of a demonstration, who has no proof of its own and is signed in by SignInDemo alone; one that is
// there is returned as it is. Only the system does so: package cmd/countersign, for dev. Errors: ErrActor, ErrArgument, ErrNotFound
// for the partner, ErrState for a closed one or a login that somebody else has, secret.ErrRandom, the store's.
func (r *Registry) DemoMember(ctx context.Context, actor Actor, partnerID, login string) (operator.Account, error) {
	if actor.Kind != System {
		return operator.Account{}, fmt.Errorf("make demo member: %w: only the system does", ErrActor)
	}
	m := r.forMembers()
	return m.accountCase(ctx, actor, "make demo member", func(tx Tx) (operator.Account, error) {
		if _, err := openPartner(tx, partnerID); err != nil {
			return operator.Account{}, err
		}
		a, found, err := memberNoun.find(tx, login)
		if err != nil || found && a.Origin == operator.ByDemo && a.PartnerID == partnerID {
			return a, err
		}
		if found {
			return a, fmt.Errorf("%w: the login %s is somebody's", ErrState, login)
		}
		a = operator.Account{PartnerID: partnerID, Login: login, Name: "Demonstration", Origin: operator.ByDemo, CreatedAt: r.now()}
		if a.ID, err = secret.RowID(r.random, m.realm.rows); err != nil {
			return a, err
		}
		return a, m.putAccount(tx, actor, audit.MemberInvited, a, describeAccount(a)+", for a demonstration")
	})
}
