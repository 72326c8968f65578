package whatif_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/rate/memory"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/whatif"
	"countersign.dev/profile/library"
)

const (
	acme, other = "ptn_acme", "ptn_other"
	keyText     = "a secret of the tests, which is no secret"
)

var (
	ctx   = context.Background()
	begin = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
)

// keyID is the key id of a credential of the tests: "crd_1" has 32 digits that end with 1.
func keyID(credential string) string {
	return fmt.Sprintf("%032s", strings.TrimPrefix(credential, "crd_"))
}

// attempt is one request of a play.
type attempt struct {
	after      time.Duration // since the one before
	credential string
	api        string
	address    string
	skew       time.Duration // of the caller's clock
	forged     bool
}

// rules are what a play is played by.
type rules struct {
	networks []partner.NetworkRule
	limits   []partner.Limit
	apis     []*access.API
}

type countries map[string]string

func (c countries) Country(a netip.Addr) (string, bool) {
	code, ok := c[a.String()]
	return code, ok
}

var file = countries{"192.0.2.1": "CA", "192.0.2.2": "FR", "198.51.100.1": "CA", "198.51.100.2": "FR", "203.0.113.1": "CA"}

// credentials are of acme but the last one.
var credentials = []string{"crd_1", "crd_2", "crd_3"}

func ownerOf(credential string) string {
	if credential == "crd_3" {
		return other
	}
	return acme
}

// apis are two signed APIs of the sandbox, fresh ones.
func apis(t testing.TB) []*access.API {
	t.Helper()
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	return []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/card"}, Scheme: finci, Replay: access.ReplayOff},
		{Name: "bank", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/bank"}, Scheme: finci, Replay: access.ReplayOff,
			Addresses: access.AddressOptional},
		{Name: "account", Environment: "sandbox", Protocol: access.Token, BasePaths: []string{"/account"}, TokenEndpoint: "/account/token"},
	}
}

func network(id, api, prefix, country string) partner.NetworkRule {
	rule := partner.NetworkRule{ID: id, PartnerID: acme, Environment: "sandbox", API: api, Country: country, CreatedAt: begin}
	if prefix != "" {
		rule.Prefix = netip.MustParsePrefix(prefix)
	}
	return rule
}

func limit(id, credential, api string, count int, per time.Duration, burst int, daily int64) partner.Limit {
	return partner.Limit{ID: id, PartnerID: acme, Environment: "sandbox", CredentialID: credential, API: api, Rate: count, Per: per, Burst: burst, Daily: daily, CreatedAt: begin}
}

func (r rules) roster() *partner.Roster {
	roster := &partner.Roster{Revision: 1, ReadAt: begin, Networks: slices.Clone(r.networks), Limits: r.limits}
	for _, id := range []string{acme, other} {
		roster.Partners = append(roster.Partners, partner.Partner{ID: id, Name: id})
		roster.Reviews = append(roster.Reviews, partner.Review{PartnerID: id, Environment: "sandbox", State: partner.ReviewApproved})
	}
	roster.Networks = append(roster.Networks, partner.NetworkRule{ID: "net_other", PartnerID: other, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
	for _, id := range credentials {
		roster.Credentials = append(roster.Credentials, partner.Credential{ID: id, PartnerID: ownerOf(id), Environment: "sandbox", Kind: partner.SigningKey, KeyID: keyID(id),
			Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(keyText))}}})
	}
	return roster
}

// play sends the attempts through the code that decides, and gives its decisions and their lines in the record, as the gateway
// writes them.
func play(t testing.TB, r rules, attempts []attempt) (decisions []access.Decision, lines [][]byte) {
	t.Helper()
	now := begin
	clock := func() time.Time { return now }
	limiter, err := memory.Open(memory.Config{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer limiter.Close()
	decider, err := access.New(access.Config{APIs: r.apis, Limiter: limiter, Countries: file, Now: clock, MaxStaleness: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := decider.Load(r.roster(), begin); err != nil {
		t.Fatal(err)
	}
	for i, a := range attempts {
		now = now.Add(a.after)
		request := a.request(i, now)
		d := access.Decision{RequestID: fmt.Sprintf("%032x", i+1)}
		decider.Decide(request, &d)
		decisions = append(decisions, d)
		lines = append(lines, line(request, &d, now))
	}
	return decisions, lines
}

// request signs by hand.
func (a attempt) request(n int, now time.Time) *access.Request {
	stamp := strconv.FormatInt(now.Add(a.skew).Unix(), 10)
	target := fmt.Sprintf("/%s/%d", a.api, n)
	mac := hmac.New(sha256.New, []byte(keyText))
	mac.Write([]byte(stamp + "GET" + target))
	signature := hex.EncodeToString(mac.Sum(nil))
	if a.forged {
		signature = strings.Repeat("0", len(signature))
	}
	return &access.Request{Environment: "sandbox", Method: "GET", Target: target, Host: "api.example.com", LengthStated: true, Address: netip.MustParseAddr(a.address),
		Header: map[string][]string{"X-Auth-Token": {keyID(a.credential)}, "X-Auth-Timestamp": {stamp}, "X-Auth-Signature": {signature}}}
}

// line is the open line of a decision, as the gateway fills it.
func line(r *access.Request, d *access.Decision, at time.Time) []byte {
	status := 403
	if d.Reason == access.Allowed {
		status = 200
	}
	l := audit.Decision{Time: at, RequestID: d.RequestID, Environment: r.Environment, Allowed: d.Reason == access.Allowed, Reason: d.Reason.String(), Where: d.Where,
		Status: status, Method: r.Method, Path: r.Target, Protocol: "HTTP/2.0", Version: d.Version, Proved: d.Proved, Address: d.Address, Peer: d.Address,
		Country: d.Country, Derivation: d.Derivation, Skew: d.Skew, Warnings: d.Warnings, Timed: d.Timed, Lead: d.Lead, Tried: d.Tried(), Duration: time.Millisecond}
	if d.API != nil {
		l.API = d.API.Name
	}
	if d.Credential != nil {
		l.Credential, l.Partner = d.Credential.ID, d.Partner.ID
	}
	return l.AppendOpen(nil, audit.Form{})
}

// register is what an Engine reads of the rules.
type register struct {
	rules
	credentials []partner.Credential // beside those of every test
	err         error
}

func (r register) Revision(context.Context) (uint64, error) { return 7, r.err }

func (r register) Networks(_ context.Context, partnerID string) ([]partner.NetworkRule, error) {
	return slices.DeleteFunc(r.roster().Networks, func(n partner.NetworkRule) bool { return n.PartnerID != partnerID }), r.err
}

func (r register) Limits(_ context.Context, partnerID string) ([]partner.Limit, error) {
	return slices.DeleteFunc(slices.Clone(r.limits), func(l partner.Limit) bool { return l.PartnerID != partnerID }), r.err
}

var errNotThere = errors.New("there is no such credential")

func (r register) FindCredential(_ context.Context, id string) (partner.Credential, error) {
	for _, k := range append(r.credentials, r.roster().Credentials...) {
		if k.ID == id {
			return k, r.err
		}
	}
	return partner.Credential{}, errNotThere
}

// keep writes lines as a record and opens it.
func keep(t testing.TB, lines [][]byte) (*search.Searcher, string) {
	t.Helper()
	dir := t.TempDir()
	record := recordtest.New(t, dir)
	all := record.Header()
	for _, l := range lines {
		all = append(all, record.Close(l)...)
	}
	if err := os.WriteFile(filepath.Join(dir, "00000001.jsonl"), all, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := search.Open(search.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

// engine makes an Engine over lines, at the end of their first week.
func engine(t testing.TB, r rules, lines [][]byte, change ...func(*whatif.Config)) *whatif.Engine {
	t.Helper()
	records, _ := keep(t, lines)
	cfg := whatif.Config{Records: []whatif.Records{records}, Register: register{rules: r}, APIs: func() []*access.API { return r.apis },
		Now: func() time.Time { return begin.Add(6 * 24 * time.Hour) }, Countries: file}
	for _, f := range change {
		f(&cfg)
	}
	e, err := whatif.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
