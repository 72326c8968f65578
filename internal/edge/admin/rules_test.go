package admin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestRule31TheAdminPlaneAnswersItsOwnHostAlone: a name that somebody made to point here is another host (security rule 31).
func TestRule31TheAdminPlaneAnswersItsOwnHostAlone(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"admin.example.com", "ADMIN.example.com", "admin.example.com:443"} {
		w.send("viewer", "GET", "/v1/me", nil, "Host", host).want(http.StatusOK)
	}
	for _, host := range []string{"evil.example.com", "admin.example.com:8443", "admin.example.com.evil.example", "127.0.0.1", "localhost", "[::1]:443", ""} {
		w.send("viewer", "GET", "/v1/me", nil, "Host", host).refused(api.MisdirectedRequest)
	}
	local := newWorld(t, func(c *admin.Config) { c.PublicURL, c.Loopback = "", true })
	for _, host := range []string{"127.0.0.1:8444", "localhost", "localhost:1", "[::1]:8444", "[::1]"} {
		local.send("viewer", "GET", "/v1/me", nil, "Host", host).want(http.StatusOK)
	}
	for _, host := range []string{"admin.example.com", "127.0.0.1.nip.io:8444", "127.0.0.2", "localhost.evil.example"} {
		local.send("viewer", "GET", "/v1/me", nil, "Host", host).refused(api.MisdirectedRequest)
	}
}

// TestRule31AnotherSiteChangesNothing: a browser that another site sent here, with the operator's cookie (security rule 31).
func TestRule31AnotherSiteChangesNothing(t *testing.T) {
	w := newWorld(t)
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}, {"Origin", "null"}} {
		r := httptest.NewRequest("POST", public+"/v1/partners", strings.NewReader(`{"name":"Evil"}`))
		r.Host = "admin.example.com"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(headers[0], headers[1])
		r.AddCookie(&http.Cookie{Name: "who", Value: "operator"})
		a := w.serve(r)
		a.refused(api.CrossOrigin)
		if a.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Error("CORS is answered")
		}
	}
	w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}, "Sec-Fetch-Site", "same-origin").want(http.StatusCreated)
	if rows := w.rows(audit.AttemptRefused); len(rows) != 4 || rows[0].Actor != "operator:operator@example.com" || rows[0].Subject != "partner.create" {
		t.Errorf("the rows of the refused attempts: %+v", rows)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}

// TestNobodyIsReadBeforeTheyAreKnown: authentication, permission and headers come before the first byte of a body.
func TestNobodyIsReadBeforeTheyAreKnown(t *testing.T) {
	w := newWorld(t)
	send := func(who, method, target string, headers ...string) answer {
		r := httptest.NewRequest(method, public+target, unread{t})
		r.Host, r.ContentLength = "admin.example.com", 10
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+who)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return w.serve(r)
	}
	a := send("stranger", "POST", "/v1/partners")
	a.refused(api.NotSignedIn)
	if a.Header().Get("WWW-Authenticate") == "" {
		t.Error("a 401 without WWW-Authenticate")
	}
	if p := send("viewer", "POST", "/v1/partners").refused(api.Forbidden); p.Permission != "partners.write" {
		t.Errorf("the missing permission is %q", p.Permission)
	}
	send("admin", "PUT", "/v1/settings/approvals").refused(api.PreconditionRequired)
	send("operator", "POST", "/v1/partners", "Content-Type", "text/plain").refused(api.UnsupportedMedia)
	send("operator", "POST", "/v1/partners", "Content-Type", "application/json; charset=latin1").refused(api.UnsupportedMedia)
	send("operator", "POST", "/v1/partners", "Content-Encoding", "gzip").refused(api.UnsupportedMedia)
	w.broken = errors.New("the register is gone")
	send("operator", "POST", "/v1/partners").refused(api.Unavailable)
}

// TestAmbiguousRequestsAreRefused: whatever two readers could understand differently.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	for body, kind := range map[string]api.ProblemType{
		`{"name":"a","name":"b"}`:    api.MalformedRequest,
		`{"name":"a"} {"name":"b"}`:  api.MalformedRequest,
		`{"name":"` + "\xff" + `"}`:  api.MalformedRequest,
		`{"name":`:                   api.MalformedRequest,
		``:                           api.MalformedRequest,
		strings.Repeat("[", 100_000): api.MalformedRequest,
		`{"Name":"a"}`:               api.Invalid,
		`{"name":"a","extra":1}`:     api.Invalid,
		`{"name":7}`:                 api.Invalid,
		`null`:                       api.Invalid,
		`{}`:                         api.Invalid,
		`{"name":"a\u0000b"}`:        api.Invalid,
		`{"name":"` + strings.Repeat("x", 201) + `"}`:   api.Invalid,
		`{"name":"` + strings.Repeat("x", 1<<20) + `"}`: api.TooLarge,
	} {
		w.send("operator", "POST", "/v1/partners", body).refused(kind)
	}
	for target, kind := range map[string]api.ProblemType{
		"/v1/partners?zzz=1":           api.Invalid,
		"/v1/partners?limit=1&limit=2": api.Invalid,
		"/v1/partners?limit=0":         api.Invalid,
		"/v1/partners?limit=501":       api.Invalid,
		"/v1/partners?limit=1e2":       api.Invalid,
		"/v1/partners?limit=%zz":       api.MalformedRequest,
		"/v1/partners?a=1;b=2":         api.MalformedRequest,
		"/v1/partners?after=x":         api.Invalid,
		"/v1//partners":                api.NotFound,
		"/v1/partners/../partners":     api.NotFound,
		"/v1/partners/%70tn_1":         api.NotFound,
		"/v1/partners/":                api.NotFound,
		"/v1/nothing":                  api.NotFound,
		"/nothing":                     api.NotFound,
	} {
		w.send("viewer", "GET", target, nil).refused(kind)
	}
	w.send("viewer", "GET", "/v1/partners", "{}").refused(api.MalformedRequest)
	a := w.send("viewer", "DELETE", "/v1/partners", nil)
	a.refused(api.MethodNotAllowed)
	if a.Header().Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %q", a.Header().Get("Allow"))
	}
	for _, tag := range []string{"W/\"abc\"", "abc", "\"a\", \"b\"", "\"a\"b\"", "\""} {
		w.send("admin", "PUT", "/v1/settings/approvals", "{}", "If-Match", tag).refused(api.MalformedRequest)
	}
}

// TestTwoOperatorsDoNotOverwriteEachOther: the second one's ETag is stale.
func TestTwoOperatorsDoNotOverwriteEachOther(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	set := func(rate int, tag string) answer {
		return w.send("operator", "PUT", "/v1/partners/"+id+"/limits", api.LimitSet{Environment: "sandbox", Rate: rate, PerSeconds: 1, Burst: 1}, "If-Match", tag)
	}
	var first, second api.LimitChanged
	set(5, `"`+strings.Repeat("0", 64)+`"`).refused(api.Stale)
	set(5, `""`).refused(api.Stale)
	set(5, "*").want(http.StatusOK, &first)
	set(6, `"`+first.Limit.Etag+`"`).want(http.StatusOK, &second)
	set(7, `"`+first.Limit.Etag+`"`).refused(api.Stale)
	set(7, `"none"`).refused(api.Stale)
	limit := "/v1/limits/" + first.Limit.ID
	if got := w.send("viewer", "GET", limit, nil).want(http.StatusOK).Header().Get("ETag"); got != `"`+second.Limit.Etag+`"` {
		t.Errorf("the ETag of the limit is %s, expected %q", got, second.Limit.Etag)
	}
	w.send("operator", "DELETE", limit, nil, "If-Match", `"`+first.Limit.Etag+`"`).refused(api.Stale)
	w.send("operator", "DELETE", limit, nil, "If-Match", `"`+second.Limit.Etag+`"`).want(http.StatusOK)
}

// TestAnIdempotencyKeyMakesOneResource: the same request again is the same answer, without the secret.
func TestAnIdempotencyKeyMakesOneResource(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	target, body := "/v1/partners/"+id+"/credentials", api.CredentialIssue{Environment: "sandbox", Kind: api.CredentialKindSigningKey}
	var first, again api.CredentialIssued
	w.send("operator", "POST", target, body, "Idempotency-Key", "k-1").want(http.StatusCreated, &first)
	w.send("operator", "POST", target, body, "Idempotency-Key", "k-1").want(http.StatusCreated, &again)
	if !again.Repeated || again.Secret != "" || again.Credential.ID != first.Credential.ID {
		t.Errorf("the repeated answer: %+v", again)
	}
	body.Kind = api.CredentialKindApp
	w.send("operator", "POST", target, body, "Idempotency-Key", "k-1").refused(api.IdempotencyConflict)
	w.send("other", "POST", target, body, "Idempotency-Key", "k-1").want(http.StatusCreated)
	w.send("operator", "POST", target, body, "Idempotency-Key", "not visible").refused(api.Invalid)
}

// TestRule11APrincipalOfOneEnvironmentFindsNothingOfAnother: the rows of another one are not there, with the very same bytes.
func TestRule11APrincipalOfOneEnvironmentFindsNothingOfAnother(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	issued, err := w.IssueSigningKey(ctx, alice, id, "production")
	w.must(err)
	rule, err := w.Allow(ctx, alice, networkRule(id, "production", "203.0.113.0/24"))
	w.must(err)
	same := func(method, there, nowhere string, body any, headers ...string) {
		t.Helper()
		got, want := w.send("sandbox", method, there, body, headers...), w.send("sandbox", method, nowhere, body, headers...)
		got.refused(api.NotFound)
		if without(got) != without(want) || got.Code != want.Code {
			t.Errorf("%s %s answers %d %s, and %s %d %s", method, there, got.Code, got.Body, nowhere, want.Code, want.Body)
		}
	}
	same("GET", "/v1/credentials/"+issued.Credential.ID, "/v1/credentials/crd_nothing", nil)
	same("POST", "/v1/credentials/"+issued.Credential.ID+"/revoke", "/v1/credentials/crd_nothing/revoke", api.Act{})
	same("GET", "/v1/credentials/"+issued.Credential.ID+"/rehearsal", "/v1/credentials/crd_nothing/rehearsal", nil)
	same("POST", "/v1/credentials/"+issued.Credential.ID+"/reveal", "/v1/credentials/crd_nothing/reveal", "{}")
	same("GET", "/v1/networks/"+rule.ID, "/v1/networks/net_nothing", nil)
	same("DELETE", "/v1/networks/"+rule.ID, "/v1/networks/net_nothing", nil, "If-Match", "*")
	same("GET", "/v1/partners/"+id+"/reviews/production", "/v1/partners/"+id+"/reviews/nowhere", nil)
	same("POST", "/v1/partners/"+id+"/reviews/production/suspend", "/v1/partners/"+id+"/reviews/nowhere/suspend", api.Act{})
	same("POST", "/v1/partners/"+id+"/credentials", "/v1/partners/ptn_nothing/credentials", api.CredentialIssue{Environment: "production", Kind: api.CredentialKindApp})
	w.send("sandbox", "POST", "/v1/partners/"+id+"/close", api.Act{}).refused(api.Forbidden)
	for _, target := range []string{"/v1/credentials", "/v1/partners/" + id + "/credentials", "/v1/networks", "/v1/reviews?environment=production",
		"/v1/credentials?find=" + issued.KeyID, "/v1/credentials?find=" + issued.Credential.ID, "/v1/partners?find=" + issued.KeyID, "/v1/decisions?environment=production"} {
		if body := w.send("sandbox", "GET", target, nil).want(http.StatusOK).Body.String(); strings.Contains(body, "production") || strings.Contains(body, issued.Credential.ID) {
			t.Errorf("%s tells of another environment: %s", target, body)
		}
	}
	if body := w.send("sandbox", "GET", "/v1/decisions", nil).want(http.StatusOK).Body.String(); strings.Contains(body, "production") {
		t.Error("a search tells of another environment")
	}
	w.send("sandbox", "GET", "/v1/decisions/"+strings.Repeat("0", 30)+"28", nil).refused(api.NotFound)
}

func networkRule(partnerID, environment, prefix string) partner.NetworkRule {
	return partner.NetworkRule{PartnerID: partnerID, Environment: environment, Prefix: mustPrefix(prefix)}
}

// without is a problem without the id of its request.
func without(a answer) string {
	body := a.Body.String()
	at := strings.Index(body, "urn:countersign:request:")
	if at < 0 {
		return body
	}
	return body[:at] + body[at+len("urn:countersign:request:")+32:]
}

// TestAChangeWaitsForTheNodes: with Prefer: wait it names each node, and says whether all serve it.
func TestAChangeWaitsForTheNodes(t *testing.T) {
	w := newWorld(t)
	w.nodes = []admin.Node{{Name: "a", Environment: "sandbox", Revision: 1 << 40, At: w.clock.now()}}
	var made, late api.PartnerChanged
	a := w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}, "Prefer", "respond-async, wait=5").want(http.StatusCreated, &made)
	if made.Confirmed == nil || !*made.Confirmed || len(made.Nodes) != 1 || a.Header().Get("Preference-Applied") != "wait=5" {
		t.Errorf("a confirmed change: %+v %v", made, a.Header())
	}
	w.nodes = append(w.nodes, admin.Node{Name: "b", Environment: "production", Revision: 1, At: w.clock.now()})
	w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Other"}, "Prefer", "wait=1").want(http.StatusCreated, &late)
	if late.Confirmed == nil || *late.Confirmed || len(late.Nodes) != 2 || late.Nodes[1].Confirmed {
		t.Errorf("a change that one node does not serve: %+v", late)
	}
}

// TestASilentNodeIsNamedAndNotWaitedFor: with how old its reading is and when it stops by itself; one that has stopped by itself decides
// nothing, and confirms. The measured time belongs to the revision of the change alone.
func TestASilentNodeIsNamedAndNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	now := w.clock.now()
	stops := now.Add(14 * time.Minute).UTC()
	w.nodes = []admin.Node{
		{Name: "a", Environment: "sandbox", Revision: 1, State: registry.NodeCurrent, At: now, StopsAt: stops, Took: 12345 * time.Microsecond},
		{Name: "b", Environment: "sandbox", Revision: 0, State: registry.NodeSilent, At: now.Add(-time.Minute), Silence: time.Minute, ReadAge: time.Minute, StopsAt: stops, Took: -1},
		{Name: "c", Environment: "sandbox", Revision: 0, State: registry.NodeStopped, At: now.Add(-time.Hour), Silence: time.Hour, ReadAge: time.Hour, StopsAt: now, Took: -1},
		{Name: "d", Environment: "sandbox", Revision: 1 << 40, State: registry.NodeCurrent, At: now, StopsAt: stops, Took: time.Millisecond},
	}
	revision := func() uint64 {
		n, err := w.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	w.nodes[0].Revision = revision() + 1
	var made api.PartnerChanged
	begun := time.Now()
	w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}, "Prefer", "wait=30").want(http.StatusCreated, &made)
	if time.Since(begun) > 20*time.Second {
		t.Error("a silent node was waited for")
	}
	if made.Confirmed == nil || *made.Confirmed || len(made.Nodes) != 4 {
		t.Fatalf("%+v", made)
	}
	a, b, c, d := made.Nodes[0], made.Nodes[1], made.Nodes[2], made.Nodes[3]
	if !a.Confirmed || a.TookMs == nil || *a.TookMs != 12.3 {
		t.Errorf("a: %+v", a)
	}
	if b.Confirmed || b.State != api.NodeStateSilent || b.ReadAgeMs == nil || *b.ReadAgeMs != 60000 || !b.StopsAt.Equal(stops) || b.TookMs != nil {
		t.Errorf("b: %+v", b)
	}
	if !c.Confirmed || c.State != api.NodeStateStopped || !d.Confirmed || d.TookMs != nil {
		t.Errorf("c: %+v, d: %+v", c, d)
	}
	w.nodes = append(w.nodes[:1], w.nodes[2:]...)
	w.nodes[0].Revision = revision() + 1
	w.send("operator", "POST", "/v1/partners", api.PartnerCreate{Name: "Bolt"}, "Prefer", "wait=30").want(http.StatusCreated, &made)
	if made.Confirmed == nil || !*made.Confirmed {
		t.Errorf("all decide by it, or nothing: %+v", made.Nodes)
	}
	var page api.NodePage
	w.clock.pass(10 * time.Minute) // of this server: the nodes' times are another clock's
	w.send("viewer", "GET", "/v1/nodes", nil).want(http.StatusOK, &page)
	if !page.At.Equal(now) || len(page.Items) != 3 || page.Items[0].State != api.NodeStateCurrent {
		t.Errorf("%+v", page)
	}
}

// TestBreakGlassActsAloneAndLoud: no second person, and the record says who it was.
func TestBreakGlassActsAloneAndLoud(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	w.send("glass", "POST", "/v1/partners/"+id+"/networks", api.NetworkAllow{Environment: "production", Prefix: "203.0.113.0/24"}).want(http.StatusCreated)
	if rows := w.rows(audit.NetworkAllowed); len(rows) != 1 || rows[0].Actor != "break_glass:glass" {
		t.Errorf("the row of the change: %+v", rows)
	}
}

// TestAServiceAccountIsWhatTheRegisterSays: a token that was shown once, and counts until it is revoked.
func TestAServiceAccountIsWhatTheRegisterSays(t *testing.T) {
	w := newWorld(t)
	w.must(w.single())
	var made, ended api.ServiceAccountChanged
	w.send("admin", "POST", "/v1/service-accounts", api.ServiceCreate{Name: "deployer", Roles: []api.RoleName{"operator"}, NotAfter: w.clock.now().Add(24 * time.Hour)}).
		want(http.StatusCreated, &made)
	w.send("service:"+made.Token, "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}).want(http.StatusCreated)
	if rows := w.rows(audit.PartnerCreated); len(rows) != 1 || rows[0].Actor != "service:deployer" {
		t.Errorf("the row: %+v", rows)
	}
	w.send("admin", "POST", "/v1/service-accounts/"+made.ServiceAccount.ID+"/revoke", api.Act{Reason: "over"}, "If-Match", `"`+made.ServiceAccount.Etag+`"`).want(http.StatusOK, &ended)
	if ended.Token != "" || ended.ServiceAccount.State != api.ServiceAccountStateRevoked {
		t.Errorf("a revoked one: %+v", ended)
	}
	w.send("service:"+made.Token, "GET", "/v1/me", nil).refused(api.NotSignedIn)
}

// single lets one admin act alone, as the local command line of a small installation does.
func (w *world) single() error {
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{}}, "a small installation")
	return err
}

// TestEveryRefusedAttemptIsInTheRecord: also of nobody, and a flood of them is a number.
func TestEveryRefusedAttemptIsInTheRecord(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		w.send("viewer", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}).refused(api.Forbidden)
	}
	for range 5 {
		w.send("", "POST", "/v1/partners", api.PartnerCreate{Name: "Acme"}).refused(api.NotSignedIn)
	}
	w.send("viewer", "GET", "/v1/accounts", nil).refused(api.Forbidden) // a question is no attempt to change something
	if got := len(w.rows(audit.AttemptRefused)); got != 61 {
		t.Errorf("%d rows in one minute, expected 60 of the viewer and one of nobody", got)
	}
	w.clock.pass(time.Minute)
	tick := make(chan time.Time, 1)
	tick <- w.clock.now()
	close(tick)
	w.server.Maintain(ctx, tick)
	rows := w.rows(audit.AttemptRefused)
	sum := ""
	for _, row := range rows[61:] {
		sum += row.Actor + " " + row.Subject + " " + row.Detail + "\n"
	}
	if len(rows) != 63 || !strings.Contains(sum, "operator:viewer@example.com several 40 more attempts") || !strings.Contains(sum, "anonymous:192.0.2.1 several 4 more attempts") {
		t.Errorf("the rows of the rest:\n%s", sum)
	}
	if first := rows[0]; first.Subject != "partner.create" || !strings.Contains(first.Detail, "403 forbidden") {
		t.Errorf("the row of an attempt: %+v", first)
	}
	w.must(w.server.Close(ctx))
}

// TestStrangersAreSlowedDown: who sends token after token waits a minute, and nobody who is signed in does, behind the same address.
func TestStrangersAreSlowedDown(t *testing.T) {
	w := newWorld(t)
	for range 120 {
		w.send("stranger", "GET", "/v1/me", nil).refused(api.NotSignedIn)
	}
	if a := w.send("stranger", "GET", "/v1/me", nil); a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	} else {
		a.refused(api.TooManyRequests)
	}
	w.send("viewer", "GET", "/v1/me", nil).want(http.StatusOK)
	r := httptest.NewRequest("GET", public+"/v1/me", nil)
	r.Host, r.RemoteAddr = "admin.example.com", "[2001:db8::1]:4000"
	w.serve(r).refused(api.NotSignedIn)
	w.clock.pass(time.Minute)
	w.send("stranger", "GET", "/v1/me", nil).refused(api.NotSignedIn)
}

// TestPagesGoOnWhereTheyEnded: by a cursor that belongs to its listing.
func TestPagesGoOnWhereTheyEnded(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.admitted("Acme", "sandbox")
		w.clock.pass(time.Second)
	}
	for _, target := range []string{"/v1/partners?limit=2", "/v1/reviews?limit=2", "/v1/changes?limit=2&order=oldest", "/v1/decisions?limit=15", "/v1/changes?limit=4"} {
		seen, after := map[string]bool{}, ""
		for range 50 {
			var page struct {
				Items []map[string]any
				Next  string
			}
			w.send("auditor", "GET", target+after, nil).want(http.StatusOK, &page)
			for _, item := range page.Items {
				id := strings.Join([]string{text(item["id"]), text(item["seq"]), text(item["row"]), text(item["review"])}, " ")
				if seen[id] {
					t.Errorf("%s: %s comes twice", target, id)
				}
				seen[id] = true
			}
			if page.Next == "" {
				break
			}
			w.send("auditor", "GET", target+"&from=2026-01-01T00:00:00Z&after="+page.Next, nil).refused(api.Invalid)
			after = "&after=" + page.Next
		}
		if len(seen) < 5 {
			t.Errorf("%s gave %d items in all", target, len(seen))
		}
	}
}

// TestABrokenRegisterIsNotTold: 503, and the cause in the log alone.
func TestABrokenRegisterIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.broken = errors.New("disk on fire")
	a := w.send("viewer", "GET", "/v1/me", nil)
	a.refused(api.Unavailable)
	if strings.Contains(a.Body.String(), "fire") || !strings.Contains(w.log.String(), "disk on fire") {
		t.Errorf("told %s, logged %s", a.Body, w.log)
	}
	w.broken = operator.ErrNotSignedIn
	w.send("viewer", "GET", "/v1/me", nil).refused(api.NotSignedIn)
}

// TestRule31AnotherSiteTakesNoExport: a link of another site, or of another port of this host, that an operator follows takes no copy
// of a record, and leaves no row in their name (security rule 31). The console's own links do, and an address that was typed.
func TestRule31AnotherSiteTakesNoExport(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/changes/export?format=csv", "/v1/decisions/export?format=csv"} {
		for _, site := range []string{"cross-site", "same-site"} {
			w.send("auditor", "GET", path, nil, "Sec-Fetch-Site", site).refused(api.CrossOrigin)
		}
	}
	if rows := w.rows(audit.RecordExported); len(rows) > 0 {
		t.Errorf("rows of exports that nobody asked for: %+v", rows)
	}
	for _, site := range []string{"same-origin", "none", ""} {
		w.send("auditor", "GET", "/v1/changes/export?format=csv", nil, "Sec-Fetch-Site", site).want(http.StatusOK)
	}
}
