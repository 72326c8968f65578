package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/client"
)

// issuer is a server of the app token protocol.
type issuer struct {
	*httptest.Server
	mu        sync.Mutex
	secret    string
	issued    int
	exchanges int
	calls     int
	bodies    []string
	dead      map[string]string // token → refusal
	every     string            // refusal of every call
	answer    func(w http.ResponseWriter) bool
	hold      chan struct{} // closed: exchanges go on
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{secret: secret, dead: map[string]string{}}
	i.Server = httptest.NewTLSServer(i)
	t.Cleanup(i.Close)
	return i
}

const endpoint = "/aggregation/v2/partners/authentication"

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if i.hold != nil && r.URL.Path == endpoint {
		<-i.hold
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.Header.Get("Finicity-App-Key") != keyID {
		http.Error(w, `{"code":10027}`, 401)
		return
	}
	if r.URL.Path != endpoint {
		i.call(w, r, body)
		return
	}
	i.exchanges++
	if i.answer != nil && i.answer(w) {
		return
	}
	json := fmt.Sprintf(`{"partnerId":"%s","partnerSecret":"%s"`, partner, i.secret)
	xml := fmt.Sprintf(`<credentials><partnerId>%s</partnerId><partnerSecret>%s</partnerSecret>`, partner, i.secret)
	switch text := string(body); {
	case !strings.HasPrefix(text, json) && !strings.HasPrefix(text, xml):
		http.Error(w, `{"code":10001,"message":"the secret `+secret+` is wrong"}`, 401)
	case r.Method == "PUT":
		i.secret = strings.Split(strings.Split(text, `"newPartnerSecret":"`)[1], `"`)[0]
		w.WriteHeader(204)
	case strings.HasPrefix(text, "<"):
		i.issued++
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><access><token>token-%d</token></access>`, i.issued)
	default:
		i.issued++
		fmt.Fprintf(w, `{"token":"token-%d"}`, i.issued)
	}
}

func (i *issuer) call(w http.ResponseWriter, r *http.Request, body []byte) {
	i.calls++
	i.bodies = append(i.bodies, string(body))
	token := r.Header.Get("Finicity-App-Token")
	if refusal := i.every + i.dead[token]; refusal != "" || token == "" {
		http.Error(w, refusal, 401)
		return
	}
	fmt.Fprint(w, token)
}

func (i *issuer) client(t testing.TB, change func(*client.TokenConfig)) *client.TokenTransport {
	t.Helper()
	cfg := client.TokenConfig{Endpoint: i.URL + endpoint, AppKey: keyID, PartnerID: partner, Secret: []byte(secret), Base: i.Client().Transport}
	if change != nil {
		change(&cfg)
	}
	tr, err := client.NewToken(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// get is the token that a call travelled with, or the status.
func get(t testing.TB, i *issuer, tr *client.TokenTransport) string {
	t.Helper()
	resp, err := (&http.Client{Transport: tr}).Post(i.URL+"/aggregation/v1/x", "text/plain", strings.NewReader("body"))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// TestOneExchangeForMany: however many wait, and in both formats.
func TestOneExchangeForMany(t *testing.T) {
	for _, xml := range []bool{false, true} {
		i := newIssuer(t)
		i.hold = make(chan struct{})
		tr := i.client(t, func(c *client.TokenConfig) { c.XML = xml })
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				if got := get(t, i, tr); got != "token-1" {
					t.Errorf("xml %t: %s", xml, got)
				}
			})
		}
		close(i.hold)
		all.Wait()
		if i.exchanges != 1 {
			t.Errorf("%d exchanges", i.exchanges)
		}
	}
}

// TestRenewalAfterNinetyMinutes and not before.
func TestRenewalAfterNinetyMinutes(t *testing.T) {
	i, c := newIssuer(t), &clock{at: time.Now()}
	tr := i.client(t, func(cfg *client.TokenConfig) { cfg.Now = c.now })
	for _, step := range []struct {
		pass time.Duration
		want string
	}{{0, "token-1"}, {89 * time.Minute, "token-1"}, {time.Minute, "token-2"}, {time.Minute, "token-2"}} {
		c.move(step.pass)
		if got := get(t, i, tr); got != step.want {
			t.Errorf("after %s more: %s instead of %s", step.pass, got, step.want)
		}
	}
}

// TestRefusedTokensAreRenewedOnce: codes 10022 and 10023, JSON and XML; the body is sent again; other refusals are answers.
func TestRefusedTokensAreRenewedOnce(t *testing.T) {
	for refusal, want := range map[string]string{
		`{"code":10022,"message":"Invalid (Finicity-App-Token)"}`: "token-2",
		`{"code":10023}`:                        "token-2",
		`<error><code>10023</code></error>`:     "token-2",
		`{"code":10021}`:                        `{"code":10021}`,
		`{"code":"10022"}`:                      `{"code":"10022"}`,
		strings.Repeat(`{"code":10022,`, 2_000): strings.Repeat(`{"code":10022,`, 2_000),
	} {
		i := newIssuer(t)
		tr := i.client(t, nil)
		i.dead["token-1"] = refusal
		if got := strings.TrimSpace(get(t, i, tr)); got != want {
			t.Errorf("%.40s: %.60s instead of %.60s", refusal, got, want)
		}
		for _, body := range i.bodies {
			if body != "body" {
				t.Errorf("%.40s: the body arrived as %q", refusal, body)
			}
		}
	}
}

// TestRenewalNeverLoops against a server that refuses every token.
func TestRenewalNeverLoops(t *testing.T) {
	i := newIssuer(t)
	i.every = `{"code":10022}`
	if got := strings.TrimSpace(get(t, i, i.client(t, nil))); got != i.every || i.calls != 2 || i.exchanges != 2 {
		t.Errorf("%q after %d calls and %d exchanges", got, i.calls, i.exchanges)
	}
}

// TestAWrongSecretIsSentOnce: five would lock the partner. Reset lets it be sent again.
func TestAWrongSecretIsSentOnce(t *testing.T) {
	i := newIssuer(t)
	tr := i.client(t, func(c *client.TokenConfig) { c.Secret = []byte("wrong") })
	for range 4 {
		req, _ := http.NewRequest("GET", i.URL+"/x", nil)
		_, err := tr.RoundTrip(req)
		if !errors.Is(err, client.ErrRefused) || !strings.Contains(err.Error(), "10001") || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
	if i.exchanges != 1 || i.calls != 0 {
		t.Errorf("%d exchanges, %d calls", i.exchanges, i.calls)
	}
	i.mu.Lock()
	i.secret = "wrong" // now it is right
	i.mu.Unlock()
	tr.Reset()
	if got := get(t, i, tr); got != "token-1" {
		t.Errorf("after Reset: %s", got)
	}
}

// TestFailuresBackOff: an endpoint in trouble is asked again after a pause that grows, and a token that is only old goes on
// being used meanwhile.
func TestFailuresBackOff(t *testing.T) {
	i, c := newIssuer(t), &clock{at: time.Now()}
	tr := i.client(t, func(cfg *client.TokenConfig) { cfg.Now = c.now })
	if got := get(t, i, tr); got != "token-1" {
		t.Fatal(got)
	}
	i.mu.Lock()
	i.answer = func(w http.ResponseWriter) bool { w.WriteHeader(503); return true }
	i.mu.Unlock()
	c.move(100 * time.Minute)
	for _, step := range []struct {
		pass      time.Duration
		exchanges int
	}{{0, 2}, {0, 2}, {999 * time.Millisecond, 2}, {time.Millisecond, 3}, {time.Second, 3}, {time.Second, 4}} {
		c.move(step.pass)
		if got := get(t, i, tr); got != "token-1" || i.exchanges != step.exchanges {
			t.Errorf("after %s more: %s with %d exchanges instead of %d", step.pass, got, i.exchanges, step.exchanges)
		}
	}
}

// TestNonsenseFromTheEndpoint is an error that says so, without the secret.
func TestNonsenseFromTheEndpoint(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "text": "hello", "no token": `{}`, "an empty one": `{"token":""}`, "a line break": `{"token":"a\r\nb"}`,
		"endless": strings.Repeat("x", 1<<20), "two": `{"token":"a"}{"token":"b"}`, "a number": `{"token":7}`,
		"a long one": `{"token":"` + strings.Repeat("x", 20_000) + `"}`,
	} {
		i := newIssuer(t)
		i.answer = func(w http.ResponseWriter) bool { fmt.Fprint(w, answer); return true }
		req, _ := http.NewRequest("GET", i.URL+"/x", nil)
		resp, err := i.client(t, nil).RoundTrip(req)
		if !errors.Is(err, client.ErrExchange) || strings.Contains(err.Error(), secret) || i.calls != 0 {
			t.Errorf("%s: %v %v, %d calls", name, resp, err, i.calls)
		}
	}
}

// TestChangeSecret: the new one counts from then on.
func TestChangeSecret(t *testing.T) {
	i, c := newIssuer(t), &clock{at: time.Now()}
	tr := i.client(t, func(cfg *client.TokenConfig) { cfg.Now = c.now })
	if err := tr.ChangeSecret(context.Background(), []byte("New$ecret-123456"), true); err != nil {
		t.Fatal(err)
	}
	c.move(3 * time.Hour)
	if got := get(t, i, tr); got != "token-1" || i.secret != "New$ecret-123456" {
		t.Errorf("%s, secret changed: %t", got, i.secret != secret)
	}
	i.secret = "changed elsewhere"
	if err := tr.ChangeSecret(context.Background(), []byte("Another-123456"), true); !errors.Is(err, client.ErrRefused) || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

// TestClosed: nothing goes out any more.
func TestClosed(t *testing.T) {
	i := newIssuer(t)
	tr := i.client(t, nil)
	get(t, i, tr)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest("GET", i.URL+"/x", nil)
	if _, err := tr.RoundTrip(req); !errors.Is(err, client.ErrExchange) || i.calls != 1 {
		t.Errorf("%v, %d calls", err, i.calls)
	}
}

// TestTokensGoNowhereElse, and a caller that leaves does not wait.
func TestTokensGoNowhereElse(t *testing.T) {
	i := newIssuer(t)
	tr := i.client(t, nil)
	req, _ := http.NewRequest("GET", "https://api.example.com/x", nil)
	if _, err := tr.RoundTrip(req); !errors.Is(err, client.ErrHost) || i.exchanges != 0 {
		t.Errorf("%v", err)
	}
	i.hold = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req, _ = http.NewRequestWithContext(ctx, "GET", i.URL+"/x", nil)
	if _, err := tr.RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(i.hold)
}
