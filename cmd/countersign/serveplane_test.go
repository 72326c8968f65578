package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/config"
	operators "countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// planeServer is `countersign serve` in this process, with the operators' plane over TLS.
type planeServer struct {
	t     *testing.T
	dir   string
	file  string
	link  string // of the first admin, as init printed it
	state servedState
	roots *x509.CertPool
	log   *lockedBuffer
	stop  func()
	ended chan int
}

// initialized makes a folder as init does, and returns what was printed.
func initialized(t *testing.T, flags ...string) (dir, out string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new")
	said := new(lockedBuffer)
	args := append([]string{"init", "--dir", dir, "--self-signed", "--listen", "127.0.0.1:0", "--listen-ops", "127.0.0.1:0", "--listen-admin", "127.0.0.1:0",
		"--checkpoints", filepath.Join(dir, "elsewhere")}, flags...)
	if code := run(t.Context(), args, strings.NewReader(""), said, said); code != exitOK {
		t.Fatalf("init: %d\n%s", code, said)
	}
	return dir, said.String()
}

var linkLine = regexp.MustCompile(`(?m)^ +(http://localhost:\d+/sign-in/link#\S+)$`)

func startPlane(t *testing.T, edits ...string) *planeServer {
	t.Helper()
	dir, out := initialized(t)
	s := &planeServer{t: t, dir: dir, file: filepath.Join(dir, "countersign.yaml"), log: new(lockedBuffer), ended: make(chan int, 1)}
	found := linkLine.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("init prints no link:\n%s", out)
	}
	s.link = found[1]
	s.edit(append([]string{"oidc: sign-in", "x", "# x with your provider; without it, passkeys\n", "tls: {certificate: tls/self-signed.pem, key: tls/self-signed-key.pem}\n"}, edits...)...)
	pem, err := os.ReadFile(filepath.Join(dir, "tls", "self-signed.pem"))
	if s.roots = x509.NewCertPool(); err != nil || !s.roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	go func() {
		s.ended <- run(ctx, []string{"serve", "--config", s.file}, strings.NewReader(""), io.Discard, s.log)
	}()
	s.stop = func() {
		end()
		if code := <-s.ended; code != exitOK {
			t.Errorf("serve ended with %d\n%s", code, s.log)
		}
	}
	awaitServing(t, s.statePath(), s.ended, s.log)
	s.look()
	return s
}

func (s *planeServer) statePath() string {
	return filepath.Join(s.dir, "data", "serving-production.json")
}

// look reads where the server is now.
func (s *planeServer) look() {
	s.t.Helper()
	text, err := os.ReadFile(s.statePath())
	if err == nil {
		err = json.Unmarshal(text, &s.state)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// edit replaces parts of the configuration, as a whole.
func (s *planeServer) edit(pairs ...string) {
	s.t.Helper()
	text, err := os.ReadFile(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	next := string(text)
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(next, pairs[i]) != 1 {
			s.t.Fatalf("%q stands %d times in\n%s", pairs[i], strings.Count(next, pairs[i]), next)
		}
		next = strings.Replace(next, pairs[i], pairs[i+1], 1)
	}
	if err := replaceFile(s.file, []byte(next)); err != nil {
		s.t.Fatal(err)
	}
}

// token makes a service account that reads, and a partner to be read.
func (s *planeServer) token() string {
	s.t.Helper()
	s.onRegister(func(r *registry.Registry) error {
		_, err := r.CreatePartner(s.t.Context(), planeAlice, "Example Bank")
		return err
	})
	return s.service(registry.ServiceCreate{Name: "reader", Roles: []operators.Role{operators.Viewer}, NotAfter: time.Now().Add(time.Hour)})
}

var planeAlice = registry.Actor{Kind: registry.Operator, Name: "alice"}

// service makes a service account, and gives its token.
func (s *planeServer) service(want registry.ServiceCreate) (token string) {
	s.t.Helper()
	s.onRegister(func(r *registry.Registry) error {
		_, made, err := r.CreateService(s.t.Context(), planeAlice, want)
		token = string(made.Bytes())
		return err
	})
	return token
}

func (s *planeServer) onRegister(do func(r *registry.Registry) error) {
	s.t.Helper()
	cfg, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		s.t.Fatal(err)
	}
	r, db, err := openRegisterOf(s.t.Context(), cfg, nil, clock)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if err := do(r); err != nil {
		s.t.Fatal(err)
	}
}

// get asks the plane. edit may change the request.
func (s *planeServer) get(path string, edit func(r *http.Request)) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.state.Admin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if edit != nil {
		edit(r)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// TestServeHasAPlaneOverTLS: the admin API answers who has an account, over the certificate of the configuration, and for no other
// host; it says where it is, and counts.
func TestServeHasAPlaneOverTLS(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	token := s.token()
	if !strings.HasPrefix(s.state.Admin, "https://localhost:") {
		t.Errorf("the plane is at %q", s.state.Admin)
	}
	if status, body := s.get("/v1/partners", bearer(token)); status != http.StatusOK || !strings.Contains(body, "Example Bank") {
		t.Errorf("partners: %d %s\n%s", status, body, s.log)
	}
	if status, body := s.get("/v1/partners", nil); status != http.StatusUnauthorized {
		t.Errorf("without an account: %d %s", status, body)
	}
	if status, body := s.get("/sign-in/", nil); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the sign-in page: %d %s", status, body)
	}
	if status, body := s.get("/v1/nodes", bearer(token)); status != http.StatusOK || !strings.Contains(body, `"production"`) {
		t.Errorf("nodes: %d %s", status, body)
	}
	for _, metric := range []string{`countersign_admin_requests_total{operation=`, "countersign_open_proposals 0", "countersign_break_glass_open 0", `countersign_chores_total{chore="proposals",outcome="changed"} 0`} {
		if _, text := fetchPlain(t, s.state.Ops+"/metrics"); !strings.Contains(text, metric) {
			t.Errorf("no metric %s", metric)
		}
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log holds a token")
	}
}

func fetchPlain(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestRule31ThePlaneAnswersForItsOwnHost alone, speaks no plain HTTP and no TLS below 1.2, and bounds what it reads.
func TestRule31ThePlaneAnswersForItsOwnHost(t *testing.T) {
	s := startPlane(t)
	defer s.stop()
	token := s.token()
	for _, host := range []string{"evil.example", "localhost.evil.example", "169.254.169.254"} {
		status, body := s.get("/v1/partners", func(r *http.Request) { r.Host = host; bearer(token)(r) })
		if status/100 == 2 || strings.Contains(body, "Example Bank") {
			t.Errorf("Host %s: %d %s", host, status, body)
		}
	}
	address := strings.TrimPrefix(s.state.Admin, "https://")
	address = strings.Replace(address, "localhost", "127.0.0.1", 1)
	if conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: s.roots, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if _, text := rawPlane(t, address, "GET /v1/partners HTTP/1.1\r\nHost: localhost\r\n\r\n"); strings.Contains(text, "Example Bank") {
		t.Errorf("plain HTTP is answered: %s", text)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: s.roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // while the answer is read: the rest may find nobody who listens
		_, _ = io.WriteString(conn, "GET /v1/partners HTTP/1.1\r\nHost: localhost\r\nX-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %v, %v", answer, err)
	}
}

func rawPlane(t *testing.T, address, text string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(io.LimitReader(conn, 64<<10))
	return len(answer), string(answer)
}
