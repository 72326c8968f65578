package replaytest

import (
	"sync"
	"sync/atomic"
	"testing"

	"countersign.dev/internal/replay"
)

// nodes: a claim at one node is refused at every other, a later expiry at one holds for all, and a node that ends takes
// nothing along.
func (h Harness) nodes(t *testing.T) {
	a := h.Open(t)
	b := h.Node(t, a)
	Fresh(t, a, Key(1), Now+60, Now)
	Refused(t, b, Key(1), Now+60, Now)
	Refused(t, b, Key(1), Now+900, Now+1) // kept for longer
	Fresh(t, b, Key(2), Now+900, Now+1)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	Refused(t, a, Key(1), Now+900, Now+900)
	Refused(t, a, Key(2), Now+900, Now+900)
	Refused(t, h.Node(t, a), Key(2), Now+900, Now+900)
}

// nodesAtOnce: of equal claims at three nodes at one moment one is fresh.
func (h Harness) nodesAtOnce(t *testing.T) {
	a := h.Open(t)
	all := []replay.Guard{a, h.Node(t, a), h.Node(t, a)}
	for round := range 20 {
		var wins, failures atomic.Int64
		var start, done sync.WaitGroup
		start.Add(1)
		for n := range 60 {
			done.Go(func() {
				start.Wait()
				fresh, err := all[n%len(all)].Claim(Key(round), Now+300, Now)
				if err != nil {
					failures.Add(1)
				}
				if fresh {
					wins.Add(1)
				}
			})
		}
		start.Done()
		done.Wait()
		if wins.Load() != 1 || failures.Load() != 0 {
			t.Fatalf("round %d: %d of 60 equal claims won, %d failed; want 1 and 0", round, wins.Load(), failures.Load())
		}
	}
}
