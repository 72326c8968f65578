package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrChange is wrapped by every error of Change.Validate.
var ErrChange = errors.New("invalid change row")

// Limits of the texts in a change row, in bytes.
const (
	MaxActor   = 220
	MaxSubject = 200
	MaxDetail  = 1000
)

// Change is one row of the state-change record (design decision 6). Rows are only ever added. It never holds a secret, a
// hash of one or a token. The store fills in Seq, Prev, Hash and Touched when the transaction ends; whatever they hold
// before is ignored.
type Change struct {
	Seq     uint64    // 1, 2, 3… without gaps; 0 before it is written
	At      time.Time // UTC
	Actor   string    // "operator:alice", "partner:2445581234567", "system:tokens"
	Action  Action
	Subject string // the row identity that was changed: "ptn_…", "crd_…", "net_…", "lim_…", an environment's name, or "register"
	Detail  string // one line for people; empty: nothing to add

	Touched []Touch  // the rows of the register that this change wrote or removed, as its transaction left them; in the order of Row
	Prev    [32]byte // Hash of the row before; of the first one: Genesis
	Hash    [32]byte // ChangeHash of this row
}

// Action says what was done. The list is closed.
type Action string

// The actions. Each comment says what the subject is.
const (
	PartnerCreated    Action = "partner.created"     // partner
	PartnerClosed     Action = "partner.closed"      // partner
	ReviewRequested   Action = "review.requested"    // partner; the environment is in the detail, as below
	ReviewApproved    Action = "review.approved"     // partner
	ReviewSuspended   Action = "review.suspended"    // partner
	ReviewResumed     Action = "review.resumed"      // partner
	ReviewWithdrawn   Action = "review.withdrawn"    // partner
	ReviewClosed      Action = "review.closed"       // partner
	CredentialIssued  Action = "credential.issued"   // credential
	CredentialRotated Action = "credential.rotated"  // credential; by an operator
	CredentialRevoked Action = "credential.revoked"  // credential
	CredentialLocked  Action = "credential.locked"   // credential; by the system
	CredentialOpened  Action = "credential.unlocked" // credential
	CredentialBound   Action = "credential.bound"    // credential; to TLS client keys, or to none any more
	SecretChanged     Action = "secret.changed"      // credential; by the partner, over the wire
	TokensRevoked     Action = "tokens.revoked"      // credential
	NetworkAllowed    Action = "network.allowed"     // network rule
	NetworkRemoved    Action = "network.removed"     // network rule
	LimitSet          Action = "limit.set"           // limit; new, or in the place of an older one
	LimitRemoved      Action = "limit.removed"       // limit
	SealingKeyMade    Action = "sealing_key.made"    // environment
	SealingKeyRotated Action = "sealing_key.rotated" // environment
	SealingKeyDropped Action = "sealing_key.dropped" // environment; every key but a new one, with all tokens that they sealed
	SecretsResealed   Action = "secrets.resealed"    // environment; sealed values with a newer key of the key ring
	KeyAdded          Action = "key.added"           // "register", or the environment with a ring of its own; a key to the key ring
	KeyRetired        Action = "key.retired"         // as above; a key is dropped from the key ring
	RegisterRestored  Action = "register.restored"   // "register"; a backup was put in its place
	RegisterChained   Action = "register.chained"    // "register"; by the system, when a register of version 1 got its chain
)

// Actions returns the closed list in its documented order; a fresh slice each time.
func Actions() []Action {
	return []Action{PartnerCreated, PartnerClosed, ReviewRequested, ReviewApproved, ReviewSuspended, ReviewResumed,
		ReviewWithdrawn, ReviewClosed, CredentialIssued, CredentialRotated, CredentialRevoked, CredentialLocked, CredentialOpened,
		CredentialBound, SecretChanged, TokensRevoked, NetworkAllowed, NetworkRemoved, LimitSet, LimitRemoved,
		SealingKeyMade, SealingKeyRotated, SealingKeyDropped, SecretsResealed, KeyAdded, KeyRetired, RegisterRestored, RegisterChained}
}

// Known reports whether a is one of Actions.
func (a Action) Known() bool {
	for _, known := range Actions() {
		if a == known {
			return true
		}
	}
	return false
}

// Validate reports what is wrong with c, or nil. What the store fills in is not looked at. Every text is one line of valid
// UTF-8 within its limit, so that a row can neither forge a second one in a listing nor grow without bound.
func (c Change) Validate() error {
	switch {
	case c.At.IsZero():
		return fmt.Errorf("%w: without a time", ErrChange)
	case !c.Action.Known():
		return fmt.Errorf("%w: unknown action %q", ErrChange, string(c.Action))
	case c.Actor == "" || !oneLine(c.Actor, MaxActor):
		return fmt.Errorf("%w: an actor is one line of 1 to %d bytes", ErrChange, MaxActor)
	case c.Subject == "" || !oneLine(c.Subject, MaxSubject):
		return fmt.Errorf("%w: a subject is one line of 1 to %d bytes", ErrChange, MaxSubject)
	case !oneLine(c.Detail, MaxDetail):
		return fmt.Errorf("%w: a detail is one line of at most %d bytes", ErrChange, MaxDetail)
	}
	return nil
}

// oneLine refuses control characters, and the separators and direction marks with which a listing can be disguised.
func oneLine(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	})
}
