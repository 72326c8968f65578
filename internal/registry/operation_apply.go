package registry

import (
	"context"
	"fmt"
	"time"

	"countersign.dev/internal/partner"
)

// RegisterApply is the parameters of "register.apply": a Desired as data.
type RegisterApply struct {
	Partners    []ApplyPartner `json:"partners,omitempty"`
	Prune       bool           `json:"prune,omitempty"`
	ClosePruned bool           `json:"close_pruned,omitempty"`
}

// ApplyPartner is a DesiredPartner.
type ApplyPartner struct {
	Name         string             `json:"name"`
	Closed       bool               `json:"closed,omitempty"`
	Environments []ApplyEnvironment `json:"environments,omitempty"`
}

// ApplyEnvironment is a DesiredEnvironment. Networks and Limits: null or left out: whatever there is; empty: none.
type ApplyEnvironment struct {
	Name      string         `json:"name"`
	Requested bool           `json:"requested,omitempty"`
	Networks  []NetworkAllow `json:"networks,omitzero"`
	Limits    []LimitSet     `json:"limits,omitzero"`
}

// ApplyOf is a Desired as parameters; Desired undoes it. Spans of rates are whole seconds, or Apply refuses them.
func ApplyOf(d Desired) RegisterApply {
	out := RegisterApply{Prune: d.Prune, ClosePruned: d.ClosePruned}
	for _, p := range d.Partners {
		to := ApplyPartner{Name: p.Name, Closed: p.Closed}
		for _, e := range p.Environments {
			to.Environments = append(to.Environments, applyEnvironment(e))
		}
		out.Partners = append(out.Partners, to)
	}
	return out
}

func applyEnvironment(e DesiredEnvironment) ApplyEnvironment {
	to := ApplyEnvironment{Name: e.Name, Requested: e.Requested}
	if e.Networks != nil {
		to.Networks = make([]NetworkAllow, 0, len(e.Networks))
	}
	for _, n := range e.Networks {
		to.Networks = append(to.Networks, NetworkAllow{API: n.API, Prefix: n.Prefix, Country: n.Country, Note: n.Note})
	}
	if e.Limits != nil {
		to.Limits = make([]LimitSet, 0, len(e.Limits))
	}
	for _, l := range e.Limits {
		to.Limits = append(to.Limits, LimitSet{Credential: l.Credential, API: l.API, Rate: l.Rate, PerSeconds: int64(l.Per / time.Second),
			Burst: l.Burst, Daily: l.Daily})
	}
	return to
}

// Desired is p as Apply takes it.
func (p RegisterApply) Desired() Desired {
	d := Desired{Prune: p.Prune, ClosePruned: p.ClosePruned}
	for _, from := range p.Partners {
		to := DesiredPartner{Name: from.Name, Closed: from.Closed}
		for _, e := range from.Environments {
			to.Environments = append(to.Environments, e.desired())
		}
		d.Partners = append(d.Partners, to)
	}
	return d
}

func (e ApplyEnvironment) desired() DesiredEnvironment {
	to := DesiredEnvironment{Name: e.Name, Requested: e.Requested}
	if e.Networks != nil {
		to.Networks = make([]DesiredNetwork, 0, len(e.Networks))
	}
	for _, n := range e.Networks {
		to.Networks = append(to.Networks, DesiredNetwork{API: n.API, Prefix: n.Prefix, Country: n.Country, Note: n.Note})
	}
	if e.Limits != nil {
		to.Limits = make([]DesiredLimit, 0, len(e.Limits))
	}
	for _, l := range e.Limits {
		to.Limits = append(to.Limits, DesiredLimit{API: l.API, Credential: l.Credential, Rate: l.Rate, Per: perSeconds(l.PerSeconds),
			Burst: l.Burst, Daily: l.Daily})
	}
	return to
}

// perSeconds is a span that, where it is out of bounds, partner.Limit.Validate refuses.
func perSeconds(n int64) time.Duration {
	if n < 0 || n > int64(partner.MaxLimitPer/time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}

func (r *Registry) doRegisterApply(ctx context.Context, j job, p RegisterApply) (Done, error) {
	diff, err := r.Apply(ctx, j.actor, p.Desired(), false)
	return Done{Applied: &diff}, err
}

// planRow is the name under which a proposal keeps what applying it would have done: no row of the register.
const planRow = "plan"

// planState digests what p would do to the register as it is.
func (r *Registry) planState(tx Tx, actor Actor, p RegisterApply) (RowState, error) {
	plan, err := r.plan(tx, actor, p.Desired())
	if err != nil {
		return RowState{}, err
	}
	steps, err := encodeJSON(plan.diff.Steps)
	return RowState{Row: planRow, ETag: fmt.Sprintf("%x", digestOf("countersign plan 1\n", steps))}, err
}
