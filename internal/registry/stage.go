package registry

import (
	"context"
	"fmt"
	"maps"

	"countersign.dev/internal/partner"
)

// StageOf derives how far a partner has come from its reviews and from the order of the environments. Errors: ErrNotFound, the
// store's.
func (r *Registry) StageOf(ctx context.Context, partnerID string) (partner.Stage, error) {
	return view(ctx, r.store, func(tx Tx) (partner.Stage, error) {
		p, found, err := tx.Partner(partnerID)
		if err == nil && !found {
			err = fmt.Errorf("partner %q: %w", partnerID, ErrNotFound)
		}
		if err != nil {
			return "", err
		}
		reviews, err := tx.Reviews(partnerID)
		return partner.StageOf(p, reviews, *r.reviews.Load()), err
	})
}

// ReviewPolicies is what is asked of the reviews of each environment now; a fresh map, whose lists are not to be changed.
func (r *Registry) ReviewPolicies() map[string]partner.ReviewPolicy {
	return maps.Clone(*r.reviews.Load())
}
