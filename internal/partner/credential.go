package partner

import (
	"slices"
	"time"

	"countersign.dev/internal/secret"
)

// Kind tells the two kinds of credential apart.
type Kind string

const (
	// App is an app key with a partner id and a partner secret, exchanged for access tokens (seed: Accessing the API).
	App Kind = "app"
	// SigningKey is an API token with an API secret that signs requests (seed: API Authentication).
	SigningKey Kind = "signing_key"
)

// MaxFailures is how many consecutive failed authentications lock an app credential.
const MaxFailures = 5

// Credential is what an environment issued to a partner. Its versions carry the secrets, so that a rotation can overlap.
type Credential struct {
	ID          string // row identity, "crd_" and 26 characters; this, never the key id, goes into records and identity headers
	PartnerID   string
	Environment string
	Kind        Kind
	KeyID       string    // on the wire: the app key or the API token; 32 lower-case hex digits, 128 random bits
	Login       string    // App only: the partner id of the wire's Partner Authentication; decimal digits
	Generation  uint32    // App only: access tokens of an older generation are dead
	Failures    int       // App only: consecutive failed authentications
	LockedAt    time.Time // App only; zero: not locked
	RevokedAt   time.Time // zero: not revoked
	CreatedAt   time.Time
	Versions    []Version // newest first; empty: nothing can be proved with this credential

	// ClientKeys are the digests of the TLS client keys that this credential is bound to: lower-case hex of the SHA-256 of a
	// certificate's SubjectPublicKeyInfo. Empty: it is bound to none. At most MaxClientKeys, so that keys can overlap.
	ClientKeys []string
}

// MaxClientKeys is how many TLS client keys one credential may be bound to at once.
const MaxClientKeys = 4

// Resolution is that of every stored time, and so of every comparison with one: what all engines can keep.
const Resolution = time.Microsecond

// Version is one secret of a credential with the span in which it counts: from NotBefore to NotAfter, both included, at the
// resolution of Resolution. A version that ends at once has its NotAfter one Resolution before that moment.
type Version struct {
	Number    int
	Secret    secret.Value // SigningKey only: the API secret's bytes, in memory only, never stored or shown in clear
	Sealed    []byte       // SigningKey only: Secret as a store keeps it, sealed to this row; nil wherever Secret is in clear
	Hash      string       // App only: argon2id in PHC form
	NotBefore time.Time    // zero: from the beginning
	NotAfter  time.Time    // zero: until revoked; an absolute end, the last moment that counts, evaluated at use (security rule 36)
	ByPartner bool         // the partner chose this secret over the wire; nobody else ever knew it
}

// Live reports whether v counts at now. Both bounds are inclusive, and now is cut to Resolution first: a version counts
// until the very end of the microsecond that NotAfter names, and not longer.
func (v Version) Live(now time.Time) bool {
	now = now.Truncate(Resolution)
	return !(!v.NotBefore.IsZero() && now.Before(v.NotBefore)) && !(!v.NotAfter.IsZero() && now.After(v.NotAfter))
}

// Locked reports whether c may not authenticate until an operator unlocks it.
func (c Credential) Locked() bool { return !c.LockedAt.IsZero() || c.Failures >= MaxFailures }

// Validate reports what is wrong with c, or nil.
func (c Credential) Validate() error {
	switch {
	case c.ID == "" || c.PartnerID == "" || c.Environment == "":
		return invalid("a credential names itself, its partner and its environment")
	case c.Kind != App && c.Kind != SigningKey:
		return invalid("unknown kind of credential %q", c.Kind)
	case !IsKeyID(c.KeyID):
		return invalid("a key id has 32 lower-case hex digits")
	case c.Kind == App && !isDigits(c.Login):
		return invalid("an app's partner id has 1 to 20 decimal digits")
	case c.Kind == SigningKey && c.Login != "":
		return invalid("only an app has a partner id")
	case len(c.ClientKeys) > MaxClientKeys:
		return invalid("a credential is bound to at most %d client keys", MaxClientKeys)
	}
	for i, key := range c.ClientKeys {
		if !isClientKey(key) || slices.Contains(c.ClientKeys[:i], key) {
			return invalid("a client key is the SHA-256 of a certificate's public key, 64 lower-case hex digits, and listed once")
		}
	}
	return nil
}

// IsKeyID reports whether s has the form of every key id that is ever issued: 32 lower-case hex digits. Anything else is
// an unknown credential without a look-up.
func IsKeyID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isClientKey reports whether s has the form of a client key's digest.
func isClientKey(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
