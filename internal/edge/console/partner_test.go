package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// hostileNames are names that somebody chose who wants more than a name.
var hostileNames = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`{{.Partner}}<!-- --></title></bdi>`,
	`javascript:alert(1)//%2e%2e/`,
	strings.Repeat("Überlang", 22),
	"مرحبا Acme",
}

// names are the first cells of the rows of the table of partners.
func (s *shown) names() (list []string) {
	for _, n := range s.nodes("th") {
		if attr(n, "scope") == "row" {
			list = append(list, strings.TrimSuffix(textOf(n), " closed"))
		}
	}
	return list
}

// TestAPartnerIsFoundByWhatPeopleHave: a part of the name, an id, a key id, a login; and by where its reviews stand.
func TestAPartnerIsFoundByWhatPeopleHave(t *testing.T) {
	w := newWorld(t)
	acme, other := w.admitted("Acme Payments", "sandbox"), w.admitted("Umbrella")
	w.must(w.RequestReview(ctx, alice, other, "sandbox", ""))
	gone := w.admitted("Gone Inc")
	w.must(w.ClosePartner(ctx, alice, gone, ""))
	issued, err := w.IssueApp(ctx, alice, acme, "sandbox")
	w.must(err)
	for query, want := range map[string]string{
		"":                           "Acme Payments,Umbrella,Gone Inc",
		"?q=pay":                     "Acme Payments",
		"?q=" + acme:                 "Acme Payments",
		"?q=" + issued.KeyID:         "Acme Payments",
		"?q=" + issued.Login:         "Acme Payments",
		"?q=nobody+at+all":           "",
		"?state=requested":           "Umbrella",
		"?environment=sandbox":       "Acme Payments,Umbrella",
		"?environment=production":    "",
		"?closed=true":               "Gone Inc",
		"?closed=false&q=a":          "Acme Payments,Umbrella",
		"?environment=nowhere&q=%20": "",
	} {
		got := map[string]bool{}
		for _, name := range w.get("viewer", "/console/partners"+query).want(http.StatusOK).names() {
			got[name] = true
		}
		if len(got) != len(strings.FieldsFunc(want, func(r rune) bool { return r == ',' })) {
			t.Errorf("%q finds %v, expected %q", query, got, want)
		}
		for _, name := range strings.Split(want, ",") {
			if want != "" && !got[name] {
				t.Errorf("%q finds %v, expected %q", query, got, want)
			}
		}
	}
	w.get("viewer", "/console/partners?q="+issued.KeyID).says("Found by its id, or by the key id or login")
	w.get("viewer", "/console/partners?q="+strings.Repeat("x", 300)).want(http.StatusUnprocessableEntity).says("cannot be searched for")
	w.get("viewer", "/console/partners?state=no-such-state").want(http.StatusUnprocessableEntity)
	w.get("viewer", "/console/partners?after=not-a-cursor").want(http.StatusUnprocessableEntity)
}

// TestTheListTellsStageAndLastCall.
func TestTheListTellsStageAndLastCall(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	w.sums.used(id, "production", traffic.Count{Allowed: 7}, w.clock.now().Add(-3*time.Minute))
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 7}, w.clock.now().Add(-50*time.Hour))
	w.get("viewer", "/console/partners").want(http.StatusOK).says("production", "3 min ago", "sandbox", "2 days ago")
	w.get("sandbox", "/console/partners").want(http.StatusOK).says("2 days ago", "not shown").silent("3 min ago")
	w.sums.faults = []string{"a day is missing"}
	w.get("viewer", "/console/partners").want(http.StatusOK)
}

// many writes partners straight into the store: n calls of the use case would be n transactions.
func (w *world) many(n int) {
	w.Helper()
	w.must(w.store.Update(ctx, func(tx registry.Tx) error {
		for i := range n {
			p := partner.Partner{ID: "ptn_" + strconv.Itoa(1000000+i) + strings.Repeat("a", 19),
				Name: hostileNames[i%len(hostileNames)] + " " + strconv.Itoa(i), CreatedAt: w.clock.now()}
			if err := tx.PutPartner(p); err != nil {
				return err
			}
		}
		return tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.PartnerCreated, Subject: "several"})
	}))
}

// TestTenThousandPartnersArePages: each page is bounded, and together they hold every partner once.
func TestTenThousandPartnersArePages(t *testing.T) {
	const n = 10_000
	w := newWorld(t)
	w.many(n)
	first := w.get("viewer", "/console/partners").want(http.StatusOK)
	if rows := len(first.names()); rows != 50 || first.Body.Len() > 100<<10 {
		t.Errorf("the first page has %d rows and %d bytes", rows, first.Body.Len())
	}
	seen := map[string]bool{}
	at := "/console/partners?q=" + url.QueryEscape("Überlang")
	for range 100 {
		page := w.get("viewer", at).want(http.StatusOK)
		for href := range page.links() {
			if strings.HasPrefix(href, "/console/partners/ptn_") {
				seen[href] = true
			}
		}
		next := ""
		for _, a := range page.nodes("a") {
			if attr(a, "rel") == "next" {
				next = attr(a, "href")
			}
		}
		if next == "" {
			break
		}
		at = next
	}
	if want := (n + 1) / len(hostileNames); len(seen) < want-1 || len(seen) > want+1 {
		t.Errorf("%d partners on all pages, expected about %d", len(seen), want)
	}
}

// TestAddingAPartner: a refused form comes back with what was typed; a double submit adds one.
func TestAddingAPartner(t *testing.T) {
	w := newWorld(t)
	form := w.get("operator", "/console/partners/new").want(http.StatusOK).form("/console/partners/new")
	back := form.set("name", strings.Repeat("n", 300), "reason", "because").submit().want(http.StatusUnprocessableEntity)
	if again := back.form("/console/partners/new"); again.Get("reason") != "because" || again.Get("name") != strings.Repeat("n", 300) ||
		again.Get("idempotency_key") != form.Get("idempotency_key") {
		t.Errorf("what was typed is lost: %v", again.Values)
	}
	back.says("Nothing was changed")
	form.set("name", "Acme")
	for range 2 {
		form.submit().followed().want(http.StatusOK).says("Acme", "The partner is added", "Ask for a review")
	}
	if all, err := w.Partners(ctx); err != nil || len(all) != 1 {
		t.Errorf("%d partners, %v", len(all), err)
	}
	if rows := w.rows(audit.PartnerCreated); len(rows) != 1 || rows[0].Actor != "operator:operator@example.com" {
		t.Errorf("the record: %+v", rows)
	}
	w.post("operator", "/console/partners/new", url.Values{"name": {"No key"}}).want(http.StatusBadRequest)
	w.post("viewer", "/console/partners/new", form.Values).want(http.StatusForbidden).says("partners.write")
}

// TestClosingAPartner: only after a look at what it cuts off, with the box ticked, and what somebody changed meanwhile stops it.
func TestClosingAPartner(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true},
		audit.Decision{Environment: "sandbox", Partner: id, Credential: issued.Credential.ID, Version: 1, Proved: true})
	path := "/console/partners/" + id + "/close"
	page := w.get("operator", path).want(http.StatusOK).says("2 requests were let in that would have been refused", "203.0.113.7",
		"cannot be taken back")
	form := page.form(path)
	form.submit().want(http.StatusUnprocessableEntity).says("Tick this box")
	if p, _ := w.FindPartner(ctx, id); p.Closed {
		t.Fatal("it was closed without a word")
	}
	form.set("confirmed", "yes", "reason", "end of contract")
	form.submitAs("sandbox").want(http.StatusForbidden)
	for range 2 {
		form.submit().followed().want(http.StatusOK).says("closed for good")
	}
	closed := w.get("operator", "/console/partners/"+id).want(http.StatusOK)
	for href := range closed.links() {
		for _, deed := range []string{"/new", "/close", "/remove", "/approve", "/suspend", "/evidence"} {
			if strings.HasSuffix(href, deed) {
				t.Errorf("a closed partner offers %s", href)
			}
		}
	}
}

// TestUnlocking lets every locked credential in again, and is offered only where there is one.
func TestUnlocking(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	path := "/console/partners/" + id
	if w.get("operator", path).linked(path + "/unlock") {
		t.Error("there is nothing to unlock")
	}
	w.must(w.store.Update(ctx, func(tx registry.Tx) error {
		c, _, err := tx.Credential(issued.Credential.ID)
		c.LockedAt, c.Failures = w.clock.now(), 9
		if err == nil {
			err = tx.PutCredential(c)
		}
		if err == nil {
			err = tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.CredentialLocked, Subject: c.ID})
		}
		return err
	}))
	page := w.get("operator", path).want(http.StatusOK).says("locked")
	if !page.linked(path+"/unlock") || w.get("viewer", path).linked(path+"/unlock") {
		t.Error("who may unlock is offered it, and nobody else")
	}
	w.get("operator", path+"/unlock").form(path+"/unlock").set("reason", "they have called").submit().followed().says("may authenticate again")
}
