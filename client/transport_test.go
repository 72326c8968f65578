package client_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/client"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
	"github.com/google/go-cmp/cmp"
)

// TestSignedTargetIsTheOneOnTheWire: whatever way a URL is spelt, the server verifies the signature over the bytes that it
// received.
func TestSignedTargetIsTheOneOnTheWire(t *testing.T) {
	p := newProvider(t, finci(t))
	c := &http.Client{Transport: p.signer(t, nil)}
	for url, wire := range map[string]string{
		"/api/v1/cards":      "/api/v1/cards",
		"/api/v1/cards?":     "/api/v1/cards?",
		"/a%2Fb%20c?x=%2f;y": "/a%2Fb%20c?x=%2f;y",
		"/a b":               "/a%20b",
		"/ä?q=ä%C3%A4":       "",
		"":                   "/",
		"?a=1":               "/?a=1",
		"/x?b=2&a=1&a=%zz":   "/x?b=2&a=1&a=%zz",
		"/a#fragment":        "/a",
	} {
		before, _ := p.seen()
		resp, err := c.Get(p.URL + url)
		if wire == "" { // net/http sends the query's bytes as they are, and no verifier takes them
			if fault := (*scheme.Fault)(nil); !errors.As(err, &fault) {
				t.Errorf("%q: signed, although no verifier takes the target: %v", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", url, err)
			continue
		}
		resp.Body.Close()
		after, refused := p.seen()
		if len(after) != len(before)+1 || after[len(after)-1] != wire {
			t.Errorf("%q: on the wire %q instead of %q; refused: %q", url, after[len(before):], wire, refused)
		}
	}
}

// TestBodiesArriveAsSigned: held, rewindable and unknown lengths.
func TestBodiesArriveAsSigned(t *testing.T) {
	p := newProvider(t, finci(t))
	c := &http.Client{Transport: p.signer(t, nil)}
	text := `{"note":"Zoë €"}` + "\r\n"
	for name, body := range map[string]io.Reader{
		"rewindable": strings.NewReader(text), "of unknown length": struct{ io.Reader }{strings.NewReader(text)}, "none": nil, "empty": strings.NewReader(""),
	} {
		resp, err := c.Post(p.URL+"/api/v1/x", "application/json", body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		want := text
		if name == "none" || name == "empty" {
			want = ""
		}
		if resp.StatusCode != 200 || string(got) != want {
			t.Errorf("%s: status %d, body %q", name, resp.StatusCode, got)
		}
	}
}

// TestTheCallersRequestStays: neither its header nor its body field is touched, and its own credentials headers do not travel.
func TestTheCallersRequestStays(t *testing.T) {
	p := newProvider(t, finci(t))
	req, _ := http.NewRequest("PUT", p.URL+"/x", strings.NewReader("abc"))
	req.Header.Set("X-Auth-Token", "mine")
	before := req.Header.Clone()
	resp, err := p.signer(t, nil).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if diff := cmp.Diff(before, req.Header); diff != "" {
		t.Errorf("the caller's header was changed: %s", diff)
	}
}

// TestNoSignatureForOtherHosts: nothing is sent, and the caller's body is closed.
func TestNoSignatureForOtherHosts(t *testing.T) {
	p := newProvider(t, finci(t))
	tr := p.signer(t, func(c *client.Config) { c.Hosts = []string{"api.example.com"} })
	for _, url := range []string{p.URL + "/x", "http://api.example.com/x", "https://api.example.com:444/x", "https://api.example.com.evil.example/x", "ftp://api.example.com/x"} {
		body := &closing{Reader: strings.NewReader("x")}
		req, err := http.NewRequest("POST", url, body)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := tr.RoundTrip(req); !errors.Is(err, client.ErrHost) {
			t.Errorf("%s: %v %v", url, resp, err)
		}
		if !body.closed {
			t.Errorf("%s: the body was not closed", url)
		}
	}
	if targets, refused := p.seen(); len(targets)+len(refused) != 0 {
		t.Errorf("something was sent: %q %q", targets, refused)
	}
}

// TestRedirectsGetNoSignatureElsewhere: http.Client follows, this transport does not sign.
func TestRedirectsGetNoSignatureElsewhere(t *testing.T) {
	other := newProvider(t, finci(t))
	p := newProvider(t, finci(t))
	p.answer = func(w http.ResponseWriter, _ int) bool {
		w.Header().Set("Location", other.URL+"/stolen")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	_, err := (&http.Client{Transport: p.signer(t, nil)}).Post(p.URL+"/x", "text/plain", strings.NewReader("x"))
	if !errors.Is(err, client.ErrHost) {
		t.Errorf("the redirect was followed: %v", err)
	}
	if targets, refused := other.seen(); len(targets)+len(refused) != 0 {
		t.Error("the other host got a request")
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// TestClockIsLearntFromARefusal: a machine that is an hour slow or fast gets in with one request more, with its body, and then
// at once.
func TestClockIsLearntFromARefusal(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"slow": -time.Hour, "fast": 2 * time.Hour} {
		p := newProvider(t, finci(t))
		tr := p.signer(t, func(c *client.Config) { c.Now = func() time.Time { return time.Now().Add(wrong) } })
		for range 3 {
			resp, err := (&http.Client{Transport: tr}).Post(p.URL+"/x", "text/plain", struct{ io.Reader }{strings.NewReader("body")})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 || string(got) != "body" {
				t.Errorf("%s: status %d %q", name, resp.StatusCode, got)
			}
		}
		if _, refused := p.seen(); len(refused) != 1 {
			t.Errorf("%s: %d refusals: %q", name, len(refused), refused)
		}
		if off := tr.ClockOffset() + wrong; off.Abs() > 3*time.Second {
			t.Errorf("%s: the clock is %s off after learning", name, off)
		}
	}
}

// TestClockIsNotLearntFromNonsense: a refusal for another reason, a date days away, or a fixed clock change nothing, and no
// request is repeated.
func TestClockIsNotLearntFromNonsense(t *testing.T) {
	for name, c := range map[string]struct {
		server, client time.Duration
		fixed          bool
		key            string
	}{
		"a wrong signature":  {key: "ffeeddccbbaa99887766554433221100"},
		"the server is away": {server: 30 * 24 * time.Hour},
		"the clock is fixed": {client: time.Hour, fixed: true},
	} {
		p := newProvider(t, finci(t))
		p.now = func() time.Time { return time.Now().Add(c.server) }
		tr := p.signer(t, func(cfg *client.Config) {
			cfg.FixedClock, cfg.Now = c.fixed, func() time.Time { return time.Now().Add(c.client) }
			if c.key != "" {
				cfg.Secret = []byte("another secret")
			}
		})
		resp, err := (&http.Client{Transport: tr}).Get(p.URL + "/x")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, refused := p.seen(); resp.StatusCode != 401 || len(refused) != 1 || tr.ClockOffset() != 0 {
			t.Errorf("%s: status %d, %d refusals, offset %s", name, resp.StatusCode, len(refused), tr.ClockOffset())
		}
	}
}

// TestRetriesAreSafeOnly: a GET is signed and sent again after 503 with Retry-After, a POST never.
func TestRetriesAreSafeOnly(t *testing.T) {
	for method, sent := range map[string]int{"GET": 3, "POST": 1} {
		p := newProvider(t, finci(t))
		p.answer = func(w http.ResponseWriter, n int) bool {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		req, _ := http.NewRequest(method, p.URL+"/x", nil)
		resp, err := p.signer(t, func(c *client.Config) { c.Retries = 2 }).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if targets, _ := p.seen(); len(targets) != sent || resp.StatusCode != 503 {
			t.Errorf("%s was sent %d times instead of %d, status %d", method, len(targets), sent, resp.StatusCode)
		}
	}
}

// TestManyGoroutines: under the race detector.
func TestManyGoroutines(t *testing.T) {
	p := newProvider(t, finci(t))
	c := &http.Client{Transport: p.signer(t, nil)}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 10 {
				resp, err := c.Post(p.URL+"/x", "text/plain", strings.NewReader("b"))
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%v %v", resp, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	all.Wait()
}

// TestSignaturesStandWhereTheProfileSays: in the query, in a body, in several headers with values that the caller supplies.
func TestSignaturesStandWhereTheProfileSays(t *testing.T) {
	for name, c := range map[string]struct {
		method, target, media, body string
		vars                        map[string]string
	}{
		"binance":    {"GET", "/api/v3/order?symbol=LTCBTC&recvWindow=5000", "", "", nil},
		"aws-sigv4":  {"POST", "/x?b=2&a=1", "application/json", `{"a":1}`, map[string]string{"region": "eu-west-1", "service": "execute-api", "signed": "content-type;host;x-amz-date"}},
		"form-field": {"POST", "/pay", "application/x-www-form-urlencoded", "amount=5&note=a%20b", nil},
	} {
		s, err := library.Load(name)
		if name == "form-field" {
			s, err = compile(t, formField), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		p := newProvider(t, s)
		p.vars = c.vars
		tr := p.signer(t, func(cfg *client.Config) { cfg.Vars = c.vars })
		req, _ := http.NewRequest(c.method, p.URL+c.target, strings.NewReader(c.body))
		if c.media != "" {
			req.Header.Set("Content-Type", c.media)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		resp.Body.Close()
		if _, refused := p.seen(); resp.StatusCode != 200 {
			t.Errorf("%s: status %d, %q", name, resp.StatusCode, refused)
		}
	}
}

const formField = `
profile: form-field
language: 2
algorithm: hmac-sha256
message: join('\n', method, path, f.amount, f.note, ts)
wire_form:
  t: "{ts}"
  sig: "{sig}"
time: {from: ts, format: unix, window: 300s}
uncovered: [query, body]
ambiguous: accept
`

// TestBodiesThatCannotBeSigned: too long, broken, or shorter than announced.
func TestBodiesThatCannotBeSigned(t *testing.T) {
	p := newProvider(t, finci(t))
	tr := p.signer(t, func(c *client.Config) { c.MaxBody = 10 })
	short, _ := http.NewRequest("POST", p.URL+"/x", struct{ io.Reader }{strings.NewReader("abc")})
	short.ContentLength = 9
	long, _ := http.NewRequest("POST", p.URL+"/x", struct{ io.Reader }{bytes.NewReader(make([]byte, 11))})
	broken, _ := http.NewRequest("POST", p.URL+"/x", io.MultiReader(strings.NewReader("a"), failing{}))
	for name, req := range map[string]*http.Request{"short": short, "long": long, "broken": broken} {
		if resp, err := tr.RoundTrip(req); !errors.Is(err, client.ErrBody) {
			t.Errorf("%s: %v %v", name, resp, err)
		}
	}
	if targets, refused := p.seen(); len(targets)+len(refused) != 0 {
		t.Error("something was sent")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("pulled out") }

// TestLongBodiesThatRewindAreNotHeld: the bound is for what is held in memory.
func TestLongBodiesThatRewindAreNotHeld(t *testing.T) {
	p := newProvider(t, finci(t))
	tr := p.signer(t, func(c *client.Config) { c.MaxBody = 10 })
	resp, err := (&http.Client{Transport: tr}).Post(p.URL+"/x", "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(got) != 100_000 {
		t.Errorf("status %d, %d bytes", resp.StatusCode, len(got))
	}
}

// TestNewSaysWhatIsMissing, without the secret.
func TestNewSaysWhatIsMissing(t *testing.T) {
	good := client.Config{Scheme: finci(t), KeyID: keyID, Secret: []byte(secret), Hosts: []string{"api.example.com"}}
	for want, change := range map[string]func(*client.Config){
		"Scheme":  func(c *client.Config) { c.Scheme = nil },
		"KeyID":   func(c *client.Config) { c.KeyID = "" },
		"secret":  func(c *client.Config) { c.Secret = nil },
		"Hosts":   func(c *client.Config) { c.Hosts = nil },
		"host":    func(c *client.Config) { c.Hosts = []string{"https://api.example.com/"} },
		"Retries": func(c *client.Config) { c.Retries = 6 },
	} {
		cfg := good
		change(&cfg)
		if _, err := client.New(cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := client.New(good); err != nil {
		t.Error(err)
	}
}
