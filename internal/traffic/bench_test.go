package traffic_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/traffic"
)

// The size that the issue asks for. COUNTERSIGN_BENCH_LINES makes the set smaller or larger.
const benchPartners = 10_000

var benchSet struct {
	once sync.Once
	dir  string
	err  error
}

// benchLines is how many decisions the set has: 10 million of the last seven days, unless the environment says otherwise.
func benchLines() (n int) {
	n = 10_000_000
	_, _ = fmt.Sscanf(os.Getenv("COUNTERSIGN_BENCH_LINES"), "%d", &n)
	return n
}

// benchFolder makes the counts of the set once: two environments, three APIs, ten thousand partners with a credential in each.
func benchFolder(b *testing.B) string {
	b.Helper()
	benchSet.once.Do(func() {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("countersign-traffic-bench-%d", benchLines()))
		if benchSet.dir = dir; exists(dir) {
			return
		}
		benchSet.err = fillBench(dir+".new", benchLines())
		if benchSet.err == nil {
			benchSet.err = os.Rename(dir+".new", dir)
		}
	})
	if benchSet.err != nil {
		b.Fatal(benchSet.err)
	}
	return benchSet.dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func fillBench(dir string, lines int) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	w, err := rollup.Open(rollup.Config{Dir: dir, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	begin, step := noon.Add(-7*24*time.Hour), 7*24*time.Hour/time.Duration(lines)
	l := search.Line{Proved: true, Version: 1}
	reasons := [][]byte{[]byte("bad_signature"), []byte("address_not_listed"), []byte("replayed"), []byte("rate_limited"), []byte("stale_timestamp")}
	for i := range lines {
		n := random.IntN(benchPartners)
		l.Seq, l.Time, l.Kind, l.Reason = uint64(i+1), begin.Add(time.Duration(i)*step), search.Allow, []byte("allowed")
		if random.IntN(25) == 0 {
			l.Kind, l.Reason = search.Refuse, reasons[random.IntN(len(reasons))]
		}
		l.Environment = []byte([]string{"production", "production", "sandbox"}[n%3])
		l.API = []byte([]string{"card", "aggregation", "transfer"}[random.IntN(3)])
		l.Partner, l.Credential = fmt.Appendf(nil, "ptn_%026d", n), fmt.Appendf(nil, "crd_%026d", n)
		l.Address = fmt.Appendf(nil, "10.%d.%d.%d", n%200, n/200, random.IntN(3))
		l.Duration, l.BytesIn, l.BytesOut = time.Duration(random.ExpFloat64()*float64(15*time.Millisecond)), random.Int64N(2000), random.Int64N(9000)
		if err := w.Add(&l); err != nil {
			return err
		}
		if i%(lines/(7*24*60)+1) == 0 {
			if err := w.Flush(); err != nil { // a frame for each minute, as a server writes them
				return err
			}
		}
	}
	return w.Close()
}

// benchSums are sums that have read the set.
func benchSums(b *testing.B) *traffic.Sums {
	b.Helper()
	s, err := traffic.New(traffic.Config{Folders: []string{benchFolder(b)}, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	s.Poll(ctx)
	return s
}

// BenchmarkReadEverything is what a start costs, in the background, and what the sums take of memory.
func BenchmarkReadEverything(b *testing.B) {
	benchFolder(b)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := benchSums(b)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(s)
	}
}

// BenchmarkAnswers: each question of a page, with 10,000 partners and 10 million decisions behind it.
func BenchmarkAnswers(b *testing.B) {
	s := benchSums(b)
	for _, span := range []traffic.Span{traffic.Hour, traffic.Day, traffic.Week} {
		b.Run("report "+string(span), func(b *testing.B) {
			for b.Loop() {
				if r, err := s.Report(span, nil); err != nil || len(r.Series) != 6 {
					b.Fatal(len(r.Series), err)
				}
			}
		})
	}
	ids := make([]string, 200)
	for i := range ids {
		ids[i] = fmt.Sprintf("ptn_%026d", i)
	}
	b.Run("last calls of 200 partners", func(b *testing.B) {
		for b.Loop() {
			if list, _ := s.LastCalls(ids, nil); len(list) == 0 {
				b.Fatal("none")
			}
		}
	})
	b.Run("usage of a partner", func(b *testing.B) {
		for b.Loop() {
			if u, err := s.Usage(ids[3], []string{fmt.Sprintf("crd_%026d", 3)}, traffic.Month, nil); err != nil || len(u.Environments) == 0 {
				b.Fatal(u, err)
			}
		}
	})
	b.Run("rises", func(b *testing.B) {
		for b.Loop() {
			s.Rises(nil)
		}
	})
	b.Run("poll without news", func(b *testing.B) {
		for b.Loop() {
			s.Poll(ctx)
		}
	})
}
