package access

import (
	"iter"
	"net/netip"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate"
)

// Decision is the outcome for one request, and all that the renderers and the record need to know about it. The zero value
// refuses. A Decision belongs to one request and is not safe for concurrent use.
type Decision struct {
	Reason    Reason
	RequestID string // 32 lower-case hex digits, random
	API       *API   // nil: no API was found

	// Identity; set only where the comment says so. Nobody but the pipeline writes it.
	Partner    *Partner    // set as soon as the key id is known; proved only if Proved is true
	Credential *Credential // likewise; part of the Decision, and gone with it
	Proved     bool        // the caller proved who it is: the rest of the pipeline is told exactly
	Version    int         // of the credential, that proved it; 0: by token, or not proved

	Limit LimitStatus // of the tightest limit that applied; the zero value: none, or none that the caller may be told of
	told  [rate.Max]*limit

	Forwarded bool // it was let in and went to the upstream, whatever Reason says of the answer

	// What the caller may be told. Both are made from closed lists and numbers, never from the caller's text.
	Where  string // the header, parameter or scope of limits that Reason is about; empty: none
	Detail string // one sentence more; empty: none

	// The client's address as derived, and how.
	Address    netip.Addr // invalid: unknown
	Country    string     // upper-case ISO code; empty: not looked up or unknown
	Derivation string     // hop by hop, for people; set only when an address is refused

	// For the operator's eye only, never told to the caller.
	OtherEnvironment string        // with WrongEnvironment: where the credential belongs
	Skew             time.Duration // with StaleTimestamp and FutureTimestamp: server time minus the caller's
	Cause            error         // with Unavailable, Internal and the upstream reasons: for the log
	Unproved         bool          // token endpoint: the address is not one from which this partner may authenticate
	Warnings         []string      // what would be refused but for a warning mode

	// Of signed requests, for the operator's eye as well.
	Timed     bool          // the timestamp was read: Lead is set
	Lead      time.Duration // the caller's time minus the server's as the request came, the caller's cut to whole seconds
	Shadow    ShadowResult  // what the API's shadow profile made of it; empty: it was not asked
	tried     [maxTried]uint16
	triedSize uint8

	// What a caller that has proved itself is told of the version that it did it with (RFC 8594, RFC 9745), in seconds since
	// 1970; 0: nothing.
	Sunset     int64 // the last second in which the version counts
	Deprecated int64 // since when a newer version is there; where that is not known, a moment before it was

	credential Credential // what Credential shows
}

// maxTried is how many versions a decision names that were tried.
const maxTried = 8

// Tried are the numbers of the versions that the signature was compared with, newest first, at most 8 of them: where the caller
// was admitted, the last one is Version. The slice is part of d. Empty: the request did not come so far, or not to a signed API.
func (d *Decision) Tried() []uint16 { return d.tried[:d.triedSize] }

// LimitStatus is what a caller is told of the limits that apply to it.
type LimitStatus struct {
	Name      string // of the Policy that is told of; empty: of none
	Remaining int64  // requests that may come at once
	Reset     int64  // seconds until there is more: of a burst the whole one, or where none is left the next request
	Retry     int64  // seconds until an equal request may be let in; only with RateLimited and QuotaExceeded
}

// Partner is a partner as the snapshot knows it: 128 bytes, two lines of memory. Immutable.
type Partner struct {
	near   [nearPrefixes]netip.Prefix // the prefixes of a partner that has few rules and simple ones; then more has none
	more   *partnerMore               // what few partners have; nil: nothing
	tag    rate.Key                   // names environment and row in the keys of limits
	Review partner.ReviewState        // for the environment at hand
	Closed bool
	ID     string
}

// partnerMore is what a decision needs to know of a partner beyond two prefixes.
type partnerMore struct {
	rules  []networkRules
	limits []*limit // of the register
}

// extend makes room for what p has more than others.
func (p *Partner) extend() *partnerMore {
	if p.more == nil {
		p.more = new(partnerMore)
	}
	return p.more
}

// groups are the network rules of p that do not stand in it.
func (p *Partner) groups() []networkRules {
	if p.more == nil {
		return nil
	}
	return p.more.rules
}

// Policies yields the limits that applied to the request, as far as the caller may be told of them.
func (d *Decision) Policies() iter.Seq[Policy] {
	return func(yield func(Policy) bool) {
		for _, l := range d.told {
			if l == nil {
				continue
			}
			for _, p := range l.policies {
				if !yield(p) {
					return
				}
			}
		}
	}
}
