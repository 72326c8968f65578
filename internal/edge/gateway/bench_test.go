package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/gateway/fields"
	"countersign.dev/internal/edge/gateway/upstream"
)

// sink is a ResponseWriter that keeps nothing, so that the gateway's own allocations are what is counted.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) WriteHeader(status int)           { s.status = status }
func (s *sink) Write(p []byte) (int, error)      { return len(p), nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) Flush()                           {}

type nowhere struct{}

func (nowhere) Record(*audit.Decision) {}

// BenchmarkForward is one signed GET through ServeHTTP, without a listener. "lean" goes to an upstream over loopback;
// "gateway" has an upstream that answers at once: what is left is the door itself.
func BenchmarkForward(b *testing.B) {
	for _, name := range []string{"gateway", "lean"} {
		b.Run(name, func(b *testing.B) {
			d := newWorld(b).open(b, func(s *settings) {
				s.gateway.Record = nowhere{}
				if name == "gateway" {
					s.doers = func(all map[*access.API]upstream.Doer) {
						for api := range all {
							all[api] = fakeDoer{do: instantly}
						}
					}
				}
			})
			go func() {
				for range d.upstream.arrivals {
				}
			}()
			defer func() { d.upstream.arrivals = make(chan arrival, 1) }()
			r := d.inHand(d.signed(d.keys["good"], "GET", "/api/v1/cards/1?a=b", "", "Accept: application/json", "User-Agent: bench"))
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				d.gateway.ServeHTTP(w, r)
			}
			if w.status != 200 {
				b.Fatalf("status %d", w.status)
			}
		})
	}
}

var instantHeader = fields.List{{Name: "Content-Type", Value: "text/plain"}}

func instantly(_ context.Context, _ *upstream.Request, resp *upstream.Response) error {
	resp.Status, resp.ContentLength, resp.Header = 200, 2, instantHeader
	resp.Body = io.NopCloser(strings.NewReader("ok"))
	return nil
}
