package partner

import (
	"net/netip"
	"time"
)

// NetworkRule is one line of the networks from which a partner may call an environment: a prefix or a country. Of all rules
// that apply to an API the prefixes are one list and the countries another; an address is inside a list when one entry
// holds it, and where a partner has both lists, both must hold it. Package access applies them.
type NetworkRule struct {
	ID          string
	PartnerID   string
	Environment string
	API         string       // empty: every API of the environment
	Prefix      netip.Prefix // zero: this is a country rule
	Country     string       // ISO 3166-1 alpha-2, upper case, never XX or ZZ; empty: this is a prefix rule
	Note        string       // for people
	CreatedAt   time.Time
}

// Validate reports what is wrong with n, or nil. A rule that would admit every address is refused: an API that wants no
// allowlist says so in its own settings, where it can be seen.
func (n NetworkRule) Validate() error {
	switch {
	case n.ID == "" || n.PartnerID == "" || n.Environment == "":
		return invalid("a network rule names itself, its partner and its environment")
	case n.Prefix.IsValid() == (n.Country != ""):
		return invalid("a network rule has a prefix or a country, not both and not neither")
	case n.Prefix.IsValid() && n.Prefix.Bits() == 0:
		return invalid("%s holds every address; switch the allowlist off for the API instead", n.Prefix)
	case n.Prefix.IsValid() && n.Prefix.Addr().Is4In6():
		return invalid("write %s as an IPv4 prefix", n.Prefix)
	case n.Prefix.IsValid() && n.Prefix != n.Prefix.Masked():
		return invalid("%s has bits beyond its length; did you mean %s?", n.Prefix, n.Prefix.Masked())
	case n.Country != "" && !isCountry(n.Country):
		return invalid("a country is two capital letters (ISO 3166-1 alpha-2)")
	case n.Country == "XX" || n.Country == "ZZ":
		return invalid("%s stands for an unknown country, which no rule can admit (security rule 38)", n.Country)
	}
	return nil
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
