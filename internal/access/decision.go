package access

import (
	"net/netip"
	"time"

	"countersign.dev/internal/partner"
)

// Decision is the outcome for one request, and all that the renderers and the record need to know about it. The zero value
// refuses. A Decision belongs to one request and is not safe for concurrent use.
type Decision struct {
	Reason    Reason
	RequestID string // 32 lower-case hex digits, random
	API       *API   // nil: no API was found

	// Identity; set only where the comment says so. Nobody but the pipeline writes it.
	Partner    *Partner    // set as soon as the key id is known; proved only if Proved is true
	Credential *Credential // likewise
	Proved     bool        // the caller proved who it is: the rest of the pipeline is told exactly
	Version    int         // of the credential, that proved it; 0: by token, or not proved

	Forwarded bool // it was let in and went to the upstream, whatever Reason says of the answer

	// What the caller may be told. Both are made from closed lists and numbers, never from the caller's text.
	Where  string // the header or parameter that Reason is about; empty: none
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
}

// Partner is a partner as the snapshot knows it: 128 bytes, two lines of memory. Immutable.
type Partner struct {
	near   [nearPrefixes]netip.Prefix // the prefixes of a partner that has few rules and simple ones; then rules is nil
	rules  []networkRules
	Review partner.ReviewState // for the environment at hand
	Closed bool
	ID     string
}
