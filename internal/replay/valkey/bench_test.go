package valkey_test

import (
	"math/rand/v2"
	"testing"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/replay"
	"countersign.dev/internal/replay/valkey"
	"countersign.dev/internal/valkeylink"
)

func randomKey(r *rand.Rand) (key replay.Key) {
	for i := range key {
		key[i] = byte(r.Uint32())
	}
	return key
}

// BenchmarkClaimFresh is one caller after the other: the round trip over a socket of this machine, and the script.
func BenchmarkClaimFresh(b *testing.B) {
	s := redistest.Start(b)
	g := open(b, valkey.Config{Link: link(b, valkeylink.Config{Addresses: []string{s.Address}})})
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		if fresh, err := g.Claim(randomKey(r), now()+300, now()); !fresh || err != nil {
			b.Fatal(fresh, err)
		}
	}
}

// BenchmarkClaimParallel is many callers at once, who share what goes over the wire.
func BenchmarkClaimParallel(b *testing.B) {
	s := redistest.Start(b)
	g := open(b, valkey.Config{Link: link(b, valkeylink.Config{Addresses: []string{s.Address}})})
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 2))
		for pb.Next() {
			if fresh, err := g.Claim(randomKey(r), now()+300, now()); !fresh || err != nil {
				b.Fatal(fresh, err)
			}
		}
	})
}
