package registry

import (
	"context"
	"fmt"
	"math"

	"countersign.dev/internal/audit"
)

// DropSealingKeys makes a new sealing key for an environment and deletes all others of it at once, however young and however
// many: every access token that is out, honest or forged with a key that has leaked, counts as forged from then on. It returns
// how many keys were deleted. Where there is none yet, it makes the first. Errors as RotateSealingKey.
func (r *Registry) DropSealingKeys(ctx context.Context, actor Actor, environment string) (int, error) {
	const what = "drop sealing keys"
	if err := checkEnvironment(environment); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	dropped := 0
	err := r.update(ctx, actor, what, func(tx Tx) error {
		keys, err := tx.SealingKeys(environment)
		if err != nil {
			return err
		}
		var highest uint32
		for _, key := range keys { // by id
			highest = max(highest, key.ID)
			if err := tx.DeleteSealingKey(environment, key.ID); err != nil {
				return err
			}
		}
		if highest == math.MaxUint32 {
			return fmt.Errorf("no key id is left: %w", ErrState)
		}
		if err := r.putSealingKey(tx, environment, highest+1); err != nil {
			return err
		}
		detail := fmt.Sprintf("key %d", highest+1)
		if dropped = len(keys); dropped > 0 { // the row's touches name each of them
			detail += fmt.Sprintf("; deleted all %d before it, %d to %d", dropped, keys[0].ID, highest)
		}
		return r.record(tx, actor, audit.SealingKeyDropped, environment, detail)
	})
	if err != nil {
		return 0, err
	}
	return dropped, nil
}
