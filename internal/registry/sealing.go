package registry

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// EnsureSealingKey makes a sealing key for an environment that has none which may seal; otherwise it changes nothing.
// Errors: ErrActor, ErrArgument, secret.ErrRandom, the store's.
func (r *Registry) EnsureSealingKey(ctx context.Context, actor Actor, environment string) error {
	return r.sealingKey(ctx, actor, environment, audit.SealingKeyMade)
}

// RotateSealingKey makes a new sealing key for an environment and retires those that sealed until now. They still open
// what they sealed, for partner.KeptSealingKey; keys that are superseded by then are deleted here, and the change row says
// which. Errors as EnsureSealingKey, and ErrState when an environment has run out of key ids.
func (r *Registry) RotateSealingKey(ctx context.Context, actor Actor, environment string) error {
	return r.sealingKey(ctx, actor, environment, audit.SealingKeyRotated)
}

// SealingSince says when the key was made that seals now in each of some environments; those without one are not in it. No key is opened.
func (r *Registry) SealingSince(ctx context.Context, environments []string) (map[string]time.Time, error) {
	return view(ctx, r.store, func(tx Tx) (map[string]time.Time, error) {
		since := map[string]time.Time{}
		for _, environment := range environments {
			keys, err := tx.SealingKeys(environment)
			if err != nil {
				return nil, err
			}
			for _, key := range keys {
				if key.RetiredAt.IsZero() && key.CreatedAt.After(since[environment]) {
					since[environment] = key.CreatedAt
				}
			}
		}
		return since, nil
	})
}

func (r *Registry) sealingKey(ctx context.Context, actor Actor, environment string, action audit.Action) error {
	const what = "make sealing key"
	if err := checkEnvironment(environment); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return r.update(ctx, actor, what, func(tx Tx) error {
		keys, err := tx.SealingKeys(environment)
		if err != nil {
			return err
		}
		var highest uint32
		for _, key := range keys {
			highest = max(highest, key.ID)
			if !key.RetiredAt.IsZero() {
				continue
			}
			if action == audit.SealingKeyMade {
				return nil
			}
			key.RetiredAt = r.now()
			if err := tx.PutSealingKey(key); err != nil {
				return err
			}
		}
		if highest == math.MaxUint32 {
			return fmt.Errorf("no key id is left: %w", ErrState)
		}
		dropped, err := r.dropSealingKeys(tx, keys)
		if err != nil {
			return err
		}
		if err := r.putSealingKey(tx, environment, highest+1); err != nil {
			return err
		}
		return r.record(tx, actor, action, environment, fmt.Sprintf("key %d%s", highest+1, dropped))
	})
}

// maxDropped is how many sealing keys one change deletes, so that its row holds all their ids; the next one goes on.
const maxDropped = 32

// dropSealingKeys deletes those of keys that are superseded, the oldest first, and says which.
func (r *Registry) dropSealingKeys(tx Tx, keys []partner.SealingKey) (row string, err error) {
	var ids []string
	for _, key := range keys {
		if len(ids) == maxDropped || !key.Superseded(r.now()) {
			continue
		}
		if err := tx.DeleteSealingKey(key.Environment, key.ID); err != nil {
			return "", err
		}
		ids = append(ids, strconv.FormatUint(uint64(key.ID), 10))
	}
	if len(ids) == 0 {
		return "", nil
	}
	return "; deleted " + strings.Join(ids, ", "), nil
}

func (r *Registry) putSealingKey(tx Tx, environment string, id uint32) error {
	ring, err := r.ring(environment)
	if err != nil {
		return err
	}
	plain, err := secret.SealKey(r.random)
	if err != nil {
		return err
	}
	defer plain.Zero()
	sealed, err := ring.Seal(sealingRow(environment, id), plain.Bytes())
	if err != nil {
		return err
	}
	return tx.PutSealingKey(partner.SealingKey{Environment: environment, ID: id, Sealed: sealed, CreatedAt: r.now()})
}

func sealingRow(environment string, id uint32) []byte {
	return secret.Row("sealing key", environment, strconv.FormatUint(uint64(id), 10))
}
