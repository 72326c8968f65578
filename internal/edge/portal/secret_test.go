package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

var shown = regexp.MustCompile(`(?s)<textarea class="mono" readonly[^>]*>\s*([^<]+)</textarea>`)

// secretIn is the secret that a page shows; empty: none.
func secretIn(a answer) string {
	if m := shown.FindStringSubmatch(a.Body.String()); m != nil {
		return m[1]
	}
	return ""
}

// TestASecretIsShownOnce: the answer of the POST shows it and is kept nowhere; the same form again shows nothing.
func TestASecretIsShownOnce(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	form := key("kind", "signing_key")
	first := w.post("ann", "/portal/start/sandbox/credential", form).is(http.StatusOK, "shown this once")
	secret := secretIn(first)
	if len(secret) < 32 || !strings.Contains(first.Header().Get("Cache-Control"), "no-store") {
		t.Fatalf("secret %d bytes, %v", len(secret), first.Header())
	}
	w.post("ann", "/portal/start/sandbox/credential", form).is(http.StatusConflict, "It was shown already").lacks(secret)
	own := w.view(id)
	if len(own.Credentials) != 1 {
		t.Fatalf("%d credentials", len(own.Credentials))
	}
	for _, path := range []string{"/portal/credentials", "/portal/credentials/" + own.Credentials[0].ID, "/portal/start/sandbox", "/portal/start/sandbox/caller/card", "/portal/requests"} {
		w.get("ann", path).is(http.StatusOK).lacks(secret)
	}
}

// TestRotationOverlaps walks the guided way: a new secret, the old one counts on, then it is ended.
func TestRotationOverlaps(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	at := "/portal/credentials/" + c.ID
	w.post("ann", at+"/rotate", key("overlap", "3")).is(http.StatusUnprocessableEntity, "Choose how long")
	w.post("ann", at+"/retire", key("version", "1")).is(http.StatusConflict) // the only one
	form := key("overlap", "7")
	secret := secretIn(w.post("ann", at+"/rotate", form).is(http.StatusOK, "The old secret counts on"))
	w.post("ann", at+"/rotate", form).is(http.StatusConflict, "shown already").lacks(secret)
	own := w.view(id)
	versions := own.Credentials[0].Versions
	if len(versions) != 2 || !versions[1].Live(w.clock.now().Add(6*24*time.Hour)) || versions[1].Live(w.clock.now().Add(8*24*time.Hour)) {
		t.Fatalf("versions %+v", versions)
	}
	w.get("ann", at).is(http.StatusOK, "Still counts", "End version 1")
	w.post("ann", at+"/retire", key("version", "1")).leads(at + "?done=retired")
	w.get("ann", at).is(http.StatusOK, "Ended").lacks("Still counts")
}

// TestTwoWindowsMakeOneSecret: a page that was opened before the newest secret was made does not make another one.
func TestTwoWindowsMakeOneSecret(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	at := "/portal/credentials/" + w.credential(id, "sandbox").ID
	w.get("ann", at).is(http.StatusOK, `name="newest" value="1"`)
	w.post("ann", at+"/rotate", key("overlap", "7", "newest", "1")).is(http.StatusOK, "The old secret counts on")
	w.post("ann", at+"/rotate", key("overlap", "7", "newest", "1")).is(http.StatusConflict, "secret version 2 was made", "Nothing was changed now")
	if versions := w.view(id).Credentials[0].Versions; len(versions) != 2 {
		t.Errorf("%d versions", len(versions))
	}
	w.post("ann", at+"/rotate", key("overlap", "7", "newest", "2")).is(http.StatusOK, "The old secret counts on")
}

// TestAScheduledSecretIsHandedOverOnce: however many ask at once, one gets it.
func TestAScheduledSecretIsHandedOverOnce(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann")
	w.approve(id, "sandbox")
	c := w.credential(id, "sandbox")
	_, err := w.ScheduleRotation(ctx, alice, c.ID, partner.Schedule{Every: 30 * 24 * time.Hour, Overlap: 7 * 24 * time.Hour})
	w.must(err)
	w.clock.pass(31 * 24 * time.Hour)
	p := w.people["ann"]
	p.ExpiresAt = w.clock.now().Add(time.Hour)
	w.people["ann"] = p
	_, err = w.RunSchedules(ctx, registry.Actor{Kind: registry.System, Name: "schedule"}, nil)
	w.must(err)
	at := "/portal/credentials/" + c.ID
	w.get("ann", at).is(http.StatusOK, "A new secret waits")
	var wait sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		form := key()
		wait.Go(func() { answers[i] = w.post("ann", at+"/reveal", form) })
	}
	wait.Wait()
	secrets := 0
	for _, a := range answers {
		if secretIn(a) != "" {
			secrets++
		} else if a.Code != http.StatusConflict {
			t.Errorf("status %d", a.Code)
		}
	}
	if secrets != 1 {
		t.Errorf("%d got the secret", secrets)
	}
	w.get("ann", at).is(http.StatusOK).lacks("A new secret waits")
}

// TestAnApprovedSecretIsTakenByWhoAsked: the operator approves, the member who asked sees the secret, once; a colleague does not.
func TestAnApprovedSecretIsTakenByWhoAsked(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann", "ben")
	w.approve(id, "sandbox")
	w.approve(id, "production")
	_, err := w.SetApprovals(ctx, alice, registry.Approvals{Environments: []registry.EnvironmentApprovals{{Environment: "production", Approvals: 1}}}, "test")
	w.must(err)
	w.post("ann", "/portal/start/production/credential", key("kind", "signing_key")).leads("/portal/requests?done=asked")
	p := w.view(id).Proposals[0]
	at := "/portal/requests/" + p.ID + "/take"
	w.get("ann", "/portal/start/production").is(http.StatusOK, "asked for, waits for an operator")
	w.post("ann", at, key()).is(http.StatusConflict)
	full, err := w.Proposal(ctx, p.ID)
	w.must(err)
	_, err = w.ApproveProposal(ctx, bob, p.ID, full.Digest(), "")
	w.must(err)
	w.get("ann", "/portal/requests").is(http.StatusOK, "Show the secret")
	w.get("ben", "/portal/requests").is(http.StatusOK, "takes the secret").lacks("Show the secret")
	w.post("ben", at, key()).is(http.StatusConflict, "Only ann@example.org")
	form := key()
	secret := secretIn(w.post("ann", at, form).is(http.StatusOK))
	if secret == "" {
		t.Fatal("no secret")
	}
	w.post("ann", at, form).is(http.StatusConflict, "shown already").lacks(secret)
	w.post("ann", at, key()).is(http.StatusConflict, "shown already").lacks(secret)
}

// TestWhoAskedWithdraws: a colleague cannot, and what has ended stays.
func TestWhoAskedWithdraws(t *testing.T) {
	w := newWorld(t)
	id := w.partner("Acme", "ann", "ben")
	w.approve(id, "sandbox")
	w.post("ann", "/portal/addresses", key("environment", "sandbox", "prefix", "203.0.113.9")).leads("/portal/addresses?done=asked")
	at := "/portal/requests/" + w.view(id).Proposals[0].ID + "/withdraw"
	w.post("ben", at, key()).is(http.StatusConflict)
	w.post("ann", at, key()).leads("/portal/requests?done=withdrawn")
	w.post("ann", at, key()).is(http.StatusConflict)
	w.get("ann", "/portal/requests").is(http.StatusOK, "Withdrawn")
}
