package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// try authenticates and checks the outcome.
func (w *world) try(app registry.Issued, presented string, want registry.Outcome) {
	w.t.Helper()
	if got, err := w.Authenticate(ctx, app.Credential.ID, app.Login, []byte(presented)); got != want || err != nil {
		w.t.Errorf("%q: %v, %v, expected %v", presented, got, err, want)
	}
}

// failures is the durable count.
func (w *world) failures(app registry.Issued) int {
	w.t.Helper()
	return w.credential(app.Credential.ID).Failures
}

func TestRule30FiveConsecutiveFailuresLock(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	right := string(app.Secret.Bytes())
	w.try(app, right, registry.Proved)
	for range 4 {
		w.try(app, "wrong", registry.Wrong)
	}
	w.try(app, right, registry.Proved) // success resets
	if n := w.failures(app); n != 0 {
		t.Errorf("%d failures after a success", n)
	}
	for i := range 5 {
		w.try(app, "wrong", registry.Wrong)
		if n := w.failures(app); n != i+1 {
			t.Errorf("%d failures after %d", n, i+1)
		}
	}
	row := w.last(registry.Actor{Kind: registry.System, Name: "registry"}, audit.CredentialLocked, app.Credential.ID)
	if !strings.Contains(row.Detail, "5 consecutive failures") {
		t.Error(row.Detail)
	}
	verified, dummies := w.hasher.counts()
	w.try(app, right, registry.Locked)
	w.try(app, "wrong", registry.Locked)
	if v, d := w.hasher.counts(); v != verified || d != dummies {
		t.Error("a locked credential was hashed")
	}
	w.restart()
	w.clock.pass(1000 * time.Hour)
	w.try(app, right, registry.Locked)
	unlocked, err := w.Unlock(ctx, alice, app.Credential.ID)
	if err != nil || len(unlocked) != 1 || unlocked[0] != app.Credential.ID {
		t.Errorf("%v, %v", unlocked, err)
	}
	w.last(alice, audit.CredentialOpened, app.Credential.ID)
	w.try(app, right, registry.Proved)
}

func TestUnlockByPartner(t *testing.T) {
	w := newWorld(t)
	first := w.app()
	id := first.Credential.PartnerID
	second, err := w.IssueApp(ctx, alice, id, "sandbox")
	w.must(err)
	_, err = w.IssueSigningKey(ctx, alice, id, "sandbox")
	w.must(err)
	w.refuse(nil, func() error { _, err := w.Unlock(ctx, alice, id); return err }) // nothing to unlock
	for range 5 {
		w.try(first, "wrong", registry.Wrong)
	}
	w.try(second, string(second.Secret.Bytes()), registry.Proved) // each credential has its own count
	unlocked, err := w.Unlock(ctx, alice, id)
	if err != nil || len(unlocked) != 1 || unlocked[0] != first.Credential.ID {
		t.Errorf("%v, %v", unlocked, err)
	}
	w.refuse(registry.ErrNotFound, func() error { _, err := w.Unlock(ctx, alice, "ptn_none"); return err })
}

func TestRule30AStrangerCannotLockAPartnerOut(t *testing.T) {
	w := newWorld(t)
	app, other, key := w.app(), w.app(), w.signingKey()
	w.must(w.RevokeCredential(ctx, alice, other.Credential.ID, ""))
	for name, call := range map[string]struct{ credential, login, secret string }{
		"another partner's login":   {app.Credential.ID, other.Login, string(other.Secret.Bytes())},
		"no login":                  {app.Credential.ID, "", string(app.Secret.Bytes())},
		"part of the login":         {app.Credential.ID, app.Login[:12], string(app.Secret.Bytes())},
		"more than the login":       {app.Credential.ID, app.Login + "0", string(app.Secret.Bytes())},
		"revoked, right secret":     {other.Credential.ID, other.Login, string(other.Secret.Bytes())},
		"unknown credential":        {"crd_none", app.Login, string(app.Secret.Bytes())},
		"a signing key":             {key.Credential.ID, "", string(key.Secret.Bytes())},
		"a signing key, some login": {key.Credential.ID, app.Login, string(key.Secret.Bytes())},
	} {
		for range 7 {
			verified, dummies := w.hasher.counts()
			outcome, err := w.Authenticate(ctx, call.credential, call.login, []byte(call.secret))
			if outcome != registry.Wrong || err != nil {
				t.Errorf("%s: %v, %v", name, outcome, err)
			}
			if v, d := w.hasher.counts(); v != verified || d != dummies+1 {
				t.Errorf("%s: %d hashes and %d dummies", name, v-verified, d-dummies)
			}
		}
	}
	if w.failures(app)+w.failures(other)+w.failures(key) != 0 {
		t.Error("a stranger's attempts were counted")
	}
	w.try(app, string(app.Secret.Bytes()), registry.Proved)
}

func TestRule30TheAttemptIsDurableBeforeTheHash(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	counted := -1
	w.hasher.during = func() { counted = w.failures(app) }
	w.try(app, string(app.Secret.Bytes()), registry.Proved)
	if counted != 1 || w.failures(app) != 0 {
		t.Errorf("%d written down during the hash, %d after it", counted, w.failures(app))
	}
}

func TestRule30AnAttemptThatWasCutShortCountsAsAFailure(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	for range 4 {
		w.try(app, "wrong", registry.Wrong)
	}
	w.hasher.during = func() { panic("killed") }
	func() {
		defer func() { _ = recover() }()
		_, _ = w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes())
	}()
	w.hasher.during = nil
	w.restart()
	verified, _ := w.hasher.counts()
	w.try(app, string(app.Secret.Bytes()), registry.Locked)
	if v, _ := w.hasher.counts(); v != verified {
		t.Error("hashed")
	}
	if c := w.credential(app.Credential.ID); c.LockedAt.IsZero() {
		t.Error("the lock is not written down")
	}
	w.last(registry.Actor{Kind: registry.System, Name: "registry"}, audit.CredentialLocked, app.Credential.ID)
}

func TestHasherThatIsBusyOrBrokenIsNotCounted(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	broken := errors.New("broken")
	for fault, want := range map[error]registry.Outcome{secret.ErrBusy: registry.Busy, broken: 0} {
		w.hasher.fail = func() error { return fault }
		for _, login := range []string{app.Login, "1"} {
			for range 6 {
				outcome, err := w.Authenticate(ctx, app.Credential.ID, login, []byte("wrong"))
				if outcome != want || (want == 0) != errors.Is(err, broken) {
					t.Errorf("%v, %v", outcome, err)
				}
			}
		}
		if n := w.failures(app); n != 0 {
			t.Errorf("%d counted", n)
		}
	}
}

func TestAnHonestCallerWhoHangsUpIsNotCounted(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	leaving, leave := context.WithCancel(ctx)
	w.hasher.during = leave
	if outcome, err := w.Authenticate(leaving, app.Credential.ID, app.Login, app.Secret.Bytes()); outcome != registry.Proved || err != nil {
		t.Errorf("%v, %v", outcome, err)
	}
	if n := w.failures(app); n != 0 {
		t.Errorf("%d counted", n)
	}
}

func TestWhatWasRevokedDuringTheHashProvesNothing(t *testing.T) {
	for name, end := range map[string]func(w *world, id string) error{
		"revoked": func(w *world, id string) error { return w.RevokeCredential(ctx, alice, id, "") },
		"rotated": func(w *world, id string) error { _, err := w.Rotate(ctx, alice, id, time.Time{}); return err },
	} {
		w := newWorld(t)
		app := w.app()
		w.hasher.during = func() { w.must(end(w, app.Credential.ID)) }
		if outcome, err := w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes()); outcome != registry.Wrong || err != nil {
			t.Errorf("%s: %v, %v", name, outcome, err)
		}
	}
}

func TestAFailureDuringAnUnlockStillCounts(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	for range 4 {
		w.try(app, "wrong", registry.Wrong)
	}
	w.hasher.during = func() { _, err := w.Unlock(ctx, alice, app.Credential.ID); w.must(err) }
	w.try(app, "wrong", registry.Wrong)
	if n := w.failures(app); n != 1 {
		t.Errorf("%d counted", n)
	}
}

func TestAppWithoutALiveVersionIsWrongAndCounted(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	w.raw("UPDATE version SET not_after = 1")
	w.try(app, string(app.Secret.Bytes()), registry.Wrong)
	if _, dummies := w.hasher.counts(); dummies != 1 || w.failures(app) != 1 {
		t.Errorf("%d dummies, %d failures", dummies, w.failures(app))
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	for outcome, want := range map[registry.Outcome]string{0: "none", registry.Proved: "proved", registry.Wrong: "wrong",
		registry.Locked: "locked", registry.Busy: "busy", 99: "none"} {
		if outcome.String() != want {
			t.Errorf("%d is %s", outcome, outcome)
		}
	}
}
