//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// site is everything that the peers share: a folder, a certificate, a backend, the partner's credentials.
type site struct {
	dir      string
	backend  string // host:port
	self     string // this program
	binary   string // countersign
	beside   string // another build of it, which is measured too; empty: none
	given    credentials
	trust    *tls.Config
	running  []*process
	standard bool          // countersign serves HTTP/1 with net/http
	serial   atomic.Uint64 // makes every body unlike the others
}

// answer is what the backend says: 75 bytes.
const answer = `{"id":"4711","status":"active","currency":"EUR","balance":1234567890123456}`

func newSite(ctx context.Context, o *options) (_ *site, err error) {
	s := &site{standard: o.standard, binary: o.binary, beside: o.beside}
	if s.dir, err = os.MkdirTemp("", "countersign-peers-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close(false)
		}
	}()
	if s.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if err = s.certificate(); err != nil {
		return nil, err
	}
	if err = s.startBackend(ctx); err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	if err = s.build(ctx); err != nil {
		return nil, err
	}
	if err = s.register(ctx); err != nil {
		return nil, err
	}
	return s, s.copyData(ctx)
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// close ends every process and removes the folder.
func (s *site) close(keep bool) {
	for i := len(s.running) - 1; i >= 0; i-- {
		s.running[i].stop()
	}
	if keep {
		fmt.Fprintln(os.Stderr, "left:", s.dir)
		return
	}
	_ = os.RemoveAll(s.dir)
}

// certificate makes the one certificate of all peers: ECDSA P-256, as most have today.
func (s *site) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	s.trust = &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	for name, text := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM, "both.pem": append(append([]byte{}, certPEM...), keyPEM...)} {
		if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startBackend starts nginx as the API that is protected: it reads the body and answers 75 bytes.
func (s *site) startBackend(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.backend = fmt.Sprintf("127.0.0.1:%d", port)
	text := fmt.Sprintf(`worker_processes 1; daemon off; pid %[1]s/backend.pid; error_log %[1]s/backend.log error;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 1000000000; keepalive_timeout 600s; client_max_body_size 2m;
  server { listen %[2]s; location / { default_type application/json; return 200 '%[3]s'; } }
}
`, s.dir, s.backend, answer)
	if err := os.WriteFile(s.path("backend.conf"), []byte(text), 0o600); err != nil {
		return err
	}
	p, err := s.start("backend", nil, "nginx", "-e", s.path("backend.log"), "-c", s.path("backend.conf"))
	if err != nil {
		return err
	}
	return p.listening(ctx, s.backend)
}

// build builds countersign from the tree that this program is run in, unless it was given: this program is started in its own module.
func (s *site) build(ctx context.Context) error {
	if s.binary != "" {
		return nil
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "countersign.dev").Output()
	if err != nil {
		return fmt.Errorf("find countersign; run this in the folder bench: %w", err)
	}
	s.binary = s.path("countersign")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.binary, "./cmd/countersign")
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build countersign: %w\n%s", err, out)
	}
	return nil
}

// freePort is a port that nobody listens on now.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
