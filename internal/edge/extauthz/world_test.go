package extauthz_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/extauthz"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

const (
	goodKey      = "00000000000000000000000000000001"
	boundKey     = "00000000000000000000000000000002" // bound to a client certificate, where one is asked for
	suspendedKey = "00000000000000000000000000000005"
	goodApp      = "0000000000000000000000000000000a"
	secretText   = "a secret of the tests, which is no secret"
	listed       = "192.0.2.7"
	tokenPath    = "/aggregation/v2/partners/authentication"
)

var start = time.Unix(1_800_000_000, 0)

// world is a checker over a real pipeline; around it everything is faked: a clock that stands still, a guard, a record in memory.
type world struct {
	testing.TB
	clock   atomic.Int64
	decider *access.Decider
	apis    []*access.API
	door    *door.Door
	checker *extauthz.Checker

	quiet bool
	mu    sync.Mutex
	lines []map[string]any
}

// settings change a world before it is made.
type settings struct {
	api     func(*access.API)
	checker func(*extauthz.Config)
	door    func(*door.Config)
	address clientip.Config
	roster  func(*partner.Roster)
	quiet   bool // nothing is kept of the record
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newWorld(t testing.TB, set settings) *world {
	t.Helper()
	w := &world{TB: t, quiet: set.quiet}
	w.clock.Store(start.Unix())
	finci, err := library.Load("finci")
	w.must(err)
	w.apis = []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci},
		{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: tokenPath},
	}
	for _, api := range w.apis {
		if set.api != nil {
			set.api(api)
		}
	}
	w.decider, err = access.New(access.Config{APIs: w.apis, Replay: &guard{seen: map[[32]byte]bool{}}, Now: w.now})
	w.must(err)
	r := roster()
	if set.roster != nil {
		set.roster(r)
	}
	w.must(w.decider.Load(r, w.now()))
	address, err := clientip.New(set.address)
	w.must(err)
	doorConfig := door.Config{Environment: "sandbox", Kind: "envoy", Decider: w.decider, APIs: w.apis, Address: address, Record: w, Now: w.now}
	if set.door != nil {
		set.door(&doorConfig)
	}
	w.door, err = door.New(doorConfig)
	w.must(err)
	cfg := extauthz.Config{Door: w.door, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Buffered: true, RawHeaders: true,
		Covered: extauthz.Covered(w.apis), Now: w.now}
	if set.checker != nil {
		set.checker(&cfg)
	}
	w.checker, err = extauthz.New(cfg)
	w.must(err)
	return w
}

func roster() *partner.Roster {
	r := &partner.Roster{Revision: 1, ReadAt: start, SealingKeys: []partner.SealingKey{{Environment: "sandbox", ID: 1, Key: secret.NewValue(make([]byte, 32))}}}
	for name, state := range map[string]partner.ReviewState{"good": partner.ReviewApproved, "suspended": partner.ReviewSuspended} {
		r.Partners = append(r.Partners, partner.Partner{ID: "ptn_" + name, Name: name})
		r.Reviews = append(r.Reviews, partner.Review{PartnerID: "ptn_" + name, Environment: "sandbox", State: state})
		r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_" + name, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
	}
	for keyID, owner := range map[string]string{goodKey: "good", boundKey: "good", suspendedKey: "suspended"} {
		r.Credentials = append(r.Credentials, partner.Credential{ID: "crd_" + keyID, PartnerID: "ptn_" + owner, Environment: "sandbox", Kind: partner.SigningKey, KeyID: keyID,
			Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}})
	}
	r.Credentials = append(r.Credentials, partner.Credential{ID: "crd_" + goodApp, PartnerID: "ptn_good", Environment: "sandbox", Kind: partner.App, KeyID: goodApp, Login: "1"})
	return r
}

// guard remembers in a map.
type guard struct {
	mu   sync.Mutex
	seen map[[32]byte]bool
}

func (g *guard) Claim(key [32]byte, _, _ int64) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := !g.seen[key]
	g.seen[key] = true
	return fresh, nil
}

// Record implements door.Recorder: every decision becomes the line that is written of it.
func (w *world) Record(d *audit.Decision) {
	if w.quiet {
		return
	}
	form := audit.Form{}
	if d.Query != "" {
		form.Digest = []byte("d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1")
	}
	var line map[string]any
	if err := json.Unmarshal(append(d.AppendOpen(nil, form), '}'), &line); err != nil {
		w.Errorf("decision line: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
}

// line is the only line since the last call.
func (w *world) line() map[string]any {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) != 1 {
		w.Fatalf("%d decision lines, want one: %v", len(w.lines), w.lines)
	}
	line := w.lines[0]
	w.lines = nil
	return line
}

// call is what a partner sends.
type call struct {
	method, target, host, protocol string
	header                         http.Header // canonical names
	body                           string
	noLength                       bool // over HTTP/2 and HTTP/3, or chunked: no Content-Length
}

// get and post are signed calls of the card API.
func (w *world) get(target string) call        { return w.signed(goodKey, "GET", target, "") }
func (w *world) post(target, body string) call { return w.signed(goodKey, "POST", target, body) }

// signed is signed by hand, from the vendor's words: timestamp, method, target, body.
func (w *world) signed(keyID, method, target, body string) call {
	ts := strconv.FormatInt(w.clock.Load(), 10)
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(ts + method + target + body))
	return call{method: method, target: target, host: "api.example.com", protocol: "HTTP/1.1", body: body, header: http.Header{
		"Accept": {"application/json"}, "User-Agent": {"backend/1.0"},
		"X-Auth-Token": {keyID}, "X-Auth-Timestamp": {ts}, "X-Auth-Signature": {hex.EncodeToString(mac.Sum(nil))},
	}}
}

// withToken is a call of the token family.
func (w *world) withToken(target string) call {
	d := &access.Decision{RequestID: access.NewRequestID()}
	r := &access.Request{Environment: "sandbox", Method: "POST", Target: tokenPath, Host: "api.example.com", Header: http.Header{access.AppKeyHeader: {goodApp}},
		Address: netip.MustParseAddr(listed), LengthStated: true}
	if !w.decider.Decide(r, d) {
		w.Fatalf("exchange: %s %s", d.Reason, d.Detail)
	}
	token, err := w.decider.Issue(d, w.now())
	w.must(err)
	return call{method: "GET", target: target, host: "api.example.com", protocol: "HTTP/1.1",
		header: http.Header{access.AppKeyHeader: {goodApp}, access.AppTokenHeader: {token}, "Accept": {"application/json"}}}
}

// with adds a line of the header.
func (c call) with(name string, values ...string) call {
	c.header = c.header.Clone()
	c.header[name] = append(c.header[name], values...)
	return c
}

func (c call) String() string { return fmt.Sprintf("%s %s", c.method, c.target) }

// fakeExchange answers the token endpoint.
type fakeExchange struct{}

var tokenAnswer = problem.Answer{Status: 200, ContentType: "application/json", Body: []byte(`{"token":"t"}`)}
