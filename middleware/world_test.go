package middleware_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/client"
	"countersign.dev/internal/edge/doortest"
	"countersign.dev/internal/edge/doortest/worldtest"
	"countersign.dev/middleware"
	"countersign.dev/profile/library"
)

// patience is until a test that hangs is told so; nothing else depends on it.
const patience = 30 * time.Second

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the check over a world until the test ends.
func open(t testing.TB, w *worldtest.World, change ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	cfg := middleware.Config{ConfigFile: w.File, Environment: "sandbox", Log: quiet()}
	for _, f := range change {
		f(&cfg)
	}
	m, err := middleware.Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { _ = closed(m) })
	return m
}

func closed(m *middleware.Middleware) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return m.Close(ctx)
}

// service is a Go service with the check in it.
type service struct {
	*httptest.Server
	t testing.TB
}

func serve(t testing.TB, m *middleware.Middleware, next http.Handler) *service {
	t.Helper()
	s := httptest.NewServer(m.Wrap(next))
	t.Cleanup(s.Close)
	return &service{s, t}
}

// as is a client that signs with a key.
func (s *service) as(key doortest.Signer) *http.Client {
	s.t.Helper()
	finci, err := library.Load("finci")
	must(s.t, err)
	transport, err := client.New(client.Config{Scheme: finci, KeyID: key.ID, Secret: []byte(key.Secret), Hosts: []string{strings.TrimPrefix(s.URL, "http://")}, FixedClock: true})
	must(s.t, err)
	return &http.Client{Transport: transport}
}

// call makes one signed request and reads its answer.
func (s *service) call(key doortest.Signer, method, target, body string) (status int, text string, header http.Header) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+target, strings.NewReader(body))
	must(s.t, err)
	resp, err := s.as(key).Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp.StatusCode, string(all), resp.Header
}

// replay is one signed request that can be sent many times, to the service or to another one.
func (s *service) replay(key doortest.Signer) func(to ...*service) int {
	s.t.Helper()
	var kept *http.Request
	finci, err := library.Load("finci")
	must(s.t, err)
	keep := roundTrip(func(r *http.Request) (*http.Response, error) {
		kept = r.Clone(context.Background())
		return nil, io.ErrUnexpectedEOF
	})
	transport, err := client.New(client.Config{Scheme: finci, KeyID: key.ID, Secret: []byte(key.Secret), Hosts: []string{strings.TrimPrefix(s.URL, "http://")}, FixedClock: true, Base: keep})
	must(s.t, err)
	body := fmt.Sprintf(`{"n":%d}`, turn.Add(1))
	r, err := http.NewRequestWithContext(s.t.Context(), "POST", s.URL+"/api/v1/cards", strings.NewReader(body))
	must(s.t, err)
	if resp, err := transport.RoundTrip(r); err == nil {
		_ = resp.Body.Close()
		s.t.Fatal("it was sent")
	}
	return func(to ...*service) int {
		again := kept.Clone(context.Background())
		again.Body = io.NopCloser(strings.NewReader(body))
		if len(to) > 0 {
			again.URL.Host = strings.TrimPrefix(to[0].URL, "http://") // the host is not signed
		}
		resp, err := http.DefaultTransport.RoundTrip(again)
		if err != nil {
			s.t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
}

var turn atomic.Int64

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// record is the decision record, as far as it is on the disk.
func record(t testing.TB, w *worldtest.World) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Data, "decisions-sandbox", "*.jsonl"))
	must(t, err)
	var all bytes.Buffer
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		all.Write(text)
	}
	return all.String()
}

// until waits for something to become true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		<-tick.C
	}
}

// said is a handler that answers with what it was given.
var said = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	id, _ := middleware.IdentityOf(r.Context())
	fmt.Fprintf(w, "%s %s %q %v %s/%s/%s", r.Method, r.RequestURI, body, err, id.Partner, id.API, id.Environment)
})
