package shipping_test

import (
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/internal/audit/shipping"
	"countersign.dev/internal/audit/shipping/depottest"
)

// BenchmarkShipAndVerify is what a line costs on its way: read, packed, put into a depot in memory, taken, proven and written.
func BenchmarkShipAndVerify(b *testing.B) {
	depot := new(depottest.Memory)
	n := newNode(b, "a", depot)
	n.size = 64 << 20
	n.tune = func(cfg *shipping.ShipperConfig) { cfg.PieceSize = shipping.PieceSize }
	n.stop()
	n.start()
	const lines = 20_000
	for range 20 {
		n.write(lines / 20)
	}
	b.Run("ship", func(b *testing.B) {
		for b.Loop() {
			n.ship, _ = shipping.NewShipper(shipping.ShipperConfig{Depot: new(depottest.Memory), Stream: n.stream(), Dir: n.record(),
				Durable: func() uint64 { return n.w.Head().Seq }, Now: time.Now, Log: n.log.log()})
			if err := n.ship.Round(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
		b.ReportMetric(float64(b.N)*float64(n.ship.Status().Pieces)/b.Elapsed().Seconds(), "pieces/s")
	})
	full, err := shipping.NewShipper(shipping.ShipperConfig{Depot: depot, Stream: n.stream(), Dir: n.record(), Durable: func() uint64 { return n.w.Head().Seq },
		Now: time.Now, Log: n.log.log()})
	if err != nil {
		b.Fatal(err)
	}
	if err := full.Round(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("collect", func(b *testing.B) {
		for b.Loop() {
			c, err := shipping.OpenCollector(shipping.CollectorConfig{Depot: depot, Dir: filepath.Join(b.TempDir(), "c"), Now: time.Now, Log: n.log.log()})
			if err != nil {
				b.Fatal(err)
			}
			if err := c.Round(b.Context()); err != nil {
				b.Fatal(err)
			}
			if got := c.All()[0].Verified; got != n.w.Head().Seq {
				b.Fatal(got)
			}
			_ = c.Close()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
	})
}
