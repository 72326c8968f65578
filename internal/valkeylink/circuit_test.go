package valkeylink_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/redistest"
	"countersign.dev/internal/valkeylink"
)

var one = valkeylink.NewScript("return {1}")

// silent accepts connections and never answers.
type silent struct {
	net.Listener
	open, most, all atomic.Int64
}

func listenSilently(t *testing.T) *silent {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.all.Add(1)
			if n := s.open.Add(1); n > s.most.Load() {
				s.most.Store(n)
			}
			go func() {
				for b := make([]byte, 512); ; {
					if _, err := conn.Read(b); err != nil {
						s.open.Add(-1)
						_ = conn.Close()
						return
					}
				}
			}()
		}
	}()
	return s
}

// TestCallsFailAtOnceAndProbesComeOneByOne: while a server is silent, no call makes a connection or waits, from however many
// callers.
func TestCallsFailAtOnceAndProbesComeOneByOne(t *testing.T) {
	s, begun := listenSilently(t), time.Now()
	l := open(t, valkeylink.Config{Addresses: []string{s.Addr().String()}})
	var done sync.WaitGroup
	for range 50 {
		done.Go(func() {
			for range 200 {
				if _, err := l.Run(0, one, []string{"{0}"}, nil); !errors.Is(err, valkeylink.ErrUnreachable) {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	probes := 10 + int64(time.Since(begun)/valkeylink.Beat) // a slow machine makes more of them
	if s.most.Load() > 2 || s.all.Load() > probes {         // the end of one is noticed behind the beginning of the next
		t.Errorf("%d connections at once and %d in all for 10,000 calls", s.most.Load(), s.all.Load())
	}
}

// TestRequestsMakeNoConnection: only probes do, so that no request waits for one.
func TestRequestsMakeNoConnection(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, valkeylink.Config{Addresses: []string{s.Address}})
	if err := l.Dial(s.Address, false); err != nil {
		t.Error(err)
	}
	if err := l.Dial(s.Address, true); err == nil {
		t.Error("a request makes a connection")
	}
}

// TestBackAfterARestart: the circuit closes by itself, and a script that the server has forgotten is sent again.
func TestBackAfterARestart(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, valkeylink.Config{Addresses: []string{s.Address}})
	works := func() bool {
		numbers, err := l.Run(0, one, []string{"{0}"}, nil)
		return err == nil && len(numbers) == 1 && numbers[0] == 1
	}
	if !works() || !works() {
		t.Fatal("it does not work")
	}
	s.Kill(t)
	eventually(t, "it is away", func() bool { return !works() && l.Ready() != nil })
	s.Run(t)
	eventually(t, "it is back", works)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Run(0, one, []string{"{0}"}, nil); !errors.Is(err, valkeylink.ErrUnreachable) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAnswersThatMakeNoSense are errors of their own, and do not open the circuit.
func TestAnswersThatMakeNoSense(t *testing.T) {
	s := redistest.Start(t)
	l := open(t, valkeylink.Config{Addresses: []string{s.Address}})
	for _, text := range []string{"return {'a'}", "return 'a'", "return redis.call('NOTHING')", "this is no script"} {
		if n, err := l.Run(0, valkeylink.NewScript(text), []string{"{0}"}, nil); !errors.Is(err, valkeylink.ErrAnswer) || l.Ready() != nil {
			t.Errorf("%s: %v, %v", text, n, err)
		}
	}
}

// TestReadOnlyServer: a former primary is no server, and a link that leads to the new one is made anew.
func TestReadOnlyServer(t *testing.T) {
	primary, replica := redistest.StartPair(t)
	l := open(t, valkeylink.Config{Addresses: []string{replica.Address}})
	write := valkeylink.NewScript("redis.call('SET', KEYS[1], '1') return {1}")
	if _, err := l.Run(0, write, []string{"{0}"}, nil); !errors.Is(err, valkeylink.ErrUnreachable) {
		t.Fatalf("a replica: %v", err)
	}
	replica.Do(t, "REPLICAOF", "NO", "ONE")
	primary.Kill(t)
	eventually(t, "it is a primary", func() bool { _, err := l.Run(0, write, []string{"{0}"}, nil); return err == nil })
}

// TestTLS: a server that proves its name, and one that does not, which is never spoken to.
func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	s := redistest.StartTLS(t, cert, key)
	good := open(t, valkeylink.Config{Addresses: []string{s.Address}, TLS: &tls.Config{RootCAs: pool}})
	if _, err := good.Run(0, one, []string{"{0}"}, nil); err != nil {
		t.Fatal(err)
	}
	stranger := open(t, valkeylink.Config{Addresses: []string{s.Address}, TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	if _, err := stranger.Run(0, one, []string{"{0}"}, nil); !errors.Is(err, valkeylink.ErrUnreachable) {
		t.Errorf("an unknown authority: %v", err)
	}
}

func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cache"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return write("cert", "CERTIFICATE", der), write("key", "PRIVATE KEY", private), pool
}

// eventually asks until it is so; only a broken link takes the whole time.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// TestNoRequestWaitsTwiceInACluster: when a node of a cluster is silent, the first call without an answer keeps calls of all
// other lanes of that node from being sent, and the lanes of the other nodes are back by themselves.
func TestNoRequestWaitsTwiceInACluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	l := open(t, valkeylink.Config{Addresses: []string{nodes[0].Address}, Mode: valkeylink.Cluster, Timeout: 300 * time.Millisecond})
	write := valkeylink.NewScript("redis.call('SET', KEYS[1], '1') return {1}")
	run := func(lane int, name string) error {
		_, err := l.Run(lane, write, []string{valkeylink.Tag(lane) + name}, nil)
		return err
	}
	for lane := range valkeylink.Lanes {
		eventually(t, "a lane answers", func() bool { return run(lane, "first") == nil })
	}
	var silent, others []int
	for lane := range valkeylink.Lanes {
		if strings.Contains(nodes[1].Do(t, "KEYS", "*"), valkeylink.Tag(lane)) {
			silent = append(silent, lane)
		} else {
			others = append(others, lane)
		}
	}
	nodes[1].Pause(t)
	for _, lane := range silent {
		if err := run(lane, "second"); !errors.Is(err, valkeylink.ErrUnreachable) {
			t.Errorf("lane %d of the silent node: %v", lane, err)
		}
	}
	for _, lane := range others {
		eventually(t, "a lane of another node answers", func() bool { return run(lane, "second") == nil })
	}
	nodes[1].Resume(t)
	if sent := strings.Count(nodes[1].Do(t, "KEYS", "*second"), "second"); len(silent) < 3 || sent > 1 {
		t.Errorf("%d calls were sent to the silent node for its %d lanes, want one", sent, len(silent))
	}
}
