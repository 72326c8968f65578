package registry

import (
	"context"

	"countersign.dev/internal/operator"
)

// doAccountInvite and the functions below run an operation; r is the registry within its transaction. Who asked for a proposal that
// makes a secret applies it, and alone sees the secret.
func (r *Registry) doAccountInvite(ctx context.Context, j job, p AccountInvite) (Done, error) {
	made, err := r.InviteAccount(ctx, j.actor, p)
	if err != nil {
		return Done{}, err
	}
	defer made.Token.Zero()
	return Done{Account: &made.Account, Secret: string(made.Token.Bytes())}, nil
}

func (r *Registry) doAccountChange(ctx context.Context, j job, p AccountChange) (Done, error) {
	return accountDone(r.ChangeAccount(ctx, j.actor, p))
}

func (r *Registry) doAccountDisable(ctx context.Context, j job, p AccountDisable) (Done, error) {
	return accountDone(r.DisableAccount(ctx, j.actor, p.Account, j.reason))
}

func (r *Registry) doAccountEnable(ctx context.Context, j job, p AccountEnable) (Done, error) {
	return accountDone(r.EnableAccount(ctx, j.actor, p.Account, j.reason))
}

func accountDone(a operator.Account, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	return Done{Account: &a}, nil
}

func (r *Registry) doServiceCreate(ctx context.Context, j job, p ServiceCreate) (Done, error) {
	s, token, err := r.CreateService(ctx, j.actor, p)
	if err != nil {
		return Done{}, err
	}
	defer token.Zero()
	return Done{Service: &s, Secret: string(token.Bytes())}, nil
}

func (r *Registry) doServiceRevoke(ctx context.Context, j job, p ServiceRevoke) (Done, error) {
	s, err := r.RevokeService(ctx, j.actor, p.Service, j.reason)
	if err != nil {
		return Done{}, err
	}
	return Done{Service: &s}, nil
}

func (r *Registry) doBreakGlassMake(ctx context.Context, j job, p BreakGlassMake) (Done, error) {
	b, code, err := r.MakeBreakGlass(ctx, j.actor, p)
	if err != nil {
		return Done{}, err
	}
	defer code.Zero()
	return Done{BreakGlass: &b, Secret: string(code.Bytes())}, nil
}

func (r *Registry) doBreakGlassEnd(ctx context.Context, j job, p BreakGlassEnd) (Done, error) {
	b, err := r.EndBreakGlass(ctx, j.actor, p.BreakGlass, j.reason)
	if err != nil {
		return Done{}, err
	}
	return Done{BreakGlass: &b}, nil
}
