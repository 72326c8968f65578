package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// MaxMembers is how many members one partner may have, disabled ones too.
const MaxMembers = 50

// MemberInvite is the operation member.invite: a new member of the operation's partner, with a one-time link in Done.Secret. The
// login is unique among members: who works for two partners uses two addresses.
type MemberInvite struct {
	Login string `json:"login"`
	Name  string `json:"name,omitempty"`
}

// MemberReinvite is the operation member.reinvite: a new link. When it is used, the former passkeys, recovery codes and sessions end.
type MemberReinvite struct {
	Member string `json:"member"` // id or login
}

// MemberDisable is the operation member.disable: the sessions and the link of the member end with it.
type MemberDisable struct {
	Member string `json:"member"` // id or login
}

// MemberEnable is the operation member.enable.
type MemberEnable struct {
	Member string `json:"member"` // id or login
}

// Members lists the members of a partner by their making, of all if partnerID is empty. Errors: the store's.
func (r *Registry) Members(ctx context.Context, partnerID string) ([]operator.Account, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]operator.Account, error) {
		return memberNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
	})
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return list, nil
}

// Member finds a member of a partner by id or login. One of another partner is ErrNotFound. Errors: ErrArgument, the store's.
func (r *Registry) Member(ctx context.Context, partnerID, idOrLogin string) (operator.Account, error) {
	a, err := view(ctx, r.store, func(tx Tx) (operator.Account, error) { return memberOf(tx, partnerID, idOrLogin) })
	if err != nil {
		return operator.Account{}, fmt.Errorf("find member: %w", err)
	}
	return a, nil
}

// memberOf finds a member of one partner. One of another partner is told like one that is not there.
func memberOf(tx Tx, partnerID, idOrLogin string) (a operator.Account, err error) {
	missing := fmt.Errorf("member %q: %w", clip(idOrLogin, 60), ErrNotFound)
	found := true
	switch {
	case idOrLogin == "" || partnerID == "":
		return a, fmt.Errorf("%w: which member of which partner? its id or its login", ErrArgument)
	case strings.Contains(idOrLogin, "@"):
		a, found, err = memberNoun.find(tx, operator.FoldLogin(idOrLogin))
	default:
		a, err = memberNoun.get(tx, idOrLogin)
	}
	if ignoreMissing(err) != nil {
		return operator.Account{}, err
	}
	if err != nil || !found || a.PartnerID != partnerID {
		return operator.Account{}, missing
	}
	return a, nil
}

// inviteMember makes a member of an open partner, with a one-time link. r is the registry of the members' realm.
func (r *Registry) inviteMember(tx Tx, actor Actor, partnerID string, in MemberInvite) (Invitation, error) {
	if _, err := openPartner(tx, partnerID); err != nil {
		return Invitation{}, err
	}
	a := operator.Account{PartnerID: partnerID, Login: operator.FoldLogin(in.Login), Name: in.Name, CreatedAt: r.now(),
		InvitedBy: []string{actor.String()}}
	if err := operator.CheckLogin(a.Login); err != nil {
		return Invitation{}, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	other, found, err := memberNoun.find(tx, a.Login)
	switch {
	case err != nil:
		return Invitation{}, err
	case found && other.PartnerID == partnerID:
		return Invitation{}, fmt.Errorf("%w: %s is a member of this partner already; a new link is made with member.reinvite", ErrState, a.Login)
	case found:
		return Invitation{}, fmt.Errorf("%w: the login %s is a member of another partner; who works for two uses two addresses", ErrState, a.Login)
	}
	present, err := memberNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID, Limit: MaxMembers})
	if err != nil {
		return Invitation{}, err
	}
	if len(present) >= MaxMembers {
		return Invitation{}, fmt.Errorf("%w: a partner has at most %d members, disabled ones too; enable one of those with a new link",
			ErrState, MaxMembers)
	}
	if a.ID, err = secret.RowID(r.random, r.realm.rows); err != nil {
		return Invitation{}, err
	}
	return r.invite(tx, actor, a, describeAccount(a))
}

// reinviteMember makes a new link. Whoever makes one could use it: all who did are remembered, and are no second person for what
// the member asks.
func (r *Registry) reinviteMember(tx Tx, actor Actor, partnerID string, in MemberReinvite) (Invitation, error) {
	if _, err := openPartner(tx, partnerID); err != nil {
		return Invitation{}, err
	}
	a, err := memberOf(tx, partnerID, in.Member)
	if err != nil {
		return Invitation{}, err
	}
	if a.State() == operator.Disabled {
		return Invitation{}, fmt.Errorf("%w: %s is disabled; enable it first", ErrState, a.Login)
	}
	if by := actor.String(); !slices.Contains(a.InvitedBy, by) {
		a.InvitedBy = append(slices.Clone(a.InvitedBy), by)
	}
	return r.invite(tx, actor, a, "a new link for "+describeAccount(a))
}

// disableMember refuses a member from its next request on.
func (r *Registry) disableMember(tx Tx, actor Actor, partnerID string, in MemberDisable, reason string) (operator.Account, error) {
	a, err := memberOf(tx, partnerID, in.Member)
	if err != nil {
		return a, err
	}
	if a.State() == operator.Disabled {
		return operator.Account{}, fmt.Errorf("%w: %s is disabled already", ErrState, a.Login)
	}
	return r.shut(tx, actor, a, reason)
}

// enableMember lets a disabled member sign in again.
func (r *Registry) enableMember(tx Tx, actor Actor, partnerID string, in MemberEnable, reason string) (operator.Account, error) {
	if _, err := openPartner(tx, partnerID); err != nil {
		return operator.Account{}, err
	}
	a, err := memberOf(tx, partnerID, in.Member)
	if err != nil {
		return a, err
	}
	return r.reopen(tx, actor, a, reason)
}

// signOutMembers ends the sessions of all members of a partner: it is closed.
func (r *Registry) signOutMembers(tx Tx, partnerID string) error {
	list, err := memberNoun.list(tx, partner.DocumentQuery{PartnerID: partnerID})
	for i := 0; err == nil && i < len(list); i++ {
		err = r.forMembers().endSessions(tx, list[i].ID)
	}
	return err
}
