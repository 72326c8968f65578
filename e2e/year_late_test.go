package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rotates: the server makes a new version by its schedule; the partner gets it, and both count until the absolute end of the old one,
// which every answer to it tells.
func (y *year) rotates(t *testing.T) {
	key := y.cards[production]
	w := y.alice.asks(t, "credential", "schedule", key.id, "--every", "90d", "--overlap", "14d", "--reason", "policy 7")
	y.did(y.alice, "proposal.made", "credential.schedule")
	y.approvedBy(t, y.bob, y.alice, w.ID, "credential.schedule")
	y.did(y.alice, "rotation.scheduled", "")
	y.did(y.bob, "proposal.applied", "credential.schedule")
	y.pass(t, 45*day)
	y.calls(t, production, get("midway")).want(t, 200)
	y.pass(t, 46*day)
	var shown struct {
		Schedule struct {
			Pending struct{ Version int }
		}
	}
	for begun := time.Now(); shown.Schedule.Pending.Version == 0; time.Sleep(20 * time.Millisecond) {
		y.alice.answers(t, "GET", "/v1/credentials/"+key.id).want(t, 200).decode(t, &shown)
		if time.Since(begun) > startLimit {
			t.Fatal("the schedule makes no version")
		}
	}
	y.didBySystem("credential.rotated", "")
	if a := y.calls(t, production, get("unaware")).want(t, 200); a.header.Get("Sunset") != "" {
		t.Errorf("an end is told before anybody has the new secret: %v", a)
	}
	var got issued
	y.alice.read(t, &got, "credential", "reveal", key.id, "--version", "2", "--wait")
	y.did(y.alice, "credential.rotated", "")
	tell(got.Secret)
	y.alice.refused(t, "", "credential", "reveal", key.id, "--version", "2")
	y.did(y.alice, "attempt.refused", "credential.reveal")
	old, fresh := key.secret, got.Secret

	a := y.calls(t, production, get("old")).want(t, 200)
	end, err := http.ParseTime(a.header.Get("Sunset"))
	if left := end.Sub(y.now()); err != nil || left < 13*day || left > 15*day {
		t.Errorf("Sunset %q is in %v: %v", a.header.Get("Sunset"), left, err)
	}
	if !strings.HasPrefix(a.header.Get("Deprecation"), "@") {
		t.Errorf("Deprecation %q", a.header.Get("Deprecation"))
	}
	key.secret = fresh
	if a := y.calls(t, production, get("new")).want(t, 200); a.header.Get("Sunset") != "" || a.header.Get("Deprecation") != "" {
		t.Errorf("the new version is told to end: %v", a)
	}
	y.rehearsed(t, key.id)
	y.pass(t, end.Sub(y.now())+time.Second)
	key.secret = old
	y.tells(t, y.alice, y.calls(t, production, get("ended")).want(t, 401), "version")
	key.secret = fresh
	y.calls(t, production, get("goes-on")).want(t, 200)
	w = y.alice.asks(t, "credential", "schedule", key.id, "--off")
	y.did(y.alice, "proposal.made", "credential.schedule")
	y.approvedBy(t, y.bob, y.alice, w.ID, "credential.schedule")
	y.did(y.alice, "rotation.scheduled", "")
	y.did(y.bob, "proposal.applied", "credential.schedule")
	y.byHand(t)
}

// byHand: in the sandbox, where nobody has to agree, a secret is exchanged by hand, and the old one is ended before its time.
func (y *year) byHand(t *testing.T) {
	key := y.cards[sandbox]
	var got issued
	y.alice.read(t, &got, "credential", "rotate", key.id, "--overlap-until", "7d", "--wait")
	y.did(y.alice, "credential.rotated", "the signing_key of Example Bank in sandbox")
	tell(got.Secret)
	old := key.secret
	if a := y.calls(t, sandbox, get("old")).want(t, 200); a.header.Get("Sunset") == "" {
		t.Errorf("no end is told to the old secret: %v", a)
	}
	key.secret = got.Secret
	y.calls(t, sandbox, get("new")).want(t, 200)
	y.alice.must(t, "credential", "retire", key.id, "--version", "1", "--yes", "--reason", "everybody has the new one", "--wait")
	y.did(y.alice, "version.retired", "everybody has the new one")
	wrong := get("retired")
	wrong.secret = old
	y.tells(t, y.alice, y.calls(t, sandbox, wrong).want(t, 401), "version 1: ended", "version 2: in force")
}

// rehearsed: who uses which version is told per version.
func (y *year) rehearsed(t *testing.T, id string) {
	t.Helper()
	var r struct {
		Versions []struct {
			Version, Allowed int
			Live, Newest     bool
			Addresses        struct {
				Top []struct{ Address string }
			}
		}
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		y.alice.answers(t, "GET", "/v1/credentials/"+id+"/rehearsal").want(t, 200).decode(t, &r)
		if len(r.Versions) == 2 && r.Versions[0].Allowed > 0 && r.Versions[1].Allowed > 0 {
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("the rehearsal says %+v", r)
		}
	}
}

// whatIf: a change that would cut the partner off is seen for what it is before it is approved, and is not.
func (y *year) whatIf(t *testing.T) {
	y.pass(t, 10*day)
	for range 5 {
		y.calls(t, production, get("busy")).want(t, 200)
	}
	var rules []struct{ ID, Environment string }
	y.alice.read(t, &rules, "network", "list", "Example Bank")
	id := ""
	for _, r := range rules {
		if r.Environment == production {
			id = r.ID
		}
	}
	w := y.alice.asks(t, "network", "remove", id)
	y.did(y.alice, "proposal.made", "network.remove")
	y.did(y.alice, "comment.added", "what-if report") // by itself, for the week before
	var attached waiting
	y.alice.read(t, &attached, "proposal", "what-if", w.ID, "--since", "1d")
	y.did(y.alice, "comment.added", "what-if report")
	y.bob.read(t, &attached, "proposal", "show", w.ID)
	var report struct {
		CutOff []struct {
			Reason   string
			Requests int
		} `json:"cut_off"`
	}
	if err := json.Unmarshal(attached.WhatIf.Report, &report); err != nil || len(report.CutOff) != 1 ||
		report.CutOff[0].Requests != 5 || report.CutOff[0].Reason != "address_not_listed" {
		t.Errorf("what-if says %v: %s", err, attached.WhatIf.Report)
	}
	y.bob.must(t, "proposal", "reject", w.ID, "--reason", "it cuts everybody off")
	y.did(y.bob, "proposal.rejected", "it cuts everybody off")
	y.calls(t, production, get("still")).want(t, 200)
}

// losesAKey: who would be cut off is looked at, the key is revoked, every node confirms, the next request is refused.
func (y *year) losesAKey(t *testing.T) {
	y.pass(t, time.Hour)
	key := y.cards[production]
	var preview struct{ Requests int }
	y.alice.read(t, &preview, "credential", "preview", key.id)
	if preview.Requests != 6 {
		t.Errorf("the preview counts %d requests, want 6", preview.Requests)
	}
	s := y.alice.run(t, "credential", "revoke", key.id, "--reason", "the laptop was stolen", "--yes", "--wait")
	if s.code != 0 || !strings.Contains(s.err, "live in production on ") || !strings.Contains(s.err, "sandbox on ") {
		t.Fatalf("revoke: exit code %d\n%s%s", s.code, s.out, s.err)
	}
	y.did(y.alice, "credential.revoked", "the laptop was stolen")
	y.tells(t, y.dora, y.calls(t, production, get("stolen")).want(t, 401), "revoked_credential")
	y.hold(production, y.issues(t, "signing-key"))
	y.calls(t, production, get("again")).want(t, 200)
}

// locked: five wrong secrets lock the app, and the right one counts no more until somebody unlocks it.
func (y *year) locked(t *testing.T) {
	y.pass(t, 20*day)
	for range 5 {
		y.exchange(t, "wrong").want(t, 401)
	}
	y.didBySystem("credential.locked", "")
	a := y.exchange(t, y.app.secret).want(t, 401)
	y.tells(t, y.alice, a, "locked")
	y.alice.must(t, "partner", "unlock", "--login", y.app.login, "--wait")
	y.did(y.alice, "credential.unlocked", "")
	y.exchange(t, y.app.secret).want(t, 200)
}

func (y *year) suspended(t *testing.T) {
	y.pass(t, 60*day)
	y.bob.must(t, "partner", "suspend", "Example Bank", "-e", production, "--reason", "unpaid since October", "--wait")
	y.did(y.bob, "review.suspended", "production: unpaid since October")
	a := y.calls(t, production, get("unpaid")).want(t, 403)
	if !strings.Contains(string(a.body), `"suspended"`) {
		t.Errorf("%v", a)
	}
	y.stage(t, "suspended")
	y.calls(t, sandbox, get("sandbox")).want(t, 200)
	w := y.alice.asks(t, "partner", "resume", "Example Bank", "-e", production, "--reason", "they paid")
	y.did(y.alice, "proposal.made", "review.resume", "they paid")
	y.calls(t, production, get("waits")).want(t, 403)
	y.approvedBy(t, y.bob, y.alice, w.ID, "review.resume")
	y.did(y.alice, "review.resumed", "they paid")
	y.did(y.bob, "proposal.applied", "review.resume")
	y.calls(t, production, get("paid")).want(t, 200)
}

func (y *year) closed(t *testing.T) {
	y.pass(t, 150*day)
	y.alice.must(t, "partner", "suspend", "Example Bank", "-e", production, "--reason", "the contract ends", "--wait")
	y.did(y.alice, "review.suspended", "the contract ends")
	w := y.alice.asks(t, "partner", "close", "Example Bank", "--yes", "--reason", "the contract has ended")
	y.did(y.alice, "proposal.made", "partner.close", "the contract has ended")
	y.approvedBy(t, y.bob, y.alice, w.ID, "partner.close")
	y.did(y.alice, "partner.closed", "the contract has ended")
	y.did(y.bob, "proposal.applied", "partner.close")
	for _, environment := range []string{sandbox, production} {
		if a := y.calls(t, environment, get("gone")); a.status != 401 && a.status != 403 {
			t.Errorf("%s: a closed partner is answered by %v", environment, a)
		}
	}
	y.stage(t, "closed")
	y.alice.refused(t, "", "partner", "request-access", "Example Bank", "-e", sandbox)
	y.did(y.alice, "attempt.refused", "review.request")
}
