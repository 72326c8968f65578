package door_test

import (
	"context"
	"testing"
)

// BenchmarkCheck is one check of a signed GET, decided and recorded nowhere.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b)
	w.cfg.Record = nobody{}
	q := signed("GET", "/api/v1/cards/1", "")
	b.ReportAllocs()
	for b.Loop() {
		a := w.door.Check(context.Background(), q)
		if !a.Allowed {
			b.Fatal(a.Reason())
		}
		a.Identity()
		a.End(0, 0)
		w.records = w.records[:0]
	}
}

// TestChecksAllocateLittle: the request id, and what the decision itself needs.
func TestChecksAllocateLittle(t *testing.T) {
	w := newWorld(t, func(w *world) { w.cfg.Record = nobody{} })
	q := signed("GET", "/api/v1/cards/1", "")
	got := testing.AllocsPerRun(200, func() {
		a := w.door.Check(context.Background(), q)
		a.Identity()
		a.End(0, 0)
	})
	if most := 4.0; got > most && !racing {
		t.Errorf("%v allocations a check, at most %v", got, most)
	}
}
