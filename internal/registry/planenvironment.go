package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
)

// environment plans one partner in one environment.
func (p *plan) environment(path, name string, at home, e DesiredEnvironment) error {
	s := Step{Path: path, Partner: name, Environment: at.environment}
	if e.Requested {
		p.request(s, at)
	}
	if e.Networks != nil {
		if err := p.networkRules(s, at, e.Networks); err != nil {
			return err
		}
	}
	if e.Limits != nil {
		return p.limitRules(s, at, e.Limits)
	}
	return nil
}

// request asks for the review unless somebody has.
func (p *plan) request(s Step, at home) {
	review := p.reviews[at]
	switch review.State {
	case "":
	case partner.ReviewClosed:
		p.wrong.add(s.Path, fmt.Errorf("the review for %s is closed, which is for good: %w", at.environment, ErrState))
		return
	default:
		return
	}
	review.PartnerID, review.Environment = at.partner, at.environment
	before := p.registry.policy(at.environment).After
	if fault := follows(at.environment, before, p.reviews[home{at.partner, before}].State); fault != nil {
		p.wrong.add(s.Path, fault)
		return
	}
	if err := requestStep.apply(&review, p.actor); err != nil {
		p.wrong.add(s.Path, err)
		return
	}
	review.ChangedAt = p.now
	s.Action = audit.ReviewRequested
	p.step(s, func(tx Tx) error {
		return errors.Join(tx.PutReview(review), p.record(tx, s.Action, at.partner, detail(at.environment, "")))
	})
}

// networkRules removes what the file does not list and adds what the register lacks.
func (p *plan) networkRules(s Step, at home, list []DesiredNetwork) error {
	wanted := map[DesiredNetwork]bool{}
	said := map[DesiredNetwork]bool{}
	var missing []partner.NetworkRule
	var paths []string
	present := map[DesiredNetwork]bool{}
	for _, rule := range p.networks[at] {
		present[asDesired(rule)] = true
	}
	for i, d := range list {
		path := fmt.Sprintf("%s.networks[%d]", s.Path, i)
		rule := partner.NetworkRule{PartnerID: at.partner, Environment: at.environment, API: d.API, Prefix: d.Prefix,
			Country: d.Country, Note: d.Note}
		fault, err := p.checked(p.registry.completeRule(&rule))
		if err != nil {
			return err
		}
		bare := d
		bare.Note = ""
		if fault == nil && said[bare] {
			fault = fmt.Errorf("%w: %s stands twice", ErrArgument, ruleText(rule))
		}
		if fault != nil {
			p.wrong.add(path, fault)
			continue
		}
		said[bare], wanted[d] = true, true
		if !present[d] {
			missing, paths = append(missing, rule), append(paths, path)
		}
	}
	for _, rule := range sortedBy(p.networks[at], ruleText) {
		if !wanted[asDesired(rule)] {
			p.removeNetwork(s, rule)
		}
	}
	for i, rule := range missing {
		s.Path = paths[i]
		p.addNetwork(s, rule)
	}
	return nil
}

// asDesired is what a file would have to say for rule to stay as it is.
func asDesired(rule partner.NetworkRule) DesiredNetwork {
	return DesiredNetwork{API: rule.API, Prefix: rule.Prefix, Country: rule.Country, Note: rule.Note}
}

// sortedBy puts what is removed in an order that people can follow: row identities are random.
func sortedBy[T any](list []T, text func(T) string) []T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(text(a), text(b)) })
	return list
}

func (p *plan) removeNetwork(s Step, rule partner.NetworkRule) {
	s.Action, s.Text = audit.NetworkRemoved, ruleText(rule)
	p.step(s, func(tx Tx) error {
		return errors.Join(tx.DeleteNetwork(rule.ID), p.record(tx, s.Action, rule.ID, describe(rule)))
	})
}

func (p *plan) addNetwork(s Step, rule partner.NetworkRule) {
	s.Action, s.Text = audit.NetworkAllowed, ruleText(rule)
	p.step(s, func(tx Tx) error {
		return errors.Join(tx.PutNetwork(rule), p.record(tx, s.Action, rule.ID, describe(rule)))
	})
}

// checked tells what is wrong with an item from what is wrong with us.
func (p *plan) checked(err error) (fault, broken error) {
	for _, known := range []error{ErrArgument, partner.ErrInvalid, ErrNotFound, ErrState} {
		if errors.Is(err, known) {
			return err, nil
		}
	}
	return nil, err
}

// limitRules removes the limits that the file does not list and sets those that differ.
func (p *plan) limitRules(s Step, at home, list []DesiredLimit) error {
	present := map[[4]string]partner.Limit{}
	for _, l := range p.limits[at] {
		present[l.Scope()] = l
	}
	said := map[[4]string]bool{}
	var steps []func()
	for i, d := range list {
		item := s
		item.Path = fmt.Sprintf("%s.limits[%d]", s.Path, i)
		l := partner.Limit{PartnerID: at.partner, Environment: at.environment, CredentialID: d.Credential, API: d.API,
			Rate: d.Rate, Per: d.Per, Burst: d.Burst, Daily: d.Daily}
		fault, err := p.checked(p.limit(&l, present))
		if err != nil {
			return err
		}
		if fault == nil && said[l.Scope()] {
			fault = fmt.Errorf("%w: a second limit of the same credential and API", ErrArgument)
		}
		if fault != nil {
			p.wrong.add(item.Path, fault)
			continue
		}
		said[l.Scope()] = true
		if present[l.Scope()] != l {
			steps = append(steps, func() { p.setLimit(item, l) })
		}
	}
	for _, l := range sortedBy(p.limits[at], limitText) {
		if !said[l.Scope()] {
			p.removeLimit(s, l)
		}
	}
	for _, step := range steps {
		step()
	}
	return nil
}

// limit completes l: with the identity of the one whose place it takes, if there is one.
func (p *plan) limit(l *partner.Limit, present map[[4]string]partner.Limit) error {
	if err := p.registry.completeLimit(l); err != nil {
		return err
	}
	other, replaces := present[l.Scope()]
	if replaces {
		l.ID, l.CreatedAt = other.ID, other.CreatedAt
		if other == *l {
			return nil
		}
	}
	return limitOwner(p.tx, *l)
}

func (p *plan) setLimit(s Step, l partner.Limit) {
	s.Action, s.Text = audit.LimitSet, limitText(l)
	p.step(s, func(tx Tx) error {
		return errors.Join(tx.PutLimit(l), p.record(tx, s.Action, l.ID, describeLimit(l)))
	})
}

func (p *plan) removeLimit(s Step, l partner.Limit) {
	s.Action, s.Text = audit.LimitRemoved, limitText(l)
	p.step(s, func(tx Tx) error {
		return errors.Join(tx.DeleteLimit(l.ID), p.record(tx, s.Action, l.ID, describeLimit(l)))
	})
}
