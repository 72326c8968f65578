package access

import (
	"crypto/rand"
	"encoding/hex"
)

// NewRequestID makes the id that a request carries through answer, record and identity headers: 128 random bits in
// lower-case hex.
func NewRequestID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand.Read ends the process instead
	return hex.EncodeToString(random[:])
}
