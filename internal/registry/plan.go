package registry

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// home is one partner in one environment.
type home struct{ partner, environment string }

// plan is the difference between a Desired and the register at one moment. All that it compares with is read at once: ten
// thousand partners are four readings, not forty thousand.
type plan struct {
	registry *Registry
	tx       Tx
	actor    Actor
	now      time.Time

	byName   map[string][]partner.Partner
	reviews  map[home]partner.Review
	networks map[home][]partner.NetworkRule
	limits   map[home][]partner.Limit

	diff  Diff
	steps []func(Tx) error // one for each of diff.Steps
	wrong ApplyError
}

func (r *Registry) plan(tx Tx, actor Actor, desired Desired) (*plan, error) {
	p := &plan{registry: r, tx: tx, actor: actor, now: r.now()}
	if err := p.read(); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for i, d := range desired.Partners {
		path := fmt.Sprintf("partners[%d]", i)
		if named[d.Name] {
			p.wrong.add(path, fmt.Errorf("%w: %q stands twice in the file", ErrArgument, d.Name))
			continue
		}
		named[d.Name] = true
		if err := p.partner(path, d); err != nil {
			return nil, err
		}
	}
	if err := p.prune(desired, named); err != nil {
		return nil, err
	}
	if len(p.wrong.Items) > 0 {
		return nil, &p.wrong
	}
	return p, nil
}

func (p *plan) read() error {
	partners, err := p.tx.Partners()
	if err != nil {
		return err
	}
	reviews, err := p.tx.Reviews("")
	if err != nil {
		return err
	}
	networks, err := p.tx.Networks("")
	if err != nil {
		return err
	}
	limits, err := p.tx.Limits("")
	if err != nil {
		return err
	}
	p.byName = grouped(partners, func(v partner.Partner) string { return v.Name })
	p.networks = grouped(networks, func(v partner.NetworkRule) home { return home{v.PartnerID, v.Environment} })
	p.limits = grouped(limits, func(v partner.Limit) home { return home{v.PartnerID, v.Environment} })
	p.reviews = make(map[home]partner.Review, len(reviews))
	for _, v := range reviews {
		p.reviews[home{v.PartnerID, v.Environment}] = v
	}
	return nil
}

func grouped[K comparable, T any](list []T, key func(T) K) map[K][]T {
	out := make(map[K][]T, len(list))
	for _, v := range list {
		out[key(v)] = append(out[key(v)], v)
	}
	return out
}

// step adds one difference and what makes it go away.
func (p *plan) step(s Step, do func(Tx) error) {
	p.diff.Steps = append(p.diff.Steps, s)
	p.steps = append(p.steps, do)
}

// run makes all differences go away.
func (p *plan) run(tx Tx) error {
	for i, do := range p.steps {
		if err := do(tx); err != nil {
			return fmt.Errorf("%s: %w", p.diff.Steps[i].Path, err)
		}
	}
	return nil
}

func (p *plan) record(tx Tx, action audit.Action, subject, detail string) error {
	return p.registry.record(tx, p.actor, action, subject, detail)
}

// partner plans one partner. The error is the store's or that of randomness; what is wrong with the item goes to p.wrong.
func (p *plan) partner(path string, d DesiredPartner) error {
	id, fault, err := p.find(path, d)
	if fault != nil {
		p.wrong.add(path, fault)
	}
	if err != nil || id == "" {
		return err
	}
	seen := map[string]bool{}
	for i, e := range d.Environments {
		at := fmt.Sprintf("%s.environments[%d]", path, i)
		fault := checkEnvironment(e.Name)
		if fault == nil && seen[e.Name] {
			fault = fmt.Errorf("%w: %s stands twice for this partner", ErrArgument, e.Name)
		}
		if fault != nil {
			p.wrong.add(at, fault)
			continue
		}
		seen[e.Name] = true
		if err := p.environment(at, d.Name, home{id, e.Name}, e); err != nil {
			return err
		}
	}
	return nil
}

// find returns the row identity of the partner that d names, a new one if it is to be added, and none when nothing is left
// to do with it.
func (p *plan) find(path string, d DesiredPartner) (id string, fault, err error) {
	if err := checkName(d.Name); err != nil {
		return "", err, nil
	}
	var open []partner.Partner
	for _, v := range p.byName[d.Name] {
		if !v.Closed {
			open = append(open, v)
		}
	}
	known := len(p.byName[d.Name]) > 0
	switch {
	case d.Closed && len(d.Environments) > 0:
		return "", fmt.Errorf("%w: a closed partner has no environments", ErrArgument), nil
	case len(open) > 1:
		return "", fmt.Errorf("%w: %d open partners are called %q", ErrAmbiguous, len(open), d.Name), nil
	case d.Closed && !known:
		return "", fmt.Errorf("partner %q: %w; there is nothing to close", d.Name, ErrNotFound), nil
	case d.Closed && len(open) == 0:
		return "", nil, nil
	case d.Closed:
		p.closePartner(path, open[0])
		return "", nil, nil
	case len(open) == 1:
		return open[0].ID, nil, nil
	case known:
		return "", fmt.Errorf("partner %q is closed, which is for good: %w", d.Name, ErrState), nil
	}
	id, err = p.add(path, d.Name)
	return id, nil, err
}

// checkName holds for a name that stands for a partner what CreatePartner makes of one.
func checkName(name string) error {
	if name == "" || strings.TrimSpace(name) != name {
		return fmt.Errorf("%w: a partner's name is not empty and has no space around it", ErrArgument)
	}
	return checkLine("a partner's name", name, 200)
}

func (p *plan) add(path, name string) (string, error) {
	id, err := secret.RowID(p.registry.random, "ptn_")
	if err != nil {
		return "", err
	}
	v := partner.Partner{ID: id, Name: name, CreatedAt: p.now.Truncate(time.Second)}
	if err := v.Validate(); err != nil {
		return "", err
	}
	p.step(Step{Action: audit.PartnerCreated, Path: path, Partner: name}, func(tx Tx) error {
		return errors.Join(tx.PutPartner(v), p.record(tx, audit.PartnerCreated, id, name))
	})
	return id, nil
}

func (p *plan) closePartner(path string, v partner.Partner) {
	v.Closed = true
	p.step(Step{Action: audit.PartnerClosed, Path: path, Partner: v.Name}, func(tx Tx) error {
		return errors.Join(tx.PutPartner(v), p.registry.signOutMembers(tx, v.ID), p.record(tx, audit.PartnerClosed, v.ID, "apply"))
	})
}

// prune looks at the open partners that the file does not name.
func (p *plan) prune(desired Desired, named map[string]bool) error {
	if !desired.Prune {
		if desired.ClosePruned {
			return fmt.Errorf("%w: ClosePruned without Prune", ErrArgument)
		}
		return nil
	}
	for name, list := range p.byName {
		for _, v := range list {
			if !v.Closed && !named[name] {
				p.diff.Unnamed = append(p.diff.Unnamed, v)
			}
		}
	}
	slices.SortFunc(p.diff.Unnamed, func(a, b partner.Partner) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	if desired.ClosePruned {
		for _, v := range p.diff.Unnamed {
			p.closePartner("partners", v)
		}
	}
	return nil
}
