package door_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/clientip"
	"countersign.dev/internal/edge/door"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// The register of the tests: one approved partner with both kinds of credentials, calling from 192.0.2.0/24.
const (
	apiToken      = "00000000000000000000000000000001"
	appKey        = "0000000000000000000000000000000a"
	secretText    = "a secret of the tests, which is no secret"
	tokenEndpoint = "/aggregation/v2/partners/authentication"
)

var at = time.Unix(1_800_000_000, 0)

// world is a door with everything around it faked.
type world struct {
	t       testing.TB
	cfg     door.Config
	door    *door.Door
	decider *access.Decider
	records []audit.Decision
	seen    map[[32]byte]bool
	apis    []*access.API
}

// Record implements door.Recorder.
func (w *world) Record(d *audit.Decision) { w.records = append(w.records, *d) }

// Claim implements access.ReplayGuard.
func (w *world) Claim(key [32]byte, _, _ int64) (bool, error) {
	fresh := !w.seen[key]
	w.seen[key] = true
	return fresh, nil
}

// Serve implements door.Exchange: it issues to everybody.
func (w *world) Serve(ctx context.Context, _ string, _ http.Header, body []byte, d *access.Decision, admit func(context.Context) access.Reason) problem.Answer {
	if d.Reason = admit(ctx); d.Reason != access.Allowed {
		return problem.Render(d, problem.JSON, d.RequestID, at)
	}
	return problem.Answer{Status: 200, ContentType: problem.TypeJSON, Body: append([]byte("token for "), body...)}
}

func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	finci, err := library.Load("finci")
	must(t, err)
	w := &world{t: t, seen: map[[32]byte]bool{}}
	w.apis = []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci, MaxBody: 1 << 10},
		{Name: "aggregation", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/aggregation"}, TokenEndpoint: tokenEndpoint},
	}
	address, err := clientip.New(clientip.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	must(t, err)
	w.cfg = door.Config{Environment: "sandbox", Kind: "nginx", APIs: w.apis, Address: address, Record: w, Exchange: w, Now: func() time.Time { return at }}
	for _, f := range change {
		f(w)
	}
	w.decider, err = access.New(access.Config{APIs: w.apis, Replay: w, Now: func() time.Time { return at }})
	must(t, err)
	w.cfg.Decider = w.decider
	must(t, w.decider.Load(roster(), at))
	w.door, err = door.New(w.cfg)
	must(t, err)
	return w
}

func roster() *partner.Roster {
	return &partner.Roster{Revision: 1, ReadAt: at, Partners: []partner.Partner{{ID: "ptn_good", Name: "good"}},
		Reviews:  []partner.Review{{PartnerID: "ptn_good", Environment: "sandbox", State: partner.ReviewApproved}},
		Networks: []partner.NetworkRule{{PartnerID: "ptn_good", Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")}},
		Credentials: []partner.Credential{
			{ID: "crd_key", PartnerID: "ptn_good", Environment: "sandbox", Kind: partner.SigningKey, KeyID: apiToken,
				Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}},
			{ID: "crd_app", PartnerID: "ptn_good", Environment: "sandbox", Kind: partner.App, KeyID: appKey, Login: "1"},
		},
		SealingKeys: []partner.SealingKey{{Environment: "sandbox", ID: 7, Key: secret.NewValue(fmt.Appendf(nil, "%032d", 1))}},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signed is an honest request, signed by hand from the vendor's words: timestamp, method, target, body.
func signed(method, target, body string) *door.Request {
	ts := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(ts + method + target + body))
	q := plain(method, target, body)
	q.Header["X-Auth-Token"], q.Header["X-Auth-Timestamp"] = []string{apiToken}, []string{ts}
	q.Header["X-Auth-Signature"] = []string{hex.EncodeToString(mac.Sum(nil))}
	return q
}

func plain(method, target, body string) *door.Request {
	q := &door.Request{Method: method, Target: target, Host: "api.example.com", Protocol: "HTTP/1.1", Header: http.Header{"Accept": {"application/json"}},
		Peer: netip.MustParseAddr("192.0.2.7"), Proxy: netip.MustParseAddr("127.0.0.1"), State: door.BodyNone}
	if body != "" {
		q.State, q.Body, q.ContentLength, q.LengthStated = door.BodyWhole, []byte(body), int64(len(body)), true
	}
	return q
}

// withToken is an honest request of the token protocol.
func (w *world) withToken(method, target, body string) *door.Request {
	w.t.Helper()
	q := plain(method, target, body)
	q.Header[access.AppKeyHeader] = []string{appKey}
	var d access.Decision
	ask := access.Request{Environment: "sandbox", Method: "POST", Target: tokenEndpoint, Host: "x", Header: q.Header, Address: q.Peer}
	if !w.decider.Decide(&ask, &d) {
		w.t.Fatal(d.Reason)
	}
	token, err := w.decider.Issue(&d, at)
	must(w.t, err)
	q.Header[access.AppTokenHeader] = []string{token}
	return q
}

func with(q *door.Request, change func(*door.Request)) *door.Request {
	change(q)
	return q
}

// outcome is what tests look at of an answer, which is ended.
type outcome struct {
	allowed, exchanged bool
	status             int
	reason             access.Reason
	who                door.Identity
	header             http.Header
	body               string
	identity           []problem.Field
	record             audit.Decision
}

func (w *world) check(q *door.Request) outcome {
	w.t.Helper()
	return w.ended(w.door.Check(context.Background(), q))
}

func (w *world) ended(a *door.Answer) outcome {
	w.t.Helper()
	o := outcome{allowed: a.Allowed, exchanged: a.Exchanged, status: a.Status, reason: a.Reason(), who: a.Who(), header: http.Header{}, body: string(a.Body)}
	o.identity = append(o.identity, a.Identity()...)
	for _, f := range a.Header {
		if o.header[f.Name] != nil {
			w.t.Errorf("the field %s stands twice in an answer", f.Name)
		}
		o.header[f.Name] = []string{f.Value}
	}
	before := len(w.records)
	a.End(0, int64(len(o.body)))
	a.End(0, 0) // does nothing
	if len(w.records) != before+1 {
		w.t.Fatalf("%d records of one check", len(w.records)-before)
	}
	o.record = w.records[before]
	if o.allowed != (o.reason == access.Allowed && !o.exchanged) || o.record.Reason != o.reason.String() || o.record.Status != o.status {
		w.t.Errorf("answer and record do not agree: %+v", o)
	}
	return o
}
