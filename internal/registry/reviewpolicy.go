package registry

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"countersign.dev/internal/partner"
)

// policies are the review policies by environment; a registry and those within its transactions share one.
type policies = atomic.Pointer[map[string]partner.ReviewPolicy]

// SetReviews puts other policies in force, as a configuration that was read again wants them; nil: nothing is asked of reviews.
// Nobody changes the map afterwards. What was approved before stays approved; a digest that an approver has noted before
// approves no more where the checklist is another one. Errors: ErrArgument, partner.ErrInvalid, and then the former ones stay.
func (r *Registry) SetReviews(reviews map[string]partner.ReviewPolicy) error {
	if err := checkPolicies(reviews); err != nil {
		return fmt.Errorf("set reviews: %w", err)
	}
	r.reviews.Store(&reviews)
	return nil
}

// policy is what is asked of the reviews of an environment.
func (r *Registry) policy(environment string) partner.ReviewPolicy {
	return (*r.reviews.Load())[environment]
}

// checkPolicies refuses review policies that no register could follow.
func checkPolicies(policies map[string]partner.ReviewPolicy) error {
	for _, environment := range slices.Sorted(maps.Keys(policies)) {
		for _, name := range []string{environment, policies[environment].After} {
			if name == "" && environment != "" {
				continue
			}
			if err := checkEnvironment(name); err != nil {
				return fmt.Errorf("reviews of %q: %w", environment, err)
			}
		}
	}
	return partner.ValidateReviews(policies)
}
