package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

const (
	resealBatch  = 200 // rows that one transaction of Reseal writes again
	resealRounds = 10  // how often Reseal looks again for what was sealed meanwhile by a process with an older ring
	resealFaults = 10  // values that do not open which its error names
)

// sealedRow is one row with sealed values: a signing key with its versions, a webhook endpoint with its keys, a secret
// that waits to be handed over, or, without any of these, a sealing key.
type sealedRow struct {
	environment string
	credential  string
	endpoint    string
	pending     string // row identity of the credential
	key         uint32
}

// Reseal seals every sealed value again that is not sealed with the newest key of its environment's ring, and returns how
// many there were. It works in batches of bounded transactions, so that everything else goes on meanwhile; each batch is one
// change row for its environment. Values that do not open are left as they are and named in the error, after all others have
// been sealed again. Whoever wants to drop an old key asks SealedWith first. Errors: ErrActor, ErrNoRing, secret.ErrSealed,
// secret.ErrUnknownKey, secret.ErrRandom, the store's; what was sealed again before an error stays so.
func (r *Registry) Reseal(ctx context.Context, actor Actor) (int, error) {
	const what = "reseal"
	if err := actor.manages(); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	total := 0
	for range resealRounds {
		rows, err := r.outdated(ctx)
		if err != nil {
			return total, fmt.Errorf("%s: %w", what, err)
		}
		done, faults, err := r.resealAll(ctx, actor, rows)
		total += done
		if err != nil || len(faults) > 0 {
			return total, fmt.Errorf("%s: %w", what, errors.Join(append(faults, err)...))
		}
		if len(rows) == 0 {
			return total, nil
		}
	}
	return total, fmt.Errorf("%s: another process goes on sealing with an older key; restart it: %w", what, ErrState)
}

// outdated lists the rows with a value that is not sealed with the newest key, by environment.
func (r *Registry) outdated(ctx context.Context) (map[string][]sealedRow, error) {
	rows := map[string][]sealedRow{}
	err := r.eachSealed(ctx, func(row sealedRow, sealed []byte) error {
		ring, err := r.ring(row.environment)
		if err != nil {
			return err
		}
		list := rows[row.environment]
		if stale(ring, sealed) && (len(list) == 0 || list[len(list)-1] != row) {
			rows[row.environment] = append(list, row)
		}
		return nil
	})
	return rows, err
}

// stale reports whether a value has to be sealed again. One that is no sealed value at all counts as stale: opening it fails
// and names it.
func stale(ring Sealer, sealed []byte) bool {
	id, err := secret.ParseSealed(sealed)
	return err != nil || id != ring.Newest()
}

// eachSealed visits every sealed value of one moment. Values of one row come one after another.
func (r *Registry) eachSealed(ctx context.Context, visit func(row sealedRow, sealed []byte) error) error {
	return r.store.View(ctx, func(tx Tx) error {
		credentials, err := tx.Credentials("")
		if err != nil {
			return err
		}
		for _, c := range credentials {
			for _, v := range c.Versions {
				if c.Kind != partner.SigningKey {
					continue
				}
				if err := visit(sealedRow{environment: c.Environment, credential: c.ID}, v.Sealed); err != nil {
					return err
				}
			}
		}
		keys, err := tx.SealingKeys("")
		for i := 0; err == nil && i < len(keys); i++ {
			err = visit(sealedRow{environment: keys[i].Environment, key: keys[i].ID}, keys[i].Sealed)
		}
		if err != nil {
			return err
		}
		if err := eachEndpointKey(tx, visit); err != nil {
			return err
		}
		return eachPending(tx, visit)
	})
}

func (r *Registry) resealAll(ctx context.Context, actor Actor, rows map[string][]sealedRow) (done int, faults []error, err error) {
	for _, environment := range slices.Sorted(maps.Keys(rows)) {
		list := rows[environment]
		for len(list) > 0 {
			batch := list[:min(len(list), resealBatch)]
			list = list[len(batch):]
			n, unfit, err := r.resealSome(ctx, actor, environment, batch)
			if err != nil {
				return done, faults, err
			}
			done += n
			for _, fault := range unfit {
				if len(faults) < resealFaults {
					faults = append(faults, fault)
				}
			}
		}
	}
	return done, faults, nil
}

// resealSome is one transaction. What it seals is read in it again, since a rotation may have come between.
func (r *Registry) resealSome(ctx context.Context, actor Actor, environment string, rows []sealedRow) (done int, faults []error, err error) {
	ring, err := r.ring(environment)
	if err != nil {
		return 0, nil, err
	}
	err = r.store.Update(ctx, func(tx Tx) error {
		done, faults = 0, nil
		keys, err := tx.SealingKeys(environment)
		if err != nil {
			return err
		}
		for _, row := range rows {
			values, err := sealedValues(tx, row, keys)
			if err != nil {
				return err
			}
			for _, v := range values {
				n, err := v.again(ring)
				switch {
				case errors.Is(err, secret.ErrSealed), errors.Is(err, secret.ErrUnknownKey):
					faults = append(faults, err)
				case err != nil:
					return err
				}
				done += n
			}
		}
		if done == 0 {
			return nil
		}
		return r.record(tx, actor, audit.SecretsResealed, environment, fmt.Sprintf("%d values with key %08x", done, ring.Newest()))
	})
	if err != nil {
		return 0, nil, err
	}
	return done, faults, nil
}

// sealedValue is one sealed value with the row identity that it is bound to.
type sealedValue struct {
	name   string
	row    []byte
	sealed []byte
	put    func(sealed []byte) error
}

func sealedValues(tx Tx, row sealedRow, keys []partner.SealingKey) ([]sealedValue, error) {
	var values []sealedValue
	if row.credential == "" && row.endpoint == "" && row.pending == "" {
		for _, k := range keys {
			if k.ID == row.key {
				values = append(values, sealedValue{name: fmt.Sprintf("sealing key %d of %s", k.ID, k.Environment),
					row: sealingRow(k.Environment, k.ID), sealed: k.Sealed,
					put: func(sealed []byte) error { return tx.PutSealedKey(k.Environment, k.ID, sealed) }})
			}
		}
		return values, nil
	}
	if row.endpoint != "" {
		return endpointValues(tx, row.endpoint)
	}
	if row.pending != "" {
		return pendingValues(tx, row.pending)
	}
	c, err := credential(tx, row.credential)
	for _, v := range c.Versions {
		values = append(values, sealedValue{name: fmt.Sprintf("credential %s, version %d", c.ID, v.Number),
			row: versionRow(c, v.Number), sealed: v.Sealed,
			put: func(sealed []byte) error { return tx.PutSealed(c.ID, v.Number, sealed) }})
	}
	return values, err
}

// again seals v with the newest key, if it is not, and returns 1 for it.
func (v sealedValue) again(ring Sealer) (int, error) {
	if !stale(ring, v.sealed) {
		return 0, nil
	}
	plain, err := ring.Open(v.row, v.sealed)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", v.name, err)
	}
	defer plain.Zero()
	sealed, err := ring.Seal(v.row, plain.Bytes())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", v.name, err)
	}
	return 1, v.put(sealed)
}

// SealedWith counts the sealed values by the id of the key that sealed them, over all environments. A key that is not in it
// is needed by nothing in the register; backups are another matter. Values that are damaged count under 0. Errors: the
// store's.
func (r *Registry) SealedWith(ctx context.Context) (map[uint32]int, error) {
	counts := map[uint32]int{}
	err := r.eachSealed(ctx, func(_ sealedRow, sealed []byte) error {
		id, err := secret.ParseSealed(sealed)
		if err != nil {
			id = 0
		}
		counts[id]++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count sealed values: %w", err)
	}
	return counts, nil
}
