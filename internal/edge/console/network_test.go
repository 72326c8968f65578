package console_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/traffic"
)

// rule allows a prefix by the local command line.
func (w *world) rule(id, environment, prefix string) partner.NetworkRule {
	w.Helper()
	n, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: environment, Prefix: netip.MustParsePrefix(prefix)})
	w.must(err)
	return n
}

// row is what is read in the row of a table that begins with a text; empty: there is none.
func (s *shown) row(first string) string {
	for _, tr := range s.nodes("tr") {
		for d := range tr.Descendants() {
			if d.Type == html.ElementNode && d.Data == "th" && attr(d, "scope") == "row" && strings.HasPrefix(textOf(d), first) {
				return textOf(tr)
			}
		}
	}
	return ""
}

// TestRulesStandBesideTheAddressesReallySeen: which seen address no rule holds, and which rule nobody used.
func TestRulesStandBesideTheAddressesReallySeen(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox", "production")
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	w.rule(id, "sandbox", "203.0.113.0/24")
	w.rule(id, "sandbox", "2001:db8:1::/48")
	w.rule(id, "sandbox", "198.51.100.0/24")
	at := netip.MustParseAddr
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 10}, w.clock.now(), traffic.VersionUsage{Credential: issued.Credential.ID, Version: 1,
		Count: traffic.Count{Allowed: 9, Refused: 1},
		Last:  w.clock.now().Add(-time.Hour), Addresses: []netip.Addr{at("203.0.113.7"), at("2001:db8:1::9"), at("192.0.2.44"), at("203.0.113.8")}})
	page := w.get("viewer", "/console/partners/"+id).want(http.StatusOK).says("1 address that was really seen is held by no rule",
		"9 let in, 1 refused", "1 h ago")
	for first, want := range map[string]string{"203.0.113.0/24": "2 addresses", "2001:db8:1::/48": "1 address", "198.51.100.0/24": "nobody",
		"192.0.2.44": "no rule", "203.0.113.7": "203.0.113.0/24", "2001:db8:1::9": "2001:db8:1::/48"} {
		if row := page.row(first); !strings.Contains(row, want) {
			t.Errorf("the row of %s is %q, expected %q in it", first, row, want)
		}
	}
}

// TestWithoutCountsNothingIsSaidOfUse: an unknown use is not "nobody".
func TestWithoutCountsNothingIsSaidOfUse(t *testing.T) {
	w := newWorld(t, func(_ *world, c *admin.Config) { c.Traffic = nil })
	id := w.admitted("Acme", "sandbox")
	w.rule(id, "sandbox", "203.0.113.0/24")
	page := w.get("viewer", "/console/partners/"+id).want(http.StatusOK).says("addresses really seen are not shown", "keeps no counts")
	if row := page.row("203.0.113.0/24"); !strings.Contains(row, "not known") || strings.Contains(row, "nobody") {
		t.Errorf("the row says %q", row)
	}
	w.get("viewer", "/console/partners").want(http.StatusOK).says("not known", "When they called last cannot be told")
}

// TestAllowingAnAddress: a fault stands beside its field, the try changes nothing, a double submit adds one.
func TestAllowingAnAddress(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	path := "/console/partners/" + id + "/networks/new"
	form := w.get("operator", path+"?environment=sandbox&prefix=192.0.2.44").want(http.StatusOK).form(path)
	if form.Get("prefix") != "192.0.2.44" || form.Get("environment") != "sandbox" {
		t.Errorf("the form begins with %v", form.Values)
	}
	back := form.set("prefix", "everything", "note", "typed with care").submit().want(http.StatusUnprocessableEntity)
	if n := back.id("prefix-error"); n == nil || back.form(path).Get("note") != "typed with care" {
		t.Errorf("the fault stands nowhere, or what was typed is lost: %s", back.text())
	}
	form.set("prefix", "0.0.0.0/0").submit().want(http.StatusUnprocessableEntity)
	form.set("prefix", "192.0.2.44", "country", "CA").submit().want(http.StatusUnprocessableEntity)
	form.set("country", "")
	form.Set("try", "yes")
	form.submit().want(http.StatusOK).says("What it would have changed in the last 24 hours")
	if rules, _ := w.Networks(ctx, id); len(rules) != 0 {
		t.Fatalf("to try it made %v", rules)
	}
	form.Del("try")
	for range 2 {
		form.submit().followed().says("The rule is in force", "192.0.2.44/32", "typed with care")
	}
	if rules, _ := w.Networks(ctx, id); len(rules) != 1 {
		t.Errorf("%d rules for one form", len(rules))
	}
}

// TestRemovingARule shows whom it would have cut off, asks for the box, and a second press is no fault.
func TestRemovingARule(t *testing.T) {
	w := newWorld(t)
	id, other := w.admitted("Acme", "sandbox"), w.admitted("Umbrella", "sandbox")
	n := w.rule(id, "sandbox", "203.0.113.0/24")
	path := "/console/partners/" + id + "/networks/" + n.ID + "/remove"
	w.get("operator", "/console/partners/"+other+"/networks/"+n.ID+"/remove").want(http.StatusNotFound)
	form := w.get("operator", path).want(http.StatusOK).says("What it would have refused in the last 24 hours").form(path)
	form.submit().want(http.StatusUnprocessableEntity).says("Tick this box")
	form.set("confirmed", "yes")
	stale := *form
	stale.Values = map[string][]string{}
	for k, v := range form.Values {
		stale.Values[k] = v
	}
	stale.Set("etag", "0000")
	stale.submit().want(http.StatusPreconditionFailed).says("Somebody changed this")
	form.submit().followed().says("The rule is taken away")
	form.submit().followed().says("no such rule any more")
	if rows := w.rows(audit.NetworkRemoved); len(rows) != 1 {
		t.Errorf("%d rows for one change", len(rows))
	}
	w.get("operator", path).want(http.StatusNotFound)
}

// TestAChangeThatWaitsLeadsToItsProposal, which the partner's page shows as well.
func TestAChangeThatWaitsLeadsToItsProposal(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	w.waiting("sandbox")
	path := "/console/partners/" + id + "/networks/new"
	form := w.get("operator", path).form(path).set("environment", "sandbox", "prefix", "192.0.2.0/24", "reason", "a new office")
	first := form.submit().want(http.StatusSeeOther)
	if to := first.Header().Get("Location"); to != form.submit().want(http.StatusSeeOther).Header().Get("Location") || !strings.Contains(to,
		"/console/proposals/prp_") {
		t.Errorf("it leads to %q", to)
	}
	first.followed().want(http.StatusOK)
	page := w.get("operator", "/console/partners/"+id).says("Waits for a second person", "network allow",
		"asked for by operator@example.com", "a new office")
	to, _, _ := strings.Cut(first.Header().Get("Location"), "?")
	if !page.linked(to) {
		t.Errorf("the page does not lead to %s", to)
	}
	if rules, _ := w.Networks(ctx, id); len(rules) != 0 {
		t.Errorf("nobody has agreed, and there is %v", rules)
	}
}
