package secret

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// ErrRandom is wrapped when a source of randomness fails or yields nothing usable; nothing is issued then.
var ErrRandom = errors.New("randomness failed")

const (
	digits       = "0123456789"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + digits

	partnerSecretLen = 32
	loginLen         = 13
	drawTries        = 64 // a fair source needs more than this many tries with a chance below 2^-100
)

var rowIDEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// KeyID returns a new key id (app key or API token): 128 random bits as 32 lower-case hex digits, so that it cannot be
// guessed and an unknown one may be refused early (security rule 9).
func KeyID(random io.Reader) (string, error) {
	b, err := draw(random, 16)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(b), nil
}

// RowID returns prefix and 26 characters that carry 128 random bits. It names a row; it is no credential.
func RowID(random io.Reader, prefix string) (string, error) {
	b, err := draw(random, 16)
	if err != nil {
		return "", err
	}
	return prefix + rowIDEncoding.EncodeToString(b), nil
}

// APISecret returns a new API secret: 256 random bits as 43 url-safe characters. Its very bytes, as text, are the HMAC
// key; nobody decodes them (seed: API Authentication).
func APISecret(random io.Reader) (Value, error) {
	b, err := draw(random, 32)
	if err != nil {
		return Value{}, err
	}
	defer Wipe(b)
	text := make([]byte, base64.RawURLEncoding.EncodedLen(len(b)))
	defer Wipe(text)
	base64.RawURLEncoding.Encode(text, b)
	return NewValue(text), nil
}

// SealKey returns 32 random bytes: a key for sealing access tokens or values at rest.
func SealKey(random io.Reader) (Value, error) {
	b, err := draw(random, 32)
	if err != nil {
		return Value{}, err
	}
	defer Wipe(b)
	return NewValue(b), nil
}

// PartnerSecret returns a new partner secret that fits Policy: 32 letters and digits with at least one of each, about 190
// random bits. No punctuation, so that it survives every shell, form and XML document by which it is handed over.
func PartnerSecret(random io.Reader) (Value, error) {
	for range drawTries {
		b, err := drawFrom(random, alphanumeric, partnerSecretLen)
		if err != nil {
			return Value{}, err
		}
		fits := Policy(b) == nil
		v := NewValue(b)
		Wipe(b)
		if fits {
			return v, nil
		}
		v.Zero()
	}
	return Value{}, fmt.Errorf("%w: no letter or no digit in %d draws", ErrRandom, drawTries)
}

// Login returns a new partner id for the wire's Partner Authentication: 13 decimal digits, the first of them not 0. It is
// a name, not a secret; the caller makes sure that it is not taken.
func Login(random io.Reader) (string, error) {
	first, err := drawFrom(random, digits[1:], 1)
	if err != nil {
		return "", err
	}
	rest, err := drawFrom(random, digits, loginLen-1)
	if err != nil {
		return "", err
	}
	return string(first) + string(rest), nil
}

func draw(random io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRandom, err)
	}
	return b, nil
}

// drawFrom draws n characters of alphabet, each equally likely: bytes beyond the last whole multiple are thrown away.
func drawFrom(random io.Reader, alphabet string, n int) ([]byte, error) {
	limit := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	for range drawTries {
		raw, err := draw(random, n)
		if err != nil {
			return nil, err
		}
		for _, c := range raw {
			if int(c) < limit && len(out) < n {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
		Wipe(raw)
		if len(out) == n {
			return out, nil
		}
	}
	Wipe(out)
	return nil, fmt.Errorf("%w: it keeps yielding the same bytes", ErrRandom)
}
