package registry

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// Allow adds a network rule; its ID and CreatedAt are set here and must be empty. The rule is returned as it was written.
// Errors: ErrActor, ErrArgument, partner.ErrInvalid, ErrNotFound for the partner, ErrState if the same rule is there, the
// store's.
func (r *Registry) Allow(ctx context.Context, actor Actor, rule partner.NetworkRule) (partner.NetworkRule, error) {
	if err := r.completeRule(&rule); err != nil {
		return partner.NetworkRule{}, fmt.Errorf("allow network: %w", err)
	}
	err := r.update(ctx, actor, "allow network", func(tx Tx) error {
		if _, err := openPartner(tx, rule.PartnerID); err != nil {
			return err
		}
		present, err := tx.Networks(rule.PartnerID)
		if err != nil {
			return err
		}
		for _, other := range present {
			if sameRule(other, rule) {
				return fmt.Errorf("rule %s says this already: %w", other.ID, ErrState)
			}
		}
		if err := tx.PutNetwork(rule); err != nil {
			return err
		}
		return r.record(tx, actor, audit.NetworkAllowed, rule.ID, describe(rule))
	})
	if err != nil {
		return partner.NetworkRule{}, err
	}
	return rule, nil
}

func (r *Registry) completeRule(rule *partner.NetworkRule) error {
	if rule.ID != "" || !rule.CreatedAt.IsZero() {
		return fmt.Errorf("%w: a new rule has no id and no time yet", ErrArgument)
	}
	if err := checkEnvironment(rule.Environment); err != nil {
		return err
	}
	if err := checkLine("an API's name", rule.API, 100); err != nil {
		return err
	}
	if err := checkLine("a note", rule.Note, maxReason); err != nil {
		return err
	}
	id, err := secret.RowID(r.random, "net_")
	if err != nil {
		return err
	}
	rule.ID, rule.CreatedAt = id, r.now().Truncate(time.Second)
	return rule.Validate()
}

// RemoveNetwork takes a network rule away. Errors: ErrActor, ErrNotFound, the store's.
func (r *Registry) RemoveNetwork(ctx context.Context, actor Actor, ruleID string) error {
	return r.update(ctx, actor, "remove network", func(tx Tx) error {
		rule, found, err := tx.Network(ruleID)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("network rule %q: %w", ruleID, ErrNotFound)
		}
		if err := tx.DeleteNetwork(ruleID); err != nil {
			return err
		}
		return r.record(tx, actor, audit.NetworkRemoved, rule.ID, describe(rule))
	})
}

func sameRule(a, b partner.NetworkRule) bool {
	return a.PartnerID == b.PartnerID && a.Environment == b.Environment && a.API == b.API && a.Prefix == b.Prefix &&
		a.Country == b.Country
}

func describe(rule partner.NetworkRule) string {
	return detail(rule.Environment, ruleText(rule)+" of "+rule.PartnerID)
}

func ruleText(rule partner.NetworkRule) string {
	what := rule.Country
	if rule.Prefix.IsValid() {
		what = rule.Prefix.String()
	}
	if rule.API != "" {
		what += " for " + rule.API
	}
	return what
}
