package console

import (
	"cmp"
	"net/netip"
	"slices"

	"countersign.dev/api"
)

// networkView is what one environment of a partner has: its rules, and the addresses that calls really came from.
type networkView struct {
	Environment string
	Rules       []networkRuleView
	Seen        []networkSeenView
	Prefixes    bool // there is a rule that names a prefix
	Partial     bool // not every address is among Seen
	Uncovered   int  // addresses of Seen that no rule holds although there are prefixes
	MoreRules   int  // that are not listed; they were compared
	MoreSeen    int  // likewise
}

// networkRuleView is one rule, and who of the seen addresses it holds.
type networkRuleView struct {
	api.Network
	What   string // the prefix, or the country
	Holds  int    // seen addresses
	Told   bool   // Holds says something: it is a prefix that can be read
	Unused bool   // it is a prefix that holds nobody who was seen
}

// networkSeenView is one address, who proved themselves from there, and the rules that hold it.
type networkSeenView struct {
	Address string
	By      []seenBy
	Rules   []string // prefixes that hold it, as they are written; with the API where they are for one
	Outside bool     // there are prefixes, and none holds it
}

// seenBy is one version of a credential.
type seenBy struct {
	Credential string
	Version    int
}

// networksOf lays the rules of a partner beside the addresses that were seen, environment by environment in the order of names. An
// address was proved by a signature or a secret; whether it was let in is another question, which the rules answer.
func networksOf(names []string, rules []api.Network, usage []api.EnvironmentUsage) []networkView {
	list := make([]networkView, 0, len(names))
	for _, name := range names {
		n := networkView{Environment: name}
		for _, r := range rules {
			if r.Environment == name {
				n.Rules = append(n.Rules, networkRuleView{Network: r, What: cmp.Or(r.Prefix, r.Country)})
				n.Prefixes = n.Prefixes || r.Prefix != ""
			}
		}
		for _, u := range usage {
			if u.Environment == name {
				n.see(u)
			}
		}
		n.compare()
		n.cut()
		list = append(list, n)
	}
	return list
}

// see gathers the addresses of all versions, each once, in their own order.
func (n *networkView) see(u api.EnvironmentUsage) {
	for _, v := range u.Versions {
		n.Partial = n.Partial || v.MoreAddresses
		for _, address := range v.Addresses {
			i := slices.IndexFunc(n.Seen, func(s networkSeenView) bool { return s.Address == address })
			if i < 0 {
				n.Seen = append(n.Seen, networkSeenView{Address: address})
				i = len(n.Seen) - 1
			}
			n.Seen[i].By = append(n.Seen[i].By, seenBy{v.CredentialID, v.Version})
		}
	}
	slices.SortFunc(n.Seen, func(a, b networkSeenView) int {
		left, _ := netip.ParseAddr(a.Address)
		right, _ := netip.ParseAddr(b.Address)
		return cmp.Or(left.Compare(right), cmp.Compare(a.Address, b.Address))
	})
}

// compare finds the rules that hold each address. Prefixes of one environment are one list (decision record 7); a country says
// nothing about an address without the file that the gateway has.
func (n *networkView) compare() {
	for i := range n.Rules {
		rule := &n.Rules[i]
		prefix, err := netip.ParsePrefix(rule.Prefix)
		if rule.Told = err == nil; !rule.Told {
			continue
		}
		for j := range n.Seen {
			seen := &n.Seen[j]
			if a, err := netip.ParseAddr(seen.Address); err == nil && prefix.Contains(a.Unmap()) {
				rule.Holds++
				seen.Rules = append(seen.Rules, rule.title())
			}
		}
		rule.Unused = rule.Holds == 0
	}
	for j := range n.Seen {
		if n.Seen[j].Outside = n.Prefixes && len(n.Seen[j].Rules) == 0; n.Seen[j].Outside {
			n.Uncovered++
		}
	}
}

// How many rules and addresses of one environment a page lists.
const networkMost = 200

// cut keeps the page short. Rules that nobody used and addresses that no rule holds come first, since they are what one looks for.
func (n *networkView) cut() {
	if len(n.Rules) > networkMost {
		slices.SortStableFunc(n.Rules, func(a, b networkRuleView) int { return first(a.Unused, b.Unused) })
		n.MoreRules, n.Rules = len(n.Rules)-networkMost, n.Rules[:networkMost]
	}
	if len(n.Seen) > networkMost {
		slices.SortStableFunc(n.Seen, func(a, b networkSeenView) int { return first(a.Outside, b.Outside) })
		n.MoreSeen, n.Seen = len(n.Seen)-networkMost, n.Seen[:networkMost]
	}
}

// first orders what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// title is a rule in one line.
func (r networkRuleView) title() string {
	if r.API != "" {
		return r.What + " (" + r.API + " only)"
	}
	return r.What
}
