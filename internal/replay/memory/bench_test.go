package memory_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/replay/replaytest"
)

func randomKey(r *rand.Rand) (key replay.Key) {
	for i := range 4 {
		v := r.Uint64()
		for j := range 8 {
			key[8*i+j] = byte(v >> (8 * j))
		}
	}
	return key
}

// A claim allocates nothing: measured on keys that are already in the map, and on
// new ones as a mean that the growth of the map hardly shows in.
func TestClaimAllocatesNothing(t *testing.T) {
	g := open(t, memory.Config{Dir: t.TempDir() + "/replay"})
	r := rand.New(rand.NewPCG(1, 2))
	known := randomKey(r)
	replaytest.Fresh(t, g, known, now+300, now)
	if n := testing.AllocsPerRun(100, func() { g.Claim(known, now+300, now) }); n != 0 {
		t.Errorf("refused claim: %v allocations, want 0", n)
	}
	for range 50_000 {
		g.Claim(randomKey(r), now+300, now)
	}
	if n := testing.AllocsPerRun(2000, func() { g.Claim(randomKey(r), now+300, now) }); n >= 1 {
		t.Errorf("fresh claim: %v allocations in the mean, want less than 1", n)
	}
}

func BenchmarkClaimFresh(b *testing.B) {
	g := open(b, memory.Config{Dir: b.TempDir() + "/replay", MaxEntries: 1 << 30})
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		g.Claim(randomKey(r), now+300, now)
	}
}

// BenchmarkClaimSteady claims at a steady 5,000 a second of the clock, with 1.5
// million live keys and all forgetting included.
func BenchmarkClaimSteady(b *testing.B) {
	g := open(b, memory.Config{Dir: b.TempDir() + "/replay"})
	r := rand.New(rand.NewPCG(1, 2))
	n := int64(0)
	for ; n < 1_500_000; n++ {
		g.Claim(randomKey(r), now+n/5000+300, now+n/5000)
	}
	b.ReportAllocs()
	for b.Loop() {
		g.Claim(randomKey(r), now+n/5000+300, now+n/5000)
		n++
	}
	b.ReportMetric(float64(g.Len()), "keys")
}

func BenchmarkClaimRefused(b *testing.B) {
	g := open(b, memory.Config{Dir: b.TempDir() + "/replay"})
	g.Claim(replaytest.Key(1), now+300, now)
	b.ReportAllocs()
	for b.Loop() {
		g.Claim(replaytest.Key(1), now+300, now)
	}
}

func BenchmarkClaimParallel(b *testing.B) {
	g := open(b, memory.Config{Dir: b.TempDir() + "/replay", MaxEntries: 1 << 30})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 2))
		for pb.Next() {
			g.Claim(randomKey(r), now+300, now)
		}
	})
}

func BenchmarkClaimSync(b *testing.B) {
	g := open(b, memory.Config{Dir: b.TempDir() + "/replay", Sync: true})
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		g.Claim(randomKey(r), now+300, now)
	}
}

// BenchmarkMemory fills ten million entries and says what each of them takes, with all that the guard holds beside; the highest of
// what was seen on the way from a million onwards, since tables grow in steps.
func BenchmarkMemory(b *testing.B) {
	const entries = 10_000_000
	for b.Loop() {
		before := heap()
		g := open(b, memory.Config{Dir: b.TempDir() + "/replay", MaxEntries: entries})
		r := rand.New(rand.NewPCG(1, 2))
		highest := 0.0
		for n := 1; n <= entries; n++ {
			if fresh, err := g.Claim(randomKey(r), now+300, now); !fresh || err != nil {
				b.Fatal(n, fresh, err)
			}
			if n%500_000 == 0 && n >= 1_000_000 {
				highest = max(highest, float64(heap()-before)/float64(n))
			}
		}
		b.ReportMetric(highest, "bytes/entry")
		runtime.KeepAlive(g)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
