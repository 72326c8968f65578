package registry

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

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
		piece := partner.Piece{Partners: roster.Partners, Reviews: roster.Reviews, Networks: roster.Networks, Limits: roster.Limits, Credentials: roster.Credentials}
		keepOnly(&piece, environments)
		roster.Reviews, roster.Networks, roster.Limits, roster.Credentials = piece.Reviews, piece.Networks, piece.Limits, piece.Credentials
		roster.SealingKeys = only(roster.SealingKeys, environments, func(v partner.SealingKey) string { return v.Environment })
	}
	roster.SealingKeys = slices.DeleteFunc(roster.SealingKeys, func(k partner.SealingKey) bool { return k.Superseded(roster.ReadAt) })
	if err := r.unseal(roster); err != nil {
		roster.Wipe()
		return nil, fmt.Errorf("read roster: %w", err)
	}
	return roster, nil
}

func readRoster(tx Tx, roster *partner.Roster) (err error) {
	if err = readHead(tx, roster); err != nil {
		return err
	}
	if roster.Partners, err = tx.Partners(); err != nil {
		return err
	}
	if roster.Reviews, err = tx.Reviews(""); err != nil {
		return err
	}
	if roster.Networks, err = tx.Networks(""); err != nil {
		return err
	}
	if roster.Limits, err = tx.Limits(""); err != nil {
		return err
	}
	if roster.Credentials, err = tx.Credentials(""); err != nil {
		return err
	}
	return withoutPending(tx, roster.Credentials)
}

// readHead reads what a roster has of a register whatever its size.
func readHead(tx Tx, roster *partner.Roster) (err error) {
	if roster.Revision, err = tx.Revision(); err == nil {
		roster.SealingKeys, err = tx.SealingKeys("")
	}
	return err
}

// withoutPending drops the versions whose secrets wait to be handed over: nobody has them, so nobody proves anything with them, and
// no caller is told that his own version is old.
func withoutPending(tx Tx, credentials []partner.Credential) error {
	waits, err := waiting(tx)
	if err == nil {
		dropPending(credentials, waits)
	}
	return err
}

// keepOnly drops everything of other environments. A partner belongs to none.
func keepOnly(piece *partner.Piece, environments []string) {
	piece.Reviews = only(piece.Reviews, environments, func(v partner.Review) string { return v.Environment })
	piece.Credentials = only(piece.Credentials, environments, func(v partner.Credential) string { return v.Environment })
	piece.Networks = only(piece.Networks, environments, func(v partner.NetworkRule) string { return v.Environment })
	piece.Limits = only(piece.Limits, environments, func(v partner.Limit) string { return v.Environment })
}

func only[T any](list []T, environments []string, of func(T) string) []T {
	return slices.DeleteFunc(list, func(v T) bool { return !slices.Contains(environments, of(v)) })
}

// unseal opens every secret of a roster, on all processors.
func (r *Registry) unseal(roster *partner.Roster) (err error) {
	if err := inParts(roster.Credentials, r.unsealCredentials); err != nil {
		return err
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

// unsealCredentials opens the secrets of some credentials, one after another. Where one does not open, those before it stay open: the
// caller wipes them.
func (r *Registry) unsealCredentials(list []partner.Credential) (err error) {
	for i := range list {
		c := &list[i]
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
	return nil
}

// leastPart is how much each processor gets at least: for less, starting it costs more.
const leastPart = 2000

// inParts does something with all of a list, a part on each processor. The error is that of the first part that has one.
func inParts[T any](list []T, do func([]T) error) error {
	parts := max(1, min(runtime.GOMAXPROCS(0), len(list)/leastPart))
	failed := make([]error, parts)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() { failed[i] = do(list[i*len(list)/parts : (i+1)*len(list)/parts]) })
	}
	all.Wait()
	return cmp.Or(failed...)
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
