package whatif

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
)

// Bounds of what is kept in memory for one replay.
const (
	maxPartners = 10_000  // whose rules are held
	maxVerdicts = 500_000 // about addresses, for all partners together
)

// verdict is what the network rules say of an address.
type verdict struct {
	reason access.Reason // Allowed, AddressNotListed or CountryNotAllowed
	warned bool
}

// both are the verdicts of the rules in force and of the proposed ones.
type both struct {
	now, then verdict
	country   countrySource
}

// countrySource says whether a country was asked for, and who knew it.
type countrySource uint8

const (
	notAsked countrySource = iota
	recorded
	inFile
	nowhere // there is no country file
	unknown // the file does not know the address
)

// question is what a verdict about the network depends on.
type question struct {
	partner, api, country string
	address               netip.Addr
}

// networks judges addresses with the code that decides: a Decider for each partner and each set of rules, which holds nothing but
// this partner's networks.
type networks struct {
	e        *Engine
	change   *change
	now      []*access.API // as they are
	then     []*access.API // as they are proposed
	places   *places
	deciders map[string]*deciders
	verdicts map[question]both
}

// deciders are those of one partner. Where the proposal changes nothing for it, both are the same.
type deciders struct{ now, then *access.Decider }

func (e *Engine) newNetworks(c *change, apis []*access.API) *networks {
	n := &networks{e: e, change: c, places: &places{file: e.countries()}, deciders: map[string]*deciders{}, verdicts: map[question]both{}}
	for _, api := range apis {
		now := bare(api)
		then := now
		if other, ok := c.addressRule(api.Name); ok {
			then = bare(api)
			then.Addresses = other
		}
		n.now, n.then = append(n.now, now), append(n.then, then)
	}
	return n
}

// bare is an API as far as networks are concerned: what needs a server's state is left out.
func bare(api *access.API) *access.API {
	return &access.API{Name: api.Name, Environment: api.Environment, Protocol: api.Protocol, BasePaths: api.BasePaths, Scheme: api.Scheme,
		TokenEndpoint: api.TokenEndpoint, Addresses: api.Addresses, AddressWarn: api.AddressWarn, Replay: access.ReplayOff}
}

// judge says what both sets of rules make of a call's address. ok is false where the call's partner found no room.
func (n *networks) judge(ctx context.Context, c *call) (b both, ok bool, err error) {
	q := question{c.partner, c.api, c.country, c.address}
	if b, ok := n.verdicts[q]; ok {
		return b, true, nil
	}
	d, err := n.of(ctx, c.partner)
	if err != nil || d == nil {
		return both{}, false, err
	}
	n.places.recorded = c.country
	now := d.now.TestNetwork(n.change.Environment, c.api, c.partner, c.address)
	then := now
	if d.then != d.now {
		then = d.then.TestNetwork(n.change.Environment, c.api, c.partner, c.address)
	}
	b = both{now: verdict{now.Reason, now.Warned}, then: verdict{then.Reason, then.Warned}}
	if asks(now) || asks(then) {
		b.country = n.places.source(c.address)
	}
	if len(n.verdicts) < maxVerdicts {
		n.verdicts[q] = b
	}
	return b, true, nil
}

// asks reports whether a verdict depends on a country.
func asks(v access.NetworkVerdict) bool {
	return v.Reason != access.AddressNotListed && slices.ContainsFunc(v.Rules, func(r access.NetworkRule) bool {
		return r.Applies &&
			r.Country != ""
	})
}

// of makes the deciders of a partner, once. nil: there is no room for another partner.
func (n *networks) of(ctx context.Context, partnerID string) (*deciders, error) {
	if d := n.deciders[partnerID]; d != nil {
		return d, nil
	}
	if len(n.deciders) >= maxPartners {
		return nil, nil
	}
	present := n.change.present.networks
	proposed := n.change.proposed.networks
	if partnerID != n.change.PartnerID {
		var err error
		if present, err = n.e.networksOf(ctx, partnerID, n.change.Environment); err != nil {
			return nil, err
		}
		proposed = present
	}
	now, err := n.decider(n.now, partnerID, present)
	if err != nil {
		return nil, err
	}
	d := &deciders{now, now}
	if !slices.Equal(n.now, n.then) || !slices.Equal(present, proposed) {
		if d.then, err = n.decider(n.then, partnerID, proposed); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProposed, err)
		}
	}
	n.deciders[partnerID] = d
	return d, nil
}

// decider makes a Decider that knows one partner, who is admitted: a request that came so far has passed the review of its time.
func (n *networks) decider(apis []*access.API, partnerID string, rules []partner.NetworkRule) (*access.Decider, error) {
	d, err := access.New(access.Config{APIs: apis, Countries: n.places, Now: n.e.cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	roster := &partner.Roster{Partners: []partner.Partner{{ID: partnerID}}, Networks: rules,
		Reviews: []partner.Review{{PartnerID: partnerID, Environment: n.change.Environment, State: partner.ReviewApproved}}}
	if err := d.Load(roster, time.Time{}); err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	return d, nil
}

// networksOf are the rules of a partner in an environment.
func (e *Engine) networksOf(ctx context.Context, partnerID, environment string) ([]partner.NetworkRule, error) {
	all, err := e.cfg.Register.Networks(ctx, partnerID)
	if err != nil {
		return nil, fmt.Errorf("read the network rules of %s: %w", partnerID, err)
	}
	return slices.DeleteFunc(slices.Clone(all), func(r partner.NetworkRule) bool {
		return r.Environment != environment || r.PartnerID != partnerID
	}), nil
}

// countries is the country file, or nil.
func (e *Engine) countries() access.Countries {
	if e.cfg.HasCountries != nil && !e.cfg.HasCountries() {
		return nil
	}
	return e.cfg.Countries
}

// places knows the country of the call at hand: that which was recorded counts before that of today's file.
type places struct {
	file     access.Countries // nil: there is none
	recorded string
}

// Country implements access.Countries.
func (p *places) Country(a netip.Addr) (string, bool) {
	switch {
	case p.recorded != "":
		return p.recorded, true
	case p.file == nil:
		return "", false
	}
	return p.file.Country(a)
}

func (p *places) source(a netip.Addr) countrySource {
	switch {
	case p.recorded != "":
		return recorded
	case p.file == nil:
		return nowhere
	}
	if _, ok := p.file.Country(a); ok {
		return inFile
	}
	return unknown
}
