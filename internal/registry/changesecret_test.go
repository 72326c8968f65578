package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

const chosen = "chosen-by-partner-1"

func (w *world) change(app registry.Issued, old, new string, immediate bool, want registry.Outcome) {
	w.t.Helper()
	got, err := w.ChangeSecret(ctx, app.Credential.ID, app.Login, []byte(old), []byte(new), immediate)
	if got != want || err != nil {
		w.t.Errorf("%v, %v, expected %v", got, err, want)
	}
}

func TestChangeSecretAtOnce(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	old := string(app.Secret.Bytes())
	w.try(app, "wrong", registry.Wrong)
	w.change(app, old, chosen, true, registry.Proved)
	row := w.last(registry.Actor{Kind: registry.Partner, Name: app.Login}, audit.SecretChanged, app.Credential.ID)
	if strings.Contains(row.Detail, chosen) || strings.Contains(row.Detail, old) {
		t.Error(row.Detail)
	}
	c := w.credential(app.Credential.ID)
	if c.Failures != 0 || c.Generation != 0 || len(c.Versions) != 2 || !c.Versions[0].ByPartner || c.Versions[1].ByPartner {
		t.Errorf("%+v", c)
	}
	w.try(app, old, registry.Wrong) // at once: the clock has not moved
	w.try(app, chosen, registry.Proved)
	w.restart()
	w.try(app, old, registry.Wrong)
	w.try(app, chosen, registry.Proved)
}

func TestChangeSecretWithGrace(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	old := string(app.Secret.Bytes())
	w.change(app, old, chosen, false, registry.Proved)
	w.try(app, old, registry.Proved)
	w.try(app, chosen, registry.Proved)
	w.clock.pass(registry.Grace - time.Second)
	w.try(app, old, registry.Proved)
	w.change(app, chosen, chosen+"-again", false, registry.Proved) // does not put the first one's end off
	w.clock.pass(2 * time.Second)
	w.try(app, old, registry.Wrong)
	w.try(app, chosen, registry.Proved)
	w.change(app, chosen+"-again", "the-last-one-1", true, registry.Proved) // ends all older ones
	w.try(app, chosen, registry.Wrong)
	w.try(app, chosen+"-again", registry.Wrong)
	w.try(app, "the-last-one-1", registry.Proved)
}

func TestRule30WrongSecretsCountOnChangeToo(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	old := string(app.Secret.Bytes())
	for i := range 5 {
		if i%2 == 0 {
			w.change(app, "wrong", chosen, true, registry.Wrong)
		} else {
			w.try(app, "wrong", registry.Wrong)
		}
	}
	w.change(app, old, chosen, true, registry.Locked)
	w.try(app, old, registry.Locked)
	if n := len(w.credential(app.Credential.ID).Versions); n != 1 {
		t.Errorf("%d versions", n)
	}
	if w.hasher.hashed != 1 { // the one that was issued
		t.Errorf("%d new secrets were hashed", w.hasher.hashed)
	}
}

func TestChangeSecretKeepsThePolicy(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	for _, new := range []string{"", "short1", "abcdefghijkl", "123456789012", "with space 12", strings.Repeat("a1", 128)} {
		w.refuse(secret.ErrPolicy, func() error {
			o, err := w.ChangeSecret(ctx, app.Credential.ID, app.Login, app.Secret.Bytes(), []byte(new), true)
			if o != 0 {
				t.Errorf("%q: %v", new, o)
			}
			return err
		})
	}
	if n := w.failures(app); n != 0 {
		t.Errorf("%d counted", n)
	}
}

func TestChangeSecretOfAStrangerChangesNothing(t *testing.T) {
	w := newWorld(t)
	app, other := w.app(), w.app()
	w.refuse(nil, func() error {
		o, err := w.ChangeSecret(ctx, app.Credential.ID, other.Login, app.Secret.Bytes(), []byte(chosen), true)
		if o != registry.Wrong {
			t.Error(o)
		}
		return err
	})
	w.must(w.RevokeCredential(ctx, alice, other.Credential.ID, ""))
	w.change(other, string(other.Secret.Bytes()), chosen, true, registry.Wrong)
}

func TestParallelChangesLeaveOneSecretThatWorks(t *testing.T) {
	w := newWorld(t, func(c *registry.Config) { c.QueueWait = time.Minute })
	app := w.app()
	old := app.Secret.Bytes()
	news := []string{"parallel-new-0", "parallel-new-1", "parallel-new-2"}
	count := w.parallel(len(news), func(i int) (registry.Outcome, error) {
		return w.ChangeSecret(ctx, app.Credential.ID, app.Login, old, []byte(news[i]), true)
	})
	if count[registry.Proved] != 1 || count[registry.Wrong] != 2 {
		t.Errorf("%v", count)
	}
	works := 0
	for _, new := range news {
		if o, err := w.Authenticate(ctx, app.Credential.ID, app.Login, []byte(new)); o == registry.Proved && err == nil {
			works++
		}
	}
	if c := w.credential(app.Credential.ID); works != 1 || len(c.Versions) != 2 {
		t.Errorf("%d secrets work, %d versions", works, len(c.Versions))
	}
}

func TestChangeSecretWhenTheHasherGivesUpHalfWay(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	calls := 0
	w.hasher.fail = func() error {
		if calls++; calls == 2 { // the old one was verified, the new one finds no capacity
			return secret.ErrBusy
		}
		return nil
	}
	w.change(app, string(app.Secret.Bytes()), chosen, true, registry.Busy)
	w.hasher.fail = func() error {
		if calls++; calls%2 == 0 {
			return errors.New("broken")
		}
		return nil
	}
	calls = 0
	if o, err := w.ChangeSecret(ctx, app.Credential.ID, app.Login, app.Secret.Bytes(), []byte(chosen), true); o != 0 || err == nil {
		t.Errorf("%v, %v", o, err)
	}
	w.hasher.fail = nil
	if n := w.failures(app); n != 0 {
		t.Errorf("%d counted", n)
	}
	w.try(app, string(app.Secret.Bytes()), registry.Proved)
}
