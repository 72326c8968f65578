package forwardauth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/forwardauth"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

const (
	apiToken   = "00000000000000000000000000000001"
	appKey     = "0000000000000000000000000000000a"
	secretText = "a secret of the tests, which is no secret"
	endpoint   = "/aggregation/v2/partners/authentication"
)

var at = time.Unix(1_800_000_000, 0)

// world is a handler for one kind of proxy with everything around it faked.
type world struct {
	t       testing.TB
	kind    forwardauth.Kind
	cfg     forwardauth.Config
	handler *forwardauth.Handler

	mu      sync.Mutex
	records []audit.Decision
	left    int64 // of the body budget
}

func (w *world) Record(d *audit.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, *d)
}

func (w *world) Take(n int64) bool {
	if w.left < n {
		return false
	}
	w.left -= n
	return true
}

func (w *world) Give(n int64) { w.left += n }

func (w *world) Serve(_ context.Context, _ string, _ http.Header, body []byte, d *access.Decision, _ func(context.Context) access.Reason) problem.Answer {
	d.Reason = access.Allowed
	return problem.Answer{Status: 200, ContentType: problem.TypeJSON, Body: append([]byte("token for "), body...)}
}

type fresh struct{}

func (fresh) Claim([32]byte, int64, int64) (bool, error) { return true, nil }

func newWorld(t testing.TB, kind forwardauth.Kind, change ...func(*world)) *world {
	t.Helper()
	finci, err := library.Load("finci")
	must(t, err)
	apis := []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci},
		{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: endpoint},
	}
	w := &world{t: t, kind: kind, left: 1 << 20}
	address, err := clientip.New(clientip.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	must(t, err)
	decider, err := access.New(access.Config{APIs: apis, Replay: fresh{}, Now: func() time.Time { return at }})
	must(t, err)
	must(t, decider.Load(&partner.Roster{Revision: 1, ReadAt: at, Partners: []partner.Partner{{ID: "ptn_good", Name: "good"}},
		Reviews:  []partner.Review{{PartnerID: "ptn_good", Environment: "sandbox", State: partner.ReviewApproved}},
		Networks: []partner.NetworkRule{{PartnerID: "ptn_good", Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")}},
		Credentials: []partner.Credential{{ID: "crd_key", PartnerID: "ptn_good", Environment: "sandbox", Kind: partner.SigningKey, KeyID: apiToken,
			Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}},
			{ID: "crd_app", PartnerID: "ptn_good", Environment: "sandbox", Kind: partner.App, KeyID: appKey, Login: "1"}},
	}, at))
	d, err := door.New(door.Config{Environment: "sandbox", Kind: kind.String(), APIs: apis, Decider: decider, Address: address, Exchange: w, Record: w, Now: func() time.Time { return at }})
	must(t, err)
	w.cfg = forwardauth.Config{Door: d, Kind: kind, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Bodies: w, WholeBody: kind == forwardauth.Traefik}
	for _, f := range change {
		f(w)
	}
	w.handler, err = forwardauth.New(w.cfg)
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// caller is a request that a proxy holds.
type caller struct {
	method, target, body string
	header               http.Header
	length               string // Content-Length as the caller sent it; "body": that of body
}

// signed signs by hand, from the vendor's words.
func signed(method, target, body string) caller {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(ts + method + target + body))
	c := caller{method: method, target: target, body: body, length: "body", header: http.Header{"X-Auth-Token": {apiToken}, "X-Auth-Timestamp": {ts}, "X-Auth-Signature": {hex.EncodeToString(mac.Sum(nil))}}}
	if body == "" {
		c.length = ""
	}
	return c
}

// question is what an honest proxy of a kind asks about a request.
func (w *world) question(c caller) *http.Request {
	length := c.length
	if length == "body" {
		length = strconv.Itoa(len(c.body))
	}
	told := func(held string) string { return "HTTP/1.1 length=" + length + " held=" + held + " encoding=" }
	r := httptest.NewRequest("GET", "http://api.example.com/", nil)
	set := map[string]string{"X-Original-Method": c.method, "X-Original-Uri": c.target, "X-Original-Peer": "192.0.2.7"}
	switch w.kind {
	case forwardauth.NginxHandOver:
		r = withBody(c.method, c.body)
		r.RequestURI, set["X-Original-Body"] = c.target, told("")
	case forwardauth.NginxAuthRequest:
		r.RequestURI, set["X-Original-Body"] = c.target, told("")
	case forwardauth.Caddy:
		delete(set, "X-Original-Method")
		set["X-Forwarded-Method"], set["X-Forwarded-Uri"], set["X-Original-Body"] = c.method, c.target, told("0")
		if c.body != "" {
			set["X-Original-Body"] = "HTTP/1.1 length=" + length + " held= encoding=unseen"
		}
	case forwardauth.Traefik:
		r = withBody("GET", c.body)
		set = map[string]string{"X-Forwarded-Method": c.method, "X-Forwarded-Uri": c.target, "X-Forwarded-Host": "api.example.com", "X-Forwarded-For": "192.0.2.7"}
	case forwardauth.HAProxy:
		r = withBody("POST", c.body)
		set["X-Original-Body"], set["X-Original-Host"] = told(strconv.Itoa(len(c.body))), "api.example.com"
	}
	for name, values := range c.header {
		r.Header[name] = append([]string(nil), values...)
	}
	for name, value := range set {
		r.Header[name] = []string{value}
	}
	r.RemoteAddr = "127.0.0.1:4711"
	return r
}

func withBody(method, body string) *http.Request {
	if body == "" {
		return httptest.NewRequest(method, "http://api.example.com/", nil)
	}
	r := httptest.NewRequest(method, "http://api.example.com/", strings.NewReader(body))
	r.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
	return r
}

// ask asks, and looks whether there was one record that says what the answer says.
func (w *world) ask(r *http.Request) (*httptest.ResponseRecorder, audit.Decision) {
	w.t.Helper()
	before, left := len(w.records), w.left
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	if len(w.records) != before+1 || w.left != left {
		w.t.Fatalf("%d records of one question, %d bytes of the budget not given back", len(w.records)-before, left-w.left)
	}
	record := w.records[before]
	if passed(out) != record.Allowed && record.Path != endpoint {
		w.t.Errorf("answer %d %v, record %q", out.Code, out.Header(), record.Reason)
	}
	return out, record
}

// passed reports whether a proxy lets the request go on.
func passed(out *httptest.ResponseRecorder) bool {
	return out.Code == 200 && out.Header().Get("Countersign-Decision") == "allow" && out.Header().Get("Countersign-Partner") != ""
}

var kinds = []forwardauth.Kind{forwardauth.NginxHandOver, forwardauth.NginxAuthRequest, forwardauth.Caddy, forwardauth.Traefik, forwardauth.HAProxy}

// each runs a test for every kind of proxy.
func each(t *testing.T, test func(t *testing.T, w *world), change ...func(*world)) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) { test(t, newWorld(t, kind, change...)) })
	}
}
