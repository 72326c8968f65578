package console_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/audit/search/recordtest"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// asks is an operator's request for a change of production, which waits. who is a name of everybody.
func (w *world) asks(who string, name registry.OperationName, partnerID, environment string, params any) registry.Proposal {
	w.Helper()
	op, err := registry.NewOperation(name, partnerID, environment, params)
	w.must(err)
	done, err := w.Do(ctx, registry.Actor{Kind: registry.Operator, Name: who + "@example.com"}, op,
		registry.Intent{Reason: "because of a test"})
	w.must(err)
	if done.Proposal == nil {
		w.Fatalf("%s did not wait", name)
	}
	return *done.Proposal
}

// network is the request for a network rule of a partner in production.
func (w *world) network(who, partnerID string) registry.Proposal {
	w.Helper()
	return w.asks(who, registry.OpNetworkAllow, partnerID, "production",
		registry.NetworkAllow{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Note: "new office"})
}

// issued is a credential of a partner, made by the local command line.
func (w *world) issued(partnerID, environment string, kind partner.Kind) registry.Issued {
	w.Helper()
	make := w.IssueSigningKey
	if kind == partner.App {
		make = w.IssueApp
	}
	made, err := make(ctx, alice, partnerID, environment)
	w.must(err)
	return made
}

func TestAChangeIsShownWithEverythingThatIsApproved(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	p := w.network("operator", id)
	s := w.get("approver", "/console/proposals").want(200)
	s.says("Allow a network", "Example Bank", "waits for approval", "0 of 1", "operator@example.com")
	if !s.linked("/console/proposals/" + p.ID) {
		t.Error("no link to the change")
	}
	w.get("approver", "/console/proposals/"+p.ID).want(200).
		says("Example Bank may call every API in production from 198.51.100.0/24", "new office", "added", "because of a test",
			p.DigestText(), "operator@example.com")
	w.get("viewer", "/console/proposals?state=applied").want(200).says("No change is like that.").silent(p.ID)
	w.get("viewer", "/console/proposals?state=any&environment=production&partner="+id).want(200).says("Allow a network")
	w.get("viewer", "/console/proposals/prp_nothing").want(404)
	w.get("sandbox", "/console/proposals/"+p.ID).want(404)
}

// Whoever asked does not approve, and what a colleague approves is what the page showed (security: design decision 14).
func TestFourEyesThroughPages(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	p := w.network("both", id)
	here := "/console/proposals/" + p.ID
	own := w.get("both", here).want(200).says("You asked for this, so somebody else approves it.")
	if own.hasForm(here + "/approve") {
		t.Error("who asked gets a form to approve it")
	}
	colleague := w.get("approver", here).want(200)
	forged := colleague.form(here + "/approve")
	forged.submitAs("both").want(http.StatusForbidden).says("A second person must do this")
	forged.submitAs("viewer").want(http.StatusForbidden).says("proposals.approve")
	forged.submitAs("").want(http.StatusUnauthorized).says("Nothing was done")
	forged.submitAs("sandbox").want(http.StatusNotFound)
	if got, _ := w.Proposal(ctx, p.ID); got.State != registry.ProposalOpen || len(got.Approvals) > 0 {
		t.Fatalf("somebody approved it: %+v", got)
	}
	done := colleague.form(here+"/approve").set("comment", "seen").submit().followed().want(200).says("the change was made",
		"applied")
	done.silent("/approve\"")
	if got, _ := w.Proposal(ctx, p.ID); got.State != registry.ProposalDone {
		t.Fatalf("it is %s", got.State)
	}
	colleague.form(here + "/approve").submit().followed().says("the change was made") // a second press of the button
	if n := len(w.rows(audit.ProposalApproved)); n != 1 {
		t.Errorf("%d rows of approvals", n)
	}
}

// An edit voids approvals, and who looked at the page of before approves nothing.
func TestAnEditedChangeIsNotApprovedAsItWas(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	p := w.network("operator", id)
	here := "/console/proposals/" + p.ID
	before := w.get("approver", here).want(200)
	edit := w.get("other", here+"/edit").want(200)
	if got := edit.form(here + "/edit").Get("param-prefix"); got != "198.51.100.0/24" {
		t.Fatalf("the form begins with %q", got)
	}
	edit.form(here+"/edit").set("param-prefix",
		"bogus").submit().want(http.StatusUnprocessableEntity).says("Nothing was changed")
	edit.form(here+"/edit").set("param-prefix", "198.51.100.0/25", "reason",
		"half of it").submit().followed().want(200).says("198.51.100.0/25", "Edited by other@example.com", "half of it")
	edit.form(here+"/edit").set("param-prefix", "198.51.100.0/25", "reason",
		"half of it").submit().followed().want(200) // pressed twice
	edit.form(here+"/edit").set("param-prefix",
		"198.51.100.0/26").submit().want(http.StatusPreconditionFailed).says("after your page was made")
	stale := before.form(here + "/approve").submit().want(http.StatusPreconditionFailed)
	stale.says("Nothing was done", "198.51.100.0/25", "Read it again, then decide")
	if got, _ := w.Proposal(ctx, p.ID); got.State != registry.ProposalOpen || got.Edits != 1 {
		t.Fatalf("%s, %d edits", got.State, got.Edits)
	}
	w.get("other", here).want(200).silent("/approve\"")
	stale.form(here + "/approve").submit().followed().says("the change was made")
}

func TestAChangeIsRejectedWithdrawnAndCommented(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	p := w.network("operator", id)
	here := "/console/proposals/" + p.ID
	s := w.get("approver", here).want(200)
	s.form(here+"/comment").set("text", "Which <office> is it?").submit().followed().says("Which <office> is it?")
	s.form(here+"/comment").set("text", "Which <office> is it?").submit().followed().says("The comment was added")
	if got, _ := w.Proposal(ctx, p.ID); len(got.Comments) != 1 {
		t.Errorf("%d comments of one that was sent twice", len(got.Comments))
	}
	s.form(here + "/reject").submit().want(http.StatusUnprocessableEntity).says("Say why")
	s.form(here+"/reject").set("reason", "wrong office").submit().followed().says("Rejected", "wrong office")
	s.form(here+"/reject").set("reason", "wrong office").submit().followed().says("Rejected")
	s.form(here + "/approve").submit().want(http.StatusConflict).says("Nothing was done")
	q := w.network("operator", id)
	here = "/console/proposals/" + q.ID
	w.get("operator", here).form(here+"/withdraw").set("reason", "a mistake").submit().followed().says("Withdrawn", "a mistake")
	if got := w.get("operator", here); got.hasForm(here+"/withdraw") || got.hasForm(here+"/apply") || got.linked(here+"/edit") {
		t.Error("an ended change can still be changed")
	}
}

// What the record says of a change stands beside it; it can be asked again.
func TestTheReportOfAChangeIsShown(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example <b>Bank</b>", "sandbox", "production")
	k := w.issued(id, "production", partner.App)
	for range 3 {
		w.record.add(audit.Decision{Environment: "production", Partner: id, Credential: k.Credential.ID, Version: 1,
			Proved: true, Address: netip.MustParseAddr("198.51.100.9")})
	}
	p := w.asks("operator", registry.OpLimitSet, id, "production", registry.LimitSet{Daily: 1})
	here := "/console/proposals/" + p.ID
	s := w.get("approver", here).want(200).says("No report is attached")
	s = s.form(here+"/what-if").set("last", "720h").submit().followed().want(200)
	s.says("Of 3 recorded requests, 2 would be refused that are let in now", "198.51.100.9 : 2", "Example <b>Bank</b> : 2",
		"by approver@example.com", "Run it again")
	if !s.linked("/console/decisions/" + strings.Repeat("0", 31) + "3") {
		t.Errorf("no link to a request that would be refused: %v", s.links())
	}
	w.get("operator", here+"/edit").form(here+"/edit").set("param-daily",
		"2").submit().followed().says("1 would be refused that are let in now")
	w.get("viewer", here).want(200).says("1 would be refused").silent(here + "/what-if")
}

// A secret of an approved change is for whoever asked, once: however many ask at once, one page has it.
func TestRule33TheSecretOfAnApprovedChangeIsShownOnce(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	p := w.asks("operator", registry.OpCredentialIssue, id, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	here := "/console/proposals/" + p.ID
	w.get("approver", here).form(here + "/approve").submit().followed().says("approved, waits to be applied").silent(here +
		"/apply")
	s := w.get("operator", here).want(200)
	pages := atOnce(w, s.form(here+"/apply"))
	value := oneSecret(t, pages)
	s.form(here + "/apply").submit().want(200).says("It was shown already").silent(value)
	w.get("operator", here).want(200).silent(value)
	w.nowhere(value)
}

// atOnce sends one form twice at the same time, as an impatient finger does.
func atOnce(w *world, f *form) []*shown {
	var both sync.WaitGroup
	pages := make([]*shown, 2)
	for i := range pages {
		both.Go(func() { pages[i] = f.submit() })
	}
	both.Wait()
	return pages
}

// oneSecret is the secret that exactly one of some pages shows; all of them are good answers that no browser keeps.
func oneSecret(t *testing.T, pages []*shown) (value string) {
	t.Helper()
	for _, s := range pages {
		s.want(200)
		if !strings.Contains(s.Header().Get("Cache-Control"), "no-store") || s.Header().Get("Location") != "" {
			t.Errorf("headers %v", s.Header())
		}
		if got := s.secret(); got != "" {
			if value != "" {
				t.Error("two pages show a secret")
			}
			value = got
			continue
		}
		s.says("It was shown already")
	}
	if value == "" {
		t.Fatal("no page shows a secret")
	}
	for _, s := range pages {
		if s.secret() == "" {
			s.silent(value)
		}
	}
	return value
}

// secret is the one that a page shows; empty: none.
func (s *shown) secret() string {
	for _, n := range s.nodes("textarea") {
		if hasAttr(n, "readonly") {
			return strings.TrimPrefix(rawText(n), "\n")
		}
	}
	return ""
}

// nowhere checks that a secret is in no log and in no row of the record.
func (w *world) nowhere(value string) {
	w.Helper()
	if strings.Contains(w.log.String(), value) {
		w.Errorf("the log holds a secret")
	}
	all, err := w.Changes(ctx, 0, 0)
	w.must(err)
	for _, row := range all {
		text, err := json.Marshal(row)
		w.must(err)
		if strings.Contains(string(text), value) {
			w.Errorf("the record holds a secret: %s", row.Action)
		}
	}
}

// inWords is a change and what its page says of it.
type inWords struct {
	who, asks      string
	op             registry.OperationName
	partner, where string
	params         any
	want           []string
}

// Every operation that can wait is shown in words, with what there is now beside what would be.
func TestEveryChangeIsShownInWords(t *testing.T) {
	w := newWorld(t)
	for _, c := range changesInWords(w) {
		t.Run(string(c.op), func(t *testing.T) {
			p := w.asks(c.who, c.op, c.partner, c.where, c.params)
			s := w.get(c.asks, "/console/proposals/"+p.ID).want(200).says(c.want...)
			s.silent("carried out with these parameters")
			w.get(c.who, "/console/proposals/"+p.ID+"/edit").want(200)
			w.get(c.who, "/console/proposals/"+p.ID).want(200)
		})
	}
}

// changesInWords has each operation once, about rows that are there.
func changesInWords(w *world) []inWords {
	id := w.admitted("Example Bank", "sandbox", "production")
	k := w.issued(id, "production", partner.SigningKey).Credential
	rule, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: "production",
		Prefix: netip.MustParsePrefix("203.0.113.0/24"), Note: "old office"})
	w.must(err)
	limit, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: id, Environment: "production", API: "card", Rate: 50,
		Per: time.Second, Burst: 60})
	w.must(err)
	account, err := w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "carol@example.com",
		Roles: []operator.Role{operator.Viewer}})
	w.must(err)
	until := recordtest.Begin.Add(48 * time.Hour)
	name := "Carol"
	return []inWords{
		{"operator", "approver", registry.OpNetworkRemove, id, "production", registry.NetworkRemove{ID: rule.ID},
			[]string{"203.0.113.0/24, every API (old office)", "removed", "can widen access"}},
		{"operator", "approver", registry.OpLimitSet, id, "production", registry.LimitSet{API: "card", Rate: 70, PerSeconds: 60,
			Burst: 60}, []string{"50 requests in 1 second", "70 requests in 1 minute", "changed", "same"}},
		{"operator", "approver", registry.OpLimitRemove, id, "production", registry.LimitRemove{ID: limit.ID},
			[]string{"50 requests in 1 second", "the API's own counts again"}},
		{"operator", "approver", registry.OpCredentialRotate, id, "production", registry.CredentialRotate{Credential: k.ID,
			OverlapUntil: until}, []string{"version 1", "version 2", k.KeyID, "at the latest"}},
		{"operator", "approver", registry.OpCredentialBind, id, "production", registry.CredentialBind{Credential: k.ID,
			ClientKeys: []string{strings.Repeat("ab", 32)}}, []string{"abababababababab…", "added"}},
		{"operator", "approver", registry.OpCredentialSchedule, id, "production", registry.CredentialSchedule{Credential: k.ID,
			EverySeconds: 30 * 86400, OverlapSeconds: 86400}, []string{"30 days", "1 day"}},
		{"operator", "approver", registry.OpPartnerClose, id, "", registry.PartnerClose{}, []string{"cannot be opened again",
			"closed"}},
		{"operator", "approver", registry.OpReviewClose, id, "production", registry.ReviewClose{},
			[]string{"The review of Example Bank for production is closed for good"}},
		{"operator", "approver", registry.OpEndpointAdd, id, "production", registry.EndpointAdd{URL: "https://example.com/hook",
			Events: []string{"a.b"}}, []string{"https://example.com/hook", "a.b"}},
		{"admin", "approver", registry.OpSealingKeyDrop, "", "production", registry.SealingKeyDrop{},
			[]string{"every access token of every partner there is refused", "Nothing brings the former tokens back"}},
		{"admin", "second", registry.OpAccountInvite, "", "", registry.AccountInvite{Login: "dave@example.com",
			Roles: []operator.Role{operator.Admin}, Environments: []string{"sandbox"}}, []string{"dave@example.com",
			"sandbox"}},
		{"admin", "second", registry.OpAccountChange, "", "", registry.AccountChange{Account: account.Account.ID, Name: &name,
			Roles: []operator.Role{operator.Operator}}, []string{"carol@example.com", "viewer", "operator", "Carol"}},
		{"admin", "second", registry.OpServiceCreate, "", "", registry.ServiceCreate{Name: "ci",
			Roles: []operator.Role{operator.Viewer}, NotAfter: until}, []string{"ci", "viewer"}},
		{"admin", "second", registry.OpBreakGlassMake, "", "", registry.BreakGlassMake{Name: "safe"},
			[]string{"everything for an hour", "no end"}},
		{"admin", "second", registry.OpSettingsApprovals, "", "",
			registry.SettingsApprovals{Approvals: registry.Approvals{Accounts: 1, Settings: 2,
				Environments: []registry.EnvironmentApprovals{
					{Environment: "production", Approvals: 2,
						Operations: []registry.OperationApprovals{{Operation: registry.OpNetworkAllow, Approvals: 1}}}}}},
			[]string{"In production", "2 other persons", "In production: network.allow"}},
		{"operator", "approver", registry.OpRegisterApply, "", "",
			registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Example Bank",
				Environments: []registry.ApplyEnvironment{{Name: "production", Limits: []registry.LimitSet{{Credential: k.ID,
					Daily: 9}}}}}}}, []string{"A declarative file with 1 partner is applied"}},
	}
}

// everyPartner asks for all partners.
func everyPartner() partner.PartnerQuery { return partner.PartnerQuery{Limit: 10} }
