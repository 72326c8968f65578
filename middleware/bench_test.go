package middleware_test

import (
	"net/http"
	"testing"
	"time"

	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
)

// noWriter is an answer that nobody reads.
type noWriter struct{ header http.Header }

func (n *noWriter) Header() http.Header         { return n.header }
func (n *noWriter) WriteHeader(int)             {}
func (n *noWriter) Write(p []byte) (int, error) { return len(p), nil }

var nothing = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// signedGet is a signed GET as net/http hands it to a handler. A GET may come again.
func signedGet(key doortest.Signer) *http.Request {
	target := "/api/v1/cards?a=b"
	r, err := http.NewRequest("GET", "https://api.example.com"+target, nil)
	if err != nil {
		panic(err)
	}
	r.RequestURI, r.RemoteAddr = target, "127.0.0.1:1"
	r.Header = http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}}
	doortest.Sign(r.Header, key, time.Now().Unix(), "GET", target, "")
	return r
}

// BenchmarkMiddleware is what the check adds to a handler, without the network: the same request, with it and without.
func BenchmarkMiddleware(b *testing.B) {
	w := worldtest.New(b)
	checked := open(b, w).Wrap(nothing)
	for _, one := range []struct {
		name    string
		handler http.Handler
	}{{"bare", nothing}, {"checked", checked}} {
		b.Run(one.name, func(b *testing.B) {
			r, out := signedGet(w.Keys.Good), &noWriter{http.Header{}}
			b.ReportAllocs()
			begun := cpu()
			for b.Loop() {
				clear(out.header)
				one.handler.ServeHTTP(out, r)
			}
			b.ReportMetric(float64(cpu()-begun)/float64(b.N), "cpu-ns/op") // with what writes the record beside it
		})
	}
}

// BenchmarkRefused is a request of a stranger.
func BenchmarkRefused(b *testing.B) {
	w := worldtest.New(b)
	checked := open(b, w).Wrap(nothing)
	stranger := w.Keys.Good
	stranger.Secret = "wrong"
	r, out := signedGet(stranger), &noWriter{http.Header{}}
	b.ReportAllocs()
	begun := cpu()
	for b.Loop() {
		clear(out.header)
		checked.ServeHTTP(out, r)
	}
	b.ReportMetric(float64(cpu()-begun)/float64(b.N), "cpu-ns/op")
}
