package whatif_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// row is a decision line made by hand. Empty fields are left out.
type row struct {
	at                             time.Duration // after begin
	api, partner, credential       string
	decision, reason, where        string
	address, country, skew, method string
	version                        int
	proved                         bool
}

func (r row) line(n int) []byte {
	b := fmt.Appendf(nil, `{"time":"%s","request_id":"%032x","environment":"sandbox"`, begin.Add(r.at).Format("2006-01-02T15:04:05.000000Z"), n+1)
	for _, f := range [][2]string{{"api", r.api}, {"decision", r.decision}, {"reason", r.reason}, {"where", r.where}, {"method", r.method}, {"partner", r.partner},
		{"credential", r.credential}, {"address", r.address}, {"country", r.country}} {
		if f[1] != "" {
			b = fmt.Appendf(b, `,"%s":"%s"`, f[0], f[1])
		}
	}
	if r.version > 0 {
		b = fmt.Appendf(b, `,"version":%d`, r.version)
	}
	if r.partner != "" {
		b = fmt.Appendf(b, `,"proved":%v`, r.proved)
	}
	if r.skew != "" {
		b = fmt.Appendf(b, `,"skew_ms":%s`, r.skew)
	}
	return append(b, `,"status":200`...)
}

func allow(address string) row {
	return row{at: time.Minute, api: "card", partner: acme, credential: "crd_1", decision: "allow", reason: "allowed", address: address, version: 1, proved: true, method: "GET", skew: "0"}
}

func refuse(reason, address string) row {
	r := allow(address)
	r.decision, r.reason = "refuse", reason
	return r
}

// stranger is a request that was refused before it had proved anything.
func stranger(reason string) row {
	r := refuse(reason, "192.0.2.1")
	r.proved, r.version = false, 0
	return r
}

func (r row) with(change func(*row)) row {
	change(&r)
	return r
}

func linesOf(rows ...row) (lines [][]byte) {
	for i, r := range rows {
		lines = append(lines, r.line(i))
	}
	return lines
}

// plain are the rules of the tables: one prefix, which the API requires.
func plain(t testing.TB) rules {
	return rules{apis: apis(t), networks: []partner.NetworkRule{network("net_1", "", "192.0.2.0/24", "")}}
}

func add(prefix, country string) whatif.Proposed {
	return whatif.Proposed{Environment: "sandbox", PartnerID: acme, AddNetworks: []whatif.Network{{Prefix: prefix, Country: country}}}
}

var (
	openDoor   = add("198.51.100.0/24", "")
	noNetwork  = whatif.Proposed{Environment: "sandbox", PartnerID: acme, RemoveNetworks: []string{"net_1"}}
	canadaOnly = add("", "CA")
	wideWindow = whatif.Proposed{Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", WindowS: 900}}}
	thinWindow = whatif.Proposed{Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", WindowS: 10}}}
	noList     = whatif.Proposed{Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", Addresses: "off"}}}
)

// TestWhatBecomesOfARequest is the policy of a replay, row by row: what was recorded, what is proposed, what is said of it.
func TestWhatBecomesOfARequest(t *testing.T) {
	skewed := func(ms string) func(*row) { return func(r *row) { r.skew = ms } }
	for _, c := range []struct {
		what     string
		recorded row
		proposed whatif.Proposed
		want     string
	}{
		{"let in, the rule goes", allow("192.0.2.1"), noNetwork, "cut off: address_not_listed"},
		{"let in, a rule comes", allow("192.0.2.1"), openDoor, "same"},
		{"refused, a rule comes that holds it", refuse("address_not_listed", "198.51.100.1"), openDoor, "let in: address_not_listed"},
		{"refused, a rule comes that does not", refuse("address_not_listed", "203.0.113.1"), openDoor, "same"},
		{"refused, the list is switched off", refuse("address_not_listed", "203.0.113.1"), noList, "let in: address_not_listed"},
		{"unproved and refused, a rule comes that holds it", stranger("bad_signature").with(func(r *row) { r.address = "198.51.100.1" }), openDoor, "not judged: before_proof"},
		{"a wrong address at the token endpoint proves nothing", stranger("unproved_address").with(func(r *row) { r.address = "198.51.100.1" }), openDoor, "not judged: before_proof"},
		{"suspended: no rule helps", refuse("suspended", "198.51.100.1"), openDoor, "same"},
		{"a replay stays one", refuse("replayed", "192.0.2.1"), openDoor, "same"},
		{"a limit of all callers stays one", refuse("rate_limited", "192.0.2.1").with(func(r *row) { r.where = "api" }), openDoor, "same"},
		{"a limit that is not there any more", refuse("rate_limited", "192.0.2.1").with(func(r *row) { r.where = "partner" }), openDoor, "same otherwise"},
		{"let in from where the rules of now let nobody in, the rule comes back", allow("198.51.100.1"), openDoor, "let in: address_not_listed otherwise"},
		{"let in from where the rules of now let nobody in", allow("203.0.113.1"), openDoor, "same otherwise"},
		{"the country of the line", allow("192.0.2.1").with(func(r *row) { r.country = "FR" }), canadaOnly, "cut off: country_not_allowed"},
		{"the country of the file", allow("192.0.2.2"), canadaOnly, "cut off: country_not_allowed"},
		{"the country of the file, allowed", allow("192.0.2.1"), canadaOnly, "same"},
		{"a country that nobody knows is refused (security rule 38)", allow("192.0.2.99"), canadaOnly, "cut off: country_not_allowed"},
		{"a window that is too thin", allow("192.0.2.1").with(skewed("-10001")), thinWindow, "cut off: stale_timestamp"},
		{"a window that just fits", allow("192.0.2.1").with(skewed("-10000")), thinWindow, "same"},
		{"a clock that is ahead", allow("192.0.2.1").with(skewed("10001")), thinWindow, "cut off: future_timestamp"},
		{"a line of an older program", allow("192.0.2.1").with(skewed("")), thinWindow, "not judged: no_skew"},
		{"stale, and the window is widened: nobody looked at the signature", stranger("stale_timestamp").with(skewed("-500000")), wideWindow, "not judged: time_only"},
		{"stale in any window", stranger("stale_timestamp").with(skewed("-901000")), wideWindow, "same"},
		{"a bad signature, and the window is widened", stranger("bad_signature"), wideWindow, "not judged: before_proof"},
		{"an API that is gone", allow("192.0.2.1").with(func(r *row) { r.api = "gone" }), openDoor, "not judged: unknown_api"},
		{"a line without an address", allow(""), openDoor, "not judged: no_address"},
		{"a line without a partner", allow("192.0.2.1").with(func(r *row) { r.partner = "" }), noList, "not judged: no_partner"},
	} {
		report, err := engine(t, plain(t), linesOf(c.recorded)).WhatIf(ctx, c.proposed, whatif.Span{})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got := inWords(report); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// inWords is a report about one request.
func inWords(r whatif.Report) string {
	var words []string
	for _, d := range r.CutOff {
		words = append(words, "cut off: "+d.Reason)
	}
	for _, d := range r.LetIn {
		words = append(words, "let in: "+d.Reason)
	}
	for _, n := range r.NotJudged {
		words = append(words, "not judged: "+string(n.Why))
	}
	if r.Same > 0 {
		words = append(words, "same")
	}
	if r.Otherwise > 0 {
		words = append(words, "otherwise")
	}
	return strings.Join(words, " ")
}

// TestRule38AnUnknownCountryIsRefusedInAReplay, too: the file is asked, and does not know the address.
func TestRule38AnUnknownCountryIsRefusedInAReplay(t *testing.T) {
	report, err := engine(t, plain(t), linesOf(allow("192.0.2.99"))).WhatIf(ctx, canadaOnly, whatif.Span{})
	if err != nil || inWords(report) != "cut off: country_not_allowed" || report.Countries != (whatif.Countries{Unknown: 1}) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWithoutACountryFileOnlyRecordedCountriesAreJudged(t *testing.T) {
	for _, none := range []func(*whatif.Config){func(cfg *whatif.Config) { cfg.Countries = nil }, func(cfg *whatif.Config) { cfg.HasCountries = func() bool { return false } }} {
		onlyRecorded(t, none)
	}
}

func onlyRecorded(t *testing.T, none func(*whatif.Config)) {
	t.Helper()
	lines := linesOf(allow("192.0.2.1"), allow("192.0.2.1").with(func(r *row) { r.country = "FR" }))
	report, err := engine(t, plain(t), lines, none).WhatIf(ctx, canadaOnly, whatif.Span{})
	if err != nil || inWords(report) != "cut off: country_not_allowed not judged: no_country" || report.Countries.Recorded != 1 {
		t.Errorf("%s, %+v, %v", inWords(report), report, err)
	}
	if !strings.Contains(strings.Join(report.Notes, " "), "no country file") {
		t.Errorf("the notes do not say that there is no country file: %q", report.Notes)
	}
}

func TestADifferenceNamesWhoItIs(t *testing.T) {
	var rows []row
	for i := range 150 {
		for range 1 + i%3 {
			rows = append(rows, allow(fmt.Sprintf("192.0.2.%d", i)).with(func(r *row) { r.at = time.Duration(len(rows)) * time.Second }))
		}
	}
	report, err := engine(t, plain(t), linesOf(rows...)).WhatIf(ctx, noNetwork, whatif.Span{})
	if err != nil || len(report.CutOff) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	d := report.CutOff[0]
	listed := uint64(0)
	for _, a := range d.Addresses.Top {
		listed += a.Requests
	}
	if d.Requests != 300 || len(d.Addresses.Top) != whatif.MaxAddresses || d.Addresses.Number != 150 || listed+d.Addresses.Others != 300 || d.Addresses.Top[0].Requests != 3 {
		t.Errorf("%d requests, %d addresses of %d, others %d", d.Requests, len(d.Addresses.Top), d.Addresses.Number, d.Addresses.Others)
	}
	whole := len(asJSON(t, report))
	for limit := whole; limit > 2500; limit -= whole / 20 {
		fits, err := report.Fit(limit)
		if err != nil || len(asJSON(t, fits)) > limit {
			t.Fatalf("%d bytes: %v", limit, err)
		}
		sum := fits.CutOff[0].Addresses.Others
		for _, a := range fits.CutOff[0].Addresses.Top {
			sum += a.Requests
		}
		if sum != 300 || len(report.CutOff[0].Addresses.Top) != whatif.MaxAddresses {
			t.Fatalf("%d bytes: %d requests", limit, sum)
		}
	}
	if _, err := report.Fit(100); err == nil {
		t.Error("a report of 100 bytes")
	}
	if d.First.RequestID != fmt.Sprintf("%032x", 1) || d.Last.RequestID != fmt.Sprintf("%032x", 300) || !d.Last.At.Equal(begin.Add(299*time.Second)) {
		t.Errorf("first %+v, last %+v", d.First, d.Last)
	}
	if len(d.Credentials.Top) != 1 || d.Credentials.Top[0] != (whatif.Count{Name: "crd_1", Requests: 300}) || d.Partners.Top[0].Name != acme || d.APIs.Top[0].Name != "card" {
		t.Errorf("%+v %+v %+v", d.Credentials, d.Partners, d.APIs)
	}
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMoreLinesThanOneAnswerReads(t *testing.T) {
	few := func(cfg *whatif.Config) { cfg.MaxLines = 2 }
	lines := linesOf(allow("192.0.2.1"), allow("192.0.2.1"), allow("192.0.2.1"))
	report, err := engine(t, plain(t), lines, few).WhatIf(ctx, noNetwork, whatif.Span{})
	if err != nil || !report.Truncated || whatif.Requests(report.CutOff) != 2 || report.Until == nil || !strings.Contains(strings.Join(report.Notes, " "), "shorter span") {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestOnlyTheSpanCounts: what was before it warms limits up and is not in the numbers.
func TestOnlyTheSpanCounts(t *testing.T) {
	r := plain(t)
	r.limits = []partner.Limit{limit("lim_1", "", "", 0, 0, 0, 5)}
	var rows []row
	for i := range 6 {
		rows = append(rows, allow("192.0.2.1").with(func(r *row) { r.at = time.Duration(i) * time.Hour }))
	}
	quota := whatif.Proposed{Environment: "sandbox", PartnerID: acme, SetLimits: []whatif.Limit{{Daily: 4}}}
	report, err := engine(t, r, linesOf(rows...)).WhatIf(ctx, quota, whatif.Span{From: begin.Add(2 * time.Hour), To: begin.Add(5 * time.Hour)})
	if err != nil || report.Read != 3 || whatif.Requests(report.CutOff) != 1 || report.CutOff[0].Reason != "quota_exceeded" || report.CutOff[0].First.RequestID != fmt.Sprintf("%032x", 5) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWhatCannotBeReplayedIsSaid(t *testing.T) {
	for what, p := range map[string]whatif.Proposed{
		"no environment":            {PartnerID: acme, RemoveNetworks: []string{"net_1"}},
		"another environment":       {Environment: "moon", PartnerID: acme, RemoveNetworks: []string{"net_1"}},
		"nothing":                   {Environment: "sandbox", PartnerID: acme},
		"a rule of nobody":          {Environment: "sandbox", RemoveNetworks: []string{"net_1"}},
		"a rule that is not there":  {Environment: "sandbox", PartnerID: acme, RemoveNetworks: []string{"net_other"}},
		"a limit that is not there": {Environment: "sandbox", PartnerID: acme, RemoveLimits: []string{"lim_9"}},
		"another's credential":      {Environment: "sandbox", PartnerID: acme, SetLimits: []whatif.Limit{{CredentialID: "crd_3", Daily: 1}}},
		"an unknown credential":     {Environment: "sandbox", PartnerID: acme, SetLimits: []whatif.Limit{{CredentialID: "crd_9", Daily: 1}}},
		"a limit of nothing":        {Environment: "sandbox", PartnerID: acme, SetLimits: []whatif.Limit{{}}},
		"everybody":                 add("0.0.0.0/0", ""),
		"no network":                add("300.1.1.1", ""),
		"bits beyond the length":    add("10.0.0.1/8", ""),
		"no country":                add("", "XX"),
		"an unknown API":            {Environment: "sandbox", APIs: []whatif.APIChange{{API: "moon", Addresses: "off"}}},
		"an API twice":              {Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", Addresses: "off"}, {API: "card", WindowS: 1}}},
		"a window of an hour":       {Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", WindowS: 3600}}},
		"a window of a token API":   {Environment: "sandbox", APIs: []whatif.APIChange{{API: "account", WindowS: 60}}},
		"a window that wraps":       {Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", WindowS: 1<<55 + 60}}},
		"a span that wraps":         {Environment: "sandbox", PartnerID: acme, SetLimits: []whatif.Limit{{Rate: 1, PerS: 1<<55 + 60, Burst: 1}}},
		"a rule of no kind":         {Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", Addresses: "perhaps"}}},
	} {
		if _, err := engine(t, plain(t), nil).WhatIf(ctx, p, whatif.Span{}); !errors.Is(err, whatif.ErrProposed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, s := range map[string]whatif.Span{"ends before it begins": {From: begin, To: begin.Add(-1)}, "two years": {From: begin.AddDate(-2, 0, 0), To: begin}} {
		if _, err := engine(t, plain(t), nil).WhatIf(ctx, openDoor, s); !errors.Is(err, whatif.ErrSpan) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := whatif.New(whatif.Config{}); err == nil {
		t.Error("an engine of nothing was made")
	}
}

func TestFaultsOfTheRegisterAndAnEndedContextEndIt(t *testing.T) {
	broken := errors.New("broken")
	fails := func(cfg *whatif.Config) { cfg.Register = register{rules: plain(t), err: broken} }
	if _, err := engine(t, plain(t), linesOf(allow("192.0.2.1")), fails).WhatIf(ctx, openDoor, whatif.Span{}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := engine(t, plain(t), linesOf(allow("192.0.2.1"))).WhatIf(ended, openDoor, whatif.Span{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestThePartnersOfAnAPIAreEachJudgedByTheirOwnRules.
func TestThePartnersOfAnAPIAreEachJudgedByTheirOwnRules(t *testing.T) {
	r := plain(t)
	r.apis[0].Addresses = access.AddressOptional
	stray := allow("203.0.113.1").with(func(r *row) { r.partner, r.credential = "ptn_stray", "crd_9" })
	strict := whatif.Proposed{Environment: "sandbox", APIs: []whatif.APIChange{{API: "card", Addresses: "required"}}}
	lines := linesOf(allow("192.0.2.1"), stray, allow("192.0.2.1").with(func(r *row) { r.api = "bank" }))
	report, err := engine(t, r, lines).WhatIf(ctx, strict, whatif.Span{})
	if err != nil || report.Read != 2 || whatif.Requests(report.CutOff) != 1 || report.CutOff[0].Partners.Top[0].Name != "ptn_stray" {
		t.Errorf("%+v, %v", report, err)
	}
}
