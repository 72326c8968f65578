package valkey_test

import (
	"testing"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/replay/replaytest"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

// TestRule8AFailoverKeepsWhatTheReplicaHas: sentinels make the replica the primary, the guard follows, and claims that the
// replica had stay refused.
func TestRule8AFailoverKeepsWhatTheReplicaHas(t *testing.T) {
	primary, replica := redistest.StartPair(t)
	sentinel := redistest.StartSentinel(t, primary)
	cfg := valkeylink.Config{Addresses: []string{sentinel.Address}, Mode: valkeylink.Sentinel, Master: "one"}
	waiting := open(t, valkey.Config{Link: link(t, cfg), WaitReplicas: 1})
	for n := range 20 {
		replaytest.Fresh(t, waiting, replaytest.Key(n), now()+300, now())
	}
	g := open(t, valkey.Config{Link: link(t, cfg)})
	primary.Kill(t)
	sentinel.FailOver(t)
	last := 1000
	eventually(t, "the replica takes over", func() bool {
		last++ // a claim without an answer may have been carried out
		fresh, err := g.Claim(replaytest.Key(last), now()+300, now())
		return err == nil && fresh
	})
	for n := range 20 {
		replaytest.Refused(t, g, replaytest.Key(n), now()+300, now())
	}
	if keys := replica.Do(t, "EXISTS", "countersign:"+valkeylink.Tag(last)+"r:"+keyText(last)); keys != "1" {
		t.Errorf("the claim is somewhere else")
	}
}
