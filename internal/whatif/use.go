package whatif

import "time"

// Rehearsal is what a rotation would meet: which versions of a credential are used, from where, until when.
type Rehearsal struct {
	Credential string    `json:"credential"` // row id
	PartnerID  string    `json:"partner_id"`
	Kind       string    `json:"kind"`
	Span       Span      `json:"span"`
	MadeAt     time.Time `json:"made_at"`
	Reaches    time.Time `json:"reaches"`   // how far back a last use can be known; zero: there are no counts
	Truncated  bool      `json:"truncated"` // there were more lines than one answer reads: addresses, refusals and days are of the first ones
	Unread     []string  `json:"unread"`    // what could not be read, and why

	Versions []VersionUse `json:"versions"` // the newest first; those of the register, and others that the records know
	ByToken  *VersionUse  `json:"by_token,omitempty"`
	// Unproved are the refusals before proof of requests that named the credential: by whoever knows its key id.
	Unproved Counts   `json:"unproved"`
	Notes    []string `json:"notes"`
}

// VersionUse is how one version was used, by requests that proved to have it.
type VersionUse struct {
	Version   int        `json:"version"` // 0: by access token, which belongs to no version
	Live      bool       `json:"live"`    // counts now
	Newest    bool       `json:"newest"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	Gone      bool       `json:"gone"` // the register does not have it any more

	LastUse   *time.Time `json:"last_use,omitempty"`  // of all that is counted, see Rehearsal.Reaches; nil: none is known
	FirstUse  *time.Time `json:"first_use,omitempty"` // in the span
	Allowed   uint64     `json:"allowed"`             // in the span
	Refused   uint64     `json:"refused"`             // in the span, after proof
	Refusals  Counts     `json:"refusals"`            // by reason
	Addresses Addresses  `json:"addresses"`
	Days      []DayUse   `json:"days"` // days of UTC with a use, in order
}

// DayUse is the use on one day of UTC.
type DayUse struct {
	Day     string `json:"day"` // "2026-11-20"
	Allowed uint64 `json:"allowed"`
	Refused uint64 `json:"refused"`
}

// Preview says what a revocation now would have refused.
type Preview struct {
	Credential string    `json:"credential"` // row id
	PartnerID  string    `json:"partner_id"`
	Version    int       `json:"version,omitempty"` // 0: the whole credential, access tokens included
	Span       Span      `json:"span"`
	MadeAt     time.Time `json:"made_at"`
	Truncated  bool      `json:"truncated"` // there were more lines than one answer reads: the numbers are of the newest ones
	Unread     []string  `json:"unread"`

	Requests  uint64    `json:"requests"` // let in, and refused had it been revoked before
	APIs      Counts    `json:"apis"`
	Methods   Counts    `json:"methods"`
	Versions  Counts    `json:"versions"` // "1", "2"; "token" for calls by access token
	Addresses Addresses `json:"addresses"`
	First     *Example  `json:"first,omitempty"`
	Last      *Example  `json:"last,omitempty"`
	// Spared are let in and go on: with another version, or by an access token that outlives the version.
	Spared uint64   `json:"spared"`
	Text   string   `json:"text"` // one sentence
	Notes  []string `json:"notes"`
}

// VersionKey names one version of a credential.
type VersionKey struct {
	CredentialID string
	Version      int
}

// LastUses are the last proven uses that the counts know of.
type LastUses struct {
	// Reaches is the beginning of what is counted: a version without a use here was silent since then, or since it was made. Zero:
	// nothing is counted, and nothing may be concluded.
	Reaches time.Time
	// Until is up to where every use is certainly counted; zero where nothing is counted, or there are Faults.
	Until time.Time
	// Faults are counts that could not be read: silence is not proven while there are some.
	Faults []string
	// Lost is how many lines the record itself says were never written, over all that is counted: a use among them is not known.
	Lost uint64
	Uses map[VersionKey]time.Time // to the second, rounded down
}

// Silent reports whether a version was certainly not used from since to now: what is counted reaches back that far, all of it
// could be read, and no use is later.
func (l LastUses) Silent(credentialID string, version int, since time.Time) bool {
	if l.Reaches.IsZero() || l.Reaches.After(since) || len(l.Faults) > 0 {
		return false
	}
	return l.Uses[VersionKey{credentialID, version}].Before(since)
}
