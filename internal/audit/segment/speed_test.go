//go:build unix

package segment_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/segment"
)

// usual is a decision as most of them are: about 500 bytes in the record.
var usual = audit.Decision{
	Time: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC), RequestID: "0123456789abcdef0123456789abcdef", Environment: "production", API: "card", Allowed: true, Reason: "allowed", Status: 200,
	Method: "GET", Path: "/api/v1/cards/4f7c1d2e/transactions", Query: "from=2026-11-01&to=2026-11-20", Protocol: "HTTP/1.1", Partner: "ptn_0123456789abcdef", Credential: "crd_0123456789abcdef",
	Version: 2, Proved: true, Address: netip.MustParseAddr("192.0.2.17"), Peer: netip.MustParseAddr("192.0.2.17"), Country: "CA", Duration: 1834 * time.Microsecond, BytesOut: 2310,
}

// onDisk is a record on the real disk of the test.
func onDisk(tb testing.TB, durability segment.Durability) segment.Config {
	tb.Helper()
	cfg := config(nil)
	cfg.Dir, cfg.Durability = filepath.Join(tb.TempDir(), "decisions"), durability
	return cfg
}

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkRecordSustained records as fast as the disk takes it: whoever records waits while the queue is half full, so that
// nothing is lost and the figure is that of the whole way, chain, write and sync included.
func BenchmarkRecordSustained(b *testing.B) {
	w := open(b, onDisk(b, segment.Buffered))
	d := usual
	before, begun := cpu(b), time.Now()
	for i := range b.N {
		w.Record(&d)
		for i%64 == 0 && w.Counters().Queue > 4<<20 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	report(b, w, time.Since(begun), cpu(b)-before)
	if lost := w.Counters().Lost; lost > 0 {
		b.Errorf("%d lines are lost", lost)
	}
}

// BenchmarkAdmitSync admits with 64 callers at a time: each waits until its line is durable.
func BenchmarkAdmitSync(b *testing.B) {
	w := open(b, onDisk(b, segment.Sync))
	before, begun := cpu(b), time.Now()
	var all sync.WaitGroup
	for caller := range 64 {
		all.Go(func() {
			d := usual
			for range (b.N + 63 - caller) / 64 {
				if err := w.Admit(context.Background(), &d); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	report(b, w, took, cpu(b)-before)
	b.ReportMetric(float64(b.N)/float64(w.Counters().Syncs), "lines/sync")
}

func report(b *testing.B, w *segment.Writer, took, used time.Duration) {
	b.Helper()
	b.ReportMetric(float64(b.N)/took.Seconds(), "lines/s")
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/line")
	b.ReportMetric(float64(w.Counters().Bytes)/float64(w.Counters().Lines), "bytes/line")
}

// BenchmarkVerify proves a record of 100,000 lines.
func BenchmarkVerify(b *testing.B) {
	cfg := onDisk(b, segment.Buffered)
	cfg.MaxSize = 8 << 20
	w := open(b, cfg)
	d := usual
	const lines = 100_000
	for range lines {
		w.Record(&d)
		for w.Counters().Queue > 4<<20 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if report, err := segment.Verify(cfg.Dir, nil); err != nil || !report.OK() {
			b.Fatal(err)
		}
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkCompress compresses a closed segment of 32 MiB, whose lines differ as those of many callers do.
func BenchmarkCompress(b *testing.B) {
	cfg := onDisk(b, segment.Buffered)
	cfg.MaxSize = 32 << 20
	w := open(b, cfg)
	d, lines := usual, 0
	for ; w.Counters().Rotations == 0; lines++ {
		d.RequestID, d.Path, d.Query = noise(lines, 32), "/api/v1/cards/"+noise(lines%5000, 8)+"/transactions", "from=2026-11-01&n="+noise(lines, 4)
		d.Partner, d.Credential = "ptn_"+noise(lines%1000, 16), "crd_"+noise(lines%1000+1000, 16)
		d.Time, d.Duration = d.Time.Add(47*time.Microsecond), time.Duration(lines%3000)*time.Microsecond
		w.Record(&d)
		for w.Counters().Queue > 4<<20 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, segment.Name(1))
	plain, used := slurp(b, path), time.Duration(0)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		b.StopTimer()
		put(b, path, plain)
		b.StartTimer()
		before := cpu(b)
		if err := segment.CompressSegment(b.Context(), nil, cfg.Dir, 1); err != nil {
			b.Fatal(err)
		}
		used += cpu(b) - before
		if err := os.Remove(path + ".gz"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N)/float64(lines), "cpu-ns/line")
	b.ReportMetric(float64(len(plain))*float64(b.N)/used.Seconds()/1e6, "MB/cpu-s")
}
