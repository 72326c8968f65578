package shipping_test

import (
	"context"
	"testing"
	"time"

	"countersign.dev/internal/audit/shipping/depottest"
)

// TestAfterFailuresTicksPass: to go on, a record is read from the beginning of a segment, which must not be done each second of an outage;
// and when the depot is back, it is not long forgotten.
func TestAfterFailuresTicksPass(t *testing.T) {
	depot := new(depottest.Memory)
	n := newNode(t, "a", depot)
	n.write(5)
	depot.Cut(true)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	tick, done := make(chan time.Time), make(chan struct{})
	go func() { n.ship.Run(ctx, tick); close(done) }()
	const ticks = 40
	for range ticks {
		tick <- time.Time{}
	}
	if asked := depot.Asked(); asked < 3 || asked > 10 {
		t.Errorf("in %d ticks the depot was asked %d times", ticks, asked)
	}
	depot.Cut(false)
	back := 0
	for ; n.ship.Status().Behind > 0; back++ {
		if back > 8 {
			t.Fatal("it does not go on")
		}
		tick <- time.Time{}
		tick <- time.Time{} // the one before was taken, and its round is over
	}
	close(tick)
	<-done
}
