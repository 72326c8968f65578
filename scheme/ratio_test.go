package scheme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// BenchmarkRatio runs verification and the bare HMAC in turns within one run and reports how often the one fits into the other, from the best turn of each: the only
// figure that a busy machine does not spoil. "decide" is Parse, Fresh, Verify and the replay digest; "verify" is Verify alone.
func BenchmarkRatio(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, key, r := signedRequest(b, finci(), jsonBody(size))
			h := hmac.New(sha256.New, []byte("benchmark-secret"))
			head, sum := []byte("1763625600POST/api/v1/get-cards?page=2"), make([]byte, 0, 32)
			var p scheme.Presented
			var digest [32]byte
			turns := []func(){
				func() { h.Reset(); h.Write(head); h.Write(r.Body); sum = h.Sum(sum[:0]) },
				func() {
					if s.Verify(&key, &r, &p, nil) != nil {
						b.Fatal("refused")
					}
				},
				func() {
					if s.Parse(&r, &p) != nil || s.Fresh(&p, signing, 0) != nil || s.Verify(&key, &r, &p, &digest) != nil {
						b.Fatal("refused")
					}
				},
			}
			turns[2]()
			best := [3]time.Duration{math.MaxInt64, math.MaxInt64, math.MaxInt64}
			b.ReportAllocs()
			for b.Loop() {
				for i, turn := range turns {
					start := time.Now()
					for range 20 {
						turn()
					}
					best[i] = min(best[i], time.Since(start))
				}
			}
			b.ReportMetric(float64(best[1])/float64(best[0]), "verify/bare")
			b.ReportMetric(float64(best[2])/float64(best[0]), "decide/bare")
			b.ReportMetric(float64(best[0])/20, "bare-ns")
		})
	}
}
