package registry

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// MaxChanges is the most rows that one call of Changes returns.
const MaxChanges = 10_000

// Roster reads everything that admission needs as of one moment, with the secrets in clear. A single secret that does not
// open fails the whole reading with an error that names its row: a roster that silently lacks somebody is never returned
// (security rule 28). Sealing keys that are superseded are no part of it. Failures is always 0 in it: the count changes
// without a new revision, and nothing but Authenticate may decide by it. The caller wipes it (partner.Roster.Wipe).
func (r *Registry) Roster(ctx context.Context) (*partner.Roster, error) { return r.RosterOf(ctx, nil) }

// RosterOf is Roster for some environments alone: of the others it holds no review, credential, network rule, limit or
// sealing key, and opens no secret, so that a process needs the key rings of its own environments only. All partners are in
// it. nil stands for all environments; an empty slice for none.
func (r *Registry) RosterOf(ctx context.Context, environments []string) (*partner.Roster, error) {
	roster := &partner.Roster{ReadAt: r.now()}
	if err := r.store.View(ctx, func(tx Tx) error { return readRoster(tx, roster) }); err != nil {
		return nil, fmt.Errorf("read roster: %w", err)
	}
	return r.finish(roster, environments)
}

// finish leaves in a roster what is of some environments, and opens its secrets.
func (r *Registry) finish(roster *partner.Roster, environments []string) (*partner.Roster, error) {
	if environments != nil {
		keepOnly(roster, environments)
	}
	roster.SealingKeys = slices.DeleteFunc(roster.SealingKeys, func(k partner.SealingKey) bool { return k.Superseded(roster.ReadAt) })
	if err := r.unseal(roster); err != nil {
		roster.Wipe()
		return nil, fmt.Errorf("read roster: %w", err)
	}
	return roster, nil
}

func readRoster(tx Tx, roster *partner.Roster) (err error) {
	if roster.Revision, err = tx.Revision(); err != nil {
		return err
	}
	if roster.Partners, err = tx.Partners(); err != nil {
		return err
	}
	if roster.Reviews, err = tx.Reviews(""); err != nil {
		return err
	}
	if roster.Credentials, err = tx.Credentials(""); err != nil {
		return err
	}
	if err = withoutPending(tx, roster.Credentials); err != nil {
		return err
	}
	if roster.Networks, err = tx.Networks(""); err != nil {
		return err
	}
	if roster.Limits, err = tx.Limits(""); err != nil {
		return err
	}
	roster.SealingKeys, err = tx.SealingKeys("")
	return err
}

// withoutPending drops the versions whose secrets wait to be handed over: nobody has them, so nobody proves anything with them, and
// no caller is told that his own version is old.
func withoutPending(tx Tx, credentials []partner.Credential) error {
	pending, err := pendingNoun.list(tx, partner.DocumentQuery{})
	if err != nil || len(pending) == 0 {
		return err
	}
	waits := make(map[string]int, len(pending))
	for _, p := range pending {
		waits[p.CredentialID] = p.Version
	}
	for i, c := range credentials {
		if number := waits[c.ID]; number != 0 {
			credentials[i].Versions = slices.DeleteFunc(c.Versions, func(v partner.Version) bool { return v.Number == number })
		}
	}
	return nil
}

// keepOnly drops everything of other environments.
func keepOnly(roster *partner.Roster, environments []string) {
	roster.Reviews = only(roster.Reviews, environments, func(v partner.Review) string { return v.Environment })
	roster.Credentials = only(roster.Credentials, environments, func(v partner.Credential) string { return v.Environment })
	roster.Networks = only(roster.Networks, environments, func(v partner.NetworkRule) string { return v.Environment })
	roster.Limits = only(roster.Limits, environments, func(v partner.Limit) string { return v.Environment })
	roster.SealingKeys = only(roster.SealingKeys, environments, func(v partner.SealingKey) string { return v.Environment })
}

func only[T any](list []T, environments []string, of func(T) string) []T {
	return slices.DeleteFunc(list, func(v T) bool { return !slices.Contains(environments, of(v)) })
}

func (r *Registry) unseal(roster *partner.Roster) (err error) {
	for i := range roster.Credentials {
		c := &roster.Credentials[i]
		c.Failures = 0
		if c.Kind != partner.SigningKey {
			continue
		}
		for j := range c.Versions {
			v := &c.Versions[j]
			if v.Secret, err = r.open(c.Environment, versionRow(*c, v.Number), v.Sealed); err != nil {
				return fmt.Errorf("credential %s, version %d: %w", c.ID, v.Number, err)
			}
			v.Sealed = nil
		}
	}
	for i := range roster.SealingKeys {
		key := &roster.SealingKeys[i]
		if key.Key, err = r.open(key.Environment, sealingRow(key.Environment, key.ID), key.Sealed); err != nil {
			return fmt.Errorf("sealing key %d of %s: %w", key.ID, key.Environment, err)
		}
		key.Sealed = nil
	}
	return nil
}

func (r *Registry) open(environment string, row, sealed []byte) (secret.Value, error) {
	ring, err := r.ring(environment)
	if err != nil {
		return secret.Value{}, err
	}
	return ring.Open(row, sealed)
}

// Revision is the number of changes so far; a roster with a lower one is out of date. Cheap: ask it often.
func (r *Registry) Revision(ctx context.Context) (uint64, error) { return r.store.Revision(ctx) }

// Changes returns up to limit change rows with a Seq above after, the oldest first; limit is cut to MaxChanges, and 0 or
// less means MaxChanges.
func (r *Registry) Changes(ctx context.Context, after uint64, limit int) ([]audit.Change, error) {
	if limit <= 0 || limit > MaxChanges {
		limit = MaxChanges
	}
	return view(ctx, r.store, func(tx Tx) ([]audit.Change, error) { return tx.Changes(after, limit) })
}

// Partners lists all partners.
func (r *Registry) Partners(ctx context.Context) ([]partner.Partner, error) {
	return view(ctx, r.store, func(tx Tx) ([]partner.Partner, error) { return tx.Partners() })
}

// Reviews lists the reviews of one partner; of all if partnerID is empty.
func (r *Registry) Reviews(ctx context.Context, partnerID string) ([]partner.Review, error) {
	return view(ctx, r.store, func(tx Tx) ([]partner.Review, error) { return tx.Reviews(partnerID) })
}

// Networks lists the network rules of one partner; of all if partnerID is empty.
func (r *Registry) Networks(ctx context.Context, partnerID string) ([]partner.NetworkRule, error) {
	return view(ctx, r.store, func(tx Tx) ([]partner.NetworkRule, error) { return tx.Networks(partnerID) })
}

// Credentials lists the credentials of one partner, of all if partnerID is empty, without any secret or hash.
func (r *Registry) Credentials(ctx context.Context, partnerID string) ([]partner.Credential, error) {
	list, err := view(ctx, r.store, func(tx Tx) ([]partner.Credential, error) { return tx.Credentials(partnerID) })
	for i := range list {
		list[i] = withoutSecrets(list[i])
	}
	return list, err
}

func view[T any](ctx context.Context, s Store, read func(Tx) (T, error)) (out T, err error) {
	err = s.View(ctx, func(tx Tx) error {
		out, err = read(tx)
		return err
	})
	if err != nil {
		var none T
		return none, fmt.Errorf("read register: %w", err)
	}
	return out, nil
}
