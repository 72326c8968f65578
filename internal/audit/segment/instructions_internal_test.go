//go:build linux && amd64 && !race

package segment

import (
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/stepcount"
)

// TestInstructionsOfALine: what a usual decision costs before it is written: its query's digest and its line, as the request makes them (with
// Go 1.26: 6,888), and its chain value, as the writing goroutine does (3,368). Where the processor does not compute SHA-256 itself:
// 16,938 and 53,387.
func TestInstructionsOfALine(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.17")
	d := &audit.Decision{
		Time: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC), RequestID: "0123456789abcdef0123456789abcdef", Environment: "production", API: "card",
		Allowed: true, Reason: "allowed", Status: 200, Method: "GET", Path: "/api/v1/cards/4f7c1d2e/transactions", Query: "from=2026-11-01&to=2026-11-20",
		Protocol: "HTTP/1.1", Partner: "ptn_0123456789abcdef", Credential: "crd_0123456789abcdef", Version: 2, Proved: true,
		Address: address, Peer: address, Country: "CA", Duration: 1834 * time.Microsecond, BytesOut: 2310,
	}
	w := &Writer{cfg: Config{Key: make([]byte, 16)}}
	s, link, chain := w.newScratch().(*scratch), newLinker(), [32]byte{}
	line := make([]byte, 0, 4096)
	t.Run("made", func(t *testing.T) {
		stepcount.AtMost(t, stepcount.Bound{SHA: 7_900, NoSHA: 20_500}, func() { w.open(s, d, false) })
	})
	t.Run("chained", func(t *testing.T) {
		body := w.open(s, d, false)
		stepcount.AtMost(t, stepcount.Bound{SHA: 3_900, NoSHA: 64_000}, func() { line, chain = link.seal(line[:0], body, 1_000_000, &chain) })
	})
}
