package valkey_test

import (
	"encoding/hex"
	"errors"
	"strconv"
	"testing"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/replaytest"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

func keyText(n int) string {
	key := replaytest.Key(n)
	return hex.EncodeToString(key[:])
}

// stamp is a second as milliseconds.
func stamp(second int64) string { return strconv.FormatInt(second, 10) + "000" }

// TestACluster: claims are spread over all nodes, equal ones meet, and when one node is killed its part is refused and the
// others go on.
func TestACluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	cfg := valkeylink.Config{Addresses: []string{nodes[0].Address, nodes[1].Address}, Mode: valkeylink.Cluster}
	a, b := open(t, valkey.Config{Link: link(t, cfg)}), open(t, valkey.Config{Link: link(t, cfg)})
	at := now()
	for n := range 64 {
		replaytest.Fresh(t, a, replaytest.Key(n), at+300, now())
		replaytest.Refused(t, b, replaytest.Key(n), at+300, now())
	}
	for _, s := range nodes {
		if keys := s.Do(t, "DBSIZE"); keys == "0" {
			t.Error("a node of the cluster has no claim")
		}
	}
	nodes[2].Kill(t)
	fresh, refused, next := 0, 0, 100
	eventually(t, "the part of the node that is gone is refused, and the others go on", func() bool {
		next++
		switch ok, err := a.Claim(replaytest.Key(next), now()+300, now()); {
		case ok:
			fresh++
		case errors.Is(err, replay.ErrUnavailable):
			refused++
		default:
			t.Fatalf("claim %d: %v, %v", next, ok, err)
		}
		return fresh > 50 && refused > 50
	})
	for n := range 64 { // no key is let in twice on its way over another node
		if ok, _ := b.Claim(replaytest.Key(n), at+300, now()); ok {
			t.Errorf("claim %d is fresh again", n)
		}
	}
}
