package access

import (
	"crypto/rand"
	"encoding/hex"
)

// idBytes is how many random bytes stand behind a request's id.
const idBytes = 16

// NewRequestID makes the id that a request carries through answer, record and identity headers: 128 random bits in
// lower-case hex.
func NewRequestID() string {
	var random [idBytes]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand.Read ends the process instead
	return idOf(random[:])
}

func idOf(random []byte) string {
	var text [2 * idBytes]byte
	hex.Encode(text[:], random)
	return string(text[:])
}

// RequestIDs makes ids as NewRequestID does and asks the system for the random bytes of several at a time, which is most of what one
// costs. The zero value is ready. Not safe for concurrent use.
type RequestIDs struct {
	random [8 * idBytes]byte
	left   int // bytes at the end of random that no id was made of
}

// Next makes one. Its random bytes are not kept.
func (r *RequestIDs) Next() string {
	if r.left == 0 {
		_, _ = rand.Read(r.random[:])
		r.left = len(r.random)
	}
	part := r.random[len(r.random)-r.left:][:idBytes]
	defer clear(part)
	r.left -= idBytes
	return idOf(part)
}
