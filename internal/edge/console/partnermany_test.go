package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// TestRefusalsAndTimelineLeadOn: to the story of the request, to the row of the record, and to the searches that hold all of them.
func TestRefusalsAndTimelineLeadOn(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	found := w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Proved: true, Reason: "address_not_listed", Status: 403,
		Address: netip.MustParseAddr("192.0.2.44")},
		audit.Decision{Environment: "sandbox", Partner: "ptn_other", Proved: true, Reason: "bad_signature", Status: 401})
	page := w.get("viewer", "/console/partners/"+id).want(http.StatusOK).says("address_not_listed", "192.0.2.44", "403").silent("bad_signature")
	if !page.linked("/console/requests/"+found[0]) || !page.linked("/console/decisions") {
		t.Error("a refusal leads nowhere")
	}
	page = w.get("auditor", "/console/partners/"+id).want(http.StatusOK).says("review approved", "by bob", "partner created")
	if !page.linked("/console/changes/1") || !page.linked("/console/changes") {
		t.Error("a change leads nowhere")
	}
}

// TestAPartnerWithThousandsOfRulesIsAShortPage: what needs an eye is among what is listed.
func TestAPartnerWithThousandsOfRulesIsAShortPage(t *testing.T) {
	const n = 3000
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	w.must(w.store.Update(ctx, func(tx registry.Tx) error {
		for i := range n {
			rule := partner.NetworkRule{ID: fmt.Sprintf("net_%026d", i), PartnerID: id, Environment: "sandbox", CreatedAt: w.clock.now(),
				Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)}
			if err := tx.PutNetwork(rule); err != nil {
				return err
			}
		}
		return tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.NetworkAllowed, Subject: "several"})
	}))
	versions := traffic.VersionUsage{Credential: "", Version: 1}
	issued, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	versions.Credential = issued.Credential.ID
	for i := range 500 { // all but the last are held
		versions.Addresses = append(versions.Addresses, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 7}))
	}
	versions.Addresses = append(versions.Addresses, netip.MustParseAddr("192.0.2.99"))
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 1}, w.clock.now(), versions)
	page := w.get("operator", "/console/partners/"+id).want(http.StatusOK).says("2 800 rules are not listed here",
		"301 addresses are not listed", "1 address that was really seen is held by no rule", "192.0.2.99", "nobody")
	if page.Body.Len() > 300<<10 {
		t.Errorf("the page has %d bytes", page.Body.Len())
	}
}

// TestTwoPressesAtOnceShowOneKey: of many sendings of one form at the same moment, one shows the secret.
func TestTwoPressesAtOnceShowOneKey(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	path := "/console/partners/" + id + "/endpoints/new"
	form := w.get("operator", path).form(path).set("environment", "sandbox", "url", "https://acme.example.com/hooks")
	var all sync.WaitGroup
	keys := make([]string, 8)
	for i := range keys {
		all.Go(func() { keys[i] = secretOf(form.submit()) })
	}
	all.Wait()
	if shown := strings.Join(keys, ""); !strings.HasPrefix(shown, "whsec_") || strings.Count(shown, "whsec_") != 1 {
		t.Errorf("shown were %q", keys)
	}
	if endpoints, err := w.Endpoints(ctx, registry.EndpointFilter{PartnerID: id}); err != nil || len(endpoints) != 1 {
		t.Errorf("%d endpoints, %v", len(endpoints), err)
	}
}

// BenchmarkPartnerPages renders the listing and the page of one partner among ten thousand. What the record adds to it is measured
// where the record is (internal/audit/search, internal/traffic).
func BenchmarkPartnerPages(b *testing.B) {
	w := newWorld(b)
	id, _ := w.furnished("Acme")
	w.many(10_000)
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 10}, w.clock.now().Add(-time.Minute))
	for name, path := range map[string]string{"list": "/console/partners", "search": "/console/partners?q=Acme", "partner": "/console/partners/" + id} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := w.request("operator", "GET", path, nil)
				s := &shown{ResponseRecorder: httptest.NewRecorder(), w: w, r: r}
				w.console.ServeHTTP(s, r)
				if s.Code != http.StatusOK {
					b.Fatal(s.Code)
				}
			}
		})
	}
}
