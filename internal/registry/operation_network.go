package registry

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// NetworkAllow is the parameters of "network.allow": a prefix or a country, for the operation's partner and environment.
type NetworkAllow struct {
	API     string       `json:"api,omitempty"`     // empty: every API of the environment
	Prefix  netip.Prefix `json:"prefix,omitzero"`   // "192.0.2.0/24"
	Country string       `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Note    string       `json:"note,omitempty"`    // one line of at most 500 bytes
}

func (r *Registry) doNetworkAllow(ctx context.Context, j job, p NetworkAllow) (Done, error) {
	rule, err := r.Allow(ctx, j.actor, partner.NetworkRule{PartnerID: j.op.PartnerID, Environment: j.op.Environment, API: p.API,
		Prefix: p.Prefix, Country: p.Country, Note: p.Note})
	return Done{Network: &rule}, err
}

// NetworkRemove is the parameters of "network.remove".
type NetworkRemove struct {
	ID string `json:"id"` // row identity
}

// doNetworkRemove answers with the rule as it was.
func (r *Registry) doNetworkRemove(ctx context.Context, j job, p NetworkRemove) (Done, error) {
	rule, _, err := j.tx.Network(p.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{Network: &rule}, r.RemoveNetwork(ctx, j.actor, p.ID)
}

func networkHome(tx Tx, id string) (home, error) {
	rule, found, err := tx.Network(id)
	if err == nil && !found {
		err = fmt.Errorf("network rule %q: %w", id, ErrNotFound)
	}
	return home{rule.PartnerID, rule.Environment}, err
}

// LimitSet is the parameters of "limit.set": partner.Limit without what the register adds.
type LimitSet struct {
	Credential string `json:"credential,omitempty"` // row identity; empty: all credentials of the partner together
	API        string `json:"api,omitempty"`        // empty: all APIs of the environment together
	Rate       int    `json:"rate,omitempty"`
	PerSeconds int64  `json:"per_seconds,omitempty"`
	Burst      int    `json:"burst,omitempty"`
	Daily      int64  `json:"daily,omitempty"`
}

// limit is p as a noun of an operation's partner and environment.
func (p LimitSet) limit(op Operation) (partner.Limit, error) {
	if p.PerSeconds < 0 || p.PerSeconds > int64(partner.MaxLimitPer/time.Second) {
		return partner.Limit{}, fmt.Errorf("%w: the span of a rate is 1 to %d seconds", ErrArgument, partner.MaxLimitPer/time.Second)
	}
	return partner.Limit{PartnerID: op.PartnerID, Environment: op.Environment, CredentialID: p.Credential, API: p.API, Rate: p.Rate,
		Per: time.Duration(p.PerSeconds) * time.Second, Burst: p.Burst, Daily: p.Daily}, nil
}

func (r *Registry) doLimitSet(ctx context.Context, j job, p LimitSet) (Done, error) {
	want, err := p.limit(j.op)
	if err != nil {
		return Done{}, err
	}
	set, err := r.SetLimit(ctx, j.actor, want)
	return Done{Limit: &set}, err
}

// LimitRemove is the parameters of "limit.remove".
type LimitRemove struct {
	ID string `json:"id"` // row identity
}

// doLimitRemove answers with the limit as it was.
func (r *Registry) doLimitRemove(ctx context.Context, j job, p LimitRemove) (Done, error) {
	limit, _, err := j.tx.Limit(p.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{Limit: &limit}, r.RemoveLimit(ctx, j.actor, p.ID)
}

func limitHome(tx Tx, id string) (home, error) {
	limit, found, err := tx.Limit(id)
	if err == nil && !found {
		err = fmt.Errorf("limit %q: %w", id, ErrNotFound)
	}
	return home{limit.PartnerID, limit.Environment}, err
}

// presentLimit is the row of the limit in whose place want would stand; where there is none, the name of that there is none.
func presentLimit(tx Tx, want partner.Limit) (string, error) {
	present, err := tx.Limits(want.PartnerID)
	for _, l := range present {
		if l.Scope() == want.Scope() {
			return audit.LimitRow(l.ID), err
		}
	}
	return LimitScopeRow(want), err
}
