package scheme_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// sizes are the bodies that the budget names.
var sizes = []int{0, 256, 1 << 10, 64 << 10}

func jsonBody(size int) []byte {
	if size == 0 {
		return nil
	}
	return append([]byte{'{'}, bytes.Repeat([]byte{'x'}, size-1)...)
}

// BenchmarkBareHMAC is the yardstick: the same bytes through an HMAC whose key state is reused.
func BenchmarkBareHMAC(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body := jsonBody(size)
			h := hmac.New(sha256.New, []byte("benchmark-secret"))
			head := []byte("1763625600POST/api/v1/get-cards?page=2")
			sum := make([]byte, 0, 32)
			b.ReportAllocs()
			for b.Loop() {
				h.Reset()
				h.Write(head)
				h.Write(body)
				sum = h.Sum(sum[:0])
			}
		})
	}
}

// BenchmarkVerify is Parse, Fresh and Verify with the replay digest: all that a decision asks of this package.
func BenchmarkVerify(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, key, r := signedRequest(b, finci(), jsonBody(size))
			now := time.Unix(1763625601, 0)
			var p scheme.Presented
			var digest [32]byte
			b.ReportAllocs()
			for b.Loop() {
				if s.Parse(&r, &p) != nil || s.Fresh(&p, now, 0) != nil || s.Verify(&key, &r, &p, &digest) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkVerifyOnly leaves Parse, Fresh and the replay digest out.
func BenchmarkVerifyOnly(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, key, r := signedRequest(b, finci(), jsonBody(size))
			var p scheme.Presented
			if f := s.Parse(&r, &p); f != nil {
				b.Fatal(f)
			}
			b.ReportAllocs()
			for b.Loop() {
				if s.Verify(&key, &r, &p, nil) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
