package partner

import (
	"time"

	"countersign.dev/internal/secret"
)

const (
	// MaxTokenLifetime is the longest that an access token can be set to count.
	MaxTokenLifetime = 24 * time.Hour
	// KeptSealingKey is for how long a retired sealing key still opens tokens: the last token that it may have sealed, and a
	// week in which an expired token is told from a forged one (design decision 4).
	KeptSealingKey = MaxTokenLifetime + 7*24*time.Hour
)

// SealingKey seals access tokens of one environment. The newest one that is not retired seals. A retired one opens what it
// sealed until KeptSealingKey after RetiredAt; then it is Superseded, and tokens that it sealed count as forged.
type SealingKey struct {
	Environment string
	ID          uint32       // unique within the environment and never used again; travels in the token
	Key         secret.Value // 32 bytes, in memory only
	Sealed      []byte       // Key as a store keeps it, sealed to this row; nil wherever Key is in clear
	CreatedAt   time.Time
	RetiredAt   time.Time // zero: may seal
}

// Superseded reports whether k opens nothing any more at now, so that nobody needs it.
func (k SealingKey) Superseded(now time.Time) bool {
	return !k.RetiredAt.IsZero() && now.After(k.RetiredAt.Add(KeptSealingKey))
}
