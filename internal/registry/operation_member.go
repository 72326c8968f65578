package registry

import (
	"context"

	"countersign.dev/internal/operator"
)

// doMemberInvite and the functions below run an operation of operators on the members of a partner; r is the registry within its
// transaction.
func (r *Registry) doMemberInvite(_ context.Context, j job, p MemberInvite) (Done, error) {
	return invitedDone(r.forMembers().inviteMember(j.tx, j.actor, j.op.PartnerID, p))
}

func (r *Registry) doMemberReinvite(_ context.Context, j job, p MemberReinvite) (Done, error) {
	return invitedDone(r.forMembers().reinviteMember(j.tx, j.actor, j.op.PartnerID, p))
}

func (r *Registry) doMemberDisable(_ context.Context, j job, p MemberDisable) (Done, error) {
	return memberDone(r.forMembers().disableMember(j.tx, j.actor, j.op.PartnerID, p, j.reason))
}

func (r *Registry) doMemberEnable(_ context.Context, j job, p MemberEnable) (Done, error) {
	return memberDone(r.forMembers().enableMember(j.tx, j.actor, j.op.PartnerID, p, j.reason))
}

// invitedDone shows the link, this once.
func invitedDone(made Invitation, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	defer made.Token.Zero()
	return Done{Member: &made.Account, Secret: string(made.Token.Bytes())}, nil
}

func memberDone(a operator.Account, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	return Done{Member: &a}, nil
}
