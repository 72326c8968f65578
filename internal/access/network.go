package access

import (
	"iter"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/internal/partner"
	"github.com/gaissmai/bart"
)

// Countries tells the country of an address. internal/country implements it over an operator's MMDB file.
type Countries interface {
	// Country returns an upper-case ISO 3166-1 alpha-2 code, or false if the file does not know the address.
	Country(netip.Addr) (string, bool)
}

// scanLimit is up to how many prefixes a plain scan beats a routing table.
const scanLimit = 8

// networkRules are the rules of one partner in one environment for one API, or for all (api empty).
type networkRules struct {
	api       string
	prefixes  []netip.Prefix
	table     *bart.Lite // instead of prefixes when there are many
	countries []string
}

func (n *networkRules) empty() bool { return len(n.prefixes) == 0 && n.table == nil }

// each yields the prefixes of n.
func (n *networkRules) each() iter.Seq[netip.Prefix] {
	if n.table != nil {
		return n.table.AllSorted()
	}
	return slices.Values(n.prefixes)
}

func (n *networkRules) holds(a netip.Addr) bool {
	if n.table != nil {
		return n.table.Contains(a)
	}
	for _, p := range n.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// nearPrefixes is how many prefixes stand in the partner itself, where no other memory is read to find them.
const nearPrefixes = 2

// addRule takes in a rule. Up to two prefixes of a simple partner, for every API, stand in the partner itself; where there is anything
// else, all stand beside it.
func (p *Partner) addRule(rule *partner.NetworkRule) {
	simple := rule.API == "" && rule.Country == "" && len(p.groups()) == 0
	for i := range p.near {
		if simple && !p.near[i].IsValid() {
			p.near[i] = rule.Prefix.Masked()
			return
		}
	}
	more := p.extend()
	for _, prefix := range p.near {
		if prefix.IsValid() {
			more.group("").add(prefix)
		}
	}
	p.near = [nearPrefixes]netip.Prefix{}
	if group := more.group(rule.API); rule.Country != "" {
		group.countries = append(group.countries, strings.Clone(rule.Country))
	} else {
		group.add(rule.Prefix.Masked())
	}
}

// group are the rules for one API, or for all (empty).
func (m *partnerMore) group(api string) *networkRules {
	for i := range m.rules {
		if m.rules[i].api == api {
			return &m.rules[i]
		}
	}
	m.rules = append(m.rules, networkRules{api: strings.Clone(api)})
	return &m.rules[len(m.rules)-1]
}

// add takes in a prefix.
func (n *networkRules) add(prefix netip.Prefix) {
	if n.table == nil && len(n.prefixes) < scanLimit {
		n.prefixes = append(n.prefixes, prefix)
		return
	}
	if n.table == nil {
		n.table = new(bart.Lite)
		for _, p := range n.prefixes {
			n.table.Insert(p)
		}
		n.prefixes = nil
	}
	n.table.Insert(prefix)
}

// checkNetwork applies the partner's rules for d.API to the caller's address. Prefixes of all applicable rules are one
// list, and so are countries; where there are both, both must agree. It returns Allowed, AddressNotListed or
// CountryNotAllowed. A country that is unknown is none of the list (security rule 38).
func (a *Decider) checkNetwork(d *Decision) Reason {
	listed, prefixes := d.Partner.holds(d.Address)
	countries := false
	groups := d.Partner.groups()
	for i := range groups {
		n := &groups[i]
		if n.api != "" && n.api != d.API.Name {
			continue
		}
		prefixes = prefixes || !n.empty()
		listed = listed || n.holds(d.Address)
		countries = countries || len(n.countries) > 0
	}
	rule := d.API.addresses()
	if rule == AddressRequired && !listed || rule == AddressOptional && prefixes && !listed {
		if !d.API.AddressWarn {
			return AddressNotListed
		}
		d.Warnings = append(d.Warnings, AddressNotListed.String())
	}
	if countries && !a.inCountry(d) {
		return CountryNotAllowed
	}
	return Allowed
}

// holds looks at the prefixes that stand in the partner itself.
func (p *Partner) holds(address netip.Addr) (listed, prefixes bool) {
	for i := range p.near {
		if n := p.near[i]; n.IsValid() {
			prefixes = true
			listed = listed || n.Contains(address)
		}
	}
	return listed, prefixes
}

func (a *Decider) inCountry(d *Decision) bool {
	if a.cfg.Countries == nil {
		return false
	}
	code, ok := a.cfg.Countries.Country(d.Address)
	if !ok {
		return false
	}
	d.Country = code
	groups := d.Partner.groups()
	for i := range groups {
		n := &groups[i]
		if (n.api == "" || n.api == d.API.Name) && slices.Contains(n.countries, code) {
			return true
		}
	}
	return false
}
