package partner

// PartnerQuery says which partners are listed, by row identity. Empty fields ask for nothing.
type PartnerQuery struct {
	NameContains string      // in any case of ASCII letters; every character stands for itself
	State        string      // "open" or "closed"
	Environment  string      // those with a review for it
	Review       ReviewState // with a review in this state, in Environment or anywhere
	After        string      // the row identity before the first one
	Limit        int         // 0: as many as a page has
}

// The states of partners and credentials in queries.
const (
	StateOpen    = "open"
	StateClosed  = "closed"
	StateActive  = "active" // neither revoked nor locked
	StateLocked  = "locked"
	StateRevoked = "revoked"
)

// CredentialQuery says which credentials are listed, by row identity. Empty fields ask for nothing.
type CredentialQuery struct {
	PartnerID   string
	Environment string
	Kind        Kind
	State       string // StateActive, StateLocked or StateRevoked: a revoked one is not listed as locked
	After       string // the row identity before the first one
	Limit       int    // 0: as many as a page has
}

// Validate reports what is wrong with q, or nil.
func (q PartnerQuery) Validate() error {
	switch {
	case q.State != "" && q.State != StateOpen && q.State != StateClosed:
		return invalid("a partner is %s or %s", StateOpen, StateClosed)
	case len(q.NameContains) > 200 || len(q.After) > 200:
		return invalid("a part of a name has at most 200 bytes")
	}
	switch q.Review {
	case "", ReviewRequested, ReviewStarted, ReviewApproved, ReviewSuspended, ReviewClosed:
		return nil
	}
	return invalid("unknown review state %q", q.Review)
}

// Validate reports what is wrong with q, or nil.
func (q CredentialQuery) Validate() error {
	switch {
	case q.Kind != "" && q.Kind != App && q.Kind != SigningKey:
		return invalid("unknown kind of credential %q", q.Kind)
	case q.State != "" && q.State != StateActive && q.State != StateLocked && q.State != StateRevoked:
		return invalid("a credential is %s, %s or %s", StateActive, StateLocked, StateRevoked)
	case len(q.After) > 200:
		return invalid("a row identity has at most 200 bytes")
	}
	return nil
}
