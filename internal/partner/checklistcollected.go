package partner

import (
	"net/netip"
	"time"
)

// MaxCollected is how many addresses and how many reasons of refusals a Collected names.
const MaxCollected = 100

// Collected is what the system itself has seen of a partner in an environment: evidence that nobody wrote. It is derived from
// the record of decisions. The zero value says that nothing was seen.
type Collected struct {
	Since     time.Time          `json:"since,omitzero"`      // how far back was read; zero: nothing was
	At        time.Time          `json:"at,omitzero"`         // when it was read
	Calls     uint64             `json:"calls"`               // admitted ones that proved who sent them
	TLSCalls  uint64             `json:"tls_calls"`           // of these: over TLS 1.2 or later
	FirstCall time.Time          `json:"first_call,omitzero"` // zero: there was none
	LastCall  time.Time          `json:"last_call,omitzero"`
	Addresses []CollectedAddress `json:"addresses,omitempty"` // of admitted calls, the most frequent first, at most MaxCollected
	Others    uint64             `json:"others,omitempty"`    // addresses beyond these
	Refusals  []CollectedRefusal `json:"refusals,omitempty"`  // of requests that name the partner, likewise
}

// CollectedAddress is one address from which calls came.
type CollectedAddress struct {
	Address netip.Addr `json:"address"`
	Count   uint64     `json:"count"`
	First   time.Time  `json:"first"`
	Last    time.Time  `json:"last"`
}

// CollectedRefusal is how often something was the reason of a refusal.
type CollectedRefusal struct {
	Reason string `json:"reason"` // access.Reason as text
	Count  uint64 `json:"count"`
}

// Validate reports what is wrong with c, or nil.
func (c Collected) Validate() error {
	switch {
	case len(c.Addresses) > MaxCollected || len(c.Refusals) > MaxCollected:
		return invalid("collected evidence names at most %d addresses and %d reasons", MaxCollected, MaxCollected)
	case (c.Calls == 0) != c.FirstCall.IsZero() || c.TLSCalls > c.Calls:
		return invalid("collected evidence: its counts of calls do not fit together")
	}
	for _, a := range c.Addresses {
		if !a.Address.IsValid() || a.Address.Zone() != "" {
			return invalid("collected evidence: an address that is none")
		}
	}
	for _, r := range c.Refusals {
		if !isReason(r.Reason) {
			return invalid("collected evidence: %.60q is no reason", r.Reason)
		}
	}
	return nil
}

// Joined is c with what was known before: a first call stays the first one, and what was seen stays seen when the record no longer
// reaches back to it.
func (c Collected) Joined(before Collected) Collected {
	if before.Calls == 0 {
		return c
	}
	if c.Calls == 0 {
		c.Calls, c.TLSCalls, c.LastCall = before.Calls, before.TLSCalls, before.LastCall
		c.Addresses, c.Others, c.FirstCall = before.Addresses, before.Others, before.FirstCall
	}
	if before.FirstCall.Before(c.FirstCall) {
		c.FirstCall = before.FirstCall
	}
	return c
}

// Tells reports whether c says anything that before does not: a first call, calls outside of TLS, an address, a reason. Counts
// and times that only grow are no news.
func (c Collected) Tells(before Collected) bool {
	if (c.Calls == 0) != (before.Calls == 0) || (c.TLSCalls == c.Calls) != (before.TLSCalls == before.Calls) {
		return true
	}
	addresses := make(map[netip.Addr]bool, len(before.Addresses))
	for _, a := range before.Addresses {
		addresses[a.Address] = true
	}
	for _, a := range c.Addresses {
		if !addresses[a.Address] {
			return true
		}
	}
	reasons := make(map[string]bool, len(before.Refusals))
	for _, r := range before.Refusals {
		reasons[r.Reason] = true
	}
	for _, r := range c.Refusals {
		if !reasons[r.Reason] {
			return true
		}
	}
	return false
}

func isReason(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 60
}
