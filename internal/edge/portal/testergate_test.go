package portal_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/gateway"
	"countersign.dev/internal/edge/gateway/strict"
	"countersign.dev/internal/edge/gateway/upstream"
	"countersign.dev/internal/edge/portal"
	"countersign.dev/internal/explain"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/sandbox"
	"countersign.dev/internal/tester"
	"countersign.dev/profile/library"
)

// gate is a real gateway in front of the model of the card API, reached by a relay as the server makes one.
type gate struct {
	*world
	places   []portal.Environment
	decider  *access.Decider
	listener *strict.Listener
	pool     *x509.CertPool
	broken   error // of the relay
	secrets  map[string][]byte

	mu      sync.Mutex
	news    *sync.Cond
	relayed []string // environment and address of each connection
	decided []audit.Decision
	asked   []string      // of the explainer
	held    chan struct{} // a relay waits until it is closed
	entered chan struct{} // and says first that it is there
}

// newGate is a portal with a tester and a debugger.
func newGate(t testing.TB, change ...func(*portal.Config)) *gate {
	t.Helper()
	g := &gate{secrets: map[string][]byte{}}
	g.places, g.news = signedPlaces(t), sync.NewCond(&g.mu)
	all := append([]func(*portal.Config){func(c *portal.Config) {
		c.Environments = func() []portal.Environment { return g.places }
		sender, err := tester.NewSender(tester.SenderConfig{Relay: g.relay, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		desk, err := tester.NewDesk(tester.DeskConfig{Now: c.Now, PerMinute: 10, AtOnce: 2})
		if err != nil {
			t.Fatal(err)
		}
		c.Tester.Sender, c.Debugger.Desk, c.Debugger.Explainer = sender, desk, g
		c.Records = &written{g, c.Records}
	}}, change...)
	g.world = newWorld(t, all...)
	g.open()
	return g
}

// signedPlaces are a sandbox with APIs of several profiles, of which the first is that of the card model, and one that takes
// tokens; and a production without a tester.
func signedPlaces(t testing.TB) []portal.Environment {
	t.Helper()
	var out []portal.Environment
	for _, name := range []string{"sandbox", "production"} {
		e := portal.Environment{Name: name, BaseURL: "https://" + name + ".example.com", Tester: name == "sandbox",
			Captures: name == "sandbox", Last: name == "production"}
		for i, profile := range []string{"finci", "countersign-v1", "aws-sigv4", "ftx", "mexc", "iyzico"} {
			p, err := library.Profile(profile)
			if err != nil {
				t.Fatal(err)
			}
			s, err := p.Compile()
			if err != nil {
				t.Fatal(err)
			}
			base := []string{"/api/v1", "/" + profile + "/v1"}[min(i, 1)]
			api := &access.API{Name: profile, Environment: name, Protocol: access.Signed, BasePaths: []string{base}, Scheme: s}
			if !s.HasTime() {
				api.Replay = access.ReplayOff
			}
			e.APIs = append(e.APIs, portal.API{API: api, Profile: p})
		}
		e.APIs = append(e.APIs, portal.API{API: &access.API{Name: "aggregation", Environment: name, Protocol: access.Token,
			BasePaths:     []string{"/aggregation"},
			TokenEndpoint: "/aggregation/v2/partners/authentication"}})
		out = append(out, e)
	}
	return out
}

func (g *gate) open() {
	g.Helper()
	g.must(g.EnsureSealingKey(ctx, alice, "sandbox"))
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(g.TempDir(), "replay"), Now: g.clock.now})
	g.must(err)
	g.Cleanup(func() { _ = guard.Close() })
	cfg := access.Config{Replay: guard, Now: g.clock.now}
	for _, a := range g.places[0].APIs {
		cfg.APIs = append(cfg.APIs, a.API)
	}
	g.decider, err = access.New(cfg)
	g.must(err)
	address, err := clientip.New(clientip.Config{})
	g.must(err)
	served, err := gateway.New(gateway.Config{Environment: "sandbox", Decider: g.decider, Address: address,
		Upstreams: g.upstreams(), Record: g,
		Exchange: noExchange{}, Log: slog.New(slog.DiscardHandler), Now: g.clock.now, Bodies: gateway.NewBudget(1 << 24)})
	g.must(err)
	g.serve(served)
}

// upstreams answer for the card API as the model does, and for all others with what came.
func (g *gate) upstreams() map[*access.API]upstream.Doer {
	card, err := sandbox.NewCard(sandbox.Config{Now: g.clock.now})
	g.must(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Countersign-Api") == "finci" {
			card.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<script>alert('from the API')</script> got " + r.RequestURI))
	}))
	g.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	g.must(err)
	out := map[*access.API]upstream.Doer{}
	for _, a := range g.places[0].APIs {
		doer, err := upstream.New(upstream.Config{URL: u})
		g.must(err)
		g.Cleanup(func() { _ = doer.Close() })
		out[a.API] = doer
	}
	return out
}

type noExchange struct{ gateway.Exchange }

func (g *gate) serve(handler http.Handler) {
	g.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.must(err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, DNSNames: []string{"sandbox.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	g.must(err)
	made, err := x509.ParseCertificate(der)
	g.must(err)
	g.pool = x509.NewCertPool()
	g.pool.AddCert(made)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	g.must(err)
	g.listener, err = strict.New(inner, strict.Config{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1"}}})
	g.must(err)
	server := &http.Server{Handler: handler}
	strict.Configure(server, g.listener)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(g.listener) }()
	g.Cleanup(func() { _ = server.Close(); <-done })
}

// Record implements gateway.Recorder: the line is in the record when it returns.
func (g *gate) Record(d *audit.Decision) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.decided = append(g.decided, *d)
	g.called(*d)
	g.news.Broadcast()
}

// written is the record, in which a call of this gate is found as soon as the gateway has written it down, however slow the
// machine is.
type written struct {
	gate  *gate
	inner portal.Records
}

func (r *written) Find(ctx context.Context, q search.Query) (search.Page, error) {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	for q.RequestID != "" && len(r.gate.relayed) > len(r.gate.decided) {
		r.gate.news.Wait()
	}
	return r.inner.Find(ctx, q)
}

// relay is a tester.Relay.
func (g *gate) relay(ctx context.Context, environment string, from netip.AddrPort) (net.Conn, error) {
	g.mu.Lock()
	g.relayed = append(g.relayed, environment+" from "+from.Addr().String())
	held := g.held
	g.mu.Unlock()
	if held != nil {
		g.entered <- struct{}{}
		<-held
	}
	if g.broken != nil {
		return nil, g.broken
	}
	if environment != "sandbox" {
		return nil, errors.New("no tester there")
	}
	c, err := g.listener.Inject(from)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(c, &tls.Config{RootCAs: g.pool, ServerName: "sandbox.example.com", NextProtos: []string{"http/1.1"}})
	return secured, secured.HandshakeContext(ctx)
}

// connections is how often the gateway was reached.
func (g *gate) connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.relayed)
}

// issue gives a partner an API token, whose secret the test keeps, as the partner's own program would.
func (g *gate) issue(id string) partner.Credential {
	g.Helper()
	issued, err := g.IssueSigningKey(ctx, alice, id, "sandbox")
	g.must(err)
	g.secrets[issued.Credential.KeyID] = slices.Clone(issued.Secret.Bytes())
	return issued.Credential
}

// load puts the register in force.
func (g *gate) load() {
	g.Helper()
	roster, err := g.RosterOf(ctx, []string{"sandbox"})
	g.must(err)
	g.must(g.decider.Load(roster, g.clock.now()))
}

// ExplainOwn implements portal.Explainer as the server does: by partner, environment and key id.
func (g *gate) ExplainOwn(_ context.Context, partnerID, environment, keyID string, q explain.Question) (*explain.Report, error) {
	g.mu.Lock()
	g.asked = append(g.asked, partnerID+" "+environment+" "+keyID)
	g.mu.Unlock()
	c, err := g.FindCredential(ctx, keyID)
	if err != nil || c.PartnerID != partnerID || c.Environment != environment || !c.RevokedAt.IsZero() {
		return nil, tester.ErrNoSecret
	}
	q.Secrets = []explain.Secret{{Label: "the secret", Text: g.secrets[keyID]}}
	return explain.Run(&q)
}

// ExplainCaptured implements portal.Explainer.
func (g *gate) ExplainCaptured(_ context.Context, partnerID, environment, api, requestID string) (*explain.Report, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, partnerID+" "+environment+" "+api+" "+requestID)
	if requestID == "00000000000000000000000000000002" {
		return &explain.Report{Verdict: explain.Explained, Profile: "finci",
			Findings: []explain.Finding{{Steps: []explain.Step{{Family: "body", Name: "lf", What: "a line feed was signed behind " +
				"the body", Cure: "sign the bytes that are sent"}}}}}, nil
	}
	return nil, tester.ErrNoCapture
}
