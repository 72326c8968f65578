package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"countersign.dev/client"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

const (
	keyID   = "00112233445566778899aabbccddeeff"
	secret  = "pYjE4mW2ZsB1dC9vQxT7uKfLhN0aRgO3"
	partner = "2445581234567"
)

func finci(t testing.TB) *scheme.Scheme {
	t.Helper()
	s, err := library.Load("finci/lf") // any body may follow its line feed
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compile makes a scheme of a profile's text.
func compile(t testing.TB, text string) *scheme.Scheme {
	t.Helper()
	p, err := profile.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clock is a clock that moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// provider is a server that verifies as the gateway does, and notes what it saw.
type provider struct {
	*httptest.Server
	scheme *scheme.Scheme
	key    scheme.Key
	vars   map[string]string
	now    func() time.Time

	mu      sync.Mutex
	targets []string // of admitted requests
	sigs    []string
	refused []string
	answer  func(w http.ResponseWriter, n int) bool // may answer the nth admitted request itself
}

func newProvider(t testing.TB, s *scheme.Scheme) *provider {
	t.Helper()
	key, err := s.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{scheme: s, key: key, now: time.Now}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := &scheme.Request{Method: r.Method, Target: r.RequestURI, Scheme: "https", Host: r.Host, Header: r.Header, Body: body}
	var presented scheme.Presented
	request.Vars = p.vars
	fault := p.scheme.Parse(request, &presented)
	if fault == nil {
		fault = p.scheme.ParseBody(request, &presented)
	}
	if fault == nil {
		fault = p.scheme.Fresh(&presented, p.now(), 0)
	}
	if fault == nil {
		fault = p.scheme.Verify(&p.key, request, &presented, nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Date", p.now().UTC().Format(http.TimeFormat))
	if fault != nil {
		p.refused = append(p.refused, fault.Error())
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.targets = append(p.targets, r.RequestURI)
	p.sigs = append(p.sigs, r.Header.Get("X-Auth-Signature"))
	if p.answer == nil || !p.answer(w, len(p.targets)) {
		_, _ = w.Write(body)
	}
}

func (p *provider) seen() (targets, refused []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.targets...), append([]string(nil), p.refused...)
}

// signer is a client of p.
func (p *provider) signer(t testing.TB, change func(*client.Config)) *client.Transport {
	t.Helper()
	cfg := client.Config{Scheme: p.scheme, KeyID: keyID, Secret: []byte(secret), Hosts: []string{p.Listener.Addr().String()}, Base: p.Client().Transport}
	if change != nil {
		change(&cfg)
	}
	tr, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
