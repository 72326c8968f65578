package forwardauth_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/edge/forwardauth"
)

// sink takes an answer and keeps nothing.
type sink struct {
	header http.Header
	code   int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(code int)        { s.code = code }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkQuestion is one question about a signed GET, without the server that reads it from the wire. The headers of the question are
// made anew for each, as a server does, which is measured too.
func BenchmarkQuestion(b *testing.B) {
	for _, kind := range []forwardauth.Kind{forwardauth.NginxHandOver, forwardauth.NginxAuthRequest, forwardauth.HAProxy} {
		b.Run(kind.String(), func(b *testing.B) {
			w := newWorld(b, kind)
			r := w.question(signed("GET", "/api/v1/cards/1", ""))
			original, out := r.Header, &sink{header: http.Header{}}
			r.Header = make(http.Header, len(original))
			b.ReportAllocs()
			for b.Loop() {
				for name, values := range original {
					r.Header[name] = values
				}
				clear(out.header)
				w.handler.ServeHTTP(out, r)
				if out.code != http.StatusOK {
					b.Fatal(out.code, w.records)
				}
				w.records = w.records[:0]
			}
		})
	}
}
