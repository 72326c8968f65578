package registry

import (
	"context"
	"fmt"
)

// PartnerCreate is the parameters of "partner.create".
type PartnerCreate struct {
	Name string `json:"name"` // one line of at most 200 bytes
}

func (r *Registry) doPartnerCreate(ctx context.Context, j job, p PartnerCreate) (Done, error) {
	made, err := r.CreatePartner(ctx, j.actor, p.Name)
	return Done{Partner: &made}, err
}

// PartnerClose is the parameters of "partner.close": none; the partner is the operation's.
type PartnerClose struct{}

func (r *Registry) doPartnerClose(ctx context.Context, j job, _ PartnerClose) (Done, error) {
	if err := r.ClosePartner(ctx, j.actor, j.op.PartnerID, j.reason); err != nil {
		return Done{}, err
	}
	return partnerDone(j)
}

// PartnerUnlock is the parameters of "partner.unlock": none; it unlocks every locked credential of the operation's partner.
type PartnerUnlock struct{}

func (r *Registry) doPartnerUnlock(ctx context.Context, j job, _ PartnerUnlock) (Done, error) {
	if _, found, err := j.tx.Partner(j.op.PartnerID); err != nil || !found {
		if err == nil {
			err = fmt.Errorf("partner %q: %w", j.op.PartnerID, ErrNotFound)
		}
		return Done{}, err
	}
	unlocked, err := r.Unlock(ctx, j.actor, j.op.PartnerID)
	if err != nil {
		return Done{}, err
	}
	done, err := partnerDone(j)
	done.Unlocked = unlocked
	return done, err
}

// partnerDone is the operation's partner as it is now.
func partnerDone(j job) (Done, error) {
	p, _, err := j.tx.Partner(j.op.PartnerID)
	return Done{Partner: &p}, err
}

// credentialHome is whose a credential is.
func credentialHome(tx Tx, id string) (home, error) {
	c, err := credential(tx, id)
	return home{c.PartnerID, c.Environment}, err
}

// credentialDone is a credential as it is now.
func credentialDone(j job, id string, err error) (Done, error) {
	if err != nil {
		return Done{}, err
	}
	c, err := credential(j.tx, id)
	if err != nil {
		return Done{}, err
	}
	c = withoutSecrets(c)
	return Done{Credential: &c}, nil
}
