package partner

import (
	"net/netip"
	"time"

	"countersign.dev/internal/secret"
)

// NetworkRule is one line of the networks from which a partner may call an environment: a prefix or a country. An address
// is inside when a prefix holds it, or when the partner has prefix rules for nothing and only countries apply; see
// internal/access for how the rules of one partner combine.
type NetworkRule struct {
	ID          string
	PartnerID   string
	Environment string
	API         string       // empty: every API of the environment
	Prefix      netip.Prefix // zero: this is a country rule
	Country     string       // ISO 3166-1 alpha-2, upper case; empty: this is a prefix rule
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
	}
	return nil
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// SealingKey seals access tokens of one environment. The newest one that is not retired seals; all of them open, until
// the token lifetime and a week after RetiredAt, so that expired tokens stay distinguishable from forged ones.
type SealingKey struct {
	Environment string
	ID          uint32       // unique within the environment; travels in the token
	Key         secret.Value // 32 bytes, in memory only
	Sealed      []byte       // Key as a store keeps it, sealed to this row; nil wherever Key is in clear
	CreatedAt   time.Time
	RetiredAt   time.Time // zero: may seal
}

// Roster is everything that admission needs to know, as one consistent reading of the store. Secrets are in clear here and
// nowhere else; whoever builds a snapshot from it drops it afterwards. Treat it as immutable.
type Roster struct {
	Revision    uint64    // of the store's change counter; grows with every change
	ReadAt      time.Time // when it was read
	Partners    []Partner
	Reviews     []Review
	Credentials []Credential
	Networks    []NetworkRule
	SealingKeys []SealingKey
}
