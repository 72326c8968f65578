package http1_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
)

// seen is what a handler saw of one request.
type seen struct {
	Method, Target, Host, Proto string
	Header                      string
	Length                      int64
	Encoding, Trailer           []string
	Close                       bool
	Fault, After                strict.Fault
	Body                        string
	Failed                      bool // reading the body
}

// server is one of the two behind a strict listener.
type server struct {
	addr    string
	pool    *x509.CertPool
	tickets tls.ClientSessionCache // a fuzzer's time should not go into handshakes
	own     *http1.Server
	std     *http.Server

	mu   sync.Mutex
	seen []seen
}

// pair are net/http and ours, with one handler.
type pair struct{ std, own *server }

func openPair(t testing.TB, handler http.HandlerFunc) *pair {
	t.Helper()
	return &pair{std: open(t, handler, false), own: open(t, handler, true)}
}

func open(t testing.TB, handler http.HandlerFunc, own bool) *server {
	t.Helper()
	cert, pool := certificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: inner.Addr().String(), pool: pool, tickets: tls.NewLRUClientSessionCache(4)}
	watched := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(w, s.look(r)) })
	s.std = &http.Server{Handler: watched, ErrorLog: log.New(io.Discard, "", 0)}
	strict.Configure(s.std, l)
	served := make(chan error, 1)
	if own {
		s.own, err = http1.New(http1.Config{Handler: watched, HTTP2: s.std, ConnContext: strict.ConnContext, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		go func() { served <- s.own.Serve(l) }()
		t.Cleanup(func() { _ = s.own.Close(); <-served })
		return s
	}
	go func() { served <- s.std.Serve(l) }()
	t.Cleanup(func() { _ = s.std.Close(); <-served })
	return s
}

// look notes a request, and what is read of its body.
func (s *server) look(r *http.Request) *http.Request {
	one := seen{Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto, Length: r.ContentLength, Encoding: r.TransferEncoding, Close: r.Close,
		Trailer: slices.Sorted(maps.Keys(r.Trailer))}
	var header bytes.Buffer
	h := r.Header.Clone()
	if h.Get("Pragma") == "no-cache" && h.Get("Cache-Control") == "no-cache" {
		h.Del("Cache-Control") // net/http adds it where there is none
	}
	_ = h.Write(&header)
	one.Header = header.String()
	if m := strict.MarksOf(r.Context()); m != nil {
		one.Fault = m.Fault
	}
	s.mu.Lock()
	s.seen = append(s.seen, one)
	at := len(s.seen) - 1
	s.mu.Unlock()
	r.Body = &heard{ReadCloser: r.Body, s: s, at: at, marks: func() *strict.Marks { return strict.MarksOf(r.Context()) }}
	return r
}

// heard notes what is read of a body.
type heard struct {
	io.ReadCloser
	s     *server
	at    int
	marks func() *strict.Marks
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	one := &h.s.seen[h.at]
	one.Body += string(p[:n])
	if err != nil {
		one.Failed = err != io.EOF
		if m := h.marks(); m != nil {
			one.After = m.Fault
		}
	}
	return n, err
}

// forget returns what was seen, and forgets it.
func (s *server) forget() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.seen
	s.seen = nil
	return out
}

// dial opens a connection that speaks HTTP/1.1.
func (s *server) dial(t testing.TB) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: s.pool, NextProtos: []string{"http/1.1"}, ClientSessionCache: s.tickets, CurvePreferences: []tls.CurveID{tls.X25519}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// talk sends bytes, ends our side, and returns all that comes back. A server that closes while bytes of ours are unread makes the
// kernel reset the connection, which takes away what has not been read here yet: then it is asked again.
func (s *server) talk(t testing.TB, raw string) string {
	t.Helper()
	method, _, _ := strings.Cut(raw, " ")
	var answer []byte
	for range 20 {
		var err error
		if answer, err = s.talkOnce(t, raw); !errors.Is(err, syscall.ECONNRESET) {
			break
		}
		s.forget()
	}
	return plain(method, answer)
}

func (s *server) talkOnce(t testing.TB, raw string) ([]byte, error) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	go func() {
		_, _ = io.WriteString(c, raw)
		_ = c.CloseWrite()
	}()
	return io.ReadAll(c)
}

// plain is what the answers say, one after the other, without what differs by the second, and without how a body was cut into chunks.
func plain(method string, answers []byte) string {
	var said strings.Builder
	for r := bufio.NewReader(bytes.NewReader(answers)); ; method = http.MethodGet {
		if _, err := r.Peek(1); err != nil {
			return said.String()
		}
		a, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			fmt.Fprintf(&said, "unreadable: %v\n", err)
			return said.String()
		}
		body, err := io.ReadAll(a.Body)
		a.Header.Del("Date")
		fmt.Fprintf(&said, "%s %s close=%v length=%d %v %v", a.Proto, a.Status, a.Close, a.ContentLength, a.TransferEncoding, err)
		for _, name := range slices.Sorted(maps.Keys(a.Header)) {
			fmt.Fprintf(&said, " %s=%q", name, a.Header[name])
		}
		fmt.Fprintf(&said, " body %d %.20q %x\n", len(body), body, sha256.Sum256(body))
	}
}

// same sends the same bytes to both and compares what the handlers saw, and the answers.
func (p *pair) same(t *testing.T, raw string) (answer string) {
	t.Helper()
	p.std.forget()
	p.own.forget()
	want, got := p.std.talk(t, raw), p.own.talk(t, raw)
	if got != want {
		t.Errorf("%.200q\nnet/http: %.700s\nours:     %.700s", raw, want, got)
	}
	a, b := p.std.forget(), p.own.forget()
	if !slices.EqualFunc(a, b, func(x, y seen) bool {
		return slices.Equal(x.Encoding, y.Encoding) && slices.Equal(x.Trailer, y.Trailer) && x.Method == y.Method && x.Target == y.Target && x.Host == y.Host &&
			x.Proto == y.Proto && x.Header == y.Header && x.Length == y.Length && x.Close == y.Close && x.Fault == y.Fault && x.After == y.After && x.Body == y.Body && x.Failed == y.Failed
	}) {
		t.Errorf("%.200q\nnet/http's handler saw %+v\nours saw               %+v", raw, a, b)
	}
	return got
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	leaf, err2 := x509.ParseCertificate(der)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// sameAnswer compares the answers alone, so that several may run at once.
func (p *pair) sameAnswer(t *testing.T, raw string) {
	t.Helper()
	want, got := p.std.talk(t, raw), p.own.talk(t, raw)
	if got != want {
		t.Errorf("%.200q\nnet/http: %.700s\nours:     %.700s", raw, want, got)
	}
}
