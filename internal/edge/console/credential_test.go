package console_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/edge/admin"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/traffic"
)

// A new secret is shown once, however often and however quickly the form is sent.
func TestRule33ANewSecretIsShownOnce(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	here := "/console/partners/" + id + "/credentials/new"
	s := w.get("operator", here).want(200).says("sandbox").silent("<option value=\"production\"")
	s.form(here).submit().want(http.StatusUnprocessableEntity).says("Choose what the partner's API asks for")
	f := s.form(here).set("environment", "sandbox", "kind", "signing_key", "reason", "kept in the form")
	value := oneSecret(t, atOnce(w, f))
	f.submit().want(200).says("It was shown already").silent(value)
	page, err := w.CredentialPage(ctx, partner.CredentialQuery{PartnerID: id, Limit: 10})
	w.must(err)
	if len(page.Items) != 1 {
		t.Fatalf("%d credentials of one form", len(page.Items))
	}
	k := page.Items[0].Value
	w.get("operator", "/console/credentials/"+k.ID).want(200).says(k.KeyID, "signing key", "version 1", "live").silent(value)
	w.nowhere(value)
	f.set("environment", "sandbox", "kind",
		"app").submit().want(http.StatusConflict).says("Nothing was") // the same key for something else
}

// Who uses which version stands on the credential's page, from sums, so that it is quick; where they cannot be read it says so.
func TestTheUseOfVersionsIsShown(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.App).Credential
	w.sums.used(id, "sandbox", traffic.Count{Allowed: 20}, w.clock.now(),
		traffic.VersionUsage{Credential: k.ID, Version: 1, Count: traffic.Count{Allowed: 12, Refused: 3}, Last: w.clock.now().Add(-3 * time.Hour),
			Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.9")}},
		traffic.VersionUsage{Credential: k.ID, Version: 0, Count: traffic.Count{Allowed: 8}, Last: w.clock.now()},
		traffic.VersionUsage{Credential: k.ID, Version: 7, Count: traffic.Count{Allowed: 1}, Last: w.clock.now()})
	s := w.get("viewer", "/console/credentials/"+k.ID).want(200)
	s.says("version 1 live no end 3 h ago 12 3 198.51.100.9", "by access token of no version", "version 7 gone", "App key in sandbox")
	w.sums.faults = []string{"the sums of yesterday are gone"}
	w.get("viewer", "/console/credentials/"+k.ID).want(200).says("the numbers are too low")
}

func TestRotationWithOverlapAsAGuidedFlow(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.SigningKey).Credential
	use := func(version int) {
		w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: k.ID, Version: version, Proved: true,
			Address: netip.MustParseAddr("198.51.100.9")})
	}
	use(1)
	use(1)
	here := "/console/credentials/" + k.ID
	if !w.get("operator", here).want(200).linked(here + "/rotate") {
		t.Fatal("no way to the rotation")
	}
	s := w.get("operator", here+"/rotate").want(200)
	s.says("1. Who uses what today", "198.51.100.9: 2", "2. How long both count", "after a week", "2026-11-27 10:00:00 UTC")
	s.form(here+"/rotate").set("overlap", "chosen").submit().want(http.StatusUnprocessableEntity).says("Name the day")
	s.form(here+"/rotate").set("overlap", "chosen", "until",
		"2030-01-01T00:00").submit().want(http.StatusUnprocessableEntity).says("Nothing was changed")
	f := s.form(here+"/rotate").set("overlap", "2026-11-23T10:00:00Z")
	w.clock.pass(time.Second) // the second press of the button comes later, and is the same request
	value := oneSecret(t, atOnce(w, f))
	w.clock.pass(time.Second)
	f.submit().want(200).says("It was shown already").silent(value)
	c, err := w.FindCredential(ctx, k.ID)
	w.must(err)
	if len(c.Versions) != 2 || !c.Versions[1].NotAfter.Equal(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v", c.Versions)
	}
	s.form(here + "/rotate").submitAs("approver").want(http.StatusForbidden)
	w.get("operator", here+"/rotate").form(here + "/rotate") // there is a form still
	use(2)
	s = w.get("operator", here+"/rotation").want(200).says("1 older version still in use", "version 2", "version 1",
		"2026-11-20").silent(value)
	s.form(here + "/retire").submit().want(http.StatusUnprocessableEntity).says("tick the box")
	w.get("viewer", here+"/rotation").want(200).silent(here + "/retire")
	s.form(here+"/retire").set("confirmed", "yes").submit().followed().want(200).says("Retired: that version is refused",
		"One version counts")
	s.form(here+"/retire").set("confirmed", "yes").submit().followed().want(200) // pressed twice
	w.nowhere(value)
}

// A rotation that waits for a second person shows no secret, and leads to what they will see.
func TestARotationInProductionWaits(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	k := w.issued(id, "production", partner.App).Credential
	here := "/console/credentials/" + k.ID
	s := w.get("operator", here+"/rotate").form(here + "/rotate").submit().followed().want(200)
	s.says("Nothing was changed yet: it waits for a second person", "Rotate a credential")
	if got := s.secret(); got != "" {
		t.Error("it shows a secret")
	}
}

// The secret of a scheduled rotation goes to one of those who ask.
func TestRule33AWaitingSecretIsRevealedToOne(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.SigningKey).Credential
	here := "/console/credentials/" + k.ID
	s := w.get("operator", here+"/schedule").want(200).says("After the handing over")
	f := s.form(here+"/schedule").set("every", "604800", "overlap", "86400")
	f.submit().followed().want(200).says("The schedule is set", "a new secret every 7 days")
	f.submit().followed().want(200) // pressed twice
	s.form(here+"/schedule").set("every",
		"1209600").submit().want(http.StatusPreconditionFailed).says("Somebody changed the schedule")
	w.clock.pass(8 * 24 * time.Hour)
	if _, err := w.RunSchedules(ctx, registry.Actor{Kind: registry.System, Name: "schedules"}, nil); err != nil {
		t.Fatal(err)
	}
	w.get("viewer", here).want(200).says("waits until").silent(here + "/reveal")
	s = w.get("operator", here).want(200).says("waits to be handed over")
	value := oneSecret(t, atOnce(w, s.form(here+"/reveal")))
	w.get("operator", here).want(200).silent(value, here+"/reveal")
	w.get("operator", here+"/schedule").form(here + "/unschedule").submit().followed().says("The schedule has ended")
	w.nowhere(value)
}

func TestRevocationPreviewStandsBeforeTheButton(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.SigningKey).Credential
	ids := w.record.add(audit.Decision{Environment: "sandbox", Partner: id, Credential: k.ID, Version: 1, Proved: true},
		audit.Decision{Environment: "sandbox", Partner: id, Credential: k.ID, Version: 1, Proved: true,
			Address: netip.MustParseAddr("198.51.100.9")})
	here := "/console/credentials/" + k.ID
	w.get("viewer", here+"/revoke").want(200).says("In the last day", "In the last 7 days").silent("Revoke it for good")
	s := w.get("approver", here+"/revoke").want(200).says("2 requests would have been refused, from 2 addresses",
		"198.51.100.9", "203.0.113.7", "card")
	if !s.linked("/console/decisions/" + ids[0]) {
		t.Errorf("no link to a request: %v", s.links())
	}
	s.form(here+"/revoke").set("reason", "leaked").submit().want(http.StatusUnprocessableEntity).says("Nothing was done yet")
	s.form(here+"/revoke").set("confirmed", "yes").submit().want(http.StatusUnprocessableEntity).says("Say why")
	f := s.form(here+"/revoke").set("confirmed", "yes", "reason", "leaked")
	f.submitAs("viewer").want(http.StatusForbidden)
	w.nodes = []admin.Node{{Name: "one", Environment: "sandbox", Revision: 1 << 30, At: w.clock.now()}}
	f.submit().followed().want(200).says("Every server has confirmed that it refuses it", "revoked")
	w.nodes[0].Revision = 1
	f.submit().followed().want(200).says("Not every server has confirmed it yet", "Which server refuses it already", "one not confirmed yet") // pressed twice, and a server has lost its way
	told, err := w.Revision(ctx)
	w.must(err)
	now := w.clock.now()
	w.nodes = []admin.Node{
		{Name: "one", Environment: "sandbox", Revision: told, State: registry.NodeCurrent, At: now, StopsAt: now.Add(time.Minute), Took: 7 * time.Millisecond},
		{Name: "two", Environment: "sandbox", Revision: 1, State: registry.NodeSilent, At: now.Add(-time.Minute), Silence: time.Minute, ReadAge: time.Minute, StopsAt: now.Add(14 * time.Minute), Took: -1},
		{Name: "three", Environment: "sandbox", Revision: 1, State: registry.NodeStopped, At: now.Add(-time.Hour), Silence: time.Hour, ReadAge: time.Hour, StopsAt: now.Add(-time.Minute), Took: -1},
		{Name: "node-4", Environment: "production", Revision: 1, At: now, Took: -1},
	}
	f.submit().followed().want(200).says("Not every server has confirmed it yet", "one in force after 7 ms", "two not confirmed: it is silent 1 minute ago",
		"at the latest", "three decides nothing: it has stopped by itself").silent("node-4")
	w.nodes = append(w.nodes[:1], w.nodes[2])
	f.submit().followed().want(200).says("Every server has confirmed that it refuses it", "one in force after 7 ms")
	w.get("operator", here+"?revision=1").want(200).says("Which server refuses it already")
	w.get("operator", here+"?revision=-1").want(200).silent("Which server refuses it already")
	w.get("operator", here+"?revision=x").want(200).silent("Which server refuses it already")
	if n := len(w.rows(audit.CredentialRevoked)); n != 1 {
		t.Errorf("revoked %d times", n)
	}
	w.get("operator", here).want(200).silent(here+"/rotate", here+"/revoke\"")
}

// Somebody else was quicker: nothing is overwritten, and the page shows what is there now.
func TestAStaleCredentialIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.SigningKey).Credential
	here := "/console/credentials/" + k.ID
	keys := w.get("operator", here+"/client-keys").want(200)
	revoke, rotate := w.get("operator", here+"/revoke").want(200), w.get("operator", here+"/rotate").want(200)
	first := strings.Repeat("ab", 32)
	keys.form(here+"/client-keys").set("keys", "not hex").submit().want(http.StatusUnprocessableEntity).says("not hex")
	keys.form(here+"/client-keys").set("keys", first).submit().followed().says("The client keys of this credential are set",
		first)
	keys.form(here+"/client-keys").set("keys", first).submit().followed().says(first) // pressed twice
	again := keys.form(here+"/client-keys").set("keys", strings.Repeat("cd", 32)).submit().want(http.StatusPreconditionFailed)
	again.says("Somebody changed this after your page was made")
	revoke.form(here+"/revoke").set("confirmed", "yes", "reason",
		"leaked").submit().want(http.StatusPreconditionFailed).says("it was not revoked")
	rotate.form(here + "/rotate").submit().want(http.StatusPreconditionFailed).says("nothing of yours was carried out").silent("data-secret")
	again.form(here + "/client-keys").submit().followed().says(strings.Repeat("cd", 32))
}

func TestALockedCredentialIsUnlocked(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example <script>alert(1)</script> Bank", "sandbox")
	k := w.issued(id, "sandbox", partner.App)
	for range 6 {
		_, _ = w.Authenticate(ctx, k.Credential.ID, k.Login, []byte("wrong"))
	}
	here := "/console/credentials/" + k.Credential.ID
	s := w.get("operator", here).want(200).says("It is locked since", "Example <script>alert(1)</script> Bank")
	if strings.Contains(s.Body.String(), "<script>alert") {
		t.Error("a partner's name is markup")
	}
	s.form(here+"/unlock").set("reason", "they called").submit().followed().says("Unlocked").silent("It is locked since")
	s.form(here + "/revoke-tokens").submit().followed().says("All access tokens of this credential are refused")
}

// What is not there, and what lies in an environment that one does not see, are one page.
func TestNothingOfAnotherEnvironmentIsThere(t *testing.T) {
	w := newWorld(t)
	id := w.admitted("Example Bank", "sandbox", "production")
	k := w.issued(id, "production", partner.SigningKey).Credential
	for _, path := range []string{"", "/rotate", "/rotation", "/revoke", "/schedule", "/client-keys"} {
		hidden := w.get("sandbox", "/console/credentials/"+k.ID+path).want(404).main()
		if nothing := w.get("sandbox", "/console/credentials/crd_nothing"+path).want(404).main(); nothing != hidden {
			t.Errorf("%s tells that something is there: %q, %q", path, hidden, nothing)
		}
	}
	form := url.Values{"idempotency_key": {"k1"}, "etag": {"x"}, "confirmed": {"yes"}, "reason": {"x"}, "overlap": {"now"},
		"version": {"1"}, "every": {"604800"}, "overlap_seconds": {"0"}}
	for _, path := range []string{"/rotate", "/retire", "/revoke", "/reveal", "/schedule", "/unschedule", "/client-keys",
		"/unlock", "/revoke-tokens"} {
		w.post("sandbox", "/console/credentials/"+k.ID+path, form).want(404)
		w.post("viewer", "/console/credentials/"+k.ID+path, url.Values{}).want(http.StatusBadRequest).says("cannot be read")
	}
}
