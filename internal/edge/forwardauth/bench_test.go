package forwardauth_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/edge/forwardauth"
	"countersign.dev/internal/edge/gateway/fields"
)

// sink takes an answer and keeps nothing.
type sink struct {
	header http.Header
	code   int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(code int)        { s.code = code }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// WriteList is what the door's own server has, which is measured.
func (s *sink) WriteList(code int, _ fields.List) { s.code = code }

// asker asks one question of a kind about a signed GET, again and again. The headers of the question are made anew for each, as a
// server does.
func asker(b testing.TB, kind forwardauth.Kind) (ask func()) {
	w := newWorld(b, kind)
	r := w.question(signed("GET", "/api/v1/cards/1", ""))
	original, out := r.Header, &sink{header: http.Header{}}
	r.Header = make(http.Header, len(original))
	return func() {
		for name, values := range original {
			r.Header[name] = values
		}
		w.handler.ServeHTTP(out, r)
		if out.code != http.StatusOK {
			b.Fatal(out.code, w.records)
		}
		w.records = w.records[:0]
	}
}

// TestQuestionsAllocateLittle: what the check itself needs (door.TestChecksAllocateLittle), and for HAProxy the list of what it removes.
func TestQuestionsAllocateLittle(t *testing.T) {
	for kind, most := range map[forwardauth.Kind]float64{forwardauth.NginxHandOver: 3, forwardauth.NginxAuthRequest: 3, forwardauth.HAProxy: 4} {
		if got := testing.AllocsPerRun(200, asker(t, kind)); got > most && !racing {
			t.Errorf("%s: %v allocations a question, at most %v", kind, got, most)
		}
	}
}

// BenchmarkQuestion is one question about a signed GET, without the server that reads it from the wire.
func BenchmarkQuestion(b *testing.B) {
	for _, kind := range []forwardauth.Kind{forwardauth.NginxHandOver, forwardauth.NginxAuthRequest, forwardauth.HAProxy} {
		b.Run(kind.String(), func(b *testing.B) {
			ask := asker(b, kind)
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}
