package memory_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

// Claims, forgetting and Close at the same time: no key wins twice, and after
// Close there is only ErrUnavailable. The race detector watches.
func TestClaimsForgettingAndCloseTogether(t *testing.T) {
	const claimers = 8
	for durable, keys := range map[bool]int{false: 3000, true: 300} {
		g := open(t, memory.Config{Dir: t.TempDir() + "/replay", Sync: durable, Shards: 4})
		wins := make([]atomic.Int64, keys)
		var reached, done sync.WaitGroup
		reached.Add(claimers)
		for range claimers {
			done.Go(func() {
				for n := range keys {
					if n == keys/2 {
						reached.Done()
					}
					second := now + int64(n) // a segment is forgotten every 60 claims
					fresh, err := g.Claim(replaytest.Key(n), second+30, second)
					if fresh {
						wins[n].Add(1)
					}
					if err != nil && (fresh || !errors.Is(err, replay.ErrUnavailable)) {
						t.Errorf("fresh %v, error %v", fresh, err)
					}
				}
			})
		}
		reached.Wait()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if fresh, err := g.Claim(replaytest.Key(keys), now+30, now); fresh {
			t.Errorf("fresh after Close, error %v", err)
		}
		done.Wait()
		for n := range wins {
			if wins[n].Load() > 1 {
				t.Errorf("key %d won %d times", n, wins[n].Load())
			}
			if n == 0 && wins[n].Load() != 1 {
				t.Error("nobody won the first key")
			}
		}
	}
}
