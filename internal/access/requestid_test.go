package access_test

import (
	"regexp"
	"testing"

	"countersign.dev/internal/access"
)

// TestRequestIDsAreUnlike: ids are 128 bits in lower-case hex, and none comes twice, whoever makes them.
func TestRequestIDsAreUnlike(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{32}$`)
	var one, other access.RequestIDs
	seen := map[string]bool{}
	for range 200 {
		for _, id := range []string{one.Next(), other.Next(), access.NewRequestID()} {
			if seen[id] || !form.MatchString(id) {
				t.Fatalf("%q: it came before, or is none", id)
			}
			seen[id] = true
		}
	}
}
