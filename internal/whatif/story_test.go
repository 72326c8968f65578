package whatif_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/edge/problem"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/whatif"
)

// told is what the program wires: the table of the edge.
func told(d *access.Decision, id string, at time.Time) whatif.Told {
	a := problem.Render(d, problem.JSON, id, at)
	return whatif.Told{Status: a.Status, Type: a.ContentType, Body: string(a.Body)}
}

func teller(cfg *whatif.Config) { cfg.Told = told }

// failed are the steps that failed, or may have.
func failed(s whatif.Story) (names []string) {
	for _, step := range s.Steps {
		if step.State == whatif.Failed || step.State == whatif.Unclear {
			names = append(names, step.Name)
		}
	}
	return names
}

// TestEveryReasonHasItsStep: for every reason and every pipeline, the steps before are passed, those behind not reached, and one
// failed, or one of those that are unclear.
func TestEveryReasonHasItsStep(t *testing.T) {
	var lines [][]byte
	var whats []string
	var reasons []access.Reason
	for _, reason := range access.Reasons() {
		for _, kind := range []struct{ api, path string }{{"card", "/card/1"}, {"account", "/account/1"}, {"account", "/account/token"}, {"", "/"}} {
			for _, state := range []struct{ known, proved bool }{{false, false}, {true, false}, {true, true}} {
				r := refuse(reason.String(), "192.0.2.1").with(func(r *row) { r.api, r.proved = kind.api, state.proved })
				if reason == access.Allowed {
					r.decision = "allow"
				}
				if !state.known {
					r.partner, r.credential = "", ""
				}
				lines = append(lines, fmt.Appendf(r.line(len(lines)), `,"path":"%s"`, kind.path))
				whats, reasons = append(whats, fmt.Sprintf("%s at %s, %+v", reason, kind.path, state)), append(reasons, reason)
			}
		}
	}
	e := engine(t, plain(t), lines, teller)
	for i, reason := range reasons {
		s, err := e.Why(ctx, fmt.Sprintf("%032x", i+1))
		if err != nil {
			t.Fatal(err)
		}
		checkSteps(t, whats[i], s, reason)
	}
}

func why(t testing.TB, line []byte, change ...func(*whatif.Config)) whatif.Story {
	t.Helper()
	s, err := engine(t, plain(t), [][]byte{line}, append(change, teller)...).Why(ctx, fmt.Sprintf("%032x", 1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkSteps(t *testing.T, what string, s whatif.Story, reason access.Reason) {
	t.Helper()
	order := []whatif.StepState{whatif.Passed, whatif.Failed, whatif.Unclear, whatif.NotReached}
	count := map[whatif.StepState]int{}
	last := 0
	for _, step := range s.Steps {
		at := slices.Index(order, step.State)
		if at < last {
			t.Errorf("%s: %s is %s behind a step that is %s", what, step.Name, step.State, order[last])
		}
		if step.Title == "" {
			t.Errorf("%s: the step %s has no title", what, step.Name)
		}
		last = at
		count[step.State]++
	}
	one := count[whatif.Failed] == 1 && count[whatif.Unclear] == 0 || count[whatif.Failed] == 0 && count[whatif.Unclear] > 1
	if one == (reason == access.Allowed) || reason == access.Allowed && count[whatif.Passed] != len(s.Steps) {
		t.Errorf("%s: %v", what, count)
	}
	if s.Cause == "" || reason != access.Allowed && (s.Told == nil || s.Told.Status == 0) {
		t.Errorf("%s: the cause is %q, told was %+v", what, s.Cause, s.Told)
	}
}

// TestEveryReasonHasItsCause, of which the story of a request with an unknown reason says that it is one.
func TestEveryReasonHasItsCause(t *testing.T) {
	seen := map[string]access.Reason{}
	for _, reason := range access.Reasons() {
		cause := why(t, refuse(reason.String(), "192.0.2.1").line(0)).Cause
		if before, ok := seen[cause]; ok || strings.Contains(cause, "does not know") {
			t.Errorf("%s: %q, as %s", reason, cause, before)
		}
		seen[cause] = reason
	}
	if s := why(t, refuse("tomorrows_reason", "192.0.2.1").line(0)); !strings.Contains(s.Cause, "tomorrows_reason, which this program does not know") || len(failed(s)) == 0 {
		t.Errorf("%q", s.Cause)
	}
}

// TestTheStepIsWhereTheRequestEnded, by what the record says besides the reason.
func TestTheStepIsWhereTheRequestEnded(t *testing.T) {
	token := func(r *row) { r.api = "account" }
	for _, c := range []struct {
		recorded row
		path     string
		want     string
	}{
		{stranger("bad_signature"), "/card/1", "signature"},
		{stranger("revoked_credential"), "/card/1", "signature"},
		{stranger("revoked_credential").with(token), "/account/1", "credential"},
		{stranger("invalid_token").with(token), "/account/1", "token"},
		{stranger("missing_header").with(token), "/account/1", "token"},
		{stranger("missing_header").with(func(r *row) { r.partner, r.credential = "", "" }), "/card/1", "authentication"},
		{stranger("malformed_header").with(func(r *row) { r.where = "X-Auth-Signature" }), "/card/1", "authentication"},
		{stranger("malformed_header"), "/card/1", "headers"},
		{stranger("body_too_large"), "/card/1", "body"},
		{stranger("body_too_large").with(func(r *row) { r.partner, r.credential = "", "" }), "/card/1", "headers"},
		{stranger("bad_secret").with(token), "/account/token", "secret"},
		{stranger("unproved_address").with(token), "/account/token", "secret"},
		{refuse("address_not_listed", "198.51.100.1"), "/card/1", "network"},
		{refuse("replayed", "192.0.2.1"), "/card/1", "replay"},
		{refuse("unavailable", "192.0.2.1"), "/card/1", "limits replay record forward"},
		{stranger("unavailable").with(func(r *row) { r.partner, r.credential = "", "" }), "/card/1", "snapshot"},
		{allow("192.0.2.1").with(func(r *row) { r.reason = "upstream_timeout" }), "/card/1", "forward"},
	} {
		s := why(t, fmt.Appendf(c.recorded.line(0), `,"path":"%s"`, c.path))
		if got := strings.Join(failed(s), " "); got != c.want {
			t.Errorf("%s at %s: %s, want %s", c.recorded.reason, c.path, got, c.want)
		}
	}
}

// TestTheCauseThatTheOutsideWasNotTold: the answer is the uniform one, the story is exact.
func TestTheCauseThatTheOutsideWasNotTold(t *testing.T) {
	r := plain(t)
	d, lines := play(t, r, []attempt{{after: time.Second, credential: "crd_1", api: "card", address: "192.0.2.1", skew: -2 * time.Second, forged: true}})
	s, err := engine(t, r, lines, teller).Why(ctx, d[0].RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if s.Told.Status != 401 || !strings.Contains(s.Told.Body, "The request is not authorized.") || strings.Contains(s.Told.Body, "signature") {
		t.Errorf("told %+v", s.Told)
	}
	if strings.Join(failed(s), " ") != "signature" || s.Credential != "crd_1" || s.Proved || fmt.Sprint(s.Version.Tried) != "[1]" {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(s.Cause, "ignature") || !strings.Contains(s.Cause, "Version 1 does not fit.") || !slices.Contains(s.Hints, "countersign credential show crd_1") {
		t.Errorf("cause %q, hints %q", s.Cause, s.Hints)
	}
	for _, step := range s.Steps {
		if step.Name == "time" && (len(step.Facts) != 2 || step.Facts[0] != "the caller's clock is 2s behind ours" || step.State != whatif.Passed) {
			t.Errorf("%+v", step)
		}
	}
	if !json.Valid(s.Line) || len(s.Version.Then) != 1 || s.Version.Then[0].State != "in force" {
		t.Errorf("line %s, versions %+v", s.Line, s.Version)
	}
}

func TestTheAddressIsToldHopByHop(t *testing.T) {
	text := `connection from 10.0.0.1: a trusted proxy\nhop 1 from the right: 198.51.100.1: not a trusted proxy\nclient address 198.51.100.1: the first hop\n`
	trusted := func(cfg *whatif.Config) {
		cfg.Trusted = func(string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	}
	for _, c := range []struct{ line, source, hops string }{
		{`,"peer":"10.0.0.1","derivation":"` + text + `"`, "recorded", "connection from 10.0.0.1: a trusted proxy|hop 1 from the right: 198.51.100.1: not a trusted proxy|client address 198.51.100.1: the first hop"},
		{`,"peer":"198.51.100.1"`, "derived", "connection from 198.51.100.1: the client itself (not in the trusted proxies of now)"},
		{`,"peer":"10.0.0.1"`, "derived", "connection from 10.0.0.1: a trusted proxy then (in the trusted proxies of now: 10.0.0.0/8)|client address 198.51.100.1: reported by that proxy; the hops between are recorded only of what is refused"},
		{``, "derived", "the other end of the connection is not recorded"},
	} {
		s := why(t, append(refuse("address_not_listed", "198.51.100.1").line(0), c.line...), trusted)
		if got := strings.Join(s.Address.Hops, "|"); got != c.hops || s.Address.Source != c.source {
			t.Errorf("%s: %s: %s", c.line, s.Address.Source, got)
		}
	}
}

func TestVersionsAsTheyWereThen(t *testing.T) {
	k := partner.Credential{ID: "crd_many", PartnerID: acme, Environment: "sandbox", Versions: []partner.Version{
		{Number: 4, NotBefore: begin.Add(day)}, {Number: 3, NotAfter: begin.Add(day)}, {Number: 2}, {Number: 1, NotAfter: begin}}}
	with := func(cfg *whatif.Config) {
		cfg.Register = register{rules: plain(t), credentials: []partner.Credential{k}}
	}
	r := stranger("bad_signature").with(func(r *row) { r.credential = k.ID })
	s := why(t, append(r.line(0), `,"tried":[4,3,2,1],"shadow":"ok","shadow_profile":"countersign-v1"`...), with)
	got := ""
	for _, v := range s.Version.Then {
		got += fmt.Sprintf("%d %s. ", v.Version, v.State)
	}
	if got != "4 not yet in force. 3 in force. 2 in force. 1 ended. " || fmt.Sprint(s.Version.Tried) != "[4 3 2 1]" {
		t.Errorf("%s %v", got, s.Version.Tried)
	}
	if s.Shadow == nil || *s.Shadow != (whatif.ShadowResult{Profile: "countersign-v1", Result: "ok"}) {
		t.Errorf("shadow %+v", s.Shadow)
	}
	for state, revoked := range map[string]time.Time{"ended": begin, "in force": begin.Add(time.Hour)} {
		k.RevokedAt = revoked
		if s := why(t, r.line(0), with); s.Version.Then[2].State != state {
			t.Errorf("revoked %s after the request: %+v", revoked.Sub(begin), s.Version.Then[2])
		}
	}
}

func TestARequestThatIsUnderWay(t *testing.T) {
	s := why(t, allow("192.0.2.1").with(func(r *row) { r.decision = "admit" }).line(0))
	if s.Finished || !s.Allowed || !strings.Contains(s.Cause, "not recorded, or not yet") || s.Told != nil {
		t.Errorf("%+v", s)
	}
	for _, id := range []string{"", "00000000000000000000000000000002", strings.Repeat("0", 1000), "*"} {
		if _, err := engine(t, plain(t), linesOf(allow("192.0.2.1"))).Why(ctx, id); !errors.Is(err, whatif.ErrNoRequest) {
			t.Errorf("%.40q: %v", id, err)
		}
	}
}

// TestRule34TextsOfTheRecordAreEscaped: a story is read at a terminal, and its commands are copied.
func TestRule34TextsOfTheRecordAreEscaped(t *testing.T) {
	r := refuse("address_not_listed", "192.0.2.1; reboot").with(func(r *row) { r.partner = `p\u001b[31m` })
	s := why(t, append(r.line(0), `,"path":"/\u001b]0;x\u0007","peer":"\u202e1.1.1.1","cause":"a\nb","derivation":"\u001b[2J\nhop"`...))
	s.Line = nil
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(string(text), `\u001b`) || strings.Contains(string(text), "\u202e") || strings.ContainsRune(s.Cause, '\n') {
		t.Errorf("%s, %v", text, err)
	}
	if s.Path != `/\x1b]0;x\a` || len(s.Address.Hops) != 2 || len(s.Hints) != 0 {
		t.Errorf("%q %q %q", s.Path, s.Address.Hops, s.Hints)
	}
}

// TestAFractionOfASecondIsNoFaultOfAClock: most times on the wire are whole seconds.
func TestAFractionOfASecondIsNoFaultOfAClock(t *testing.T) {
	r := plain(t)
	d, lines := play(t, r, []attempt{{after: time.Second, credential: "crd_1", api: "card", address: "192.0.2.1", skew: 400 * time.Millisecond, forged: true}})
	s, err := engine(t, r, lines, teller).Why(ctx, d[0].RequestID)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.Steps {
		if step.Name == "time" && (len(step.Facts) == 0 || step.Facts[0] != "the caller's clock and ours are within a second of each other") {
			t.Errorf("%+v", step)
		}
	}
}
