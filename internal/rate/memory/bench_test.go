package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/rate"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/rate/ratetest"
)

// BenchmarkTake asks two buckets for each request: of one caller, and of as many callers as there are processors, each with
// buckets of its own.
func BenchmarkTake(b *testing.B) {
	l := open(b, memory.Config{Now: time.Now})
	b.Run("one", func(b *testing.B) {
		buckets := []rate.Bucket{ratetest.Bucket(1, 1<<20, 1<<20, 1<<60), ratetest.Bucket(2, 1<<20, 1<<20, 1<<60)}
		b.ReportAllocs()
		for b.Loop() {
			_, _ = l.Take(buckets)
		}
	})
	var n atomic.Int64
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			at := int(n.Add(2))
			buckets := []rate.Bucket{ratetest.Bucket(at, 1<<20, 1<<20, 1<<60), ratetest.Bucket(at+1, 1<<20, 1<<20, 1<<60)}
			for p.Next() {
				_, _ = l.Take(buckets)
			}
		})
	})
}
