package extauthz_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// served is a world behind a gRPC server on loopback.
type served struct {
	*world
	server  *extauthz.Server
	address string
	log     *bytes.Buffer
	ended   chan error
}

func serve(t testing.TB, set settings, change func(*extauthz.ServerConfig)) *served {
	t.Helper()
	s := &served{world: newWorld(t, set), log: new(bytes.Buffer), ended: make(chan error, 1)}
	cfg := extauthz.ServerConfig{Use: func() (*extauthz.Checker, func()) { return s.checker, func() {} }, Log: slog.New(slog.NewTextHandler(s.log, nil))}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.server, err = extauthz.NewServer(cfg)
	s.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.start(listener)
	s.address = listener.Addr().String()
	return s
}

func (s *served) start(l net.Listener) {
	go func() { s.ended <- s.server.Serve(l) }()
	s.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.server.Shutdown(ended)
		if err := <-s.ended; err != nil {
			s.Error(err)
		}
	})
}

func (s *served) dial(address string, options ...grpc.DialOption) authv3.AuthorizationClient {
	s.Helper()
	if options == nil {
		options = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	conn, err := grpc.NewClient(address, options...)
	s.must(err)
	s.Cleanup(func() { _ = conn.Close() })
	return authv3.NewAuthorizationClient(conn)
}

// over has c checked over the wire, by the generated client.
func (s *served) over(client authv3.AuthorizationClient, c call, f syntheticFilter) outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := client.Check(ctx, syntheticCheck(c, f))
	s.must(err)
	return applied(s, c, wire(s, answer))
}

func TestTheGeneratedClientIsAnswered(t *testing.T) {
	s := serve(t, settings{}, nil)
	client := s.dial(s.address)
	if o := s.over(client, s.post("/api/v1/cards/1", `"`+strings.Repeat("x", 200_000)+`"`), syntheticFilter{}); !o.allowed || o.upstream.Get("Countersign-Partner") != "ptn_good" {
		t.Errorf("%+v", o)
	}
	if line := s.line(); line["peer"] != "127.0.0.1" || line["ip"] != nil && line["ip"] != listed {
		t.Errorf("line %v", line)
	}
	forged := s.get("/api/v1/cards/1")
	forged.target = "/api/v1/cards/2"
	if o := s.over(client, forged, syntheticFilter{}); o.allowed || o.status != 401 || o.body == "" {
		t.Errorf("%+v", o)
	}
	s.line()
}

// TestSomebodyWhoIsNoProxyIsRefused: by address, by secret, by certificate; recorded, and answered like a refusal.
func TestSomebodyWhoIsNoProxyIsRefused(t *testing.T) {
	for what, change := range map[string]func(*extauthz.Config){
		"another address": func(c *extauthz.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} },
		"nobody named":    func(c *extauthz.Config) { c.Proxies = nil },
		"no secret":       func(c *extauthz.Config) { c.Secret = []byte("a secret of the tests") },
		"no certificate":  func(c *extauthz.Config) { c.Trusts = func(chain []*x509.Certificate) bool { return len(chain) > 0 } },
	} {
		t.Run(what, func(t *testing.T) {
			s := serve(t, settings{checker: change}, nil)
			o := s.over(s.dial(s.address), s.get("/api/v1/cards/1"), syntheticFilter{})
			line := s.line()
			if o.allowed || o.status != 403 || line["reason"] != access.UnknownProxy.String() || line["path"] != nil && line["path"] != "" {
				t.Errorf("%+v, %v", o, line)
			}
		})
	}
}

func TestASharedSecretOpensTheDoor(t *testing.T) {
	s := serve(t, settings{checker: func(c *extauthz.Config) { c.Secret = []byte("a secret of the tests") }}, nil)
	client := s.dial(s.address)
	for secret, want := range map[string]bool{"a secret of the tests": true, "a secret of the test": false, "": false} {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "countersign-door-secret", secret)
		answer, err := client.Check(ctx, syntheticCheck(s.get("/api/v1/cards/1"), syntheticFilter{}))
		s.must(err)
		if got := applied(t, call{}, wire(t, answer)).allowed; got != want {
			t.Errorf("%q: %v", secret, got)
		}
		s.line()
	}
}

func TestChecksOverASocket(t *testing.T) {
	s := serve(t, settings{checker: func(c *extauthz.Config) { c.Proxies = nil }}, nil)
	path := filepath.Join(t.TempDir(), "door")
	listener, err := net.Listen("unix", path)
	s.must(err)
	s.start(listener)
	if o := s.over(s.dial("unix:"+path), s.get("/api/v1/cards/1"), syntheticFilter{}); !o.allowed {
		t.Errorf("%+v", o)
	}
	s.line()
}

func TestChecksOverTLS(t *testing.T) {
	certificate, pool := certificateOf(t)
	s := serve(t, settings{checker: func(c *extauthz.Config) { c.Trusts = func(chain []*x509.Certificate) bool { return len(chain) == 1 } }},
		func(c *extauthz.ServerConfig) {
			c.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		})
	policy := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}
	if o := s.over(s.dial(s.address, grpc.WithTransportCredentials(credentials.NewTLS(policy))), s.get("/api/v1/cards/1"), syntheticFilter{}); !o.allowed {
		t.Errorf("%+v", o)
	}
	s.line()
	bare := &tls.Config{RootCAs: pool}
	if o := s.over(s.dial(s.address, grpc.WithTransportCredentials(credentials.NewTLS(bare))), s.get("/api/v1/cards/1"), syntheticFilter{}); o.allowed {
		t.Errorf("%+v", o)
	}
	s.line()
}

// TestAMessageThatIsTooLongIsRefused: gRPC ends the call, and there is a record of it.
func TestAMessageThatIsTooLongIsRefused(t *testing.T) {
	s := serve(t, settings{}, func(c *extauthz.ServerConfig) { c.MaxBody = 1024 })
	c := s.post("/api/v1/cards/1", strings.Repeat("x", 300_000))
	_, err := s.dial(s.address).Check(context.Background(), syntheticCheck(c, syntheticFilter{}))
	s.must(s.server.Shutdown(t.Context())) // waits for what answers the call, which gRPC has ended by itself before
	if line := s.line(); status.Code(err) != codes.ResourceExhausted || line["reason"] != access.BodyTooLarge.String() {
		t.Errorf("%v, %v", err, line)
	}
}

// TestChecksBeyondTheBoundAreRefused: the only place is held by a check that does not end.
func TestChecksBeyondTheBoundAreRefused(t *testing.T) {
	s := serve(t, settings{}, func(c *extauthz.ServerConfig) { c.Concurrent = 1 })
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	arrived := make(chan struct{})
	s.checker = must(t, func(c *extauthz.Config) {
		c.ClientCertificates, c.Door, c.Proxies = true, s.door, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Buffered = true
		c.Now = func() time.Time { // asked while a certificate is judged: within a check
			select {
			case <-arrived:
			default:
				close(arrived)
				<-held
			}
			return start
		}
	})
	first := make(chan outcome, 1)
	one, two := s.dial(s.address), s.dial(s.address)
	certificate := escapedPEM(t)
	go func() { first <- s.over(one, s.get("/api/v1/cards/1"), syntheticFilter{certificate: certificate}) }()
	<-arrived
	o := s.over(two, s.get("/api/v1/cards/1"), syntheticFilter{})
	if line := s.line(); o.allowed || o.status != 503 || line["reason"] != access.Overloaded.String() {
		t.Errorf("%+v, %v", o, line)
	}
	release()
	if o := <-first; !o.allowed {
		t.Errorf("the one that had its place: %+v", o)
	}
	s.line()
}

func must(t testing.TB, change func(*extauthz.Config)) *extauthz.Checker {
	t.Helper()
	var cfg extauthz.Config
	change(&cfg)
	c, err := extauthz.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAMessageThatNeverEndsGivesItsPlaceBack after Timeout, whatever the proxy says of its own patience.
func TestAMessageThatNeverEndsGivesItsPlaceBack(t *testing.T) {
	s := serve(t, settings{}, func(c *extauthz.ServerConfig) { c.Concurrent, c.Timeout = 1, 50*time.Millisecond })
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, authv3.Authorization_Check_FullMethodName)
	s.must(err)
	if err := stream.RecvMsg(new(authv3.CheckResponse)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call without a message: %v", err)
	}
	client, check := s.dial(s.address), syntheticCheck(s.get("/api/v1/cards/1"), syntheticFilter{})
	for begun := time.Now(); ; { // on a busy machine a check may take longer than this Timeout
		answer, err := client.Check(context.Background(), check)
		if err == nil && answer.GetOkResponse() != nil {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("the place was not given back: %v, %v", answer, err)
		}
	}
}

// TestAFaultOfOursIsARefusal: a panic ends neither the process nor in a request that passes.
func TestAFaultOfOursIsARefusal(t *testing.T) {
	s := serve(t, settings{}, nil)
	s.checker = must(t, func(c *extauthz.Config) {
		c.ClientCertificates, c.Door, c.Proxies = true, s.door, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.Now = func() time.Time { panic("broken for the tests") }
	})
	o := s.over(s.dial(s.address), s.get("/api/v1/cards/1"), syntheticFilter{certificate: escapedPEM(t)})
	if line := s.line(); o.allowed || o.status < 500 || line["reason"] != access.Internal.String() || !strings.Contains(s.log.String(), "broken for the tests") {
		t.Errorf("%+v, %v, %s", o, line, s.log)
	}
}

func TestOtherMethodsAreNotThere(t *testing.T) {
	s := serve(t, settings{}, nil)
	conn, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	for _, method := range []string{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/envoy.service.auth.v2.Authorization/Check", "/x/y"} {
		if err := conn.Invoke(context.Background(), method, &authv3.CheckRequest{}, &authv3.CheckResponse{}); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestShutdownWaitsForChecks and takes no more.
func TestShutdownWaitsForChecks(t *testing.T) {
	s := serve(t, settings{}, nil)
	client := s.dial(s.address)
	s.over(client, s.get("/api/v1/cards/1"), syntheticFilter{})
	s.line()
	s.must(s.server.Shutdown(context.Background()))
	if _, err := client.Check(context.Background(), syntheticCheck(s.get("/api/v1/cards/1"), syntheticFilter{})); status.Code(err) != codes.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestAnEndedServerLetsNothingIn: nobody is in force any more.
func TestAnEndedServerLetsNothingIn(t *testing.T) {
	s := serve(t, settings{}, func(c *extauthz.ServerConfig) { c.Use = func() (*extauthz.Checker, func()) { return nil, nil } })
	if _, err := s.dial(s.address).Check(context.Background(), syntheticCheck(s.get("/api/v1/cards/1"), syntheticFilter{})); status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestConfigurationsThatAreNone(t *testing.T) {
	w := newWorld(t, settings{})
	for what, cfg := range map[string]extauthz.Config{
		"no door":                 {Now: w.now},
		"no clock":                {Door: w.door},
		"an IPv4 prefix as IPv6":  {Door: w.door, Now: w.now, Proxies: []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.1/128")}},
		"a prefix that is none":   {Door: w.door, Now: w.now, Proxies: []netip.Prefix{{}}},
		"a negative bound":        {Door: w.door, Now: w.now, MaxBody: -1},
		"a door that is not made": {Door: (*door.Door)(nil), Now: w.now},
	} {
		if _, err := extauthz.New(cfg); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	use := func() (*extauthz.Checker, func()) { return w.checker, func() {} }
	for what, cfg := range map[string]extauthz.ServerConfig{
		"nobody in force": {Log: slog.Default()}, "no log": {Use: use}, "a negative bound": {Use: use, Log: slog.Default(), Concurrent: -1},
	} {
		if _, err := extauthz.NewServer(cfg); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

// certificateOf is a certificate for 127.0.0.1, in force at the tests' clock and at that of sockets.
func certificateOf(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1_500_000_000, 0), NotAfter: start.AddDate(20, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
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
