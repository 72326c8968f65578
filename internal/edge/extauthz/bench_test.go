package extauthz_test

import (
	"context"
	"testing"
	"time"
)

// BenchmarkCheck is a check without the wire and without the record: a message in, a message out.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, settings{quiet: true})
	for _, kind := range []struct {
		name string
		call call
	}{{"get", w.get("/api/v1/cards/10031000000000000001?page=2")}, {"forged", w.get("/api/v1/cards/1")}} {
		if kind.name == "forged" {
			kind.call.target = "/api/v1/cards/2"
		}
		message := wire(b, syntheticCheck(kind.call.with("Content-Type", "application/json").with("Accept-Encoding", "gzip"), syntheticFilter{}))
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = w.checker.Check(context.Background(), message, envoy)
			}
		})
	}
}

// BenchmarkOverTheWire is a check over loopback, the generated client included: for profiles. What a check costs the serving
// process is measured from outside (e2e, make bench SECTION=doors).
func BenchmarkOverTheWire(b *testing.B) {
	s := serve(b, settings{quiet: true}, nil)
	check := syntheticCheck(s.get("/api/v1/cards/10031000000000000001?page=2").with("Content-Type", "application/json"), syntheticFilter{})
	client := s.dial(s.address)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			answer, err := client.Check(ctx, check)
			if cancel(); err != nil || answer.GetOkResponse() == nil {
				b.Errorf("%v, %v", answer, err)
				return
			}
		}
	})
}
