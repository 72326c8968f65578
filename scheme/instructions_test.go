//go:build linux && amd64 && !race

package scheme_test

import (
	"testing"
	"time"

	"countersign.dev/internal/stepcount"
	"countersign.dev/scheme"
)

// TestInstructionsOfVerify: the parts of a signed request of 256 bytes found, its time looked at, its signature compared. With
// Go 1.26: 6,607; 41,716 where the processor does not compute SHA-256 itself.
func TestInstructionsOfVerify(t *testing.T) {
	s, key, r := signedRequest(t, finci(), jsonBody(256))
	now := time.Unix(1763625601, 0)
	var p scheme.Presented
	var digest [32]byte
	stepcount.AtMost(t, stepcount.Bound{SHA: 7_600, NoSHA: 50_000}, func() {
		if s.Parse(&r, &p) != nil || s.Fresh(&p, now, 0) != nil || s.Verify(&key, &r, &p, &digest) != nil {
			panic("refused")
		}
	})
}
