package registry

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

const (
	// MaxOverlap is how far in the future a rotation may let the older versions end.
	MaxOverlap = 90 * 24 * time.Hour
	// MaxLiveVersions is how many versions of a credential count at once; a further one ends the oldest. Each live version
	// of an app costs one more hash for every wrong guess.
	MaxLiveVersions = 4
)

// Rotate gives a credential a new secret. The older versions end at overlapUntil, an absolute time (security rule 36), or
// earlier if they had an earlier end; zero or a time that has passed ends them at once. Access tokens live on. Errors:
// ErrActor, ErrArgument for an end beyond MaxOverlap, ErrNotFound, ErrState (revoked, not approved, changed meanwhile),
// secret.ErrBusy, secret.ErrRandom, the store's.
func (r *Registry) Rotate(ctx context.Context, actor Actor, credentialID string, overlapUntil time.Time) (Issued, error) {
	const what = "rotate credential"
	if err := actor.manages(); err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	if err := r.checkOverlap(overlapUntil); err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	before, err := r.usable(ctx, credentialID)
	if err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	version, plain, err := r.newVersion(ctx, before, nextNumber(before))
	if err != nil {
		return Issued{}, fmt.Errorf("%s: %w", what, err)
	}
	var after partner.Credential
	err = r.update(ctx, actor, what, func(tx Tx) error {
		after, err = r.keepRotated(tx, actor, credentialID, version, overlapUntil)
		return err
	})
	if err != nil {
		plain.Zero()
		return Issued{}, err
	}
	return issued(after, version.Number, plain), nil
}

func (r *Registry) checkOverlap(until time.Time) error {
	if until.After(r.now().Add(MaxOverlap)) {
		return fmt.Errorf("%w: an overlap ends within %d days", ErrArgument, MaxOverlap/(24*time.Hour))
	}
	return nil
}

// keepRotated writes a version that was made for a credential as it was a moment ago.
func (r *Registry) keepRotated(tx Tx, actor Actor, credentialID string, v partner.Version, overlapUntil time.Time) (partner.Credential, error) {
	c, err := usableCredential(tx, credentialID)
	if err != nil {
		return c, err
	}
	if nextNumber(c) != v.Number {
		return c, fmt.Errorf("it was changed at the same time: %w", ErrState)
	}
	addVersion(&c, v, overlapUntil.UTC().Truncate(partner.Resolution), r.now())
	if err := tx.PutCredential(c); err != nil {
		return c, err
	}
	return c, r.record(tx, actor, audit.CredentialRotated, c.ID, rotation(c.Environment, v.Number, overlapUntil, r.now()))
}

// usable reads a credential that may get a new version.
func (r *Registry) usable(ctx context.Context, credentialID string) (c partner.Credential, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		c, err = usableCredential(tx, credentialID)
		return err
	})
	return c, err
}

func usableCredential(tx Tx, id string) (partner.Credential, error) {
	c, err := credential(tx, id)
	if err != nil {
		return c, err
	}
	if !c.RevokedAt.IsZero() {
		return c, fmt.Errorf("credential %s is revoked: %w", id, ErrState)
	}
	return c, admitted(tx, c.PartnerID, c.Environment)
}

func credential(tx Tx, id string) (partner.Credential, error) {
	c, found, err := tx.Credential(id)
	if err == nil && !found {
		err = fmt.Errorf("credential %q: %w", id, ErrNotFound)
	}
	return c, err
}

func nextNumber(c partner.Credential) int {
	highest := 0
	for _, v := range c.Versions {
		highest = max(highest, v.Number)
	}
	return highest + 1
}

// addVersion puts v in front and ends the others at end, never later than they would have. An end that is not in the
// future is one partner.Resolution ago, because the last moment of a version still counts.
func addVersion(c *partner.Credential, v partner.Version, end, now time.Time) {
	versions := []partner.Version{v}
	past := now.Add(-partner.Resolution)
	if !end.After(now) {
		end = past
	}
	live := 1
	for _, old := range c.Versions {
		if old.NotAfter.IsZero() || old.NotAfter.After(end) {
			old.NotAfter = end
		}
		if live == MaxLiveVersions && old.NotAfter.After(past) {
			old.NotAfter = past
		}
		if old.NotAfter.After(past) {
			live++
		}
		versions = append(versions, old)
	}
	c.Versions = versions
}

func rotation(environment string, number int, end, now time.Time) string {
	if !end.After(now) {
		return detail(environment, fmt.Sprintf("version %d; the older ones ended at once", number))
	}
	return detail(environment, fmt.Sprintf("version %d; the older ones end at %s", number, end.UTC().Format(time.RFC3339)))
}
