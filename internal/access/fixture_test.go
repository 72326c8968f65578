package access_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// The register of the tests: one partner that is approved in both environments, and some that are not as they should be.
const (
	goodToken      = "00000000000000000000000000000001" // sandbox
	prodToken      = "00000000000000000000000000000002" // production
	revokedToken   = "00000000000000000000000000000003"
	expiredToken   = "00000000000000000000000000000004"
	suspendedToken = "00000000000000000000000000000005"
	pendingToken   = "00000000000000000000000000000006"
	strayToken     = "00000000000000000000000000000007" // has no networks
	canadaToken    = "00000000000000000000000000000008" // has a country rule
	goodApp        = "0000000000000000000000000000000a"
	prodApp        = "0000000000000000000000000000000b"
	revokedApp     = "0000000000000000000000000000000c"
	otherApp       = "0000000000000000000000000000000d"
	secretText     = "a secret of the tests, which is no secret"
)

var start = time.Unix(1_760_000_000, 0)

// door is a Decider with everything around it faked: a clock that stands still, a guard that counts, a country table.
type door struct {
	t     *testing.T
	a     *access.Decider
	now   time.Time
	guard *fakeGuard
	apis  map[string]*access.API
}

type fakeGuard struct {
	seen  map[[32]byte]bool
	until int64
	err   error
}

func (g *fakeGuard) Claim(key [32]byte, expires, _ int64) (bool, error) {
	if g.err != nil {
		return false, g.err
	}
	fresh := !g.seen[key]
	g.seen[key], g.until = true, expires
	return fresh, nil
}

type countries map[string]string

func (c countries) Country(a netip.Addr) (string, bool) {
	code, ok := c[a.String()]
	return code, ok
}

func newDoor(t *testing.T, change ...func(*access.API)) *door {
	t.Helper()
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, now: start, guard: &fakeGuard{seen: map[[32]byte]bool{}}, apis: map[string]*access.API{}}
	var apis []*access.API
	for _, environment := range []string{"sandbox", "production"} {
		card := &access.API{Name: "card", Environment: environment, Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci}
		aggregation := &access.API{Name: "aggregation", Environment: environment, Protocol: access.Token,
			BasePaths: []string{"/aggregation", "/institution"}, TokenEndpoint: "/aggregation/v2/partners/authentication"}
		for _, api := range []*access.API{card, aggregation} {
			for _, f := range change {
				f(api)
			}
			apis = append(apis, api)
			d.apis[environment+"/"+api.Name] = api
		}
	}
	limiter, err := memory.Open(memory.Config{Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = limiter.Close() })
	d.a, err = access.New(access.Config{APIs: apis, Replay: d.guard, Limiter: limiter, Now: func() time.Time { return d.now }, MaxStaleness: time.Minute,
		Countries: countries{"198.51.100.1": "CA", "198.51.100.2": "FR"}})
	if err != nil {
		t.Fatal(err)
	}
	d.load(testRoster())
	return d
}

func (d *door) load(r *partner.Roster) {
	d.t.Helper()
	if err := d.a.Load(r, d.now); err != nil {
		d.t.Fatal(err)
	}
}

func testRoster() *partner.Roster {
	r := &partner.Roster{Revision: 1, ReadAt: start}
	for _, name := range []string{"good", "suspended", "pending", "stray", "canada", "other"} {
		r.Partners = append(r.Partners, partner.Partner{ID: "ptn_" + name, Name: name})
		state := partner.ReviewApproved
		switch name {
		case "suspended":
			state = partner.ReviewSuspended
		case "pending":
			state = partner.ReviewRequested
		}
		for _, environment := range []string{"sandbox", "production"} {
			r.Reviews = append(r.Reviews, partner.Review{PartnerID: "ptn_" + name, Environment: environment, State: state})
			if name != "stray" {
				r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_" + name, Environment: environment, Prefix: netip.MustParsePrefix("192.0.2.0/24")},
					partner.NetworkRule{PartnerID: "ptn_" + name, Environment: environment, Prefix: netip.MustParsePrefix("198.51.100.0/24")})
			}
		}
	}
	r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_canada", Environment: "sandbox", Country: "CA"})
	signing := func(environment, owner, keyID string) *partner.Credential {
		r.Credentials = append(r.Credentials, partner.Credential{ID: "crd_" + keyID, PartnerID: "ptn_" + owner, Environment: environment, Kind: partner.SigningKey, KeyID: keyID,
			Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}})
		return &r.Credentials[len(r.Credentials)-1]
	}
	signing("sandbox", "good", goodToken)
	signing("production", "good", prodToken)
	signing("sandbox", "good", revokedToken).RevokedAt = start.Add(-time.Hour)
	signing("sandbox", "good", expiredToken).Versions[0].NotAfter = start.Add(-time.Second)
	signing("sandbox", "suspended", suspendedToken)
	signing("sandbox", "pending", pendingToken)
	signing("sandbox", "stray", strayToken)
	signing("sandbox", "canada", canadaToken)
	app := func(environment, owner, keyID string) *partner.Credential {
		r.Credentials = append(r.Credentials, partner.Credential{ID: "crd_" + keyID, PartnerID: "ptn_" + owner, Environment: environment, Kind: partner.App, KeyID: keyID, Login: "1"})
		return &r.Credentials[len(r.Credentials)-1]
	}
	app("sandbox", "good", goodApp)
	app("production", "good", prodApp)
	app("sandbox", "good", revokedApp).RevokedAt = start
	app("sandbox", "other", otherApp)
	for i, environment := range []string{"sandbox", "production"} {
		r.SealingKeys = append(r.SealingKeys, partner.SealingKey{Environment: environment, ID: 7, Key: secret.NewValue(fmt.Appendf(nil, "%032d", i))})
	}
	return r
}

// request is a plain GET of the signed API in the sandbox, from an address that is listed, not signed yet.
func request() *access.Request {
	return &access.Request{Environment: "sandbox", Method: "GET", Target: "/api/v1/cards/1", Host: "api.example.com",
		Header: map[string][]string{"Accept": {"application/json"}}, Address: netip.MustParseAddr("192.0.2.7"), LengthStated: true}
}

type content []byte

func (c content) ReadBody(limit int64) ([]byte, access.Reason) {
	if int64(len(c)) > limit {
		return nil, access.BodyTooLarge
	}
	return c, access.Allowed
}

// sign signs by hand, from the vendor's words: timestamp, method, target, body.
func sign(r *access.Request, keyID string, at time.Time) *access.Request {
	body := ""
	if b, ok := r.Body.(content); ok {
		body = string(b)
	}
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(ts + r.Method + r.Target + body))
	r.Header["X-Auth-Token"] = []string{keyID}
	r.Header["X-Auth-Timestamp"] = []string{ts}
	r.Header["X-Auth-Signature"] = []string{hex.EncodeToString(mac.Sum(nil))}
	return r
}

func with(r *access.Request, change func(*access.Request)) *access.Request {
	change(r)
	return r
}

func (d *door) decide(r *access.Request) *access.Decision {
	out := &access.Decision{RequestID: access.NewRequestID()}
	d.a.Decide(r, out)
	return out
}

func (d *door) allow(what string, r *access.Request) *access.Decision {
	d.t.Helper()
	out := d.decide(r)
	if out.Reason != access.Allowed {
		d.t.Errorf("%s: refused with %s (%s %s), want allowed", what, out.Reason, out.Where, out.Detail)
	}
	return out
}

func (d *door) refuse(reason access.Reason, what string, r *access.Request) *access.Decision {
	d.t.Helper()
	out := d.decide(r)
	if out.Reason != reason {
		d.t.Errorf("%s: %s (%s %s), want %s", what, out.Reason, out.Where, out.Detail, reason)
	}
	return out
}

// token issues an access token for an app in an environment.
func (d *door) token(environment, keyID string) string {
	d.t.Helper()
	r := request()
	r.Environment, r.Method, r.Target = environment, "POST", "/aggregation/v2/partners/authentication"
	r.Header[access.AppKeyHeader] = []string{keyID}
	text, err := d.a.Issue(d.allow("a call to the token endpoint", r), d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

func tokenCall(environment, keyID, token string) *access.Request {
	r := request()
	r.Environment, r.Target = environment, "/aggregation/v1/customers"
	r.Header[access.AppKeyHeader] = []string{keyID}
	r.Header[access.AppTokenHeader] = []string{token}
	return r
}

var errBroken = errors.New("broken")
