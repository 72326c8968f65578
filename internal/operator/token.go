package operator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// Prefix begins a token and says what it is for, so that one for another purpose never counts (security rule 11) and scanners
// for leaked secrets find it.
type Prefix string

// The prefixes.
const (
	ServiceToken  Prefix = "csat_" // a service account's, for Authorization: Bearer
	TerminalToken Prefix = "csct_" // of a terminal that a person let in, for Authorization: Bearer
	SessionToken  Prefix = "csss_" // of a browser session, in a cookie alone
	LinkToken     Prefix = "csln_" // of a one-time link
	BreakToken    Prefix = "csbg_" // a break-glass code

	MemberSessionToken Prefix = "csms_" // of a member's browser session at the portal, in a cookie alone
	MemberLinkToken    Prefix = "csml_" // of a member's one-time link
)

const (
	secretBytes   = 32
	secretText    = 43 // base64url of secretBytes, without padding
	checksumText  = 6
	ownerIDLength = 30 // "opr_" or "mbr_" and 26 characters
	digits        = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// owned are the prefixes whose tokens name the row whose they are, so that they are looked up by it.
func (p Prefix) owned() bool {
	return p == TerminalToken || p == SessionToken || p == MemberSessionToken
}

func (p Prefix) known() bool {
	return p.owned() || p == ServiceToken || p == LinkToken || p == BreakToken || p == MemberLinkToken
}

// NewToken makes a token of 256 random bits: prefix, the owner's row identity for terminals and sessions, the secret as
// base64url, and a CRC-32 as six digits, by which a scanner tells a token from other text. It is shown once; the register keeps
// HashToken of it. Errors: those of random, ErrInvalid for an owner that is no row identity.
func NewToken(random io.Reader, prefix Prefix, owner string) (string, error) {
	if !prefix.known() || prefix.owned() != (owner != "") || prefix.owned() && len(owner) != ownerIDLength {
		return "", fmt.Errorf("%w: a %s token has no such owner", ErrInvalid, prefix)
	}
	var b [secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	text := string(prefix) + owner + base64.RawURLEncoding.EncodeToString(b[:])
	return text + checksum(text), nil
}

// ParseToken reads the text of a token strictly: exact prefix, lengths, alphabet and checksum. It returns the owner's row
// identity where the prefix has one. That a text parses proves nothing. Errors wrap ErrInvalid and hold nothing of the text.
func ParseToken(text string, prefix Prefix) (owner string, err error) {
	bad := fmt.Errorf("%w: this is no %s token", ErrInvalid, prefix)
	rest, ok := strings.CutPrefix(text, string(prefix))
	if !ok || !prefix.known() {
		return "", bad
	}
	if prefix.owned() {
		if len(rest) < ownerIDLength {
			return "", bad
		}
		owner, rest = rest[:ownerIDLength], rest[ownerIDLength:]
	}
	if len(rest) != secretText+checksumText || checksum(text[:len(text)-checksumText]) != rest[secretText:] {
		return "", bad
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(rest[:secretText]); err != nil || len(b) != secretBytes {
		return "", bad
	}
	return owner, nil
}

// HashToken is the form in which a token is kept: lower-case hex of SHA-256 of its text. The secrets are 256 random bits, so
// that a fast hash is enough.
func HashToken(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checksum is the CRC-32 (IEEE) of text as six digits of base 62.
func checksum(text string) string {
	n := crc32.ChecksumIEEE([]byte(text))
	var out [checksumText]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i], n = digits[n%62], n/62
	}
	return string(out[:])
}
