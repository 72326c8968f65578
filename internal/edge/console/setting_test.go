package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// free is an installation in which accounts and settings wait for nobody.
func (w *world) free() {
	w.Helper()
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{}}, "for a test")
	w.must(err)
}

// Which role gets which page: what it may not see is a refusal or nothing, never a part of the page.
func TestWhoSeesWhichPage(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	k := w.issued(id, "production", "signing_key").Credential
	p := w.network("operator", id)
	all := []string{"viewer", "operator", "approver", "auditor", "admin", "sandbox", "nobody", "glass"}
	writers := []string{"operator", "glass"}
	readers, admins := []string{"viewer", "operator", "approver", "auditor", "admin", "glass"}, []string{"admin", "glass"}
	for path, may := range map[string][]string{
		"/proposals":                               append(slices.Clone(readers), "sandbox"),
		"/proposals/" + p.ID:                       readers,
		"/proposals/" + p.ID + "/edit":             writers,
		"/credentials/" + k.ID:                     readers,
		"/credentials/" + k.ID + "/rotate":         writers,
		"/credentials/" + k.ID + "/rotation":       readers,
		"/credentials/" + k.ID + "/revoke":         readers,
		"/credentials/" + k.ID + "/schedule":       writers,
		"/credentials/" + k.ID + "/client-keys":    writers,
		"/partners/" + id + "/credentials/new":     append(slices.Clone(writers), "sandbox"),
		"/accounts":                                admins,
		"/accounts/opr_nothing":                    nil,
		"/service-accounts":                        admins,
		"/service-accounts/svc_nothing":            nil,
		"/accounts/new":                            admins,
		"/service-accounts/new":                    admins,
		"/settings/break-glass/new":                admins,
		"/settings/break-glass":                    admins,
		"/settings/approvals":                      append(slices.Clone(readers), "sandbox"),
		"/nodes":                                   append(slices.Clone(readers), "sandbox"),
		"/settings":                                all,
		"/settings/webhook-sources":                all,
		"/settings/sealing-keys":                   all,
		"/settings/sealing-keys/production/drop":   admins,
		"/settings/sealing-keys/production/rotate": admins,
		"/settings/sealing-keys/nothing/drop":      nil,
		"/settings/approvals/change":               admins,
		"/settings/apply":                          writers,
		"/what-if":                                 []string{"operator", "approver", "sandbox", "glass"},
		"/me":                                      all,
	} {
		for _, who := range all {
			s := w.get(who, "/console"+path)
			if got, want := s.Code == 200, slices.Contains(may, who); got != want {
				t.Errorf("%s gets %d of %s", who, s.Code, path)
			}
			if s.Code != 200 && s.Code != 403 && s.Code != 404 {
				t.Errorf("%s gets %d of %s", who, s.Code, path)
			}
		}
		s := httptest.NewRecorder()
		if w.console.ServeHTTP(s, w.request("", "GET", "/console"+path, nil)); s.Code != http.StatusSeeOther ||
			!strings.HasPrefix(s.Header().Get("Location"), "/sign-in/?next=%2Fconsole") {
			t.Errorf("a stranger gets %d of %s, to %s", s.Code, path, s.Header().Get("Location"))
		}
	}
	if n := len(w.rows(audit.AttemptRefused)); n > 0 {
		t.Errorf("reading pages left %d rows of refused attempts", n)
	}
}

func TestSettingsShowWhatOneMay(t *testing.T) {
	w := newWorld(t)
	s := w.get("viewer", "/console/settings").want(200)
	for path, want := range map[string]bool{"/console/nodes": true, "/console/settings/approvals": true,
		"/console/accounts": false, "/console/settings/apply": false} {
		if s.linked(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if s := w.get("admin", "/console/settings"); !s.linked("/console/accounts") || !s.linked("/console/settings/sealing-keys") {
		t.Error("an admin lacks a part")
	}
}

// An account from its invitation to its end: the link is shown once, in the answer of the form alone.
func TestRule33AnInvitationIsShownOnce(t *testing.T) {
	w := newWorld(t)
	w.free()
	s := w.get("admin", "/console/accounts/new").want(200)
	s.form("/console/accounts/new").set("login",
		"carol@example.com").submit().want(http.StatusUnprocessableEntity).says("Tick at least one role")
	f := s.form("/console/accounts/new").set("login", "carol@example.com", "name", "Carol <img src=x>", "roles", "viewer",
		"environments", "sandbox")
	value := oneSecret(t, atOnce(w, f))
	if !strings.HasPrefix(value, public+"/sign-in/link#") {
		t.Errorf("the link is %q", value)
	}
	_, token, _ := strings.Cut(value, "#")
	w.nowhere(token)
	list := w.get("admin", "/console/accounts").want(200).says("carol@example.com", "invited", "sandbox",
		"Carol <img src=x>").silent(token)
	if strings.Contains(list.Body.String(), "<img src=x>") {
		t.Error("a name is markup")
	}
	a, err := w.Account(ctx, "carol@example.com")
	w.must(err)
	here := "/console/accounts/" + a.ID
	one := w.get("admin", here).want(200).says("carol@example.com", "viewer").silent(token)
	again := oneSecret(t, []*shown{one.form(here + "/invite").submit()})
	if again == value {
		t.Error("the new link is the old one")
	}
	change := w.get("admin", here+"/change").want(200)
	if got := change.form(here + "/change"); got.Get("roles") != "viewer" || got.Get("environments") != "sandbox" {
		t.Errorf("the form begins with %v", got.Values)
	}
	g := change.form(here+"/change").set("name", "Carol")
	g.Values["roles"] = []string{"viewer", "auditor"}
	g.Values.Del("environments")
	g.submit().followed().want(200).says("The account is changed", "viewer, auditor", "Environments all")
	g.submit().followed().want(200) // pressed twice
	g.Values["roles"] = []string{"admin"}
	g.submit().want(http.StatusPreconditionFailed).says("Somebody changed this after your page was made")
	one.form(here + "/disable").submit().want(http.StatusPreconditionFailed).says("Somebody changed this account")
	w.get("admin", here).form(here+"/disable").set("reason", "has left").submit().followed().says("Disabled", "disabled")
	w.get("admin", here).form(here + "/enable").submit().followed().says("it may sign in again")
	w.get("viewer", here).want(http.StatusForbidden)
}

func TestAnInvitationWaitsForASecondPerson(t *testing.T) {
	w := newWorld(t)
	s := w.get("admin", "/console/accounts/new").form("/console/accounts/new").set("login", "carol@example.com", "roles",
		"admin").submit().followed()
	s.want(200).says("Nothing was changed yet", "carol@example.com", "Invite an operator")
	if s.secret() != "" {
		t.Error("it shows a link")
	}
}

func TestRule33ATokenOfAServiceAccountIsShownOnce(t *testing.T) {
	w := newWorld(t)
	w.free()
	s := w.get("admin", "/console/service-accounts/new").want(200)
	s.form("/console/service-accounts/new").set("name", "ci", "not_after", "2030-01-01T00:00", "roles",
		"viewer").submit().want(http.StatusUnprocessableEntity)
	f := s.form("/console/service-accounts/new").set("name", "ci", "permissions", "partners.read\r\nnodes.read\r\n")
	value := oneSecret(t, atOnce(w, f))
	w.nowhere(value)
	who, err := w.Principal(ctx, operator.ServiceToken, value)
	w.must(err)
	here := "/console/service-accounts/" + who.ID
	w.get("admin", "/console/service-accounts").want(200).says("ci", "partners.read, nodes.read", "live").silent(value)
	one := w.get("admin", here).want(200).says("by admin@example.com").silent(value)
	one.form(here+"/revoke").set("reason", "leaked").submit().followed().says("Revoked", "revoked").silent(here + "/revoke\"")
	one.form(here+"/revoke").set("reason", "leaked").submit().followed().want(200) // pressed twice
	if _, err := w.Principal(ctx, operator.ServiceToken, value); err == nil {
		t.Error("the token counts still")
	}
}

func TestRule33ABreakGlassCodeIsShownOnce(t *testing.T) {
	w := newWorld(t)
	w.free()
	s := w.get("admin", "/console/settings/break-glass/new").want(200)
	s.form("/console/settings/break-glass/new").submit().want(http.StatusUnprocessableEntity).says("Type a name")
	value := oneSecret(t, atOnce(w, s.form("/console/settings/break-glass/new").set("name", "safe-room-4")))
	w.nowhere(value)
	codes, err := w.BreakGlassCodes(ctx)
	w.must(err)
	list := w.get("admin", "/console/settings/break-glass").want(200).says("safe-room-4", "ready").silent(value)
	end := "/console/settings/break-glass/" + codes[0].ID + "/end"
	list.form(end).set("confirmed", "yes").submit().followed().says("Ended", "has ended")
	list.form(end).set("confirmed", "yes").submit().followed().want(200) // pressed twice
}

func TestApprovalsAreSetByAForm(t *testing.T) {
	w := newWorld(t)
	w.get("viewer", "/console/settings/approvals").want(200).says("production 1 other person",
		"These settings everywhere 1 other person")
	change := "/console/settings/approvals/change"
	s := w.get("admin", change).want(200)
	if got := s.form(change); got.Get("in-production") != "1" || got.Get("in-sandbox") != "0" || got.Get("accounts") != "1" {
		t.Errorf("the form begins with %v", got.Values)
	}
	s.form(change).set("but-production",
		"network.allow\nnonsense").submit().want(http.StatusUnprocessableEntity).says("a number from 0 to 3")
	s.form(change).set("but-production", "nonsense 1").submit().want(http.StatusUnprocessableEntity).says("Nothing was changed")
	p := s.form(change).set("but-production", "network.allow 0", "in-production", "2").submit().followed().want(200)
	p.says("Nothing was changed yet", "2 other persons", "In production: network.allow", "nobody else")
	w.free()
	s = w.get("admin", change).want(200)
	f := s.form(change).set("in-production", "1", "accounts", "1", "settings", "1")
	f.submit().followed().want(200).says("The settings are in force", "production 1 other person")
	f.submit().followed().want(200)
	f.set("accounts", "2").submit().want(http.StatusPreconditionFailed).says("Somebody changed this")
	w.get("admin", change).form(change).submitAs("operator").want(http.StatusForbidden)
}

func TestSealingKeysAreDroppedAfterWarningsOnly(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, alice, "sandbox"))
	w.get("admin", "/console/settings/sealing-keys").want(200).says("sandbox", "production")
	rotate := "/console/settings/sealing-keys/sandbox/rotate"
	w.get("admin", rotate).want(200).says("Nobody is cut off").form(rotate).submit().followed().says("sealed with a new key")
	drop := "/console/settings/sealing-keys/sandbox/drop"
	s := w.get("admin", drop).want(200).says("Every access token of every partner in sandbox is refused")
	s.form(drop).set("name", "production", "confirmed",
		"yes").submit().want(http.StatusUnprocessableEntity).says("not the name of the environment")
	s.form(drop).set("name", "sandbox").submit().want(http.StatusUnprocessableEntity).says("Tick this box")
	f := s.form(drop).set("name", "sandbox", "confirmed", "yes")
	f.submitAs("operator").want(http.StatusForbidden)
	f.submit().followed().says("every access token of that environment is refused")
	f.submit().followed().want(200)
	if n := len(w.rows(audit.SealingKeyDropped)); n != 1 {
		t.Errorf("dropped %d times", n)
	}
}

func TestNodesAreShownWithTheirLag(t *testing.T) {
	w := newWorld(t)
	w.admitted("Example Bank", "sandbox")
	revision, err := w.Revision(ctx)
	w.must(err)
	w.nodes = []admin.Node{{Name: "one", Environment: "sandbox", Revision: revision, At: w.clock.now()}, {Name: "two",
		Environment: "sandbox", Revision: revision - 2, At: w.clock.now()},
		{Name: "node-3", Environment: "production", Revision: revision, At: w.clock.now().Add(-time.Hour)}}
	w.get("viewer", "/console/nodes").want(200).says("one sandbox up to date", "two sandbox behind", "node-3 production silent",
		"1 h ago")
	w.get("sandbox", "/console/nodes").want(200).silent("node-3")
	w.get("viewer", "/console/settings/webhook-sources").want(200).says("198.51.100.0/28")
}

// Of nodes that share a register, the page says how old their readings are and when they stop, by one clock, which is not the console's.
func TestNodesThatShareARegisterSayWhenTheyStop(t *testing.T) {
	w := newWorld(t)
	w.admitted("Example Bank", "sandbox")
	revision, err := w.Revision(ctx)
	w.must(err)
	database := w.clock.now().Add(-10 * time.Minute) // this server's own clock is wrong
	node := func(name string, state registry.NodeState, revision uint64, age time.Duration) admin.Node {
		return admin.Node{Name: name, Environment: "sandbox", Revision: revision, State: state, Version: "v9", At: database.Add(-age), Silence: age,
			ReadAge: age, StopsAt: database.Add(15*time.Minute - age), Took: 12345 * time.Microsecond}
	}
	w.nodes = []admin.Node{node("one", registry.NodeCurrent, revision, 0), node("two", registry.NodeSilent, revision-1, 2*time.Minute),
		node("three", registry.NodeStopped, revision-1, 16*time.Minute), node("four", registry.NodeBehind, revision-1, 3*time.Second)}
	w.nodes[3].Trouble, w.nodes[3].Took = "credential crd_1 does not open", -1
	w.get("viewer", "/console/nodes").want(200).says("one v9 sandbox up to date", "12 ms just now", "two v9 sandbox silent", "2 minutes ago",
		"three v9 sandbox stopped by itself", "four v9 sandbox behind", "credential crd_1 does not open", "3 seconds ago", "2 min ago", "16 min ago").silent("26 min ago")
}

// A declarative file: every problem with its line, a look at what it would change, and then one transaction, or a proposal.
func TestAFileIsAppliedAndEachProblemHasItsLine(t *testing.T) {
	w := newWorld(t)
	here := "/console/settings/apply"
	s := w.get("operator", here).want(200)
	bad := s.form(here).attach("file", "p.yaml",
		[]byte("partners:\n  - nam: A\n  - {name: B, closed: 7}\n")).submit().want(http.StatusUnprocessableEntity)
	bad.says("3 problems", `unknown key "nam"`, "2 5", "3 23", "true or false is expected")
	if got := bad.form(here).Get("text"); !strings.Contains(got, "nam: A") {
		t.Errorf("what was sent is lost: %q", got)
	}
	s.form(here).set("text",
		"partners:\n  - name: Example Bank\n    environments:\n      sandbox:\n        limits:\n          - {daily: 5}\n          - {credential: crd_nothing, daily: 5}\n").
		submit().want(http.StatusUnprocessableEntity).says("1 problem", "7 13")
	good := "partners:\r\n  - name: Example Bank\r\n    environments:\r\n      sandbox:\r\n        review: requested\r\n        networks: [203.0.113.0/24]\r\n"
	f := s.form(here).attach("file", "p.yaml", []byte(good))
	f.Set("try", "yes")
	tried := f.submit().want(200).says("Nothing was changed yet", "Example Bank", "203.0.113.0/24")
	if page, err := w.PartnerPage(ctx, everyPartner()); err != nil || len(page.Items) > 0 {
		t.Fatalf("a try made partners: %v", err)
	}
	done := tried.form(here)
	done.submit().followed().want(200).says("Applied, in one transaction")
	done.submit().followed().want(200)
	if page, err := w.PartnerPage(ctx, everyPartner()); err != nil || len(page.Items) != 1 {
		t.Fatalf("%v, %v", page, err)
	}
	w.admitted("Other Bank", "sandbox", "production")
	prod := w.get("operator", here).form(here).set("text", strings.NewReplacer("sandbox", "production", "Example",
		"Other").Replace(good)).submit().followed().want(200)
	prod.says("Nothing was changed yet: it waits for a second person", "A declarative file with 1 partner")
	w.get("operator", here).form(here).set("text", "partners: []", "close",
		"yes").submit().want(http.StatusUnprocessableEntity).says("Tick this box")
	w.get("operator", here).form(here).attach("file", "p.yaml", []byte(strings.Repeat("#",
		2<<20))).submit().want(http.StatusRequestEntityTooLarge).says("Nothing was done")
	w.get("operator", here).form(here).set("text", good).submitAs("viewer").want(http.StatusForbidden).says("register.apply")
}

func TestOneEndsOnesOwnSessions(t *testing.T) {
	w := newWorld(t)
	w.get("viewer", "/console/me").want(200).says("viewer@example.com", "partners.read", "No session of yours is listed")
	w.get("glass", "/console/me").want(200).says("break-glass code")
	terms := registry.SessionTerms{Idle: time.Hour, Absolute: 10 * time.Hour}
	var all []registry.SignIn
	for range 3 {
		in, err := w.SignInIdentity(ctx, registry.Identity{Issuer: "https://id.example.com", Subject: "carol",
			Login: "carol@example.com", Roles: []operator.Role{operator.Admin}}, "203.0.113.9", terms)
		w.must(err)
		all = append(all, in)
	}
	carol := all[0].Account
	w.people["carol"] = operator.Principal{Kind: operator.KindAccount, ID: carol.ID, Name: carol.Login, Roles: carol.Roles,
		Permissions: operator.PermissionsOf(carol.Roles),
		ExpiresAt:   w.clock.now().Add(time.Hour), SessionID: all[2].Session.ID}
	s := w.get("carol", "/console/me").want(200).says("this one", "End all others", "Passkeys and recovery codes")
	end := "/console/me/sessions/" + all[0].Session.ID + "/end"
	s.form(end).submitAs("viewer").want(http.StatusSeeOther) // somebody else's is not touched, and not told apart from one that is gone
	if left, _ := w.Sessions(ctx, carol.ID); len(left) != 3 {
		t.Fatalf("%d sessions are left: somebody else ended one", len(left))
	}
	s.form(end).submit().followed().want(200).says("That session has ended").silent(all[0].Session.ID)
	s.form(end).submit().followed().want(200) // pressed twice
	s.form("/console/me/sessions/end-others").submit().followed().says("Every other session of yours has ended").silent("End all others")
	if left, _ := w.Sessions(ctx, carol.ID); len(left) != 1 || left[0].ID != all[2].Session.ID {
		t.Errorf("left are %v", left)
	}
	account := "/console/accounts/" + carol.ID
	w.get("admin", account).form(account+"/sessions/"+all[2].Session.ID+
		"/end").submit().followed().says("The session has ended", "It is signed in nowhere")
}

// The register away: a page that says so, nothing typed is lost, and nothing secret is kept.
func TestTheStoreAwayLosesNothingThatWasTyped(t *testing.T) {
	w := newWorld(t)
	w.free()
	f := w.get("admin", "/console/accounts/new").form("/console/accounts/new").set("login", "carol@example.com", "name",
		"Carol with a long story", "roles", "viewer")
	w.store.gone.Store(true)
	s := f.submit().want(http.StatusServiceUnavailable).says("Carol with a long story", "changes must wait")
	if s.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.get("admin", "/console/proposals").want(http.StatusServiceUnavailable)
	w.store.gone.Store(false)
	oneSecret(t, []*shown{f.submit()})
}

// The idea that nobody has proposed: asked without a change, and refused where it makes no sense.
func TestWhatIfWithoutAProposal(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", "app").Credential
	for range 3 {
		w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: k.ID, Version: 1, Proved: true})
	}
	s := w.get("operator", "/console/what-if?environment=sandbox&partner="+id).want(200)
	f := s.form("/console/what-if")
	if f.Get("partner") != id || f.Get("environment") != "sandbox" {
		t.Errorf("the form begins with %v", f.Values)
	}
	f.submit().want(http.StatusUnprocessableEntity).says("Nothing is proposed")
	f.set("daily", "1").submit().want(200).says("Of 3 recorded requests, 2 would be refused that are let in now",
		"quota_exceeded")
	f.set("daily", "", "rate", "nonsense").submit().want(http.StatusUnprocessableEntity).says("50/s, 100/m")
	f.set("rate", "", "add", "bogus").submit().want(http.StatusUnprocessableEntity).says("bogus")
	f.set("add", "203.0.113.0/24", "partner", "").submit().want(http.StatusUnprocessableEntity).says("of one partner")
	f.set("add", "", "window", "60").submit().want(http.StatusUnprocessableEntity).says("Choose the API")
	f.set("api", "card").submit().want(http.StatusUnprocessableEntity).says("carry no time")
	f.set("window", "", "addresses", "required").submit().want(200).says("3 would be refused that are let in now",
		"address_not_listed")
	f.submitAs("viewer").want(http.StatusForbidden).says("whatif.run")
	f.submitAs("sandbox").want(200)
	f.set("environment", "production").submitAs("sandbox").want(404)
	before := w.rows(audit.NetworkAllowed)
	if raw, err := json.Marshal(before); err != nil || len(before) > 0 {
		t.Errorf("a question changed something: %s", raw)
	}
}
