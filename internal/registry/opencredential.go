package registry

import (
	"context"
	"fmt"

	"countersign.dev/internal/partner"
)

// OpenCredential is one credential of an environment as a roster has it: the secrets of a signing key in clear, and no version that waits to
// be handed over. It costs the same however many others there are. The caller overwrites the secrets (partner.WipeSecrets). Errors:
// ErrNotFound, also for one of another environment; a secret that does not open; the store's.
func (r *Registry) OpenCredential(ctx context.Context, environment, id string) (partner.Credential, error) {
	one, err := view(ctx, r.store, func(tx Tx) ([]partner.Credential, error) {
		c, err := credential(tx, id)
		if err != nil {
			return nil, err
		}
		if c.Environment != environment {
			return nil, fmt.Errorf("credential %q in %s: %w", id, environment, ErrNotFound)
		}
		p, waits, err := readPending(tx, id)
		list := []partner.Credential{c}
		if waits {
			dropPending(list, map[string]int{id: p.Version})
		}
		return list, err
	})
	if err == nil {
		err = r.unsealCredentials(one)
	}
	if err != nil {
		partner.WipeSecrets(one)
		return partner.Credential{}, fmt.Errorf("open credential: %w", err)
	}
	return one[0], nil
}
