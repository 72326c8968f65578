package access

import (
	"net/netip"
	"slices"
)

// NetworkVerdict explains what the network rules in force say of one address: for an operator, never for a caller.
type NetworkVerdict struct {
	// Reason is Allowed, AddressNotListed or CountryNotAllowed, as Decide would say; UnknownAPI where there is no such
	// environment or API, UnknownCredential where there is no such partner, AddressUnknown where the address is none,
	// Unavailable where no snapshot is in force.
	Reason Reason
	// Admission is what the partner's review comes to, apart from networks: Allowed, NotApproved or Suspended. The latter two
	// refuse every request, whatever Reason says.
	Admission Reason
	Revision  uint64        // of the register that was asked
	Address   netip.Addr    // as it is compared: without a zone, IPv4 never written as IPv6
	Asked     AddressRule   // what the API asks of prefixes; never AddressDefault
	Warned    bool          // the address is on no list, and is let in because the API only warns
	Country   string        // upper-case ISO code; empty: there is no country file, or it does not know the address
	Rules     []NetworkRule // of the partner in this environment, those for every API first; nil: none
}

// NetworkRule is one rule as it was applied.
type NetworkRule struct {
	API     string       // empty: every API
	Prefix  netip.Prefix // zero: Country is set
	Country string
	Applies bool // to the API at hand
	Matches bool // it holds the address
}

// TestNetwork says what Decide would make of an address, if the partner called the API of the environment from it and
// proved itself. It asks the snapshot in force and changes nothing.
func (a *Decider) TestNetwork(environment, api, partnerID string, address netip.Addr) NetworkVerdict {
	v := NetworkVerdict{Address: address.Unmap().WithZone("")}
	snap := a.snap.Load()
	if snap == nil {
		v.Reason = Unavailable
		return v
	}
	v.Revision = snap.revision
	d := Decision{Address: v.Address}
	if i := slices.IndexFunc(a.environments[environment], func(x *API) bool { return x.Name == api }); i >= 0 {
		d.API = a.environments[environment][i]
	}
	if d.API != nil {
		d.Partner = snap.worlds[environment].partner(partnerID)
	}
	switch {
	case d.API == nil:
		v.Reason = UnknownAPI
	case d.Partner == nil:
		v.Reason = UnknownCredential
	case !v.Address.IsValid():
		v.Reason = AddressUnknown
	default:
		a.explainNetwork(&v, &d)
	}
	return v
}

func (a *Decider) explainNetwork(v *NetworkVerdict, d *Decision) {
	v.Asked, v.Admission = d.API.addresses(), d.Partner.standing()
	v.Reason = a.checkNetwork(d)
	v.Warned = len(d.Warnings) > 0
	if a.cfg.Countries != nil {
		v.Country, _ = a.cfg.Countries.Country(v.Address)
	}
	for _, prefix := range d.Partner.near {
		if prefix.IsValid() {
			v.Rules = append(v.Rules, NetworkRule{Prefix: prefix, Applies: true, Matches: prefix.Contains(v.Address)})
		}
	}
	for _, group := range d.Partner.groups() {
		applies := group.api == "" || group.api == d.API.Name
		for prefix := range group.each() {
			v.Rules = append(v.Rules, NetworkRule{API: group.api, Prefix: prefix, Applies: applies, Matches: prefix.Contains(v.Address)})
		}
		for _, country := range group.countries {
			v.Rules = append(v.Rules, NetworkRule{API: group.api, Country: country, Applies: applies, Matches: country == v.Country})
		}
	}
	slices.SortStableFunc(v.Rules, func(x, y NetworkRule) int {
		switch {
		case x.API < y.API:
			return -1
		case x.API > y.API:
			return 1
		}
		return 0
	})
}

// partner finds a partner of the world by its id. It looks at all of them: for operators.
func (w *world) partner(id string) *Partner {
	for p := range w.partners.each {
		if p.ID == id {
			return p
		}
	}
	return nil
}
