package whatif

// Proposed is a change that somebody thinks of. It is about one environment; network rules and limits are one partner's, what is
// changed of an API is for everybody. At least one change must be there.
type Proposed struct {
	Environment string `json:"environment"`          // required
	PartnerID   string `json:"partner_id,omitempty"` // required with network rules and limits; else empty asks about every partner

	AddNetworks    []Network   `json:"add_networks,omitempty"`
	RemoveNetworks []string    `json:"remove_networks,omitempty"` // ids of rules that are in force
	SetLimits      []Limit     `json:"set_limits,omitempty"`      // each takes the place of that of its scope
	RemoveLimits   []string    `json:"remove_limits,omitempty"`   // ids of limits that are in force
	APIs           []APIChange `json:"apis,omitempty"`            // each API at most once
}

// Network is a network rule to be added: a prefix or a country.
type Network struct {
	API     string `json:"api,omitempty"`     // empty: every API of the environment
	Prefix  string `json:"prefix,omitempty"`  // "203.0.113.0/24"; an address alone is a /32 or /128
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2, upper case
}

// Limit is a limit to be set; its numbers are bounded as those of partner.Limit.
type Limit struct {
	CredentialID string `json:"credential_id,omitempty"` // empty: all credentials of the partner together
	API          string `json:"api,omitempty"`           // empty: all APIs of the environment together
	Rate         int    `json:"rate,omitempty"`          // requests in each PerS; 0: no rate
	PerS         int    `json:"per_s,omitempty"`         // seconds
	Burst        int    `json:"burst,omitempty"`
	Daily        int64  `json:"daily,omitempty"` // 0: no quota
}

// APIChange is another setting of an API.
type APIChange struct {
	API       string `json:"api"`
	WindowS   int    `json:"window_s,omitempty"`  // signed APIs: how far a timestamp may be from the server's time, in seconds, 1 to 900; 0: as it is
	Addresses string `json:"addresses,omitempty"` // "required", "optional" or "off"; empty: as it is
}
