package whatif

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
)

// maxChanges is how many single changes one Proposed may have.
const maxChanges = 1000

// change is a Proposed that was checked, with what is in force and what would be.
type change struct {
	Proposed
	apis              []*access.API // of the environment, as they are
	present, proposed rules         // of the partner, where there is one
	windows           map[string]time.Duration
	addresses         map[string]access.AddressRule
}

// rules are those of one partner in one environment.
type rules struct {
	networks []partner.NetworkRule
	limits   []partner.Limit
}

// addressRule is what the proposal makes of an API's rule about addresses.
func (c *change) addressRule(api string) (access.AddressRule, bool) {
	rule, ok := c.addresses[api]
	return rule, ok
}

// only is the API that the proposal is about, where it is about one alone and about nobody's rules.
func (c *change) only() string {
	if c.PartnerID == "" && len(c.APIs) == 1 {
		return c.APIs[0].API
	}
	return ""
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProposed, fmt.Sprintf(format, args...))
}

// resolve checks p against what is in force. Errors wrap ErrProposed, or are the register's.
func (e *Engine) resolve(ctx context.Context, p Proposed) (*change, error) {
	c := &change{Proposed: p, windows: map[string]time.Duration{}, addresses: map[string]access.AddressRule{}}
	mine := len(p.AddNetworks) + len(p.RemoveNetworks) + len(p.SetLimits) + len(p.RemoveLimits)
	switch {
	case p.Environment == "":
		return nil, wrong("name the environment")
	case mine+len(p.APIs) == 0:
		return nil, wrong("nothing would be changed")
	case mine+len(p.APIs) > maxChanges:
		return nil, wrong("%d changes are more than %d", mine+len(p.APIs), maxChanges)
	case mine > 0 && p.PartnerID == "":
		return nil, wrong("network rules and limits are a partner's: name the partner")
	}
	for _, api := range e.cfg.APIs() {
		if api.Environment == p.Environment {
			c.apis = append(c.apis, api)
		}
	}
	if len(c.apis) == 0 {
		return nil, wrong("no API is served in an environment %.60q", p.Environment)
	}
	if err := c.changeAPIs(); err != nil || p.PartnerID == "" {
		return c, err
	}
	if err := e.presentRules(ctx, c); err != nil {
		return nil, err
	}
	if err := c.changeNetworks(e.cfg.Now()); err != nil {
		return nil, err
	}
	return c, e.changeLimits(ctx, c)
}

// presentRules reads what is in force for the partner.
func (e *Engine) presentRules(ctx context.Context, c *change) (err error) {
	if c.present.networks, err = e.networksOf(ctx, c.PartnerID, c.Environment); err != nil {
		return err
	}
	all, err := e.cfg.Register.Limits(ctx, c.PartnerID)
	if err != nil {
		return fmt.Errorf("read the limits of %s: %w", c.PartnerID, err)
	}
	for _, one := range all {
		if one.Environment == c.Environment && one.PartnerID == c.PartnerID {
			c.present.limits = append(c.present.limits, one)
		}
	}
	return nil
}

// api finds an API of the environment; an empty name is every API, and none to be found.
func (c *change) api(name string) *access.API {
	i := slices.IndexFunc(c.apis, func(a *access.API) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return c.apis[i]
}

func (c *change) changeAPIs() error {
	for i, one := range c.APIs {
		api := c.api(one.API)
		switch {
		case api == nil:
			return wrong("there is no API %.60q in %s", one.API, c.Environment)
		case slices.ContainsFunc(c.APIs[:i], func(o APIChange) bool { return o.API == one.API }):
			return wrong("the API %s stands there twice", one.API)
		case one.WindowS == 0 && one.Addresses == "":
			return wrong("nothing would be changed of the API %s", one.API)
		case one.WindowS < 0 || one.WindowS > int(access.MaxWindow/time.Second):
			return wrong("a time window has 1 to %d seconds", access.MaxWindow/time.Second)
		case one.WindowS > 0 && (api.Protocol != access.Signed || !api.Scheme.HasTime()):
			return wrong("the requests to the API %s carry no time", one.API)
		}
		if one.WindowS > 0 {
			c.windows[one.API] = time.Duration(one.WindowS) * time.Second
		}
		if one.Addresses != "" {
			rule, ok := map[string]access.AddressRule{"required": access.AddressRequired, "optional": access.AddressOptional,
				"off": access.AddressOff}[one.Addresses]
			if !ok {
				return wrong("addresses are required, optional or off, not %.20q", one.Addresses)
			}
			c.addresses[one.API] = rule
		}
	}
	return nil
}

// changeNetworks makes the proposed rules of those in force.
func (c *change) changeNetworks(now time.Time) error {
	list := slices.Clone(c.present.networks)
	for _, id := range c.RemoveNetworks {
		i := slices.IndexFunc(list, func(r partner.NetworkRule) bool { return r.ID == id })
		if i < 0 {
			return wrong("there is no network rule %.60q of this partner in %s", id, c.Environment)
		}
		list = slices.Delete(list, i, i+1)
	}
	for i, add := range c.AddNetworks {
		if add.API != "" && c.api(add.API) == nil {
			return wrong("there is no API %.60q in %s", add.API, c.Environment)
		}
		rule := partner.NetworkRule{ID: fmt.Sprintf("proposed-%d", i+1), PartnerID: c.PartnerID, Environment: c.Environment, API: add.API,
			Country: add.Country, CreatedAt: now}
		var err error
		if add.Prefix != "" {
			if rule.Prefix, err = parsePrefix(add.Prefix); err != nil {
				return wrong("%.60q is no network", add.Prefix)
			}
		}
		if err := rule.Validate(); err != nil {
			return wrong("network rule: %v", err)
		}
		list = append(list, rule)
	}
	c.proposed.networks = list
	return nil
}

// parsePrefix reads a prefix, or an address as the prefix that holds nothing else.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err == nil && p != p.Masked() {
			err = ErrProposed // as where a rule is made: nobody knows which of the two was meant
		}
		return p, err
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, ErrProposed
	}
	return a.Prefix(a.BitLen())
}

// changeLimits makes the proposed limits of those in force.
func (e *Engine) changeLimits(ctx context.Context, c *change) error {
	list := slices.Clone(c.present.limits)
	for _, id := range c.RemoveLimits {
		i := slices.IndexFunc(list, func(l partner.Limit) bool { return l.ID == id })
		if i < 0 {
			return wrong("there is no limit %.60q of this partner in %s", id, c.Environment)
		}
		list = slices.Delete(list, i, i+1)
	}
	for i, set := range c.SetLimits {
		if most := int(partner.MaxLimitPer / time.Second); set.PerS < 0 || set.PerS > most { // more would not be what it says as a time.Duration
			return wrong("limit: the span of a rate is 1 to %d seconds", most)
		}
		limit := partner.Limit{ID: fmt.Sprintf("proposed-%d", i+1), PartnerID: c.PartnerID, Environment: c.Environment,
			CredentialID: set.CredentialID, API: set.API,
			Rate: set.Rate, Per: time.Duration(set.PerS) * time.Second, Burst: set.Burst, Daily: set.Daily, CreatedAt: e.cfg.Now()}
		if err := limit.Validate(); err != nil {
			return wrong("limit: %v", err)
		}
		if set.API != "" && c.api(set.API) == nil {
			return wrong("there is no API %.60q in %s", set.API, c.Environment)
		}
		if set.CredentialID != "" {
			k, err := e.cfg.Register.FindCredential(ctx, set.CredentialID)
			if err != nil || k.ID != set.CredentialID || k.PartnerID != c.PartnerID || k.Environment != c.Environment {
				return wrong("there is no credential %.60q of this partner in %s", set.CredentialID, c.Environment)
			}
		}
		list = slices.DeleteFunc(list, func(l partner.Limit) bool { return l.Scope() == limit.Scope() })
		list = append(list, limit)
	}
	c.proposed.limits = list
	return nil
}
