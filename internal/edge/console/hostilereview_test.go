package console_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/api"
	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/console"
	"countersign.dev/internal/edge/page"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// To look at a file that waits is no attempt to apply it: nothing about it is in the record.
func TestALookAtAFileThatWaitsLeavesNoRow(t *testing.T) {
	w := newWorld(t)
	w.admitted("Example Bank", "sandbox", "production")
	w.waiting("production")
	p := w.asks("operator", registry.OpRegisterApply, "", "", registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Example Bank",
		Environments: []registry.ApplyEnvironment{{Name: "production", Limits: []registry.LimitSet{{Rate: 9, PerSeconds: 1, Burst: 9}}}}}}})
	before := len(w.rows(audit.AttemptRefused))
	w.get("approver", "/console/proposals/"+p.ID).want(http.StatusOK).says("Only who may apply files")
	if rows := w.rows(audit.AttemptRefused); len(rows) != before {
		t.Errorf("a look is in the record as %+v", rows[len(rows)-1])
	}
}

// Nor is it in the record where the visitor may apply files, and this one cannot be applied any more: what is only tried changes
// nothing, and nobody was refused anything.
func TestATryThatFailsLeavesNoRow(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	w.waiting("production")
	p := w.asks("operator", registry.OpRegisterApply, "", "", registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Example Bank",
		Environments: []registry.ApplyEnvironment{{Name: "production", Limits: []registry.LimitSet{{Rate: 9, PerSeconds: 1, Burst: 9}}}}}}})
	w.must(w.ClosePartner(ctx, alice, id, "for a test"))
	w.get("operator", "/console/proposals/"+p.ID).want(http.StatusOK).says("It could not be tried")
	if rows := w.rows(audit.AttemptRefused); len(rows) > 0 {
		t.Errorf("a look is in the record as %+v", rows[0])
	}
}

// What an approval binds can be read to its last byte, however long it is and whatever characters are in it.
func TestNothingThatAnApprovalBindsIsCutOff(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	w.waiting("production")
	p := w.asks("operator", registry.OpNetworkAllow, id, "production", registry.NetworkAllow{Prefix: netip.MustParsePrefix("198.51.100.0/24"),
		Note: strings.Repeat("new office ", 40) + "and everybody\u3000else"})
	s := w.get("approver", "/console/proposals/"+p.ID).want(http.StatusOK).says(`and everybody\u3000else`)
	if !s.hasForm("/console/proposals/" + p.ID + "/approve") {
		t.Error("nobody could approve it: the test shows nothing")
	}
}

// Where nothing was let in there is no latency: a wave of refusals is no upstream that answers at once.
func TestRefusalsAloneHaveNoLatency(t *testing.T) {
	p := newPlane(t)
	series := api.TrafficSeries{Environment: "sandbox", API: "card", Allowed: 2, Refused: 90, Latency: api.Latency{P50Us: 5000, P95Us: 5000, P99Us: 5000},
		Reasons: []api.ReasonCount{}}
	for i, allowed := range []int64{1, 0, 1} {
		point := api.TrafficPoint{At: now.Add(time.Duration(i-3) * time.Minute), Allowed: allowed, Refused: 30}
		if allowed > 0 {
			point.Latency = series.Latency
		}
		series.Points = append(series.Points, point)
	}
	p.says("GET /v1/traffic", api.Traffic{From: now.Add(-time.Hour), To: now, StepSeconds: 60, Series: []api.TrafficSeries{series}, Faults: []string{}})
	if text := body(t, get(p.console(), "/console/")); strings.Contains(text, "0 µs</td>") {
		t.Error("the minute in which all was refused is shown with a latency of nothing")
	}
}

// However often somebody behind an address asks without a session, the next one is led to the sign-in.
func TestNoiseOfStrangersDoesNotHideTheSignIn(t *testing.T) {
	w := newWorld(t)
	for range 130 {
		w.get("", "/console/partners").want(http.StatusSeeOther)
	}
	w.get("viewer", "/console/partners").want(http.StatusOK)
}

// A page about something that did not work never says that something was done, whatever its address says.
func TestATroublePageSaysNotThatItWasDone(t *testing.T) {
	w := newWorld(t)
	const done = "Revoked, for good. Every server has confirmed"
	w.get("viewer", "/console/nothing?done=credential-revoked").want(http.StatusNotFound).silent(done)
	w.get("viewer", "/console/decisions?done=credential-revoked&from=yesterday").want(http.StatusUnprocessableEntity).silent(done)
	w.get("viewer", "/console/partners?done=credential-revoked").want(http.StatusOK).says(done)
}

// What nobody has typed is not given back as what was typed.
func TestEtagsAreNotAmongWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Acme", "sandbox")
	_, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: id, Environment: "sandbox", Rate: 5, Per: time.Second, Burst: 5})
	w.must(err)
	at := "/console/partners/" + id + "/limits/new"
	w.get("operator", at).form(at).set("environment", "sandbox", "rate", "7", "reason", "typed with care").submitAs("").
		want(http.StatusUnauthorized).says("typed with care").silent(`etag"`)
}

// A change whose parameters are none cannot be edited, and breaks nothing.
func TestAChangeWithoutParametersIsEditedWithoutHarm(t *testing.T) {
	p := newPlane(t)
	p.says("GET /v1/proposals/prp_1", api.Proposal{ID: "prp_1", Operation: "network.allow", State: api.ProposalStateOpen, Params: json.RawMessage("null")})
	if w := post(p.console(), "/console/proposals/prp_1/edit", url.Values{page.KeyName: {"k"}, "param-prefix": {"203.0.113.0/24"}}); w.Code >= 500 {
		t.Errorf("%d", w.Code)
	}
}

// garbage is what no page expects.
var garbage = []string{"\x00", "\xff\xfe", "-1", "99999999999999999999", "1e309", "0001-01-01 00:00", "9999-12-31 23:59", `"><script>`, "\u202e", "a\r\nX: y", "%zz", "null",
	`{"a":`, "[]", "..", "*", strings.Repeat("A", 5000), " "}

// TestGarbageIsNoFault: whatever stands in an address, or is typed into a form, is answered, and never by a fault of ours.
func TestGarbageIsNoFault(t *testing.T) {
	w := newWorld(t)
	begin := w.everything()
	for _, pattern := range console.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		for _, bad := range garbage {
			parts := strings.Split(strings.TrimSuffix(path, "{$}"), "/")
			for i, part := range parts {
				if strings.HasPrefix(part, "{") {
					parts[i] = url.PathEscape(bad)
				}
			}
			query := url.Values{}
			for _, name := range []string{"q", "state", "environment", "after", "from", "to", "last", "api", "partner", "limit", "id", "record", "order", "item", "closed", "address", "window", "rate", "decision"} {
				query.Set(name, bad)
			}
			target := strings.Join(parts, "/") + "?" + query.Encode()
			if strings.Contains(target, "/*") || strings.Contains(target, "/..") { // cannot stand in an address as it is
				continue
			}
			if answer := w.serve(w.request("glass", method, target, strings.NewReader("idempotency_key=k"))); answer.Code >= 500 {
				t.Errorf("%s with %.20q: %d: %.200s", pattern, bad, answer.Code, answer.main())
			}
		}
	}
	for _, target := range begin {
		shown := w.get("glass", target)
		for _, node := range shown.nodes("form") {
			if !strings.EqualFold(attr(node, "method"), "post") || strings.HasPrefix(attr(node, "action"), "/sign-in/") {
				continue
			}
			action, _, _ := strings.Cut(formAction(shown, node), "?")
			for i, bad := range append(garbage, garbage...) {
				f := shown.form(action)
				for name := range f.Values {
					stays := i < len(garbage) && (strings.HasPrefix(name, "etag") || name == "digest" || name == "environment")
					if name != page.KeyName && name != "confirmed" && !stays {
						f.set(name, bad)
					}
				}
				if answer := f.submit(); answer.Code >= 500 {
					t.Errorf("the form to %s with %.20q: %d: %.300s", action, bad, answer.Code, answer.main())
				}
			}
		}
	}
}

// TestAnApprovalShowsNotesAndNamesWhole: what the digest of a review covers is on the page to its last letter.
func TestAnApprovalShowsNotesAndNamesWhole(t *testing.T) {
	w := newWorld(t)
	id, at := w.asked("Acme")
	const end = "but only until Friday"
	check := at + "/checklist/security"
	w.get("operator", check).form(check).set("done", "yes", "note", strings.Repeat("n", 450)+" "+end+" (checked)").submit().followed()
	link := w.get("operator", at+"/evidence").form(at + "/evidence/link")
	link.set("url", "https://acme.example.com."+strings.Repeat("a", 50)+".evil.example/policy", "name", strings.Repeat("p", 170)+" "+end+" (name)", "note", strings.Repeat("m", 450)+" "+end+" (note)").submit().followed()
	w.get("approver", at+"/approve").want(http.StatusOK).says(end+" (checked)", end+" (name)", end+" (note)", ".evil.example") // where a link leads to is told by the end of its host
	if w.get("approver", "/console/partners/"+id).want(http.StatusOK); w.state(id, "sandbox") == partner.ReviewApproved {
		t.Error("it is approved already")
	}
}

// TestAPartThatBreaksIsAPageAndNotTheEndOfTheServer.
func TestAPartThatBreaksIsAPageAndNotTheEndOfTheServer(t *testing.T) {
	done := false
	if err := console.Together(func() { done = true }, func() { panic("on purpose") }, func() {}); err == nil || !done || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("%v, the other part was done: %v", err, done)
	}
	if err := console.Together(func() {}, func() {}); err != nil {
		t.Error(err)
	}
}

// TestAKeyThatNoPageMadeIsNone, on the page that reads its form by itself as well.
func TestAKeyThatNoPageMadeIsNone(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"a b", "a\r\nX: y", strings.Repeat("k", 65)} {
		w.post("operator", "/console/settings/apply", url.Values{page.KeyName: {key}, "text": {"partners: []"}}).want(http.StatusBadRequest)
	}
}
