package console_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// furnished is a partner of this name with one of everything, and the addresses of all its pages. What cannot be named so by the use
// cases is written straight into the store.
func (w *world) furnished(name string) (id string, pages []string) {
	w.Helper()
	id = w.admitted("before", "sandbox")
	w.must(w.RequestReview(ctx, alice, id, "production", ""))
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	n := w.rule(id, "sandbox", "203.0.113.0/24")
	l, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: id, Environment: "sandbox", Rate: 5, Per: time.Second, Burst: 5})
	w.must(err)
	path := "/console/partners/" + id
	w.get("operator", path+"/endpoints/new").form(path+"/endpoints/new").set("environment", "sandbox", "url",
		"https://acme.example.com/hooks", "description", oneLine(name)).submit().want(http.StatusOK)
	production := path + "/reviews/production"
	w.get("operator", production+"/evidence").form(production+"/evidence/link").set("url",
		"https://acme.example.com/?q="+url.QueryEscape(name), "name", oneLine(name), "item", "policy").submit().followed()
	w.get("operator", production+"/comments").form(production+"/comments").set("text", oneLine(name)).submit().followed()
	endpoints, err := w.Endpoints(ctx, registry.EndpointFilter{PartnerID: id})
	w.must(err)
	w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true},
		audit.Decision{Environment: "sandbox", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true,
			Reason: "address_not_listed", Status: 403, Address: netip.MustParseAddr("192.0.2.44")})
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 1, Refused: 1}, w.clock.now(), traffic.VersionUsage{Credential: issued.Credential.ID,
		Version: 1, Count: traffic.Count{Allowed: 1}, Last: w.clock.now(), Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.44")}})
	w.must(w.store.Update(ctx, func(tx registry.Tx) error {
		p, _, err := tx.Partner(id)
		p.Name = name
		if err == nil {
			err = tx.PutPartner(p)
		}
		if err == nil {
			err = tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.PartnerCreated, Subject: id})
		}
		return err
	}))
	e := path + "/endpoints/" + endpoints[0].ID
	return id, []string{"/console/partners", "/console/partners/new", path, path + "/close", path + "/unlock", "/console/reviews",
		"/console/reviews?state=all",
		path + "/networks/new", path + "/networks/" + n.ID + "/remove", path + "/limits/new", path + "/limits/new?limit=" + l.ID, path + "/limits/" + l.ID + "/remove",
		path + "/endpoints/new", e + "/verify", e + "/rotate", e + "/disable", e + "/remove", path + "/members/new",
		production + "/start", production + "/withdraw", production + "/close", production + "/approve", production + "/comments", production + "/evidence", production + "/checklist/security",
		path + "/reviews/sandbox/suspend", path + "/reviews/sandbox/approve"}
}

// oneLine is what names of evidence and descriptions may hold: texts of one line without disguise.
func oneLine(name string) string {
	one := strings.Map(func(r rune) rune {
		if strings.ContainsRune("\u202e\u202c/", r) {
			return -1
		}
		return r
	}, name)
	return strings.ToValidUTF8(one[:min(len(one), 100)], "")
}

// TestHostileNamesStayText on every page of a partner: what serve checks of each page holds whatever its name is, and no markup of it
// is markup of the page.
func TestHostileNamesStayText(t *testing.T) {
	for _, name := range slices.Concat(hostile, hostileNames) {
		w := newWorld(t)
		_, pages := w.furnished(name)
		for _, page := range pages {
			s := w.get("both", page).want(http.StatusOK)
			if strings.Contains(name, "<") || strings.Contains(name, `"`) {
				s.inert(name)
			}
			for _, n := range s.nodes("") {
				if n.Data == "img" || n.Data == "script" && !strings.HasPrefix(attr(n, "src"), "/console/assets/") {
					t.Errorf("%s holds <%s> for %q", page, n.Data, name)
				}
			}
		}
	}
}

// TestWhoSeesWhat: role by role what the page of a partner offers, which of its pages open, and what a form that is sent all the same
// comes to.
func TestWhoSeesWhat(t *testing.T) {
	w := newWorld(t)
	id, pages := w.furnished("Acme")
	path := "/console/partners/" + id
	offers := map[string][]string{ // what the partner's page links to, below it
		"viewer": {}, "auditor": {}, "admin": {},
		"operator": {"/close", "/networks/new", "/limits/new", "/endpoints/new", "/members/new", "/credentials/new",
			"/reviews/production/start", "/reviews/production/withdraw",
			"/reviews/production/evidence", "/reviews/sandbox/suspend"},
		"approver": {"/reviews/sandbox/suspend"},
		"sandbox":  {"/networks/new", "/limits/new", "/endpoints/new", "/members/new", "/credentials/new", "/reviews/sandbox/suspend"},
	}
	every := []string{"/close", "/unlock", "/networks/new", "/limits/new", "/endpoints/new", "/members/new", "/credentials/new",
		"/reviews/production/start", "/reviews/production/withdraw",
		"/reviews/production/evidence", "/reviews/production/approve", "/reviews/sandbox/suspend", "/reviews/sandbox/resume"}
	for who, want := range offers {
		page := w.get(who, path).want(http.StatusOK)
		for _, below := range every {
			if page.linked(path+below) != slices.Contains(want, below) {
				t.Errorf("%s is offered %s: %t", who, below, page.linked(path+below))
			}
		}
		if changes := who == "auditor" || who == "admin"; changes == strings.Contains(page.text(), "changes.read is missing") {
			t.Errorf("%s and the timeline: %s", who, page.text())
		}
	}
	for who, open := range map[string]int{"viewer": 6, "auditor": 6, "admin": 6, "approver": 8, "operator": len(pages), "both": len(pages)} {
		n := 0
		for _, page := range pages {
			switch s := w.get(who, page); s.Code {
			case http.StatusOK:
				n++
			case http.StatusForbidden:
				s.says("This needs the permission")
			default:
				t.Errorf("%s gets %d from %s", who, s.Code, page)
			}
		}
		if n != open {
			t.Errorf("%s opens %d pages, expected %d", who, n, open)
		}
	}
	w.get("nobody", path).want(http.StatusForbidden).says("partners.read")
}

// TestAFormIsRefusedToWhoMayNot: one that was shown to a colleague, sent by somebody without the permission, is a 403 that the record
// keeps.
func TestAFormIsRefusedToWhoMayNot(t *testing.T) {
	w := newWorld(t)
	_, pages := w.furnished("Acme")
	sent := 0
	for _, page := range pages {
		s := w.get("both", page).want(http.StatusOK)
		for _, n := range s.nodes("form") {
			to, _, _ := strings.Cut(formAction(s, n), "?")
			if !strings.EqualFold(attr(n, "method"), "post") || !strings.HasPrefix(to, "/console/") {
				continue
			}
			sent++
			s.form(to).submitAs("viewer")
		}
	}
	if sent < 20 {
		t.Errorf("only %d forms were sent", sent)
	}
	rows, err := w.Changes(ctx, 0, 0)
	w.must(err)
	refused := 0
	for _, row := range rows {
		if row.Actor == "operator:viewer@example.com" {
			if row.Action != audit.AttemptRefused {
				t.Errorf("a viewer did %s of %s", row.Action, row.Subject)
			}
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("only %d refused attempts are in the record", refused)
	}
}

// TestWhoIsConfinedSeesNothingOfOtherEnvironments: on the page of a partner, in its forms, and at addresses that are guessed.
func TestWhoIsConfinedSeesNothingOfOtherEnvironments(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	issued, err := w.IssueApp(ctx, alice, id, "production")
	w.must(err)
	secret := w.rule(id, "production", "198.51.100.0/24")
	w.record.add(audit.Decision{Environment: "production", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true,
		Reason: "address_not_listed", Status: 403})
	w.sums.used(id, "production", traffic.Count{Allowed: 1}, w.clock.now(), traffic.VersionUsage{Credential: issued.Credential.ID,
		Version: 1, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.99")}})
	path := "/console/partners/" + id
	hidden := []string{"production", "198.51.100", "192.0.2.99", issued.KeyID[:10]}
	w.get("both", path).says(hidden...) // who may see all of it does
	for _, page := range []string{"/console/partners", path, path + "/networks/new", path + "/limits/new", path + "/endpoints/new",
		"/console/reviews?state=all"} {
		w.get("sandbox", page).want(http.StatusOK).silent(hidden...)
	}
	for _, page := range []string{path + "/reviews/production/suspend", path + "/reviews/production/approve",
		path + "/reviews/production/evidence", path + "/networks/" + secret.ID + "/remove"} {
		w.get("sandbox", page).want(http.StatusNotFound).silent("198.51.100")
	}
	for _, page := range []string{path + "/close", path + "/unlock"} {
		w.get("sandbox", page).want(http.StatusForbidden)
	}
	form := w.get("operator", path+"/networks/new").form(path+"/networks/new").set("environment", "production", "prefix", "192.0.2.0/24")
	if s := form.submitAs("sandbox"); s.Code < 400 {
		t.Errorf("who is confined to the sandbox changed production: %d", s.Code)
	}
	w.get("sandbox", "/console/partners?find="+issued.KeyID).silent(issued.KeyID + "</")
}

// TestAnEndedSessionLosesNothing: a page leads to the sign-in and back, a form says that nothing was done and keeps what was typed.
func TestAnEndedSessionLosesNothing(t *testing.T) {
	w := newWorld(t)
	id, pages := w.furnished("Acme")
	path := "/console/partners/" + id
	form := w.get("operator", path+"/networks/new").form(path+"/networks/new").set("environment", "sandbox", "prefix", "192.0.2.0/24",
		"note", "typed with care")
	upload := w.get("operator", path+"/reviews/production/evidence").form(path+"/reviews/production/evidence/file").set("note",
		"typed as well").attach("file", "a.pdf", []byte(pdf))
	before := len(w.rows(audit.NetworkAllowed))
	w.signOut("operator")
	for _, page := range pages {
		to := w.get("operator", page).want(http.StatusSeeOther).Header().Get("Location")
		u, err := url.Parse(to)
		w.must(err)
		if u.Path != "/sign-in/" || u.Query().Get("next") != page {
			t.Errorf("%s leads to %s", page, to)
		}
	}
	form.submit().want(http.StatusUnauthorized).says("Nothing was done", "192.0.2.0/24", "typed with care").silent(form.Get("idempotency_key"))
	upload.submit().want(http.StatusUnauthorized).says("Nothing was done", "typed as well")
	if len(w.rows(audit.NetworkAllowed)) != before {
		t.Error("it was done")
	}
}

// TestTheStoreGoesAway: each page is a 503 that says what can be done, and a form that meets it keeps what was typed and can be sent
// again.
func TestTheStoreGoesAway(t *testing.T) {
	gone := false
	w := newWorld(t, func(w *world, c *admin.Config) {
		still := c.Authenticate
		c.Authenticate = func(r *http.Request) (operator.Principal, error) {
			if gone { // the session is read from elsewhere: the pages themselves meet the fault
				w.store.gone.Store(false)
				defer w.store.gone.Store(true)
			}
			return still(r)
		}
	})
	id, pages := w.furnished("Acme")
	path := "/console/partners/" + id
	form := w.get("operator", path+"/networks/new").form(path+"/networks/new").set("environment", "sandbox", "prefix", "192.0.2.0/24",
		"note", "typed with care")
	upload := w.get("operator", path+"/reviews/production/evidence").form(path+"/reviews/production/evidence/file").set("note",
		"typed as well").attach("file", "a.pdf", []byte(pdf))
	gone = true
	w.store.gone.Store(true)
	for _, page := range pages {
		if page == "/console/partners/new" { // it reads nothing
			continue
		}
		s := w.get("both", page).want(http.StatusServiceUnavailable).says("Try again").silent(errGone.Error())
		if s.Header().Get("Retry-After") == "" {
			t.Errorf("%s: when to try again is not said", page)
		}
	}
	form.submit().want(http.StatusServiceUnavailable).says("typed with care")
	upload.submit().want(http.StatusServiceUnavailable).says("typed as well")
	gone = false
	w.store.gone.Store(false)
	form.submit().followed().says("The rule is in force", "typed with care")
}

// TestAnotherPartnersRowsAreNotThere: a row of one partner below the address of another one is a page for nothing.
func TestAnotherPartnersRowsAreNotThere(t *testing.T) {
	w := newWorld(t)
	id, pages := w.furnished("Acme")
	other := w.admitted("Umbrella", "sandbox")
	for _, page := range pages {
		if row := strings.Replace(page, id, other, 1); strings.Contains(page, "/networks/net_") || strings.Contains(page, "/endpoints/") &&
			!strings.HasSuffix(page, "/new") || strings.HasSuffix(page, "/remove") {
			w.get("both", row).want(http.StatusNotFound)
		}
	}
	for _, page := range []string{"/console/partners/ptn_nothing", "/console/partners/..%2f",
		"/console/partners/" + url.PathEscape(`<script>`), "/console/partners/" + id + "/reviews/nowhere/suspend"} {
		w.get("both", page).want(http.StatusNotFound)
	}
}
