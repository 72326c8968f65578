package webhook_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/webhook"
)

var (
	key1 = partner.TargetKey{ID: "whk_1", Secret: secret.NewValue([]byte(strings.Repeat("k", 32)))}
	key2 = partner.TargetKey{ID: "whk_2", Secret: secret.NewValue([]byte(strings.Repeat("l", 32)))}
	now  = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
)

// names is a resolver whose answers for every name come one after another; the last one stays.
type names struct {
	mu      sync.Mutex
	answers [][]string
	asked   int
	last    string
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answer := n.answers[min(n.asked, len(n.answers)-1)]
	n.asked++
	n.last = host
	var out []netip.Addr
	for _, a := range answer {
		out = append(out, netip.MustParseAddr(a))
	}
	if len(out) == 0 {
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return out, nil
}

// always answers every name with the same addresses.
func always(addresses ...string) *names { return &names{answers: [][]string{addresses}} }

// site is somebody's endpoint, over TLS with a certificate for example.com.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

// call is what reached a site.
type call struct {
	header http.Header
	body   []byte
}

// serve starts a site that answers with handler, which gets the challenge.
func serve(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, challenge string)) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, call{r.Header.Clone(), body})
		s.mu.Unlock()
		var q struct{ Challenge string }
		_ = json.Unmarshal(body, &q)
		handler(w, r, q.Challenge)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *site) got() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// target is the site as an endpoint of example.com.
func (s *site) target(keys ...partner.TargetKey) partner.EndpointTarget {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return at("https://example.com:"+port+"/hooks?x=1", keys...)
}

func at(url string, keys ...partner.TargetKey) partner.EndpointTarget {
	if len(keys) == 0 {
		keys = []partner.TargetKey{key1}
	}
	return partner.EndpointTarget{ID: "whe_1", PartnerID: "ptr_1", Environment: "production", URL: url, Keys: keys}
}

// proving answers as an honest endpoint does.
func proving(k partner.TargetKey) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, challenge string) {
		_, _ = io.WriteString(w, `{"proof":"`+webhook.Proof(k, challenge)+`"}`)
	}
}

func saying(status int, text string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// loopback is the network of the sites here; an operator would list it to have endpoints there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// client trusts s, resolves every name to this machine, and may call it.
func client(t *testing.T, s *site, change ...func(*webhook.Config)) *webhook.Client {
	t.Helper()
	cfg := webhook.Config{Allow: loopback, Resolver: always("127.0.0.1"), Now: func() time.Time { return now }, Rand: rand.Reader}
	if s != nil {
		cfg.Roots = x509.NewCertPool()
		cfg.Roots.AddCert(s.Certificate())
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ends checks how a handshake ends, and returns it.
func ends(t *testing.T, c *webhook.Client, target partner.EndpointTarget, want partner.HandshakeResult) partner.Handshake {
	t.Helper()
	h := c.Handshake(context.Background(), target)
	if h.Result != want {
		t.Fatalf("the handshake ended with %q (%+v), not %q", h.Result, h, want)
	}
	if h.EndpointID != target.ID || !h.At.Equal(now) || h.Result != partner.HandshakeProved && h.KeyID != "" {
		t.Errorf("the handshake says %+v", h)
	}
	return h
}
