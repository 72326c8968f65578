package strict_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
)

// request is what a handler saw.
type request struct {
	Target  string
	Body    string
	Trailer bool
	Start   strict.Fault // mark when the handler began
	End     strict.Fault // mark after the body
	Err     error        // of reading the body
	Close   bool
}

// door is a server behind a strict listener, with what it saw.
type door struct {
	t        *testing.T
	listener *strict.Listener
	server   *http.Server
	own      *http1.Server // serves HTTP/1 in the place of server; nil: server does
	addr     string
	pool     *x509.CertPool

	mu      sync.Mutex
	seen    []request
	refused []strict.Fault
	told    chan strict.Fault
}

// handle records what arrived and refuses what is marked, as the gateway does.
func (d *door) handle(w http.ResponseWriter, r *http.Request) {
	m := strict.MarksOf(r.Context())
	got := request{Target: r.RequestURI}
	if m != nil {
		got.Start = m.Fault
	}
	body, err := io.ReadAll(r.Body)
	got.Body = string(body)
	got.Err = err
	if m = strict.MarksOf(r.Context()); m != nil {
		got.End, got.Close, got.Trailer = m.Fault, m.MustClose, m.HasTrailers
	}
	d.mu.Lock()
	d.seen = append(d.seen, got)
	d.mu.Unlock()
	if got.Close {
		w.Header().Set("Connection", "close")
	}
	if got.End != strict.None {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "api refusal: "+got.End.String())
		return
	}
	_, _ = io.WriteString(w, "ok "+r.RequestURI)
}

func (d *door) snapshot() ([]request, []strict.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]request(nil), d.seen...), append([]strict.Fault(nil), d.refused...)
}

// openDoor serves until the test ends. change may adjust the configuration; a
// nil handler is the recording one.
func openDoor(t *testing.T, change func(*strict.Config, *http.Server)) *door {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := openDoorOn(t, inner, change)
	d.addr = inner.Addr().String()
	return d
}

// openDoorOn is openDoor on a listener of the test's own.
func openDoorOn(t *testing.T, inner net.Listener, change func(*strict.Config, *http.Server)) *door {
	t.Helper()
	d := &door{t: t, told: make(chan strict.Fault, 1000)}
	cert, pool := mustCertificate(t)
	d.pool = pool
	cfg := strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
	cfg.OnRefused = func(peer netip.AddrPort, f strict.Fault) {
		if !peer.Addr().IsLoopback() {
			t.Errorf("peer %v is not the loopback address that called", peer)
		}
		d.mu.Lock()
		d.refused = append(d.refused, f)
		d.mu.Unlock()
		d.told <- f
	}
	d.server = &http.Server{Handler: http.HandlerFunc(d.handle)}
	if change != nil {
		change(&cfg, d.server)
	}
	var err error
	if d.listener, err = strict.New(inner, cfg); err != nil {
		t.Fatal(err)
	}
	strict.Configure(d.server, d.listener)
	served := make(chan error, 1)
	if os.Getenv("COUNTERSIGN_HTTP1") == "own" {
		own, err := http1.New(http1.Config{Handler: d.server.Handler, HTTP2: d.server, ConnContext: strict.ConnContext, ReadHeaderTimeout: d.server.ReadHeaderTimeout,
			IdleTimeout: d.server.IdleTimeout, Log: slog.Default()})
		if err != nil {
			t.Fatal(err)
		}
		d.own = own
	}
	go func() { served <- d.serve() }()
	t.Cleanup(func() {
		_ = d.close()
		if err := <-served; err != http.ErrServerClosed && err != net.ErrClosed {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return d
}

func (d *door) serve() error {
	if d.own != nil {
		return d.own.Serve(d.listener)
	}
	return d.server.Serve(d.listener)
}

func (d *door) close() error {
	if d.own != nil {
		return d.own.Close()
	}
	return d.server.Close()
}

func (d *door) shutdown(ctx context.Context) error {
	if d.own != nil {
		return d.own.Shutdown(ctx)
	}
	return d.server.Shutdown(ctx)
}

// dial opens a raw HTTP/1 connection over TLS.
func (d *door) dial() *tls.Conn {
	d.t.Helper()
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, NextProtos: []string{"http/1.1"}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// exchange sends data in the given pieces, ends our side, and returns all that
// came back.
func (d *door) exchange(pieces ...string) string {
	d.t.Helper()
	c := d.dial()
	go func() {
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
		_ = c.CloseWrite()
	}()
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func mustCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
