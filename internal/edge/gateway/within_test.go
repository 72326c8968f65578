package gateway_test

import (
	"net/http"
	"testing"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/upstream"
)

// TestWithinIsInThePlaceOfUpstreams: a gateway forwards, or serves in the process, and never both; and without a handler it is none.
func TestWithinIsInThePlaceOfUpstreams(t *testing.T) {
	d := newWorld(t).open(t)
	cfg := d.set.gateway
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	none := map[*access.API]upstream.Doer{}
	for api := range cfg.Upstreams {
		none[api] = nil
	}
	for name, one := range map[string]struct {
		within    *gateway.Within
		upstreams map[*access.API]upstream.Doer
		good      bool
	}{
		"a handler":               {&gateway.Within{Next: handler}, none, true},
		"upstreams":               {nil, cfg.Upstreams, true},
		"both":                    {&gateway.Within{Next: handler}, cfg.Upstreams, false},
		"neither":                 {nil, none, false},
		"within, without handler": {&gateway.Within{}, none, false},
	} {
		cfg.Within, cfg.Upstreams = one.within, one.upstreams
		if _, err := gateway.New(cfg); (err == nil) != one.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAConnectionThatWasNotReadIsRefused, also by a gateway within a process, unless it says that it takes such ones.
func TestAConnectionThatWasNotReadIsRefused(t *testing.T) {
	ran := 0
	within := &gateway.Within{Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ })}
	d := newWorld(t).open(t, func(s *settings) {
		s.gateway.Within = within
		s.doers = func(all map[*access.API]upstream.Doer) {
			for api := range all {
				all[api] = nil
			}
		}
	})
	call := get("good")(d)
	if a := d.do(call); a.status != 200 || ran != 1 {
		t.Fatalf("through the strict reader: %d %s, the handler ran %d times", a.status, a.body, ran)
	}
	r, err := http.NewRequest("GET", "https://api.example.com"+call.target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI, r.RemoteAddr = call.target, "127.0.0.1:1"
	w := &plainWriter{header: http.Header{}}
	d.gateway.ServeHTTP(w, r)
	if w.status != 400 || ran != 1 {
		t.Errorf("beside it: %d, the handler ran %d times", w.status, ran)
	}
}

// plainWriter is an answer that is only looked at.
type plainWriter struct {
	header http.Header
	status int
}

func (p *plainWriter) Header() http.Header         { return p.header }
func (p *plainWriter) WriteHeader(status int)      { p.status = status }
func (p *plainWriter) Write(b []byte) (int, error) { return len(b), nil }
