package access

import (
	"iter"
	"net/netip"
	"slices"

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

// inline puts the rules of a simple partner into the partner: one group, for every API, without countries. It returns the
// rules that do not fit.
func (p *Partner) inline(rules []networkRules) []networkRules {
	if len(rules) != 1 || rules[0].api != "" || len(rules[0].countries) > 0 || rules[0].table != nil || len(rules[0].prefixes) > nearPrefixes {
		return rules
	}
	copy(p.near[:], rules[0].prefixes)
	return nil
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

// groupNetworks sorts rules into what each partner of one environment has.
func groupNetworks(rules []partner.NetworkRule, environment string) map[string][]networkRules {
	grouped := map[string][]networkRules{}
	for _, rule := range rules {
		if rule.Environment != environment {
			continue
		}
		list := grouped[rule.PartnerID]
		i := slices.IndexFunc(list, func(n networkRules) bool { return n.api == rule.API })
		if i < 0 {
			list = append(list, networkRules{api: rule.API})
			i = len(list) - 1
		}
		if rule.Country != "" {
			list[i].countries = append(list[i].countries, rule.Country)
		} else {
			list[i].prefixes = append(list[i].prefixes, rule.Prefix.Masked())
		}
		grouped[rule.PartnerID] = list
	}
	for _, list := range grouped {
		for i := range list {
			list[i].compact()
		}
	}
	return grouped
}

func (n *networkRules) compact() {
	if len(n.prefixes) <= scanLimit {
		return
	}
	n.table = new(bart.Lite)
	for _, p := range n.prefixes {
		n.table.Insert(p)
	}
	n.prefixes = nil
}
