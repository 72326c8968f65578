package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
)

// TestDecisionsAreSearchedExportedAndExplained: the very lines of the record, and the story of one.
func TestDecisionsAreSearchedExportedAndExplained(t *testing.T) {
	w := newWorld(t)
	var page api.DecisionPage
	w.send("viewer", "GET", "/v1/decisions?decision=refuse&environment=sandbox&address=203.0.113.7&order=oldest", nil).want(http.StatusOK, &page)
	if len(page.Items) != 8 || !bytes.Contains(page.Items[0].Line, []byte(`"reason":"address_not_listed"`)) {
		t.Fatalf("%d refusals", len(page.Items))
	}
	w.send("viewer", "GET", "/v1/decisions?address=nowhere", nil).refused(api.Invalid)
	w.send("viewer", "GET", "/v1/decisions?from=2026-13-01T00:00:00Z", nil).refused(api.Invalid)
	lines := w.send("auditor", "GET", "/v1/decisions/export?format=jsonl&decision=refuse&environment=sandbox", nil).want(http.StatusOK)
	if got := lines.Body.String(); !strings.HasPrefix(got, string(page.Items[0].Line)+"\n") || strings.Count(got, "\n") != 8 {
		t.Errorf("the export does not have the lines of the record: %s", got)
	}
	table := w.send("auditor", "GET", "/v1/decisions/export?format=csv", nil).want(http.StatusOK)
	if strings.Count(table.Body.String(), "\n") != 41 || !strings.HasPrefix(table.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the table: %v %s", table.Header(), table.Body)
	}
	w.send("viewer", "GET", "/v1/decisions/export?format=csv", nil).refused(api.Forbidden)
	w.send("auditor", "GET", "/v1/decisions/export", nil).refused(api.Invalid)
	var story api.Story
	w.send("viewer", "GET", "/v1/decisions/"+strings.Repeat("0", 31)+"1", nil).want(http.StatusOK, &story)
	if story.Allowed || story.Reason != "address_not_listed" || len(story.Steps) == 0 || story.Cause == "" {
		t.Errorf("the story: %+v", story)
	}
	w.send("viewer", "GET", "/v1/decisions/"+strings.Repeat("f", 32), nil).refused(api.NotFound)
	w.send("viewer", "GET", "/v1/decisions/short", nil).refused(api.Invalid)
}

// TestAnExportOfChangesProvesItself without the register.
func TestAnExportOfChangesProvesItself(t *testing.T) {
	w := newWorld(t)
	w.admitted("Acme", "sandbox")
	w.send("viewer", "POST", "/v1/partners", api.PartnerCreate{Name: "x"}).refused(api.Forbidden)
	export := w.send("auditor", "GET", "/v1/changes/export?format=jsonl", nil).want(http.StatusOK)
	report, err := audit.VerifyChangeExport(bytes.NewReader(export.Body.Bytes()), nil)
	if err != nil || !report.OK() {
		t.Errorf("the export: %v %v", err, report)
	}
	chosen := w.send("auditor", "GET", "/v1/changes/export?format=csv&kind=attempt", nil).want(http.StatusOK)
	if strings.Count(chosen.Body.String(), "\n") != 2 {
		t.Errorf("the chosen rows: %s", chosen.Body)
	}
	var page api.ChangePage
	w.send("admin", "GET", "/v1/changes?action=attempt.refused&actor=operator:viewer@example.com", nil).want(http.StatusOK, &page)
	if len(page.Items) != 1 || page.Items[0].Hash == "" {
		t.Errorf("the changes: %+v", page)
	}
	w.send("admin", "GET", "/v1/changes?action=nothing", nil).refused(api.Invalid)
	w.send("operator", "GET", "/v1/changes", nil).refused(api.Forbidden)
	if got := w.send("auditor", "GET", "/v1/checkpoints?record=changes", nil).want(http.StatusOK).Body.String(); got != "checkpoint of changes\n" {
		t.Errorf("the checkpoints: %q", got)
	}
}

// TestAccountsChangeWithASecondAdmin: who invites does not approve, and the link is shown to who invited.
func TestAccountsChangeWithASecondAdmin(t *testing.T) {
	w := newWorld(t)
	var waits api.Proposal
	w.send("admin", "POST", "/v1/accounts", api.AccountInvite{Login: "carol@example.com", Roles: []api.RoleName{"viewer"}}).want(http.StatusAccepted, &waits)
	w.send("viewer", "GET", "/v1/proposals/"+waits.ID, nil).refused(api.NotFound)
	var done api.ProposalChanged
	w.send("second", "POST", "/v1/proposals/"+waits.ID+"/approve", api.ProposalApprove{Digest: waits.Digest}).want(http.StatusOK, &done)
	w.send("admin", "POST", "/v1/proposals/"+waits.ID+"/apply", api.Act{}).want(http.StatusOK, &done)
	if done.Secret == "" || done.Account.Login != "carol@example.com" || done.Account.State != api.AccountStateInvited {
		t.Errorf("an invited account: %+v", done)
	}
	account := "/v1/accounts/" + done.Account.ID
	w.must(w.single())
	var changed api.AccountChanged
	w.send("admin", "PATCH", account, `{"roles":["viewer","auditor"]}`, "If-Match", `"`+done.Account.Etag+`"`).want(http.StatusOK, &changed)
	w.send("admin", "PATCH", account, `{"roles":["admin"]}`, "If-Match", `"`+done.Account.Etag+`"`).refused(api.Stale)
	w.send("admin", "POST", account+"/invite", api.Act{}).want(http.StatusOK, &changed)
	if changed.Link == "" || changed.LinkUntil.IsZero() {
		t.Errorf("a new link: %+v", changed)
	}
	w.send("admin", "POST", account+"/disable", api.Act{Reason: "left"}).want(http.StatusOK)
	w.send("admin", "POST", account+"/disable", api.Act{}).refused(api.Conflict)
	w.send("admin", "POST", account+"/enable", api.Act{}).want(http.StatusOK)
	w.send("admin", "GET", "/v1/accounts/opr_nothing", nil).refused(api.NotFound)
	if body := w.send("admin", "GET", "/v1/accounts", nil).want(http.StatusOK).Body.String(); strings.Contains(body, changed.Link) || strings.Contains(body, "recovery\"") {
		t.Error("a listing tells of a link")
	}
	w.send("admin", "DELETE", "/v1/sessions/ses_nothing", nil).refused(api.NotFound)
	w.send("viewer", "GET", "/v1/sessions", nil).want(http.StatusOK)
	var glass api.BreakGlassChanged
	w.send("admin", "POST", "/v1/break-glass", api.BreakGlassMake{Name: "safe"}).want(http.StatusCreated, &glass)
	if glass.Code == "" {
		t.Error("a break-glass code is not shown")
	}
	w.send("admin", "POST", "/v1/break-glass/"+glass.BreakGlass.ID+"/end", api.Act{}).want(http.StatusOK)
}

// TestSettingsWaitAsWell: how many approvals a change needs is itself a change that needs one.
func TestSettingsWaitAsWell(t *testing.T) {
	w := newWorld(t)
	var now api.Approvals
	w.send("viewer", "GET", "/v1/settings/approvals", nil).want(http.StatusOK, &now)
	put := api.ApprovalsPut{Environments: []api.EnvironmentApprovals{}, Accounts: 0, Settings: 0}
	w.send("admin", "PUT", "/v1/settings/approvals", put, "If-Match", `"`+strings.Repeat("a", 64)+`"`).refused(api.Stale)
	w.send("admin", "PUT", "/v1/settings/approvals", put, "If-Match", `"`+now.Etag+`"`).want(http.StatusAccepted)
	w.must(w.single())
	var changed api.ApprovalsChanged
	w.send("admin", "PUT", "/v1/settings/approvals", api.ApprovalsPut{Environments: []api.EnvironmentApprovals{{Environment: "production", Approvals: 2,
		Operations: []api.OperationApprovals{{Operation: "network.allow", Approvals: 3}}}}, Accounts: 1, Settings: 2}, "If-Match", "*").want(http.StatusOK, &changed)
	if changed.Approvals.Environments[0].Operations[0].Approvals != 3 || changed.Approvals.Etag == now.Etag {
		t.Errorf("the settings: %+v", changed)
	}
}

// TestAFileIsAppliedOrSaysWhyNot: a dry run changes nothing, and an item that cannot be had is named.
func TestAFileIsAppliedOrSaysWhyNot(t *testing.T) {
	w := newWorld(t)
	w.admitted("Acme", "sandbox")
	file := `{"desired":{"partners":[{"name":"Acme","environments":[{"name":"sandbox","networks":[{"prefix":"203.0.113.7"}]}]}]}`
	var out api.Applied
	before, _ := w.Revision(ctx)
	w.send("operator", "POST", "/v1/apply", file+`,"dry_run":true}`).want(http.StatusOK, &out)
	if after, _ := w.Revision(ctx); len(out.Steps) != 1 || after != before {
		t.Errorf("a dry run: %+v, revision %d to %d", out, before, after)
	}
	w.send("operator", "POST", "/v1/apply", file+`}`).want(http.StatusOK, &out)
	w.send("operator", "POST", "/v1/apply", file+`}`).want(http.StatusOK, &out)
	if len(out.Steps) != 0 {
		t.Errorf("applied again: %+v", out)
	}
	p := w.send("operator", "POST", "/v1/apply", strings.Replace(file, "203.0.113.7", "0.0.0.0/0", 1)+`,"dry_run":true}`).refused(api.Invalid)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Pointer, "partners[0]") {
		t.Errorf("the items that cannot be had: %+v", p)
	}
	w.send("operator", "POST", "/v1/apply", strings.Replace(file, "203.0.113.7", "everywhere", 1)+`}`).refused(api.Invalid)
}

// TestAFileThatCannotBeHadNamesEachItem, not only on a dry run: nothing of it is applied, and where a second person would have to look, no
// proposal is made of it.
func TestAFileThatCannotBeHadNamesEachItem(t *testing.T) {
	w := newWorld(t)
	acme := w.admitted("Acme", "sandbox", "production")
	for _, environment := range []string{"sandbox", "production"} {
		file := `{"desired":{"partners":[{"name":"Newcomer"},{"name":"Acme","environments":[{"name":"` + environment + `",` +
			`"networks":[{"prefix":"203.0.113.7"},{"prefix":"0.0.0.0/0"}],"limits":[{"credential_id":"crd_aaaaaaaaaaaaaaaaaaaaaaaaaa","rate":1,"per_seconds":1,"burst":1}]}]}]}`
		for _, end := range []string{`}`, `,"dry_run":true}`} {
			p := w.send("operator", "POST", "/v1/apply", file+end).want(http.StatusUnprocessableEntity).refused(api.Invalid)
			var got []string
			for _, e := range p.Errors {
				if got = append(got, e.Pointer); e.Message == "" {
					t.Errorf("%s%s: %s without a word", environment, end, e.Pointer)
				}
			}
			want := []string{"/desired/partners[1].environments[0].networks[1]", "/desired/partners[1].environments[0].limits[0]"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s%s: %s", environment, end, diff)
			}
		}
	}
	partners, err := w.Partners(ctx)
	w.must(err)
	networks, err := w.Networks(ctx, acme)
	w.must(err)
	proposals, err := w.Proposals(ctx, registry.ProposalQuery{State: registry.ProposalOpen, Limit: registry.MaxPage})
	w.must(err)
	if len(partners) != 1 || len(networks) > 0 || len(proposals.Items) > 0 {
		t.Errorf("%d partners, networks %+v, proposals %+v", len(partners), networks, proposals.Items)
	}
}

// TestWhatWaitsIsCounted: for the one who looks first in the morning.
func TestWhatWaitsIsCounted(t *testing.T) {
	w, _ := populated(t)
	var out api.Overview
	w.send("viewer", "GET", "/v1/overview", nil).want(http.StatusOK, &out)
	if out.WaitingReviews != 1 || out.OpenProposals != 2 || out.Revision == 0 {
		t.Errorf("the overview: %+v", out)
	}
	w.send("admin", "POST", "/v1/environments/sandbox/sealing-keys/rotate", api.Act{}).want(http.StatusOK)
	w.send("viewer", "GET", "/v1/webhook-sources", nil).want(http.StatusOK)
	if body := w.send("sandbox", "GET", "/v1/environments", nil).want(http.StatusOK).Body.String(); strings.Contains(body, `"name":"production"`) {
		t.Error("an environment is shown to who does not see it")
	}
	if got := w.send("viewer", "GET", "/v1/openapi.yaml", nil).want(http.StatusOK).Body.Bytes(); !bytes.Equal(got, api.Contract) {
		t.Error("the contract is another one")
	}
	if w.counted["overview 200"] != 1 {
		t.Errorf("the counts: %v", w.counted)
	}
}

// TestAScheduledSecretIsHandedOverOnce, to whoever asks first.
func TestAScheduledSecretIsHandedOverOnce(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	issued, err := w.IssueSigningKey(ctx, alice, id, "sandbox")
	w.must(err)
	at := "/v1/credentials/" + issued.Credential.ID
	var changed api.CredentialChanged
	week := int64((7 * 24 * time.Hour).Seconds())
	w.send("operator", "PUT", at+"/schedule", api.SchedulePut{EverySeconds: week, OverlapSeconds: 3600}, "If-Match", `"none"`).want(http.StatusOK, &changed)
	w.send("operator", "PUT", at+"/schedule", api.SchedulePut{EverySeconds: 2 * week, OverlapSeconds: 3600}, "If-Match", `"none"`).refused(api.Stale)
	if changed.Credential.Schedule.EverySeconds != week {
		t.Errorf("the schedule: %+v", changed.Credential.Schedule)
	}
	w.send("operator", "POST", at+"/reveal", "{}").refused(api.NotFound)
	w.clock.pass(8 * 24 * time.Hour)
	if _, err := w.RunSchedules(ctx, registry.Actor{Kind: registry.System, Name: "schedule"}, nil); err != nil {
		t.Fatal(err)
	}
	var shown api.CredentialIssued
	w.send("operator", "POST", at+"/reveal", "{}").want(http.StatusOK, &shown)
	w.send("operator", "POST", at+"/reveal", "{}").refused(api.NotFound)
	if shown.Secret == "" || shown.Version != 2 {
		t.Errorf("the secret of the schedule: %+v", shown)
	}
	w.send("operator", "DELETE", at+"/schedule", nil, "If-Match", "*").want(http.StatusOK)
	var rehearsal api.Rehearsal
	w.send("viewer", "GET", at+"/rehearsal", nil).want(http.StatusOK, &rehearsal)
	var preview api.RevocationPreview
	w.send("viewer", "GET", at+"/revocation-preview?version=2", nil).want(http.StatusOK, &preview)
	if len(rehearsal.Versions) != 2 || preview.Text == "" {
		t.Errorf("%+v %+v", rehearsal, preview)
	}
	raw, err := json.Marshal(api.WhatIfAsk{Proposed: api.Proposed{Environment: "sandbox", PartnerID: id, AddNetworks: []api.ProposedNetwork{{Prefix: "192.0.2.0/24"}}}})
	w.must(err)
	w.send("operator", "POST", "/v1/what-if", string(raw)).want(http.StatusOK)
	w.send("operator", "POST", "/v1/what-if", `{"proposed":{"environment":"sandbox"}}`).refused(api.Invalid)
}
