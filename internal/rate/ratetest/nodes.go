package ratetest

import (
	"testing"
	"time"

	"countersign.dev/internal/rate"
)

// nodes: three nodes let in together what one would, at one moment and from then on; a node that ends takes nothing along.
func (h Harness) nodes(t *testing.T) {
	clock := NewClock()
	first := h.Open(t, clock)
	all := []rate.Limiter{first, h.Node(t, first, clock), h.Node(t, first, clock)}
	b, quota := Bucket(1, 10, 30, 0), Bucket(2, 0, 0, 50)
	in := int64(0)
	for _, l := range all {
		in += hammer(t, l, 2, b, quota)
	}
	if in != 30 {
		t.Errorf("%d were let in at one moment, want the burst of 30", in)
	}
	clock.Move(time.Second)
	want(t, all[2], 4, 4, "a second later at the third", b, quota)
	if err := all[2].Close(); err != nil {
		t.Fatal(err)
	}
	want(t, all[0], 6, 20, "the rest at the first", b, quota)
	clock.Move(time.Hour)
	want(t, all[1], 10, 20, "what is left of the day", b, quota)
}
