package scheme

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrSecret is wrapped by NewKey when the secret is empty or is not encoded as the profile says. The text never holds the secret.
var ErrSecret = errors.New("secret does not fit the profile")

var errState = errors.New("hash state cannot be saved")

// Key is an HMAC key with its inner and outer hash states already computed (RFC 2104 §4). It is a small value: a million of them fit in
// a slice. Immutable, safe for concurrent use. The zero value is no key: Verify refuses with it and Sign fails. It does not reveal itself when printed.
type Key struct {
	alg    uint8            // first, so that with the shorter algorithms the used part is one piece
	states [2 * maxMAC]byte // inner, then outer, each as long as the algorithm's state
	raw    *rawKey          // nil unless a request's key or message depends on the secret itself
}

// Format writes a placeholder for every verb, so that no log line holds key material (security rule 4).
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[key]") }

// NewKey decodes the issued secret as the profile says and computes the key's states once. It returns an error that wraps ErrSecret when the secret is
// empty or badly encoded. The secret is not kept.
func (s *Scheme) NewKey(secret []byte) (Key, error) {
	if len(secret) == 0 {
		return Key{}, fmt.Errorf("%w: it is empty", ErrSecret)
	}
	if s.two && (s.extra.derived || s.extra.secret || s.alg.plain || len(s.secrets) > 0) {
		return s.NewKeyParts(secret, nil)
	}
	c := s.acquire()
	defer s.release(c)
	c.secret = secret
	return s.fixedKey(c)
}

// fixedKey evaluates the key expression, which depends on nothing but the secret.
func (s *Scheme) fixedKey(c *scratch) (Key, error) {
	for i := range s.key {
		c.emit(&s.key[i])
	}
	raw := c.buf
	defer clear(raw)
	if c.fault != nil {
		return Key{}, fmt.Errorf("%w: %s", ErrSecret, c.fault.Detail)
	}
	if len(raw) == 0 {
		return Key{}, fmt.Errorf("%w: it is empty once decoded", ErrSecret)
	}
	return s.stateOf(raw)
}

func (s *Scheme) stateOf(raw []byte) (Key, error) {
	a := s.alg
	if len(raw) > a.block {
		h := a.new()
		h.Write(raw)
		raw = h.Sum(nil)
	}
	k := Key{alg: a.id}
	for i, pad := range [2]byte{0x36, 0x5c} {
		block := bytes.Repeat([]byte{pad}, a.block)
		for j := range raw {
			block[j] ^= raw[j]
		}
		state, err := a.afterBlock(block)
		clear(block)
		if err != nil {
			return Key{}, err
		}
		if !s.sameFrame(state) {
			return Key{}, errState
		}
		copy(k.states[i*a.state:], state[stateOffset:stateOffset+a.state])
	}
	return k, nil
}

// sameFrame says whether a saved state differs from the template nowhere but in the chaining state, so that these bytes alone restore it.
func (s *Scheme) sameFrame(state []byte) bool {
	end := stateOffset + s.alg.state
	return len(state) == len(s.frame) && bytes.Equal(state[:stateOffset], s.frame[:stateOffset]) && bytes.Equal(state[end:], s.frame[end:])
}
