package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/config"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// steppedServer is a whole server, as `serve` makes it, whose clock can be set.
type steppedServer struct {
	t      *testing.T
	offset atomic.Int64 // of the server's clock
	file   string
	base   string
	ops    string
	client *http.Client
	key    registry.Issued
	stop   func()
}

func startStepped(t *testing.T) *steppedServer {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	t.Cleanup(upstream.Close)
	dir := filepath.Join(t.TempDir(), "new")
	s := &steppedServer{t: t, file: filepath.Join(dir, "countersign.yaml")}
	must(t, "init", "--dir", dir, "--self-signed", "--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0", "--upstream", upstream.URL, "--checkpoints", filepath.Join(dir, "elsewhere"))
	text, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	const path = "base_paths: [/api/v1]\n"
	limited := strings.Replace(string(text), path, path+"        limits: {per_partner: {rate: 100/s, burst: 100, daily: 100000}, total: {rate: 1000/s}}\n", 1)
	if limited == string(text) {
		t.Fatalf("no place for limits in\n%s", text)
	}
	if err := os.WriteFile(s.file, []byte(limited), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	s.onboard(cfg)
	s.serve(cfg)
	return s
}

// onboard lets a partner in, with a credential of each kind.
func (s *steppedServer) onboard(cfg *config.Config) {
	s.t.Helper()
	r, db, err := openRegisterOf(s.t.Context(), cfg, nil, time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	alice, bob := registry.Actor{Kind: registry.Operator, Name: "alice"}, registry.Actor{Kind: registry.Operator, Name: "bob"}
	ctx := s.t.Context()
	p, err := r.CreatePartner(ctx, alice, "Example Bank")
	steps := []func() error{
		func() error { return r.RequestReview(ctx, alice, p.ID, "production", "") },
		func() error { return r.Approve(ctx, bob, p.ID, "production", "") },
		func() error {
			_, err := r.Allow(ctx, alice, partner.NetworkRule{PartnerID: p.ID, Environment: "production", Prefix: netip.MustParsePrefix("127.0.0.0/8")})
			return err
		},
		func() (err error) { s.key, err = r.IssueSigningKey(ctx, alice, p.ID, "production"); return err },
		db.Close,
	}
	for _, step := range steps {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *steppedServer) serve(cfg *config.Config) {
	s.t.Helper()
	log := new(lockedBuffer)
	server, err := newServer(&serveOptions{config: s.file}, cfg, log)
	if err != nil {
		s.t.Fatal(err)
	}
	server.now = func() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }
	ctx, end := context.WithCancel(s.t.Context())
	ended := make(chan int, 1)
	go func() {
		err := server.open(ctx)
		if err == nil {
			err = server.serve(ctx)
		}
		if drained := server.drain(); err != nil || drained != nil {
			s.t.Errorf("serve: %v, %v\n%s", err, drained, log)
		}
		server.close()
		ended <- exitOK
	}()
	s.stop = func() { end(); <-ended }
	state := filepath.Join(cfg.Data, "serving-production.json")
	s.ops = awaitServing(s.t, state, ended, log)
	var serving servedState
	text, err := os.ReadFile(state)
	if err == nil {
		err = json.Unmarshal(text, &serving)
	}
	if err != nil || len(serving.Listeners) != 1 {
		s.t.Fatalf("%s: %v", text, err)
	}
	s.base = "https://" + serving.Listeners[0]
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(filepath.Dir(s.file), "tls", "self-signed.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		s.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// step sets the server's clock and waits until it has read the register by it: the age of a snapshot is measured with a clock
// that does not step on a real machine, and with this one here.
func (s *steppedServer) step(offset time.Duration) {
	s.t.Helper()
	s.offset.Store(int64(offset))
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if status, _ := s.fetch("GET", s.ops+"/readyz", nil, ""); status == http.StatusOK {
			return
		}
		if time.Since(begun) > 30*time.Second {
			_, body := s.fetch("GET", s.ops+"/readyz", nil, "")
			s.t.Fatalf("with a clock that is %s off the server is never ready: %s", offset, body)
		}
	}
}

func (s *steppedServer) fetch(method, url string, header http.Header, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	r.Host = "localhost"
	client := s.client
	if strings.HasPrefix(url, "http:") {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// signed sends a request that was signed at a time.
func (s *steppedServer) signed(method, target string, at time.Time) (int, string) {
	s.t.Helper()
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key.Secret.Bytes())
	mac.Write([]byte(ts + method + target))
	return s.fetch(method, s.base+target, http.Header{"X-Auth-Token": {s.key.KeyID}, "X-Auth-Timestamp": {ts}, "X-Auth-Signature": {hex.EncodeToString(mac.Sum(nil))}}, "")
}

func (s *steppedServer) want(status int, reason string, got int, body string) {
	s.t.Helper()
	if got != status || !strings.Contains(body, reason) {
		s.t.Errorf("with a clock that is %s off: %d %s, want %d %s", time.Duration(s.offset.Load()), got, body, status, reason)
	}
}

// TestClockStepsOfAnHour: the whole server, with limits, journal, records and checkpoints, over a clock that jumps an hour ahead and
// back, and an hour back and forth. Honest callers are told that their time is off while the server's is wrong, and let in as soon as it
// is right again; nothing that was let in once is let in twice; no limit keeps anybody out for the time of the jump; the records
// are what was written.
func TestClockStepsOfAnHour(t *testing.T) {
	s := startStepped(t)
	defer func() { s.stop() }()
	ask := func(method, target string, at time.Time) (int, string) {
		t.Helper()
		return s.signed(method, target, at)
	}
	want := func(status int, reason string) func(int, string) {
		return func(got int, body string) { t.Helper(); s.want(status, reason, got, body) }
	}
	begun := time.Now()
	want(200, "")(ask("GET", "/api/v1/a", begun))
	want(200, "")(ask("DELETE", "/api/v1/once", begun))
	want(409, "replayed")(ask("DELETE", "/api/v1/once", begun))

	s.step(time.Hour)
	want(401, "behind the server's time")(ask("GET", "/api/v1/b", time.Now()))
	ahead := time.Now().Add(time.Hour)
	for range 20 {
		want(200, "")(ask("GET", "/api/v1/ahead", ahead)) // whoever goes by the server's time; counted by the limits
	}
	want(200, "")(ask("DELETE", "/api/v1/ahead", ahead))

	s.step(0)
	want(200, "")(ask("GET", "/api/v1/c", time.Now()))
	want(503, "unavailable")(ask("DELETE", "/api/v1/once", begun))
	want(401, "ahead of the server's time")(ask("DELETE", "/api/v1/ahead", ahead))
	// What was remembered for the minute of "once" was forgotten when the clock was ahead: nothing that ends in it is let in again, and
	// nobody is told that it was carried out.
	want(200, "")(ask("DELETE", "/api/v1/right", time.Now().Add(2*time.Minute)))

	s.step(-time.Hour)
	want(401, "ahead of the server's time")(ask("GET", "/api/v1/d", time.Now()))
	want(401, "ahead of the server's time")(ask("DELETE", "/api/v1/once", begun))
	want(200, "")(ask("GET", "/api/v1/behind", time.Now().Add(-time.Hour)))

	s.step(0)
	for range 20 {
		want(200, "")(ask("GET", "/api/v1/e", time.Now()))
	}
	want(503, "unavailable")(ask("DELETE", "/api/v1/once", begun))

	// A month later the certificate that init made has ended: callers cannot connect, and readiness says so.
	s.offset.Store(int64(31 * 24 * time.Hour))
	if status, body := s.fetch("GET", s.ops+"/readyz", nil, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, `"name":"certificates","state":"failing"`) {
		t.Errorf("with a certificate that has ended: %d %s", status, body)
	}
	s.step(0)
	s.stop()
	s.stop = func() {}
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"audit", "verify", "--config", s.file}, strings.NewReader(""), &out, &errOut); code != exitOK {
		t.Errorf("audit verify: %d\n%s%s", code, &out, &errOut)
	}
}
