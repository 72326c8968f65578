package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/http1"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/tokens"
	"countersign.dev/profile/library"
)

const (
	tokenEndpoint = "/aggregation/v2/partners/authentication"
	patience      = 30 * time.Second // until a test that hangs is told so; nothing else depends on it
	budget        = 8 << 20
)

// settings are what a test may change of a door before it opens.
type settings struct {
	environment string
	api         func(*access.API)
	access      access.Config
	address     clientip.Config
	exchange    tokens.Config
	upstream    upstream.Config
	gateway     gateway.Config
	tls         func(*tls.Config)
	handler     http.Handler                        // nil: the gateway
	unread      bool                                // the register is never read
	doers       func(map[*access.API]upstream.Doer) // replaces upstreams
}

// door is a gateway that serves one environment of a world over TLS, with what stands behind and beside it.
type door struct {
	*world
	t        testing.TB
	set      *settings
	addr     string
	pool     *x509.CertPool
	decider  *access.Decider
	gateway  *gateway.Gateway
	upstream *rawUpstream
	doers    map[*access.API]upstream.Doer
	bodies   *gateway.Budget
	records  *records
	log      *lockedBuffer
	refused  chan strict.Fault
}

// open serves until the test ends.
func (w *world) open(t testing.TB, change ...func(*settings)) *door {
	t.Helper()
	d := &door{world: w, t: t, upstream: newRawUpstream(t), bodies: gateway.NewBudget(budget), log: new(lockedBuffer), refused: make(chan strict.Fault, 100)}
	logger := slog.New(slog.NewJSONHandler(d.log, nil))
	d.records = newRecords(t)
	d.set = &settings{environment: "sandbox", upstream: upstream.Config{URL: &url.URL{Scheme: "http", Host: d.upstream.addr}}}
	d.set.access = access.Config{Replay: w.guard, Limiter: w.limiter(t), Now: w.now, Countries: countries{"192.0.2.66": "CA", "192.0.2.77": "FR"}}
	d.set.exchange = tokens.Config{Registry: w.register, Now: w.now}
	d.set.gateway = gateway.Config{Bodies: d.bodies, Now: w.now, Record: d.records, Log: logger}
	for _, f := range change {
		f(d.set)
	}
	d.decide()
	d.build()
	d.serve(logger)
	return d
}

// in is d for a test of its own.
func (d *door) in(t *testing.T) *door {
	one := *d
	one.t, one.upstream.t, one.records.t = t, t, t
	return &one
}

// decide makes the APIs of both environments and what decides over them.
func (d *door) decide() {
	d.t.Helper()
	finci, err := library.Load("finci")
	d.must(err)
	for _, environment := range environments {
		card := &access.API{Name: "card", Environment: environment, Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci}
		aggregation := &access.API{Name: "aggregation", Environment: environment, Protocol: access.Token,
			BasePaths: []string{"/aggregation"}, TokenEndpoint: tokenEndpoint}
		for _, api := range []*access.API{card, aggregation} {
			if d.set.api != nil {
				d.set.api(api)
			}
			d.set.access.APIs = append(d.set.access.APIs, api)
		}
	}
	d.decider, err = access.New(d.set.access)
	d.must(err)
	if !d.set.unread {
		d.reload()
	}
}

// reload puts the register as it is now in force.
func (d *door) reload() {
	d.t.Helper()
	roster, err := d.register.Roster(ctx)
	d.must(err)
	d.must(d.decider.Load(roster, d.now()))
}

// build makes the gateway, with an upstream for every API of the environment.
func (d *door) build() {
	d.t.Helper()
	cfg := &d.set.gateway
	var err error
	cfg.Environment, cfg.Decider = d.set.environment, d.decider
	cfg.Address, err = clientip.New(d.set.address)
	d.must(err)
	if d.set.exchange.Issuer == nil {
		d.set.exchange.Issuer = d.decider
	}
	if cfg.Exchange == nil {
		cfg.Exchange, err = tokens.New(d.set.exchange)
		d.must(err)
	}
	d.doers = map[*access.API]upstream.Doer{}
	for _, api := range d.set.access.APIs {
		if api.Environment == d.set.environment {
			doer, err := upstream.New(d.set.upstream)
			d.must(err)
			d.t.Cleanup(func() { _ = doer.Close() })
			d.doers[api] = doer
		}
	}
	cfg.Upstreams = d.doers
	if d.set.doers != nil {
		d.set.doers(cfg.Upstreams)
	}
	d.gateway, err = gateway.New(*cfg)
	d.must(err)
}

func (d *door) serve(logger *slog.Logger) {
	d.t.Helper()
	cert, pool := mustCertificate(d.t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	d.must(err)
	policy := &tls.Config{Certificates: []tls.Certificate{cert}}
	if d.set.tls != nil {
		d.set.tls(policy)
	}
	listener, err := strict.New(inner, strict.Config{TLS: policy,
		OnRefused: func(_ netip.AddrPort, f strict.Fault) { d.refused <- f }})
	d.must(err)
	var handler http.Handler = d.gateway
	if d.set.handler != nil {
		handler = d.set.handler
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(d.log, "", 0)}
	strict.Configure(server, listener)
	serve, end := server.Serve, server.Close
	if os.Getenv("COUNTERSIGN_HTTP1") == "own" { // scripts/test.sh runs this package with both
		own, err := http1.New(http1.Config{Handler: handler, HTTP2: server, ConnContext: strict.ConnContext, ReadHeaderTimeout: server.ReadHeaderTimeout,
			IdleTimeout: server.IdleTimeout, Log: slog.New(slog.NewTextHandler(d.log, nil))})
		d.must(err)
		serve, end = own.Serve, own.Close
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = serve(listener) }()
	d.t.Cleanup(func() { _ = end(); <-served })
	d.addr, d.pool = inner.Addr().String(), pool
}

type countries map[string]string

func (c countries) Country(a netip.Addr) (string, bool) {
	code, ok := c[a.String()]
	return code, ok
}

// records hands every decision on as the line that is written of it.
type records struct {
	t   testing.TB
	out chan string
}

func newRecords(t testing.TB) *records { return &records{t: t, out: make(chan string, 10_000)} }

// Record implements gateway.Recorder.
func (r *records) Record(d *audit.Decision) {
	form := audit.Form{}
	if d.Query != "" {
		form.Digest = []byte("d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1")
	}
	r.out <- string(append(d.AppendOpen(nil, form), '}', '\n'))
}

// line is the next decision line, parsed, and as text.
func (r *records) line() (fields map[string]any, text string) {
	r.t.Helper()
	select {
	case text = <-r.out:
	case <-time.After(patience):
		r.t.Fatal("no decision line was written")
	}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		r.t.Fatalf("decision line %q: %v", text, err)
	}
	return fields, text
}

// none checks that no further line was written. Lines of answered requests may still be on their way; callers have read
// all that they expect.
func (r *records) none() {
	r.t.Helper()
	select {
	case text := <-r.out:
		r.t.Errorf("one line too many: %s", text)
	default:
	}
}

type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ io.Writer = (*lockedBuffer)(nil)

func mustCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"api.example.com"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
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
