package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

// year is the year of one partner: who operates, what the partner holds, and what was done, to be compared with the record.
type year struct {
	*office
	root, alice, dora, bob, carol *person
	bank                          string // the partner's id
	hook                          *hook  // the partner's webhook endpoint
	cards                         map[string]*cardKey
	app                           appKey
	story                         []deed
}

// cardKey is what the partner signs with in one environment.
type cardKey struct {
	id, token string
	secret    string // the one in use
}

// appKey is what the partner gets access tokens with, in production.
type appKey struct{ id, key, login, secret string }

// issued is a credential with its secret, as a command shows it once: at once, or where a proposal was applied.
type issued struct {
	CredentialID string `json:"credential_id"`
	Credential   struct{ ID string }
	KeyID        string `json:"key_id"`
	Login        string
	Version      int
	Secret       string
}

func (i issued) id() string { return i.CredentialID + i.Credential.ID }

// TestAYearOfAPartner: from the application to the end, a year of one partner goes by in a minute, all of it over the operators'
// plane, as different people; the partner calls the real gateway all along. At each step the caller and the operators see what they
// should, and in the end the record alone tells the story, and proves that nobody altered it.
func TestAYearOfAPartner(t *testing.T) {
	t.Parallel()
	program, err := stepped()
	if err != nil {
		t.Fatal(err)
	}
	y := &year{office: officeOf(t, program, "0", ""), cards: map[string]*cardKey{}}
	y.open(t)
	y.root, y.alice, y.dora = y.person(t, "root@example.com"), y.person(t, "alice@example.com"), y.person(t, "dora@example.com")
	y.bob, y.carol = y.person(t, "bob@example.com"), y.person(t, "carol@example.com")
	y.hook = newHook(t, y.office)
	for _, chapter := range []struct {
		name string
		play func(*testing.T)
	}{
		{"the people", y.people}, {"the partner applies", y.applies}, {"the sandbox is reviewed", y.reviewed}, {"sandbox", y.sandboxed},
		{"production is asked for", y.asksForProduction}, {"production is approved", y.promoted}, {"production", y.produces},
		{"rotation", y.rotates}, {"a network that would cut everybody off", y.whatIf}, {"a lost key", y.losesAKey},
		{"wrong secrets", y.locked},
		{"suspended", y.suspended}, {"closed", y.closed}, {"the record", y.recorded},
	} {
		if !t.Run(chapter.name, chapter.play) {
			t.Fatalf("the year ends with %q\nlog: %s", chapter.name, y.d.stderr)
		}
	}
}

// people: init's link makes the first admin. The second person is invited on the server's own disk, since nobody could approve it
// yet; from then on every further one needs two.
func (y *year) people(t *testing.T) {
	y.didLocally("account.invited", "the first admin")
	y.root.register(t, y.link, y.root.login, "Root")
	y.did(y.root, "account.passkey_added", y.root.login)

	first := y.root.asks(t, "account", "invite", y.alice.login, "--role", "operator", "--name", "Alice", "--reason", "onboards partners")
	if !strings.Contains(first.Warning, "0 other accounts could approve it") {
		t.Errorf("a proposal that nobody can approve says %q", first.Warning)
	}
	y.did(y.root, "proposal.made", "account.invite", "onboards partners")
	var invited struct{ Link string }
	text := y.localMust(t, "account", "invite", y.bob.login, "--role", "approver", "-o", "json")
	if err := json.Unmarshal([]byte(text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]), &invited); err != nil {
		t.Fatal(err, text)
	}
	y.didLocally("account.invited", y.bob.login, "approver")
	y.bob.register(t, invited.Link, "", "")
	y.did(y.bob, "account.passkey_added", y.bob.login)
	y.approvedBy(t, y.bob, y.root, first.ID, "account.invite")
	y.joins(t, y.alice, first.ID, "operator")
	for _, p := range []struct {
		who  *person
		role string
	}{{y.dora, "operator"}, {y.carol, "auditor"}} {
		w := y.root.asks(t, "account", "invite", p.who.login, "--role", p.role)
		y.did(y.root, "proposal.made", "account.invite")
		y.approvedBy(t, y.bob, y.root, w.ID, "account.invite")
		y.joins(t, p.who, w.ID, p.role)
	}
}

// approvedBy lets somebody approve what another one asked for. Who asked cannot.
func (y *year) approvedBy(t *testing.T, approver, asker *person, id, operation string) {
	t.Helper()
	approver.approves(t, id)
	y.did(approver, "proposal.approved", operation)
}

// joins applies an invitation that was approved, hands the link over and registers.
func (y *year) joins(t *testing.T, p *person, proposal, role string) {
	t.Helper()
	var done struct{ Secret string }
	y.root.read(t, &done, "proposal", "apply", proposal)
	y.did(y.root, "account.invited", p.login, role)
	y.did(y.root, "proposal.applied", "account.invite")
	p.register(t, done.Secret, "", "")
	y.did(p, "account.passkey_added", p.login)
}

func (y *year) applies(t *testing.T) {
	y.pass(t, day)
	var made struct{ ID string }
	y.alice.read(t, &made, "partner", "add", "Example Bank")
	y.bank = made.ID
	y.did(y.alice, "partner.created", "Example Bank")
	y.alice.must(t, "partner", "request-access", "Example Bank", "-e", sandbox, "--reason", "application of 2026-11")
	y.did(y.alice, "review.requested", "Example Bank", "sandbox: application of 2026-11")
	// Nothing goes before its time, and who may not, may not: each attempt is in the record.
	y.alice.refused(t, "", "credential", "issue", "Example Bank", "-e", sandbox, "--kind", "signing-key")
	y.did(y.alice, "attempt.refused", "credential.issue")
	y.alice.refused(t, "", "partner", "request-access", "Example Bank", "-e", production)
	y.did(y.alice, "attempt.refused", "review.request")
	y.approve(t, y.alice, sandbox, http.StatusForbidden, "reviews.approve")
	y.did(y.alice, "attempt.refused", "review.approve")
}

// approve is an approval by the API itself, without what the command looks at before. It is refused.
func (y *year) approve(t *testing.T, p *person, environment string, status int, text string) {
	t.Helper()
	var file struct{ Digest string }
	path := "/v1/partners/" + y.bank + "/reviews/" + environment
	p.answers(t, "GET", path).want(t, 200).decode(t, &file)
	if a := p.answers(t, "POST", path+"/approve", "digest", file.Digest).want(t, status); !strings.Contains(string(a.body), text) {
		t.Errorf("%s is refused without %q: %s", p.login, text, a)
	}
}

// stage is how far the partner has come.
func (y *year) stage(t *testing.T, want string) {
	t.Helper()
	var p struct{ Stage string }
	if y.carol.answers(t, "GET", "/v1/partners/"+y.bank).want(t, 200).decode(t, &p); p.Stage != want {
		t.Errorf("the partner's stage is %q, want %q", p.Stage, want)
	}
}

func (y *year) reviewed(t *testing.T) {
	y.pass(t, 2*day)
	y.stage(t, "applied")
	y.dora.must(t, "review", "start", "Example Bank", "-e", sandbox)
	y.did(y.dora, "review.started", "Example Bank", "sandbox")
	y.stage(t, "in_review")
	y.dora.must(t, "review", "check", "Example Bank", "contact", "-e", sandbox, "--note", "called on Monday")
	y.did(y.dora, "review.checked", "Example Bank", "called on Monday")
	y.bob.refused(t, "not done yet: agreement", "partner", "approve", "Example Bank", "-e", sandbox)
	y.approve(t, y.bob, sandbox, http.StatusConflict, "agreement")
	y.did(y.bob, "attempt.refused", "review.approve")
	y.dora.must(t, "review", "evidence", "add", "Example Bank", "--link", "https://contracts.example.com/17", "--name",
		"Agreement 17", "-e", sandbox, "--item", "agreement")
	y.did(y.dora, "evidence.added", "Example Bank", "Agreement 17")
	y.dora.must(t, "review", "check", "Example Bank", "agreement", "-e", sandbox)
	y.did(y.dora, "review.checked", "Example Bank", "agreement")
	y.alice.must(t, "review", "comment", "Example Bank", "They want to start in December.", "-e", sandbox)
	y.did(y.alice, "comment.added", "Example Bank")
	y.bob.must(t, "partner", "approve", "Example Bank", "-e", sandbox, "--reason", "complete", "--wait")
	y.did(y.bob, "review.approved", "Example Bank", "sandbox: complete; file ")
	y.stage(t, "sandbox")
}

// sandboxed: credentials of the sandbox wait for nobody, and those of production are out of reach.
func (y *year) sandboxed(t *testing.T) {
	y.pass(t, day)
	y.alice.must(t, "network", "allow", "Example Bank", "-e", sandbox, "127.0.0.0/8", "--note", "their office", "--wait")
	y.did(y.alice, "network.allowed", "127.0.0.0/8")
	var got issued
	y.alice.read(t, &got, "credential", "issue", "Example Bank", "-e", sandbox, "--kind", "signing-key", "--wait")
	y.did(y.alice, "credential.issued", "sandbox")
	y.hold(sandbox, got)
	for range 3 {
		a := y.calls(t, sandbox, get("first")).want(t, http.StatusOK)
		if a.header.Get("Sunset") != "" || a.header.Get("Deprecation") != "" {
			t.Errorf("the only version is told to end: %v", a)
		}
	}
	wrong := get("wrong")
	wrong.secret = "not the secret"
	a := y.calls(t, sandbox, wrong).want(t, 401)
	if strings.Contains(string(a.body), "signature") {
		t.Errorf("the outside is told too much: %s", a)
	}
	y.tells(t, y.alice, a, "bad_signature", y.bank, "tried, and none fits: 1")
	y.alice.refused(t, "", "credential", "issue", "Example Bank", "-e", production, "--kind", "signing-key")
	y.did(y.alice, "attempt.refused", "credential.issue")
}

// hold keeps what was issued, as the partner would.
func (y *year) hold(environment string, got issued) {
	tell(got.Secret)
	y.cards[environment] = &cardKey{id: got.id(), token: got.KeyID, secret: got.Secret}
}

// calls sends a signed call with the partner's present key, dated by the office's clock.
func (y *year) calls(t *testing.T, environment string, c call) *answer {
	t.Helper()
	c.ts = y.stamp()
	if c.token == "" {
		c.token = y.cards[environment].token
	}
	if c.secret == "" {
		c.secret = y.cards[environment].secret
	}
	return y.d.signed(t, environment, c)
}

// tells checks that an operator is told why, where the caller was not.
func (y *year) tells(t *testing.T, p *person, a *answer, texts ...string) {
	t.Helper()
	said := p.must(t, "why", a.requestID())
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("why %s does not say %q:\n%s", a.requestID(), text, said)
		}
	}
}

func (y *year) asksForProduction(t *testing.T) {
	y.pass(t, 14*day)
	y.calls(t, sandbox, get("later")).want(t, 200)
	y.alice.must(t, "partner", "request-access", "Example Bank", "-e", production, "--reason", "the tests are done")
	y.did(y.alice, "review.requested", "Example Bank", "production: the tests are done")
	y.dora.must(t, "review", "start", "Example Bank", "-e", production)
	y.did(y.dora, "review.started", "Example Bank", "production")
	y.stage(t, "production_review")
	report := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(report, []byte("%PDF-1.4\nall good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	y.dora.must(t, "review", "evidence", "add", "Example Bank", report, "-e", production, "--item", "security-review",
		"--name", "Report of the security review")
	y.did(y.dora, "evidence.added", "Example Bank", "Report of the security review")
	y.dora.must(t, "review", "check", "Example Bank", "security-review", "-e", production)
	y.did(y.dora, "review.checked", "Example Bank", "security-review")

	// Networks of production wait for a second person, with what the change would have meant attached.
	w := y.alice.asks(t, "network", "allow", "Example Bank", "-e", production, "127.0.0.0/8", "--note", "data centre")
	y.did(y.alice, "proposal.made", "network.allow")
	y.did(y.alice, "comment.added", "what-if report")
	y.approvedBy(t, y.bob, y.alice, w.ID, "network.allow")
	y.did(y.alice, "network.allowed", "127.0.0.0/8")
	y.did(y.bob, "proposal.applied", "network.allow")

	w = y.alice.asks(t, "endpoint", "add", "Example Bank", y.hook.url, "-e", production)
	y.did(y.alice, "proposal.made", "endpoint.add")
	y.approvedBy(t, y.bob, y.alice, w.ID, "endpoint.add")
	y.bob.refused(t, "", "proposal", "apply", w.ID)
	y.did(y.bob, "attempt.refused", "proposal.apply")
	var added struct {
		Secret   string
		Endpoint struct{ ID string }
	}
	y.alice.read(t, &added, "proposal", "apply", w.ID)
	y.did(y.alice, "endpoint.added", y.hook.url)
	y.did(y.alice, "proposal.applied", "endpoint.add")
	y.hook.holds("whsec_" + "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=") // another key than the endpoint's own
	y.alice.run(t, "endpoint", "verify", added.Endpoint.ID)
	y.did(y.alice, "endpoint.failed", "")
	y.hook.holds(added.Secret)
	y.alice.must(t, "endpoint", "verify", added.Endpoint.ID)
	y.did(y.alice, "endpoint.verified", "")
}

// promoted: what the system saw itself ticks its items off, and an approval counts for the file that was seen.
func (y *year) promoted(t *testing.T) {
	y.pass(t, time.Hour) // what the system collects, it collects by itself
	var file struct {
		Digest  string
		Missing []string
		Items   []struct {
			ID, Fact string
			Done     bool
		}
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		y.dora.read(t, &file, "review", "show", "Example Bank", "-e", production)
		if len(file.Missing) == 0 {
			break
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("the system's own evidence does not come: %v of %+v", file.Missing, file.Items)
		}
	}
	seen := file.Digest
	y.dora.must(t, "review", "evidence", "add", "Example Bank", "--link", "https://wiki.example.com/late", "--name",
		"Late remark", "-e", production)
	y.did(y.dora, "evidence.added", "Example Bank", "Late remark")
	a := y.bob.answers(t, "POST", "/v1/partners/"+y.bank+"/reviews/production/approve", "digest", seen).want(t, 412)
	if !strings.Contains(string(a.body), "countersign.dev/problems/") {
		t.Errorf("no problem: %s", a)
	}
	y.did(y.bob, "attempt.refused", "review.approve")
	y.bob.must(t, "partner", "approve", "Example Bank", "-e", production, "--reason", "reviewed", "--wait")
	y.did(y.bob, "review.approved", "Example Bank", "production: reviewed; file ")
	y.stage(t, "production")
}

// issues asks for a credential of production, has it approved, and takes its secret, which the approver never sees.
func (y *year) issues(t *testing.T, kind string) issued {
	t.Helper()
	w := y.alice.asks(t, "credential", "issue", "Example Bank", "-e", production, "--kind", kind)
	y.did(y.alice, "proposal.made", "credential.issue")
	var approved issued
	var shown waiting
	y.bob.read(t, &shown, "proposal", "show", w.ID)
	y.bob.read(t, &approved, "proposal", "approve", w.ID, "--yes", "--digest", shown.Digest)
	y.did(y.bob, "proposal.approved", "credential.issue")
	if approved.Secret != "" || approved.id() != "" {
		t.Errorf("the approver gets %+v", approved)
	}
	var got issued
	y.alice.read(t, &got, "proposal", "apply", w.ID, "--wait")
	y.did(y.alice, "credential.issued", "production")
	y.did(y.alice, "proposal.applied", "credential.issue")
	if got.Secret == "" {
		t.Fatal("whoever asked gets no secret")
	}
	tell(got.Secret)
	y.alice.refused(t, "", "proposal", "apply", w.ID)
	y.did(y.alice, "attempt.refused", "proposal.apply")
	return got
}

func (y *year) produces(t *testing.T) {
	y.pass(t, 10*day)
	y.hold(production, y.issues(t, "signing-key"))
	y.calls(t, production, patch("card")).want(t, 200)
	app := y.issues(t, "app")
	y.app = appKey{app.id(), app.KeyID, app.Login, app.Secret}
	y.exchange(t, y.app.secret).want(t, 200)
	c := get("moved")
	c.token, c.secret = y.cards[sandbox].token, y.cards[sandbox].secret
	y.tells(t, y.alice, y.calls(t, production, c).want(t, 401), "wrong_environment")
}

// exchange asks for an access token.
func (y *year) exchange(t *testing.T, secret string) *answer {
	t.Helper()
	e := y.d.Environments[production]
	e.Aggregation.BasePath, e.Aggregation.AppKey, e.Aggregation.PartnerID = "/aggregation", y.app.key, y.app.login
	return y.d.ask(t, production, authentication(e, secret).raw(e))
}
