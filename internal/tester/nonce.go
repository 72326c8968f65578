package tester

import (
	"fmt"
	"io"

	"countersign.dev/scheme"
)

// nonceSize is how long a nonce is where the profile allows it: 128 bits in hexadecimal digits.
const nonceSize = 32

// Nonce makes a nonce as the API's profile wants it: 32 characters, or as many as the profile bounds allow; empty where there
// is none in the profile. The error is that of random, or of a profile whose characters cannot be read.
func (a *API) Nonce(random io.Reader) (string, error) {
	if a.Profile == nil {
		return "", nil
	}
	s, err := a.Profile.Alternative(a.Alternative)
	if err != nil || !s.HasNonce() {
		return "", err
	}
	def, err := a.Profile.Definition(a.Alternative)
	if err != nil {
		return "", err
	}
	rule := scheme.NonceRule{Min: 16, Max: 128}
	if n := def.Nonce; n != nil {
		rule.Chars = n.Chars
		if n.Min > 0 {
			rule.Min = n.Min
		}
		if n.Max > 0 {
			rule.Max = n.Max
		}
	}
	return nonceOf(rule, random)
}

func nonceOf(rule scheme.NonceRule, random io.Reader) (string, error) {
	letters := spelled(rule.Chars)
	if len(letters) == 0 {
		return "", fmt.Errorf("tester: a nonce of the characters %.40q", rule.Chars)
	}
	out := make([]byte, 0, nonceSize)
	limit := 256 / len(letters) * len(letters) // above it the first letters would be more likely
	for size := min(max(nonceSize, rule.Min), rule.Max); len(out) < size; {
		var one [1]byte
		if _, err := io.ReadFull(random, one[:]); err != nil {
			return "", fmt.Errorf("make a nonce: %w", err)
		}
		if int(one[0]) < limit {
			out = append(out, letters[int(one[0])%len(letters)])
		}
	}
	return string(out), nil
}

// spelled lists the characters of a class such as A-Za-z0-9_-. Where hexadecimal digits are among them, it is these: they read
// well and need no escaping.
func spelled(class string) (out []byte) {
	if class == "" {
		return []byte("0123456789abcdef")
	}
	var in [256]bool
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			for c := int(class[i]); c <= int(class[i+2]); c++ {
				in[c] = true
			}
			i += 2
			continue
		}
		in[class[i]] = true
	}
	digits := true
	for _, c := range []byte("0123456789abcdef") {
		digits = digits && in[c]
	}
	if digits {
		return []byte("0123456789abcdef")
	}
	for c, yes := range in {
		if yes {
			out = append(out, byte(c))
		}
	}
	return out
}
