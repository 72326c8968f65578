package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// staff is an office with its people: each signs in with a passkey, and has one role.
type staff struct {
	*office
	root, alice, dora, bob, carol, vic *person
}

func newStaff(t *testing.T) *staff {
	t.Helper()
	return newStaffOf(t, binary(t))
}

func newStaffOf(t *testing.T, program string) *staff {
	t.Helper()
	s := &staff{office: officeOf(t, program, "0", "")}
	s.open(t)
	s.root = s.person(t, "root@example.com")
	s.root.register(t, s.link, s.root.login, "Root")
	for _, one := range []struct {
		at          **person
		login, role string
	}{{&s.alice, "alice", "operator"}, {&s.dora, "dora", "operator"}, {&s.bob, "bob", "approver"}, {&s.carol, "carol",
		"auditor"}, {&s.vic, "vic", "viewer"}} {
		*one.at = s.invited(t, one.login, one.role)
	}
	return s
}

// invited is somebody who was invited on the server's own disk, and has registered.
func (o *office) invited(t *testing.T, name string, roles ...string) *person {
	t.Helper()
	p, file := o.person(t, name+"@example.com"), filepath.Join(t.TempDir(), "link")
	o.localMust(t, "account", "invite", p.login, "--role", strings.Join(roles, ","), "--secret-file", file)
	link, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.register(t, strings.TrimSpace(string(link)), "", "")
	return p
}

// TestTwoOperatorsCannotOverwriteEachOther: a change that is made of what somebody read counts only while that is still so.
func TestTwoOperatorsCannotOverwriteEachOther(t *testing.T) {
	s := newStaff(t)
	s.admits(t, s.alice, s.bob)
	var bank struct{ Items []struct{ ID string } }
	s.alice.answers(t, "GET", "/v1/partners").want(t, 200).decode(t, &bank)
	path := "/v1/partners/" + bank.Items[0].ID + "/limits"
	limit := func(rate int) map[string]any {
		return map[string]any{"environment": sandbox, "rate": rate, "per_seconds": 1, "burst": rate}
	}
	put := func(p *person, tag string, rate int) *answer {
		t.Helper()
		headers := map[string]string{}
		if tag != "" {
			headers["If-Match"] = tag
		}
		return p.send(t, "PUT", path, limit(rate), headers)
	}
	put(s.alice, "", 5).want(t, http.StatusPreconditionRequired)
	noted(t, s.carol, "limit.set", "operator:alice@example.com", "428")
	first := put(s.alice, "*", 5).want(t, 200).header.Get("ETag")
	put(s.alice, first, 10).want(t, 200)
	put(s.dora, first, 99).want(t, http.StatusPreconditionFailed) // what she read is not there any more
	noted(t, s.carol, "limit.set", "operator:dora@example.com", "412")
	var now struct {
		Items []struct {
			ID   string
			Rate int
			Etag string
		}
	}
	s.dora.answers(t, "GET", path).want(t, 200).decode(t, &now)
	if len(now.Items) != 1 || now.Items[0].Rate != 10 {
		t.Fatalf("the limits are %+v", now.Items)
	}

	// Many at once, each with the same ETag: one is first, and nobody after it.
	var group sync.WaitGroup
	statuses := make([]int, 12)
	for i := range statuses {
		who := []*person{s.alice, s.dora}[i%2]
		who.token(t) // signed in already
		group.Go(func() {
			statuses[i] = who.send(t, "PUT", path, limit(100+i), map[string]string{"If-Match": `"` + now.Items[0].Etag + `"`}).status
		})
	}
	group.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[200] != 1 || count[412] != len(statuses)-1 {
		t.Errorf("of %d at once: %v", len(statuses), count)
	}
	if refused := len(refusals(t, s.carol)); refused != 2+len(statuses)-1 {
		t.Errorf("%d refused attempts are in the record, want %d", refused, 2+len(statuses)-1)
	}

	// A key that was sent before makes the same again, and nothing twice.
	key := map[string]string{"Idempotency-Key": "onboarding-17"}
	one := s.alice.send(t, "POST", "/v1/partners", map[string]any{"name": "Second Bank"}, key).want(t, http.StatusCreated)
	two := s.alice.send(t, "POST", "/v1/partners", map[string]any{"name": "Second Bank"}, key)
	if two.status/100 != 2 || one.header.Get("Location") != two.header.Get("Location") {
		t.Errorf("once %v\nagain %v", one, two)
	}
	s.alice.send(t, "POST", "/v1/partners", map[string]any{"name": "Third Bank"}, key).want(t, http.StatusConflict)
	noted(t, s.carol, "partner.create", "409")
}

// TestAnApprovalIsOfWhatWasShown: whoever edits a proposal voids what was approved of it, and does not approve it either.
func TestAnApprovalIsOfWhatWasShown(t *testing.T) {
	s := newStaff(t)
	s.admits(t, s.alice, s.bob)
	s.alice.must(t, "partner", "request-access", "Example Bank", "-e", production)
	w := s.alice.asks(t, "network", "allow", "Example Bank", "-e", production, "198.51.100.0/24")
	s.alice.refused(t, "proposals.approve", "proposal", "approve", w.ID, "--yes", "--digest", w.Digest)
	noted(t, s.carol, "proposal.approve", "operator:alice@example.com")
	params := strings.Replace(string(w.Params), "198.51.100.0/24", "0.0.0.0/1", 1)
	if params == string(w.Params) {
		t.Fatalf("the parameters are %s", w.Params)
	}
	file := filepath.Join(t.TempDir(), "params.json")
	if err := os.WriteFile(file, []byte(params), 0o600); err != nil {
		t.Fatal(err)
	}
	s.dora.must(t, "proposal", "edit", w.ID, "--params", file, "--reason", "a little wider")
	s.bob.refused(t, "", "proposal", "approve", w.ID, "--yes", "--digest", w.Digest)
	s.bob.answers(t, "POST", "/v1/proposals/"+w.ID+"/approve", "digest", w.Digest).want(t, http.StatusPreconditionFailed)
	noted(t, s.carol, "proposal.approve", "operator:bob@example.com", "412")
	var shown waiting
	s.bob.read(t, &shown, "proposal", "show", w.ID)
	if shown.State != "open" || shown.Digest == w.Digest || !strings.Contains(string(shown.Params), "0.0.0.0/1") {
		t.Errorf("after the edit it is %+v", shown)
	}
	// Who may ask and approve does not do both, and neither does whoever edited.
	both := s.invited(t, "erin", "operator", "approver")
	own := both.asks(t, "network", "allow", "Example Bank", "-e", production, "203.0.113.0/24")
	for _, id := range []string{own.ID, w.ID} {
		var seen waiting
		if id == w.ID {
			both.must(t, "proposal", "edit", id, "--params", file)
		}
		both.read(t, &seen, "proposal", "show", id)
		both.answers(t, "POST", "/v1/proposals/"+id+"/approve", "digest", seen.Digest).want(t, http.StatusForbidden)
		noted(t, s.carol, "proposal.approve", "operator:erin@example.com", id)
	}
	s.bob.must(t, "proposal", "reject", w.ID, "--reason", "half of the world")
	s.bob.refused(t, "", "proposal", "approve", w.ID, "--yes", "--digest", shown.Digest)
	said := s.alice.must(t, "network", "list", "Example Bank")
	if strings.Contains(said, "0.0.0.0/1") || strings.Contains(said, "198.51.100.0/24") {
		t.Errorf("networks:\n%s", said)
	}
}

// TestRolesOfTheRealProgram: some of the table of roles, as people meet it; each attempt to change something is in the record.
func TestRolesOfTheRealProgram(t *testing.T) {
	s := newStaff(t)
	s.admits(t, s.alice, s.bob)
	out := 0
	try := func(p *person, permission string, args ...string) {
		t.Helper()
		if out++; permission == "" {
			p.must(t, args...)
			return
		}
		p.refused(t, permission, args...)
	}
	export := func() string { out++; return filepath.Join(t.TempDir(), fmt.Sprint("export", out)) }
	for _, p := range []*person{s.root, s.alice, s.bob, s.carol, s.vic} {
		try(p, "", "partner", "list")
		try(p, "", "node", "list")
	}
	for _, p := range []*person{s.root, s.bob, s.carol, s.vic} {
		try(p, "partners.write", "partner", "add", "Nobody's")
		noted(t, s.carol, "partner.create", "operator:"+p.login, "403")
		try(p, "networks.write", "network", "allow", "Example Bank", "-e", sandbox, "0.0.0.0/1")
		noted(t, s.carol, "network.allow", "operator:"+p.login, "403")
	}
	for _, p := range []*person{s.alice, s.bob, s.carol, s.vic} {
		try(p, "accounts.", "account", "invite", "mallory@example.com", "--role", "admin") // the command looks for the account first
		p.send(t, "POST", "/v1/accounts", map[string]any{"login": "mallory@example.com", "roles": []string{"admin"}},
			nil).want(t, http.StatusForbidden)
		noted(t, s.carol, "account.invite", "operator:"+p.login, "403")
		try(p, "settings.write", "settings", "approvals", "set", "--accounts", "0")
	}
	for _, p := range []*person{s.root, s.alice, s.bob, s.vic} {
		try(p, "records.export", "audit", "export", "--out", export())
	}
	try(s.carol, "", "audit", "export", "--out", export())
	for _, p := range []*person{s.alice, s.bob, s.vic} {
		try(p, "changes.read", "audit", "changes")
	}

	// A program has what it was given, where it was given it, and never approves; a second person let it be made.
	w := s.root.asks(t, "service-account", "create", "deployer", "--permission", "networks.write", "--permission",
		"partners.read", "-e", sandbox, "--until", "90d")
	s.bob.approves(t, w.ID)
	var made struct{ Secret string }
	s.root.read(t, &made, "proposal", "apply", w.ID)
	tell(made.Secret)
	robot := s.person(t, "deployer")
	token := filepath.Join(robot.home, "token")
	if err := os.WriteFile(token, []byte(made.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(args ...string) []string { return append(args, "--token-file", token) }
	try(robot, "", with("network", "allow", "Example Bank", "-e", sandbox, "192.0.2.0/24")...)
	robot.refused(t, "", with("network", "allow", "Example Bank", "-e", production, "192.0.2.0/24")...)
	noted(t, s.carol, "network.allow", "service:deployer")
	try(robot, "limits.write", with("limit", "set", "Example Bank", "-e", sandbox, "--rate", "1/s")...)
	noted(t, s.carol, "limit.set", "service:deployer", "403")
	s.root.must(t, "service-account", "revoke", "deployer", "--yes")
	robot.refused(t, "", with("partner", "list")...)
}

// TestStrangersAtThePlane: without a sign-in nothing is told and nothing is done, from no other origin and under no other name;
// attempts are gathered in the record.
func TestStrangersAtThePlane(t *testing.T) {
	s := newStaff(t)
	client := &http.Client{Timeout: wireLimit}
	ask := func(method, path, body string, headers ...string) *answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			if headers[i] == "Host" {
				r.Host = headers[i+1]
			}
			r.Header.Set(headers[i], headers[i+1])
		}
		return asked(t, client, r)
	}
	const body = `{"name":"Mallory's"}`
	for range 5 {
		a := ask("POST", "/v1/partners", body, "Content-Type", jsonType).want(t, http.StatusUnauthorized)
		if a.header.Get("WWW-Authenticate") == "" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%v", a)
		}
	}
	ask("POST", "/v1/partners", body, "Content-Type", jsonType, "Authorization", "Bearer csat_"+strings.Repeat("A",
		43)+"000000").want(t, http.StatusUnauthorized)
	if a := ask("GET", "/v1/partners", "", "Host", "evil.example"); a.status/100 == 2 {
		t.Errorf("another Host is answered: %v", a)
	}
	// The browser of somebody who is signed in, led by another site.
	s.alice.signIn(t)
	s.alice.is(t, "operator:alice@example.com", "operator")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/partners", io.NopCloser(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonType)
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	asked(t, s.alice.browser, r).want(t, http.StatusForbidden)
	noted(t, s.carol, "partner.create", "operator:alice@example.com")
	if said := s.carol.must(t, "partner", "list"); strings.Contains(said, "Mallory") {
		t.Errorf("partners:\n%s", said)
	}
	anonymous := 0
	for _, r := range refusals(t, s.carol) {
		if strings.Contains(r.Actor, "127.0.0.1") {
			anonymous++
		}
	}
	if anonymous == 0 || anonymous > 3 {
		t.Errorf("%d rows of strangers are in the record, want them gathered by minute: %+v", anonymous, refusals(t, s.carol))
	}
}

// TestEveryNodeRefusesTheNextRequest: of two servers on one register, one has the operators' plane. What is revoked or suspended there
// is refused by the other one at the next request, once the command has said that it is live, and it names both.
func TestEveryNodeRefusesTheNextRequest(t *testing.T) {
	s := newStaff(t)
	key := s.admits(t, s.alice, s.bob)
	mustStop(t, s.d)
	s.flags = []string{"--admin"}
	plane := s.serveAs(t, s.server(), production)
	s.flags = nil
	other := s.serveAs(t, s.server(), sandbox)
	s.url, s.d = s.planeOf(t, production), other
	s.alice.signed, s.bob.signed = time.Time{}, time.Time{} // their sign-ins were for another address
	s.calls(t, key).want(t, http.StatusOK)
	live := func(r said) {
		t.Helper()
		if r.code != 0 || !strings.Contains(r.err, "production on ") || !strings.Contains(r.err, "sandbox on ") {
			t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
	}
	live(s.alice.run(t, "partner", "suspend", "Example Bank", "-e", sandbox, "--wait"))
	s.calls(t, key).want(t, http.StatusForbidden)
	live(s.alice.run(t, "partner", "resume", "Example Bank", "-e", sandbox, "--wait"))
	s.calls(t, key).want(t, http.StatusOK)
	s.alice.refused(t, "has not the keys of that environment", "credential", "rotate", key.id(), "--overlap-until", "7d")
	var preview struct{ Requests int }
	if s.alice.read(t, &preview, "credential", "preview", key.id()); preview.Requests != 2 {
		t.Errorf("the preview counts %d requests of the other node, want 2", preview.Requests)
	}
	if said := s.alice.must(t, "credential", "rehearsal", key.id()); !strings.Contains(said, "let in         2") {
		t.Errorf("the rehearsal of what is used at the other node:\n%s", said)
	}
	s.alice.refused(t, "no API is served", "what-if", "Example Bank", "-e", sandbox, "--rate", "1/m") // its rules are not known here
	live(s.alice.run(t, "credential", "revoke", key.id(), "--yes", "--wait"))
	a := s.calls(t, key).want(t, http.StatusUnauthorized)
	if said := s.alice.must(t, "why", a.requestID()); !strings.Contains(said, "revoked_credential") {
		t.Errorf("the other node's decision is told as\n%s", said)
	}
	if said := s.alice.must(t, "node", "list"); strings.Count(said, ":") < 2 || !strings.Contains(said, sandbox) ||
		!strings.Contains(said, production) {
		t.Errorf("nodes:\n%s", said)
	}
	mustStop(t, other)
	mustStop(t, plane)
}

// TestBreakGlass: at night, with nobody else there, a code out of the safe opens everything for an hour, once, and loudly.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	program, err := stepped()
	if err != nil {
		t.Fatal(err)
	}
	s := newStaffOf(t, program)
	s.admits(t, s.alice, s.bob)
	w := s.root.asks(t, "break-glass", "make", "safe-1", "--reason", "for the night")
	s.bob.approves(t, w.ID)
	var made struct{ Secret string }
	s.root.read(t, &made, "proposal", "apply", w.ID)
	tell(made.Secret)
	s.pass(t, 30*day)
	s.d.until(t, "/readyz", http.StatusOK, `"ready":true`)

	night := s.person(t, "")
	night.form(t, "/sign-in/break-glass", "code", "csbg_nothing", "why", "nobody knows why").want(t, http.StatusForbidden)
	night.form(t, "/sign-in/break-glass", "code", made.Secret, "why", "the fire in the data centre").want(t, http.StatusSeeOther)
	if actor, _ := night.me(t); actor != "break_glass:safe-1" {
		t.Errorf("whoever opened it is %q", actor)
	}
	s.d.until(t, "/readyz", http.StatusOK, "break")
	var bank struct{ Items []struct{ ID string } }
	night.get(t, "/v1/partners").want(t, 200).decode(t, &bank)
	path := "/v1/partners/" + bank.Items[0].ID
	// In production this would wait for a second person.
	night.post(t, path+"/networks", map[string]any{"environment": production, "prefix": "203.0.113.0/24"}).want(t, http.StatusCreated)
	again := s.person(t, "")
	again.form(t, "/sign-in/break-glass", "code", made.Secret, "why", "and once more of it").want(t, http.StatusForbidden)
	s.pass(t, time.Hour+time.Minute)
	night.get(t, "/v1/partners").want(t, http.StatusUnauthorized)
	var rows []row
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		s.carol.read(t, &rows, "audit", "changes", "--actor", "break_glass:safe-1")
		actions := ""
		for _, r := range rows {
			actions += r.Action + " "
		}
		var ended []row
		s.carol.read(t, &ended, "audit", "changes", "--action", "break_glass.ended")
		if strings.HasPrefix(actions, "break_glass.opened network.allowed ") && len(ended) == 1 {
			break
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("the record has %v of the code, and %v", rows, ended)
		}
	}
	if !strings.Contains(rows[0].Detail, "the fire") {
		t.Errorf("opened: %+v", rows[0])
	}
}
