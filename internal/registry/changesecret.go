package registry

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// Grace is how long the older secrets count at most after a change that is not immediate (vendor: 30 days).
const Grace = 30 * 24 * time.Hour

// ChangeSecret lets a partner replace its secret (spec: Modify Partner Secret). old is proved exactly as by Authenticate,
// failures count alike. On Proved the new secret counts at once; the older ones end now when immediate is true, otherwise
// within Grace and never later than they would have. Access tokens live on. The change row's actor is the partner.
//
// A new secret that does not fit secret.Policy is an error that wraps secret.ErrPolicy, before anything is counted; any
// other error means that we broke. Neither slice is kept.
func (r *Registry) ChangeSecret(ctx context.Context, credentialID, login string, old, new []byte, immediate bool) (Outcome, error) {
	const what = "change secret"
	if err := secret.Policy(new); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	var hash string
	then := &proof{
		prepare: func(ctx context.Context) (err error) {
			hash, err = r.hasher.Hash(ctx, new)
			return err
		},
		finish: func(tx Tx, c *partner.Credential, now time.Time) error {
			return r.replace(tx, c, hash, now, immediate)
		},
	}
	outcome, err := r.attempt(ctx, credentialID, login, old, then)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return outcome, nil
}

func (r *Registry) replace(tx Tx, c *partner.Credential, hash string, now time.Time, immediate bool) error {
	var end time.Time
	if !immediate {
		end = now.Add(Grace)
	}
	number := nextNumber(*c)
	addVersion(c, partner.Version{Number: number, Hash: hash, ByPartner: true}, end, now)
	if err := tx.PutCredential(*c); err != nil {
		return err
	}
	actor := Actor{Kind: Partner, Name: c.Login}
	return r.record(tx, actor, audit.SecretChanged, c.ID, rotation(c.Environment, number, end, now))
}
