package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// factsRecord is what the system collected of a partner in an environment.
type factsRecord struct {
	PartnerID   string            `json:"partner"`
	Environment string            `json:"environment"`
	CreatedAt   time.Time         `json:"created_at"`
	Collected   partner.Collected `json:"collected"`
}

var factsNoun = noun[factsRecord]{kind: "collected_evidence", row: func(f factsRecord) partner.Document {
	return partner.Document{ID: f.PartnerID + "/" + f.Environment, PartnerID: f.PartnerID, Environment: f.Environment,
		CreatedAt: f.CreatedAt}
}}

// After how long what was collected is written again although it says nothing new: where there were calls or refusals meanwhile,
// and where there were none.
const (
	factsAge  = time.Hour
	quietFact = 24 * time.Hour
)

func readFacts(tx Tx, at home) (f factsRecord, found bool, err error) {
	if at.environment == "" {
		return f, false, nil
	}
	f, err = factsNoun.get(tx, at.partner+"/"+at.environment)
	if errors.Is(err, ErrNotFound) {
		return f, false, nil
	}
	return f, err == nil, err
}

// CollectEvidence keeps what the system has seen of a partner in an environment for which a review was asked. A first call once
// seen stays seen, also when the record of it is gone. kept is false where it says nothing new within an hour of the last time (a day, if
// there was not one call or refusal more), and then nothing is written. Errors: ErrActor for everybody but the system (nobody writes this evidence), partner.ErrInvalid, ErrArgument,
// ErrNotFound, ErrState, the store's.
func (r *Registry) CollectEvidence(ctx context.Context, actor Actor, partnerID, environment string,
	c partner.Collected) (kept bool, err error) {
	const what = "collect evidence"
	if actor.Kind != System {
		return false, fmt.Errorf("%s: %w: only the system collects", what, ErrActor)
	}
	if err := cmp.Or(checkEnvironment(environment), c.Validate()); err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	if c.At.IsZero() {
		c.At = r.now()
	}
	at := home{partnerID, environment}
	if news, err := view(ctx, r.store, func(tx Tx) (bool, error) { return r.newFacts(tx, at, &c) }); err != nil || !news {
		return false, err
	}
	err = r.update(ctx, actor, what, func(tx Tx) error {
		if kept, err = r.newFacts(tx, at, &c); err != nil || !kept {
			return err
		}
		f, _, err := readFacts(tx, at)
		if err != nil {
			return err
		}
		if f.CreatedAt.IsZero() {
			f = factsRecord{PartnerID: partnerID, Environment: environment, CreatedAt: r.now()}
		}
		f.Collected = c
		if err := factsNoun.put(tx, f); err != nil {
			return err
		}
		return r.record(tx, actor, audit.EvidenceAdded, partnerID, detail(environment, factsText(c)))
	})
	return kept && err == nil, err
}

// newFacts joins c with what is known and reports whether it is worth a change.
func (r *Registry) newFacts(tx Tx, at home, c *partner.Collected) (bool, error) {
	if _, err := openPartner(tx, at.partner); err != nil {
		return false, err
	}
	if _, found, err := tx.Review(at.partner, at.environment); err != nil || !found {
		if err == nil {
			err = fmt.Errorf("no review of %s for %s was asked for: %w", at.partner, at.environment, ErrNotFound)
		}
		return false, err
	}
	before, found, err := readFacts(tx, at)
	if err != nil {
		return false, err
	}
	*c = c.Joined(before.Collected)
	age := quietFact
	if c.Calls != before.Collected.Calls || !slices.Equal(c.Refusals, before.Collected.Refusals) {
		age = factsAge
	}
	return !found || c.Tells(before.Collected) || c.At.Sub(before.Collected.At) >= age, nil
}

// factsText is what was collected, in one line.
func factsText(c partner.Collected) string {
	if c.Calls == 0 {
		return fmt.Sprintf("collected: no call yet, %d reasons of refusals", len(c.Refusals))
	}
	return fmt.Sprintf("collected: %d calls since %s, the last at %s, from %d addresses, %d reasons of refusals", c.Calls,
		c.FirstCall.UTC().Format(time.RFC3339), c.LastCall.UTC().Format(time.RFC3339), len(c.Addresses)+int(c.Others), len(c.Refusals))
}
