//go:build linux && amd64 && !race

package strict_test

import (
	"testing"

	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/stepcount"
)

// TestInstructionsOfARequestHead: a signed request of 600 bytes read from its connection, its head looked at byte by byte. With
// Go 1.26: 10,867; nothing in it is signed.
func TestInstructionsOfARequestHead(t *testing.T) {
	conn := strict.NewPlainConn(&endless{data: []byte(typical)}, strict.Config{})
	buf := make([]byte, 4096)
	stepcount.AtMost(t, stepcount.Bound{SHA: 12_500, NoSHA: 12_500}, func() {
		if n, err := conn.Read(buf); n != len(typical) || err != nil {
			panic("not read")
		}
	})
}
