package registry_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

func country(partnerID, code string) partner.NetworkRule {
	return partner.NetworkRule{PartnerID: partnerID, Environment: "sandbox", Country: code}
}

func TestCredentialsAreIssuedOnlyWhereTheReviewIsApproved(t *testing.T) {
	w := newWorld(t)
	for _, state := range []partner.ReviewState{"", partner.ReviewRequested, partner.ReviewSuspended, partner.ReviewClosed} {
		id := reach(t, w, state)
		w.refuse(registry.ErrState, func() error { _, err := w.IssueApp(ctx, alice, id, "sandbox"); return err })
		w.refuse(registry.ErrState, func() error { _, err := w.IssueSigningKey(ctx, alice, id, "sandbox"); return err })
	}
	id := reach(t, w, partner.ReviewApproved)
	w.refuse(registry.ErrState, func() error { _, err := w.IssueApp(ctx, alice, id, "production"); return err })
	w.refuse(registry.ErrNotFound, func() error { _, err := w.IssueApp(ctx, alice, "ptn_none", "sandbox"); return err })
	if w.hasher.hashed != 0 {
		t.Errorf("%d hashes for nothing", w.hasher.hashed)
	}
	app, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	w.last(alice, audit.CredentialIssued, app.Credential.ID)
	key, err := w.IssueSigningKey(ctx, bob, id, "sandbox")
	w.must(err)
	w.last(bob, audit.CredentialIssued, key.Credential.ID)
	for _, issued := range []registry.Issued{app, key} {
		if err := issued.Credential.Validate(); err != nil || issued.KeyID != issued.Credential.KeyID || issued.Version != 1 {
			t.Errorf("%+v, %v", issued, err)
		}
		if v := issued.Credential.Versions[0]; v.Hash != "" || v.Sealed != nil || !v.Secret.IsZero() || v.ByPartner {
			t.Errorf("an issued credential shows %+v", v)
		}
	}
	if secret.Policy(app.Secret.Bytes()) != nil || app.Login != app.Credential.Login || key.Secret.Len() != 43 || key.Login != "" {
		t.Error("secrets or logins of a wrong form")
	}
}

func TestSigningSecretsComeBackInTheRoster(t *testing.T) {
	w := newWorld(t)
	key := w.signingKey()
	next, err := w.Rotate(ctx, alice, key.Credential.ID, w.clock.now().Add(time.Hour))
	w.must(err)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	roster, err := w.Roster(ctx)
	w.must(err)
	versions := roster.Credentials[0].Versions
	if len(versions) != 2 || !versions[0].Secret.Equal(next.Secret) || !versions[1].Secret.Equal(key.Secret) || versions[0].Sealed != nil {
		t.Errorf("%+v", versions)
	}
	if k := roster.SealingKeys; len(k) != 1 || k[0].ID != 1 || k[0].Key.Len() != 32 || k[0].Sealed != nil {
		t.Errorf("%+v", k)
	}
	if n, err := w.Revision(ctx); err != nil || roster.Revision != n || n != uint64(len(w.rows())) || !roster.ReadAt.Equal(w.clock.now().Truncate(1000)) {
		t.Errorf("revision %d of %d, %v", roster.Revision, n, err)
	}
}

func TestRule36RotationOverlapsUntilAnAbsoluteEnd(t *testing.T) {
	w := newWorld(t)
	key := w.signingKey()
	id, start := key.Credential.ID, w.clock.now()
	live := func() (numbers []int) {
		for _, v := range w.credential(id).Versions {
			if v.Live(w.clock.now()) {
				numbers = append(numbers, v.Number)
			}
		}
		return numbers
	}
	want := func(numbers ...int) {
		t.Helper()
		if got := live(); !equal(got, numbers) {
			t.Errorf("live are %v, expected %v", got, numbers)
		}
	}
	want(1)
	issued, err := w.Rotate(ctx, alice, id, start.Add(time.Hour))
	w.must(err)
	if issued.Version != 2 || issued.KeyID != key.KeyID || issued.Secret.Equal(key.Secret) {
		t.Errorf("%+v", issued)
	}
	row := w.last(alice, audit.CredentialRotated, id)
	if !strings.Contains(row.Detail, "2026-11-20T11:00:00Z") {
		t.Error(row.Detail)
	}
	want(2, 1)
	w.clock.pass(30 * time.Minute)
	_, err = w.Rotate(ctx, alice, id, start.Add(2*time.Hour)) // an earlier end is not put off
	w.must(err)
	want(3, 2, 1)
	w.clock.pass(30*time.Minute + time.Microsecond)
	want(3, 2)
	_, err = w.Rotate(ctx, alice, id, time.Time{}) // at once
	w.must(err)
	want(4)
	for range registry.MaxLiveVersions {
		_, err = w.Rotate(ctx, alice, id, w.clock.now().Add(time.Hour))
		w.must(err)
	}
	want(8, 7, 6, 5) // the oldest made room
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.Rotate(ctx, alice, id, w.clock.now().Add(registry.MaxOverlap+time.Second))
		return err
	})
	w.refuse(registry.ErrNotFound, func() error { _, err := w.Rotate(ctx, alice, "crd_none", time.Time{}); return err })
	w.must(w.Suspend(ctx, alice, key.Credential.PartnerID, "sandbox", ""))
	w.refuse(registry.ErrState, func() error { _, err := w.Rotate(ctx, alice, id, time.Time{}); return err })
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestRevocations(t *testing.T) {
	w := newWorld(t)
	app, key := w.app(), w.signingKey()
	id := app.Credential.ID
	w.must(w.RevokeTokens(ctx, alice, id))
	w.last(alice, audit.TokensRevoked, id)
	if c := w.credential(id); c.Generation != 1 || !c.RevokedAt.IsZero() {
		t.Errorf("%+v", c)
	}
	w.refuse(registry.ErrState, func() error { return w.RevokeTokens(ctx, alice, key.Credential.ID) })
	w.refuse(registry.ErrNotFound, func() error { return w.RevokeTokens(ctx, alice, "crd_none") })
	w.must(w.RevokeCredential(ctx, bob, id, "leaked"))
	w.last(bob, audit.CredentialRevoked, id)
	if c := w.credential(id); c.RevokedAt.IsZero() {
		t.Errorf("%+v", c)
	}
	w.refuse(registry.ErrState, func() error { return w.RevokeCredential(ctx, bob, id, "") })
	w.refuse(registry.ErrState, func() error { _, err := w.Rotate(ctx, bob, id, time.Time{}); return err })
	w.refuse(registry.ErrNotFound, func() error { return w.RevokeCredential(ctx, bob, "crd_none", "") })
}

func TestNetworkRules(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	rule := partner.NetworkRule{PartnerID: p.ID, Environment: "sandbox", API: "card", Prefix: netip.MustParsePrefix("192.0.2.0/24"), Note: "office"}
	got, err := w.Allow(ctx, alice, rule)
	w.must(err)
	row := w.last(alice, audit.NetworkAllowed, got.ID)
	if row.Detail != "sandbox: 192.0.2.0/24 for card of "+p.ID {
		t.Error(row.Detail)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.Allow(ctx, bob, rule); return err }) // twice
	w.refuse(registry.ErrArgument, func() error { _, err := w.Allow(ctx, bob, got); return err })
	for _, bad := range []func(*partner.NetworkRule){
		func(n *partner.NetworkRule) { n.Prefix = netip.MustParsePrefix("0.0.0.0/0") },
		func(n *partner.NetworkRule) { n.Prefix = netip.MustParsePrefix("192.0.2.1/24") },
		func(n *partner.NetworkRule) { n.Country = "CA" },
		func(n *partner.NetworkRule) { n.Prefix, n.Country = netip.Prefix{}, "ca" },
	} {
		n := rule
		bad(&n)
		w.refuse(partner.ErrInvalid, func() error { _, err := w.Allow(ctx, bob, n); return err })
	}
	w.refuse(registry.ErrNotFound, func() error { _, err := w.Allow(ctx, bob, country("ptn_none", "CA")); return err })
	rules, err := w.Networks(ctx, p.ID)
	if err != nil || len(rules) != 1 || rules[0] != got {
		t.Errorf("%+v, %v", rules, err)
	}
	w.must(w.RemoveNetwork(ctx, bob, got.ID))
	w.last(bob, audit.NetworkRemoved, got.ID)
	w.refuse(registry.ErrNotFound, func() error { return w.RemoveNetwork(ctx, bob, got.ID) })
}

func TestSealingKeys(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.last(robot, audit.SealingKeyMade, "sandbox")
	w.refuse(nil, func() error { return w.EnsureSealingKey(ctx, robot, "sandbox") }) // it is there
	w.must(w.EnsureSealingKey(ctx, robot, "production"))
	w.must(w.RotateSealingKey(ctx, alice, "sandbox"))
	w.last(alice, audit.SealingKeyRotated, "sandbox")
	roster, err := w.Roster(ctx)
	w.must(err)
	if len(roster.SealingKeys) != 3 {
		t.Fatalf("%+v", roster.SealingKeys)
	}
	production, first, second := roster.SealingKeys[0], roster.SealingKeys[1], roster.SealingKeys[2]
	if production.ID != 1 || !production.RetiredAt.IsZero() || first.ID != 1 || first.RetiredAt.IsZero() || second.ID != 2 || !second.RetiredAt.IsZero() {
		t.Errorf("%+v", roster.SealingKeys)
	}
	if first.Key.Equal(second.Key) || first.Key.Equal(production.Key) {
		t.Error("two sealing keys are equal")
	}
}

func TestRule33NoSecretIsInTheFiles(t *testing.T) {
	w := newWorld(t)
	app, key := w.app(), w.signingKey()
	real, err := secret.NewHasher(secret.HasherConfig{Rand: bytes.NewReader(bytes.Repeat([]byte{7}, 1<<10)), Cost: secret.Cost{Memory: 64, Time: 1}})
	w.must(err)
	w.cfg.Hasher = real
	w.restart()
	hashed, err := w.IssueApp(ctx, alice, app.Credential.PartnerID, "sandbox")
	w.must(err)
	changed := []byte("chosen-by-the-partner-1")
	outcome, err := w.ChangeSecret(ctx, hashed.Credential.ID, hashed.Login, hashed.Secret.Bytes(), changed, false)
	if outcome != registry.Proved || err != nil {
		t.Fatal(outcome, err)
	}
	next, err := w.Rotate(ctx, alice, key.Credential.ID, time.Time{})
	w.must(err)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	roster, err := w.Roster(ctx)
	w.must(err)
	hidden := map[string][]byte{"partner secret": app.Secret.Bytes(), "hashed": hashed.Secret.Bytes(), "chosen": changed,
		"api secret": key.Secret.Bytes(), "next": next.Secret.Bytes(), "sealing key": roster.SealingKeys[0].Key.Bytes()}
	seen := 0
	look := func() {
		files, err := filepath.Glob(w.path + "*")
		w.must(err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			w.must(err)
			if bytes.Contains(content, []byte(key.KeyID)) {
				seen++
			}
			for name, plain := range hidden {
				if bytes.Contains(content, plain) {
					t.Errorf("the %s is in %s", name, filepath.Base(file))
				}
			}
		}
	}
	look() // with the log
	w.restart()
	look() // folded into the data file
	if seen < 2 {
		t.Errorf("the key id, which is no secret, was found in %d files: the test looks at the wrong place", seen)
	}
}
