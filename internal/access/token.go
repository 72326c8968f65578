package access

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"countersign.dev/internal/partner"
)

// ErrNoSealingKey is returned by Issue when the environment has no key that may seal.
var ErrNoSealingKey = errors.New("no sealing key")

// An access token is sealed, not stored (design decision 4):
//
//	base64url( 0x01 | sealing key id, 4 bytes | nonce, 12 bytes | AES-256-GCM( claims ) )
//	claims = app credential, 16 bytes | generation, 4 bytes | expiry as Unix milliseconds, 8 bytes
//
// The associated data name purpose and environment, so that nothing sealed for another purpose or elsewhere ever opens
// as an access token (security rule 11).
const (
	tokenVersion = 1
	tokenHead    = 1 + 4 + 12
	tokenClaims  = 16 + 4 + 8
	tokenBytes   = tokenHead + tokenClaims + 16
)

var tokenEncoding = base64.RawURLEncoding.Strict()

var tokenText = tokenEncoding.EncodedLen(tokenBytes)

type sealingKey struct {
	id      uint32
	aead    cipher.AEAD
	data    []byte // associated data
	retired bool
	latest  uint64 // expiry in Unix milliseconds of the last token that it may have sealed
}

// latestExpiry bounds what a retired key opens by what it can have sealed until then, so that retiring a key that has leaked
// ends what its thief makes of it a lifetime later, whatever he writes into it. One that seals has no bound.
func latestExpiry(k partner.SealingKey) uint64 {
	if k.RetiredAt.IsZero() {
		return math.MaxUint64
	}
	return uint64(max(0, k.RetiredAt.Add(partner.MaxTokenLifetime).UnixMilli()))
}

func buildSealingKeys(keys []partner.SealingKey, environment string) ([]sealingKey, error) {
	var built []sealingKey
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b partner.SealingKey) int { return cmp.Compare(b.ID, a.ID) })
	for _, k := range keys {
		if k.Environment != environment {
			continue
		}
		block, err := aes.NewCipher(k.Key.Bytes())
		if err != nil || k.Key.Len() != 32 {
			return nil, fmt.Errorf("sealing key %d is not 32 bytes long", k.ID)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("sealing key %d: %w", k.ID, err)
		}
		built = append(built, sealingKey{id: k.ID, aead: aead, data: tokenData(environment),
			retired: !k.RetiredAt.IsZero(), latest: latestExpiry(k)})
	}
	return built, nil
}

func tokenData(environment string) []byte {
	return fmt.Appendf(nil, "countersign access token\x00%d:%s", len(environment), environment)
}

// tagOf is a digest over length-prefixed parts, so that no environment and credential can be spelt as others (rule 10).
func tagOf(environment, credentialID string) (tag [16]byte) {
	return digestOf("countersign credential", environment, credentialID)
}

// digestOf is half of a digest over what is named and two length-prefixed parts. It is taken for every row of a register, and so makes no
// garbage.
func digestOf(what, environment, id string) [16]byte {
	text := make([]byte, 0, 256)
	text = append(append(text, what...), 0)
	text = append(append(strconv.AppendInt(text, int64(len(environment)), 10), ':'), environment...)
	text = append(append(strconv.AppendInt(text, int64(len(id)), 10), ':'), id...)
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}

// Issue seals a new access token for the app credential of d as it is now, valid for the API's token lifetime from now. The
// caller has proved who it is; Issue does not check that again.
func (a *Decider) Issue(d *Decision, now time.Time) (string, error) {
	var c Credential
	if !a.again(d, &c) {
		return "", ErrNoSealingKey
	}
	keys := a.snap.Load().worlds[d.API.Environment].keys
	i := slices.IndexFunc(keys, func(k sealingKey) bool { return !k.retired })
	if i < 0 {
		return "", ErrNoSealingKey
	}
	var claims [tokenClaims]byte
	copy(claims[:], c.row.tag[:])
	binary.BigEndian.PutUint32(claims[16:], c.row.serial)
	binary.BigEndian.PutUint64(claims[20:], uint64(now.Add(d.API.tokenLifetime()).UnixMilli()))
	sealed := make([]byte, tokenHead, tokenBytes)
	sealed[0] = tokenVersion
	binary.BigEndian.PutUint32(sealed[1:], keys[i].id)
	if _, err := rand.Read(sealed[5:tokenHead]); err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	sealed = keys[i].aead.Seal(sealed, sealed[5:tokenHead], claims[:], keys[i].data)
	return tokenEncoding.EncodeToString(sealed), nil
}

// openToken judges a presented token together with the app credential that came with it.
func (w *world) openToken(text string, c *Credential, now int64, scratch []byte) Reason {
	claims, ok := w.unseal(text, scratch)
	if !ok || [16]byte(claims) != c.row.tag || binary.BigEndian.Uint32(claims[16:]) != c.row.serial {
		return InvalidToken
	}
	if expiry := binary.BigEndian.Uint64(claims[20:]); expiry < uint64(now) || expiry > 1<<62 {
		return ExpiredToken
	}
	return Allowed
}

// unseal opens text with the key that it names, and refuses what that key cannot have sealed while it did. scratch holds at least twice tokenBytes.
func (w *world) unseal(text string, scratch []byte) ([]byte, bool) {
	if len(text) != tokenText {
		return nil, false
	}
	raw := scratch[:tokenBytes]
	source := append(scratch[tokenBytes:tokenBytes], text[:min(len(text), cap(scratch)-tokenBytes)]...)
	if n, err := tokenEncoding.Decode(raw, source); err != nil || n != tokenBytes || raw[0] != tokenVersion {
		return nil, false
	}
	id := binary.BigEndian.Uint32(raw[1:])
	for i := range w.keys {
		if k := &w.keys[i]; k.id == id {
			claims, err := k.aead.Open(source[:0], raw[5:tokenHead], raw[tokenHead:], k.data)
			return claims, err == nil && binary.BigEndian.Uint64(claims[20:]) <= k.latest
		}
	}
	return nil, false
}
