package registry

import (
	"context"
	"fmt"
	"math"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// RevokeCredential ends a credential for good, and an app's access tokens with it. Errors: ErrActor, ErrArgument,
// ErrNotFound, ErrState if it is revoked already, the store's.
func (r *Registry) RevokeCredential(ctx context.Context, actor Actor, credentialID, reason string) error {
	if err := checkLine("a reason", reason, maxReason); err != nil {
		return fmt.Errorf("revoke credential: %w", err)
	}
	return r.update(ctx, actor, "revoke credential", func(tx Tx) error {
		c, err := credential(tx, credentialID)
		if err != nil {
			return err
		}
		if !c.RevokedAt.IsZero() {
			return fmt.Errorf("credential %s is revoked already: %w", c.ID, ErrState)
		}
		c.RevokedAt = r.now()
		if err := tx.PutCredential(c); err != nil {
			return err
		}
		return r.record(tx, actor, audit.CredentialRevoked, c.ID, detail(c.Environment, reason))
	})
}

// RevokeTokens ends every access token of an app credential that was issued until now; new ones may be had at once.
// Errors: ErrActor, ErrNotFound, ErrState for a signing key or a generation that cannot grow, the store's.
func (r *Registry) RevokeTokens(ctx context.Context, actor Actor, credentialID string) error {
	return r.update(ctx, actor, "revoke tokens", func(tx Tx) error {
		c, err := credential(tx, credentialID)
		if err != nil {
			return err
		}
		if c.Kind != partner.App || c.Generation == math.MaxUint32 {
			return fmt.Errorf("credential %s has no tokens to end: %w", c.ID, ErrState)
		}
		c.Generation++
		if err := tx.PutCredential(c); err != nil {
			return err
		}
		return r.record(tx, actor, audit.TokensRevoked, c.ID, detail(c.Environment, fmt.Sprintf("generation %d", c.Generation)))
	})
}

// Unlock lets locked app credentials authenticate again: one credential, or all of a partner, by row identity. It returns
// the ones that it unlocked; none is no error. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) Unlock(ctx context.Context, actor Actor, partnerOrCredential string) (unlocked []string, err error) {
	err = r.update(ctx, actor, "unlock", func(tx Tx) error {
		unlocked = nil
		candidates, err := appsOf(tx, partnerOrCredential)
		if err != nil {
			return err
		}
		for _, c := range candidates {
			if !c.Locked() {
				continue
			}
			c.LockedAt, c.Failures = time.Time{}, 0
			if err := tx.PutCredential(c); err != nil {
				return err
			}
			if err := r.record(tx, actor, audit.CredentialOpened, c.ID, c.Environment); err != nil {
				return err
			}
			unlocked = append(unlocked, c.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return unlocked, nil
}

func appsOf(tx Tx, id string) ([]partner.Credential, error) {
	c, found, err := tx.Credential(id)
	if err != nil {
		return nil, err
	}
	if found {
		return []partner.Credential{c}, nil
	}
	if _, found, err := tx.Partner(id); err != nil || !found {
		if err == nil {
			err = fmt.Errorf("partner or credential %q: %w", id, ErrNotFound)
		}
		return nil, err
	}
	return tx.Credentials(id)
}
