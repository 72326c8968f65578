package admin_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	"countersign.dev/internal/audit/inspect"
	"countersign.dev/internal/audit/rollup"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// sums are those of the world's record.
func (w *world) sums(t testing.TB) *traffic.Sums {
	t.Helper()
	dir := t.TempDir()
	cfg := rollup.Config{Dir: dir, Now: w.clock.now, Log: slog.New(slog.DiscardHandler)}
	if _, err := rollup.Rebuild(ctx, cfg, w.recordDir); err != nil {
		t.Fatal(err)
	}
	s, err := traffic.New(traffic.Config{Folders: []string{dir}, Now: w.clock.now, Log: cfg.Log})
	if err != nil {
		t.Fatal(err)
	}
	s.Poll(ctx)
	return s
}

// inspector verifies the world's records when a test asks for a round.
func (w *world) inspector() *inspect.Inspector {
	i, err := inspect.New(inspect.Config{Changes: w.Registry, Decisions: []inspect.DecisionRecord{{Name: "decisions", Dir: w.recordDir}},
		Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	return i
}

// TestTrafficIsThatOfTheCallersEnvironments: of another one not even its name shows.
func TestTrafficIsThatOfTheCallersEnvironments(t *testing.T) {
	w := newWorld(t)
	type line struct {
		environment      string
		allowed, refused int64
		reasons          []api.ReasonCount
	}
	ask := func(who, query string) (lines []line) {
		var out api.Traffic
		w.send(who, "GET", "/v1/traffic?"+query, nil).want(http.StatusOK, &out)
		for _, s := range out.Series {
			lines = append(lines, line{s.Environment, s.Allowed, s.Refused, s.Reasons})
			if len(s.Points) != 96 || out.StepSeconds != 900 || s.API != "card" {
				t.Errorf("%d points of %d s for %q", len(s.Points), out.StepSeconds, s.API)
			}
		}
		return lines
	}
	sandbox := line{"sandbox", 22, 8, []api.ReasonCount{{Reason: "address_not_listed", Count: 8}}}
	production := line{"production", 8, 2, []api.ReasonCount{{Reason: "address_not_listed", Count: 2}}}
	same := cmp.AllowUnexported(line{})
	for _, test := range []struct {
		who, query string
		want       []line
	}{
		{"viewer", "last=24h", []line{production, sandbox}},
		{"sandbox", "last=24h", []line{sandbox}},
		{"sandbox", "last=24h&environment=production", nil},
		{"viewer", "last=24h&environment=production", []line{production}},
		{"viewer", "last=24h&api=other", nil},
	} {
		if diff := cmp.Diff(test.want, ask(test.who, test.query), same); diff != "" {
			t.Errorf("%s asks for %s: %s", test.who, test.query, diff)
		}
	}
	w.send("viewer", "GET", "/v1/traffic?last=1y", nil).refused(api.Invalid)
	w.send("viewer", "GET", "/v1/traffic", nil).refused(api.Invalid)
	w.send("nobody", "GET", "/v1/traffic?last=1h", nil).refused(api.Forbidden)
}

// TestLastCallsAndUsageAreScoped: a confined operator learns nothing of the other environment, and of no other partner's credentials.
func TestLastCallsAndUsageAreScoped(t *testing.T) {
	w := newWorld(t)
	var out api.LastCalls
	w.send("viewer", "GET", "/v1/last-calls?partners=ptn_recorded,ptn_nobody", nil).want(http.StatusOK, &out)
	if len(out.Items) != 2 || out.Items[0].Environment != "production" || !out.Items[0].Allowed || out.Items[1].Environment != "sandbox" || out.Faults != nil {
		t.Errorf("%+v", out)
	}
	out = api.LastCalls{}
	w.send("sandbox", "GET", "/v1/last-calls?partners=ptn_recorded", nil).want(http.StatusOK, &out)
	if len(out.Items) != 1 || out.Items[0].Environment != "sandbox" {
		t.Errorf("%+v", out)
	}
	w.send("viewer", "GET", "/v1/last-calls?partners="+strings.TrimSuffix(strings.Repeat("ptn_recorded,", 201), ","), nil).refused(api.Invalid)
	w.send("viewer", "GET", "/v1/last-calls?partners=%2e%2e", nil).refused(api.Invalid)
	w.send("viewer", "GET", "/v1/partners/ptn_recorded/usage", nil).refused(api.NotFound) // the record knows it, the register does not
	acme := w.admitted("Acme", "sandbox")
	var usage api.PartnerUsage
	w.send("viewer", "GET", "/v1/partners/"+acme+"/usage?last=24h", nil).want(http.StatusOK, &usage)
	if len(usage.Environments) != 0 || usage.Faults == nil || len(usage.Faults) != 0 {
		t.Errorf("a partner without calls: %+v", usage)
	}
}

// counted stands for sums, with what a test says.
type counted struct {
	admin.Traffic
	usage traffic.Usage
	rises []traffic.Rise
	lost  uint64
	asked []string
}

func (c *counted) Usage(_ string, credentials []string, _ traffic.Span, sees traffic.Sees) (traffic.Usage, error) {
	c.asked = credentials
	return c.usage, nil
}

func (c *counted) Rises(sees traffic.Sees) (list []traffic.Rise) {
	for _, r := range c.rises {
		if sees(r.Environment) {
			list = append(list, r)
		}
	}
	return list
}

func (c *counted) Lost(time.Time) (uint64, []string) { return c.lost, nil }

// TestUsageAsksForTheCredentialsThatTheCallerSees and for no others.
func TestUsageAsksForTheCredentialsThatTheCallerSees(t *testing.T) {
	sums := &counted{}
	w := newWorld(t, func(c *admin.Config) { sums.Traffic, c.Traffic = c.Traffic, sums })
	acme := w.admitted("Acme", "sandbox")
	issued, err := w.IssueSigningKey(ctx, alice, acme, "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]int{"viewer": 1, "sandbox": 1, "elsewhere": 0} {
		w.people["elsewhere"] = operator.Principal{Kind: operator.KindAccount, ID: "opr_e", Name: "e@example.com", SessionID: "ses_e",
			Permissions: operator.PermissionsOf([]operator.Role{operator.Viewer}), Environments: []string{"production"}, ExpiresAt: w.clock.now().Add(time.Hour)}
		w.send(who, "GET", "/v1/partners/"+acme+"/usage", nil).want(http.StatusOK)
		if len(sums.asked) != want || want == 1 && sums.asked[0] != issued.Credential.ID {
			t.Errorf("%s asked for %v", who, sums.asked)
		}
	}
}

// needs asks what needs a person, and returns each item as "kind environment".
func (w *world) needs(who string) (list []string) {
	w.Helper()
	var out api.Attention
	w.send(who, "GET", "/v1/attention", nil).want(http.StatusOK, &out)
	for _, i := range out.Items {
		list = append(list, strings.TrimSpace(string(i.Kind)+" "+i.Environment))
		if i.Text == "" {
			w.Errorf("%s says nothing", i.Kind)
		}
	}
	return list
}

func (w *world) expect(who string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(want, w.needs(who)); diff != "" {
		w.Errorf("%s: %s", who, diff)
	}
}

// TestWhatNeedsAPerson, the gravest first, and to each only what is theirs to know.
func TestWhatNeedsAPerson(t *testing.T) {
	sums := &counted{}
	w := newWorld(t, func(c *admin.Config) { sums.Traffic, c.Traffic = c.Traffic, sums })
	w.expect("viewer")
	acme := w.admitted("Acme", "sandbox")
	if err := w.RequestReview(ctx, alice, acme, "production", "please"); err != nil {
		t.Fatal(err)
	}
	w.expect("viewer", "review_waiting production")
	w.expect("sandbox")
	sums.rises = []traffic.Rise{{Environment: "sandbox", API: "card", Reason: "bad_signature", Count: 200, Allowed: 3, Mean: 1.5, Usual: 2, Days: 7, Since: w.clock.now()}}
	sums.lost = 7
	w.expect("viewer", "refusals_rise sandbox", "lines_lost", "review_waiting production") // the grave one, then by time
	w.expect("sandbox", "refusals_rise sandbox")                                           // in which environment lines are missing, nobody knows
	w.people["partners only"] = operator.Principal{Kind: operator.KindService, ID: "svc_p", Name: "p", SessionID: "ses_p",
		Permissions: []operator.Permission{operator.PartnersRead}, ExpiresAt: w.clock.now().Add(time.Hour)}
	w.expect("partners only", "review_waiting production")
}

// TestAttentionKnowsCredentials: those that end and have no successor, and those that are locked.
func TestAttentionKnowsCredentials(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Traffic = nil })
	acme := w.admitted("Acme", "sandbox")
	issued, err := w.IssueApp(ctx, alice, acme, "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	w.expect("viewer")
	id := issued.Credential.ID
	for range 20 {
		if _, err := w.Authenticate(ctx, id, issued.Credential.Login, []byte("wrong")); err != nil {
			t.Fatal(err)
		}
	}
	w.expect("viewer", "credential_locked sandbox")
	if _, err := w.Unlock(ctx, alice, id); err != nil {
		t.Fatal(err)
	}
	w.expect("viewer")
}

// TestEndings: a version without an end succeeds all others.
func TestEndings(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	for name, test := range map[string]struct {
		versions []partner.Version
		want     time.Time
	}{
		"none":                 {nil, time.Time{}},
		"endless":              {[]partner.Version{{Number: 1}}, time.Time{}},
		"one that ends":        {[]partner.Version{{Number: 1, NotAfter: in(3)}}, in(3)},
		"overlap":              {[]partner.Version{{Number: 2}, {Number: 1, NotAfter: in(3)}}, time.Time{}},
		"a successor to come":  {[]partner.Version{{Number: 2, NotBefore: in(2)}, {Number: 1, NotAfter: in(3)}}, time.Time{}},
		"the later of two":     {[]partner.Version{{Number: 2, NotAfter: in(9)}, {Number: 1, NotAfter: in(3)}}, in(9)},
		"the older ends later": {[]partner.Version{{Number: 2, NotAfter: in(3)}, {Number: 1, NotAfter: in(9)}}, in(9)},
	} {
		if at, ends := admin.EndingOf(partner.Credential{Versions: test.versions}); !at.Equal(test.want) || ends == test.want.IsZero() {
			t.Errorf("%s: %v %v", name, at, ends)
		}
	}
}

// TestANodeThatLagsNeedsAPerson, once a change had the time to arrive.
func TestANodeThatLagsNeedsAPerson(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Traffic = nil })
	w.admitted("Acme", "sandbox")
	w.nodes = []admin.Node{{Name: "a:1", Environment: "production", Revision: 1, At: w.clock.now()}}
	w.expect("viewer")
	w.clock.pass(time.Minute)
	w.expect("viewer", "node_behind production")
	w.expect("sandbox")
	w.nodes[0].Revision = 1 << 40
	w.expect("viewer")
}

// TestASilentNodeNeedsAPerson at once, also where nothing has changed; one that stopped long ago has been taken away.
func TestASilentNodeNeedsAPerson(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Traffic = nil })
	now := w.clock.now()
	node := func(state registry.NodeState, silence time.Duration) admin.Node {
		return admin.Node{Name: "a:1", Environment: "production", Revision: 0, State: state, At: now.Add(-silence), Silence: silence, ReadAge: silence, StopsAt: now.Add(time.Minute)}
	}
	for _, test := range []struct {
		node admin.Node
		want []string
	}{
		{node(registry.NodeCurrent, 0), nil},
		{node(registry.NodeSilent, time.Minute), []string{"node_behind production"}},
		{node(registry.NodeStopped, 20*time.Minute), []string{"node_behind production"}},
		{node(registry.NodeStopped, 2*time.Hour), nil},
		{node(registry.NodeStarting, 0), nil},
	} {
		w.nodes = []admin.Node{test.node}
		w.expect("viewer", test.want...)
		w.expect("sandbox")
	}
}

// TestRecordsAreVerifiedWhenAsked: unverified, running, verified; and altered, faulty, for those who may know.
func TestRecordsAreVerifiedWhenAsked(t *testing.T) {
	var records *inspect.Inspector
	w := newWorld(t, func(c *admin.Config) { records = c.Records.(*inspect.Inspector) })
	w.admitted("Acme", "sandbox")
	ask := func() map[string]api.Record {
		var page api.RecordPage
		w.send("auditor", "GET", "/v1/records", nil).want(http.StatusOK, &page)
		return map[string]api.Record{page.Items[0].Name: page.Items[0], page.Items[1].Name: page.Items[1]}
	}
	state := func(r api.Record) string { return fmt.Sprintf("%s %d/%d %t", r.State, r.Verified, r.Lines, r.Whole) }
	if r := ask()["decisions"]; state(r) != "unverified 0/0 false" {
		t.Errorf("at the beginning: %+v", r)
	}
	w.send("auditor", "POST", "/v1/records/decisions/verify", nil).want(http.StatusOK)
	if r := ask()["decisions"]; r.State != api.RecordStateRunning {
		t.Errorf("after it was asked for: %+v", r)
	}
	records.Round(ctx)
	if r := ask()["decisions"]; state(r) != "verified 41/41 true" || r.Sealed != 0 || !strings.Contains(strings.Join(r.Notes, " "), "Not anchored") {
		t.Errorf("verified: %+v", r)
	}
	if r := ask()["changes"]; r.State != api.RecordStateVerified || r.Verified != r.Lines || r.Lines == 0 {
		t.Errorf("changes: %+v", r)
	}
	w.expect("auditor")
	path := filepath.Join(w.recordDir, "00000001.jsonl")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), "203.0.113.7", "203.0.113.8", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.send("auditor", "POST", "/v1/records/decisions/verify", nil).want(http.StatusOK)
	records.Round(ctx)
	if r := ask()["decisions"]; r.State != api.RecordStateFaulty || len(r.Faults) == 0 || !strings.Contains(r.Faults[0], "this line was changed") {
		t.Errorf("altered: %+v", r)
	}
	if needs := w.needs("auditor"); len(needs) != 1 || needs[0] != "record_faulty" {
		t.Errorf("%v", needs)
	}
	w.expect("sandbox")
	w.send("auditor", "POST", "/v1/records/nothing/verify", nil).refused(api.NotFound)
	w.send("viewer", "POST", "/v1/records/decisions/verify", nil).refused(api.Forbidden)
}

// TestALargeRegisterIsReadInTheBackground: whoever asks meanwhile gets what was read before.
func TestALargeRegisterIsReadInTheBackground(t *testing.T) {
	w := newWorld(t, func(c *admin.Config) { c.Traffic = nil })
	w.admitted("The first", "sandbox")
	admin.SetLarge(w.server, 1)
	w.expect("viewer")
	acme := w.admitted("Acme", "sandbox")
	if err := w.RequestReview(ctx, alice, acme, "production", "please"); err != nil {
		t.Fatal(err)
	}
	for w.needs("viewer") == nil { // the background is quick here, and no clock decides
		admin.AwaitStock(w.server)
	}
	w.expect("viewer", "review_waiting production")
}
