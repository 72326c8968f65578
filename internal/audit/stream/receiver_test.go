package stream_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// identity is a certificate for 127.0.0.1, and a pool that trusts it.
func identity(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "syslog"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// receiver is a syslog server. The first connections it treats badly: it reads some messages, then resets the connection with
// everything that it has not read.
type receiver struct {
	address string
	kill    []int // after so many messages of the first, the second, … connection

	mu       sync.Mutex
	messages []string
	doubles  int
	seen     map[string]bool
	changed  chan struct{}
}

func listen(t testing.TB, secure *tls.Config, kill ...int) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{address: l.Addr().String(), kill: kill, seen: map[string]bool{}, changed: make(chan struct{}, 1)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			limit := -1
			if n < len(kill) {
				limit = kill[n]
			}
			go r.serve(conn, secure, limit)
		}
	}()
	return r
}

func (r *receiver) serve(bare net.Conn, secure *tls.Config, limit int) {
	conn := bare
	if secure != nil {
		conn = tls.Server(bare, secure)
	}
	in := bufio.NewReader(conn)
	for n := 0; n != limit; n++ {
		length, err := in.ReadString(' ')
		if err != nil {
			break
		}
		size, err := strconv.Atoi(strings.TrimSuffix(length, " "))
		if err != nil {
			break
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(in, b); err != nil {
			break
		}
		r.take(string(b))
	}
	if limit >= 0 {
		_ = bare.(*net.TCPConn).SetLinger(0) // a reset: what it has not read is lost
		_ = bare.Close()
		return
	}
	_ = conn.Close()
}

var named = regexp.MustCompile(`record="([a-z]+)" seq="([0-9]+)"`)

func (r *receiver) take(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := named.FindStringSubmatch(message)
	if m == nil || r.seen[m[1]+m[2]] {
		r.doubles++
		return
	}
	r.seen[m[1]+m[2]] = true
	r.messages = append(r.messages, message)
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// until waits for this many different messages.
func (r *receiver) until(t testing.TB, n int) {
	t.Helper()
	for {
		r.mu.Lock()
		got := len(r.messages)
		r.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-r.changed:
		case <-t.Context().Done():
			t.Fatalf("%d of %d messages", got, n)
		}
	}
}
