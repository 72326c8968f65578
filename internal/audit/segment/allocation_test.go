//go:build unix && !race

package segment_test

import (
	"context"
	"testing"

	"countersign.dev/internal/audit/segment"
)

// TestRecordAllocatesNothing on the way of a request.
func TestRecordAllocatesNothing(t *testing.T) {
	cfg := onDisk(t, segment.Buffered)
	cfg.MaxQueue = 128 << 20 // more than is recorded here, however slow the disk is
	w := open(t, cfg)
	defer w.Close()
	d := usual
	for range 20_000 { // the buffers have grown
		w.Record(&d)
	}
	if n := testing.AllocsPerRun(20_000, func() { w.Record(&d) }); n > 0 {
		t.Errorf("%v allocations for one line", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if w.Admit(context.Background(), &d) != nil {
			t.Error("not admitted")
		}
	}); n > 0 {
		t.Errorf("%v allocations for one admission, buffered", n)
	}
}
