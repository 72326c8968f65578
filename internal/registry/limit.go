package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// SetLimit bounds the requests of a partner, or of one of its credentials. Its ID and CreatedAt are set here and must be
// empty. A limit with the same scope (partner.Limit.Scope) keeps its id and gets the new numbers; one that says the same
// already is returned as it is, and nothing changes. Errors: ErrActor, ErrArgument, partner.ErrInvalid, ErrNotFound for the
// partner or the credential, ErrState for a closed partner, a revoked credential or one of another partner or environment,
// the store's.
func (r *Registry) SetLimit(ctx context.Context, actor Actor, limit partner.Limit) (partner.Limit, error) {
	if err := r.completeLimit(&limit); err != nil {
		return partner.Limit{}, fmt.Errorf("set limit: %w", err)
	}
	err := r.update(ctx, actor, "set limit", func(tx Tx) error {
		if _, err := openPartner(tx, limit.PartnerID); err != nil {
			return err
		}
		if err := limitOwner(tx, limit); err != nil {
			return err
		}
		present, err := tx.Limits(limit.PartnerID)
		if err != nil {
			return err
		}
		for _, other := range present {
			if other.Scope() == limit.Scope() {
				limit.ID, limit.CreatedAt = other.ID, other.CreatedAt
				if other == limit {
					return nil
				}
			}
		}
		if err := tx.PutLimit(limit); err != nil {
			return err
		}
		return r.record(tx, actor, audit.LimitSet, limit.ID, describeLimit(limit))
	})
	if err != nil {
		return partner.Limit{}, err
	}
	return limit, nil
}

func (r *Registry) completeLimit(limit *partner.Limit) error {
	if limit.ID != "" || !limit.CreatedAt.IsZero() {
		return fmt.Errorf("%w: a limit that is being set has no id and no time yet", ErrArgument)
	}
	if err := checkEnvironment(limit.Environment); err != nil {
		return err
	}
	if err := checkLine("an API's name", limit.API, 100); err != nil {
		return err
	}
	id, err := secret.RowID(r.random, "lim_")
	if err != nil {
		return err
	}
	limit.ID, limit.CreatedAt = id, r.now().Truncate(time.Second)
	return limit.Validate()
}

// limitOwner refuses a limit for somebody else's credential.
func limitOwner(tx Tx, limit partner.Limit) error {
	if limit.CredentialID == "" {
		return nil
	}
	c, err := credential(tx, limit.CredentialID)
	switch {
	case err != nil:
		return err
	case c.PartnerID != limit.PartnerID || c.Environment != limit.Environment:
		return fmt.Errorf("credential %s is not one of %s in %s: %w", c.ID, limit.PartnerID, limit.Environment, ErrState)
	case !c.RevokedAt.IsZero():
		return fmt.Errorf("credential %s is revoked: %w", c.ID, ErrState)
	}
	return nil
}

// RemoveLimit takes a limit away. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) RemoveLimit(ctx context.Context, actor Actor, id string) error {
	return r.update(ctx, actor, "remove limit", func(tx Tx) error {
		limit, found, err := tx.Limit(id)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("limit %q: %w", id, ErrNotFound)
		}
		if err := tx.DeleteLimit(id); err != nil {
			return err
		}
		return r.record(tx, actor, audit.LimitRemoved, id, describeLimit(limit))
	})
}

// Limits lists the limits of one partner; of all if partnerID is empty.
func (r *Registry) Limits(ctx context.Context, partnerID string) ([]partner.Limit, error) {
	return view(ctx, r.store, func(tx Tx) ([]partner.Limit, error) { return tx.Limits(partnerID) })
}

// describeLimit says what a limit allows, and whom: "sandbox: 50 in 1s, at once 100, 1000000 a day for card of ptn_…".
func describeLimit(l partner.Limit) string {
	return detail(l.Environment, limitText(l)+" of "+l.PartnerID)
}

func limitText(l partner.Limit) string {
	var parts []string
	if l.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%d in %s, at once %d", l.Rate, l.Per, l.Burst))
	}
	if l.Daily > 0 {
		parts = append(parts, fmt.Sprintf("%d a day", l.Daily))
	}
	text := strings.Join(parts, ", ")
	if l.API != "" {
		text += " for " + l.API
	}
	if l.CredentialID != "" {
		text += " with " + l.CredentialID
	}
	return text
}

// BindClientKeys binds a credential to the TLS client keys whose digests these are (partner.Credential.ClientKeys), in the
// place of those that it was bound to; none binds it to none. The same set again changes nothing. Errors: ErrActor,
// ErrNotFound, ErrState if it is revoked, partner.ErrInvalid, the store's.
func (r *Registry) BindClientKeys(ctx context.Context, actor Actor, credentialID string, keys []string) error {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return r.update(ctx, actor, "bind client keys", func(tx Tx) error {
		c, err := credential(tx, credentialID)
		if err != nil {
			return err
		}
		if !c.RevokedAt.IsZero() {
			return fmt.Errorf("credential %s is revoked: %w", c.ID, ErrState)
		}
		if slices.Equal(c.ClientKeys, keys) {
			return nil
		}
		c.ClientKeys = keys
		if err := c.Validate(); err != nil {
			return err
		}
		if err := tx.PutCredential(c); err != nil {
			return err
		}
		text := "bound to no client key"
		if len(keys) > 0 {
			text = "bound to " + strings.Join(keys, ", ")
		}
		return r.record(tx, actor, audit.CredentialBound, c.ID, detail(c.Environment, text))
	})
}
