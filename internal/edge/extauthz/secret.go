package extauthz

import (
	"crypto/sha256"
	"crypto/subtle"
)

// The header in which a proxy shows the secret that it shares with the door, where one is configured. Over gRPC it is metadata
// of the call (initial_metadata in Envoy's configuration), in lower case.
const (
	headerSecret   = "Countersign-Door-Secret"
	metadataSecret = "countersign-door-secret"
)

// sharesSecret compares what a proxy has shown, in a time that tells nothing of it; the digests hide the length.
func (k *Checker) sharesSecret(shown []string) bool {
	if len(k.cfg.Secret) == 0 {
		return true
	}
	if len(shown) != 1 {
		return false
	}
	want, got := sha256.Sum256(k.cfg.Secret), sha256.Sum256([]byte(shown[0]))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
