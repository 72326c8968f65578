package registry_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// raw runs statements past every rule, as somebody with the disk would.
func (w *world) raw(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	w.must(err)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestRule28OneBadBlobFailsTheWholeRosterAndNamesItsRow(t *testing.T) {
	for name, damage := range map[string]func(a, b string) string{
		"moved": func(a, b string) string {
			return "UPDATE version SET sealed = (SELECT sealed FROM version WHERE credential_id = '" + a + "') WHERE credential_id = '" + b + "'"
		},
		"altered": func(_, b string) string {
			return "UPDATE version SET sealed = CAST(sealed || x'00' AS BLOB) WHERE credential_id = '" + b + "'"
		},
		"cut": func(_, b string) string {
			return "UPDATE version SET sealed = CAST(substr(sealed, 1, 8) AS BLOB) WHERE credential_id = '" + b + "'"
		},
		"emptied":    func(_, b string) string { return "UPDATE version SET sealed = x'' WHERE credential_id = '" + b + "'" },
		"renumbered": func(_, b string) string { return "UPDATE version SET number = 9 WHERE credential_id = '" + b + "'" },
		"moved to another environment": func(_, b string) string {
			return "UPDATE credential SET environment = 'production' WHERE id = '" + b + "'"
		},
	} {
		w := newWorld(t)
		a, b := w.signingKey().Credential.ID, w.signingKey().Credential.ID
		if _, err := w.Roster(ctx); err != nil {
			t.Fatal(err)
		}
		w.raw(damage(a, b))
		roster, err := w.Roster(ctx)
		if roster != nil || !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), b) || strings.Contains(err.Error(), a) {
			t.Errorf("%s: %v, %v", name, roster, err)
		}
	}
}

func TestSwappedSealingKeysAreNoticed(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	w.must(w.EnsureSealingKey(ctx, robot, "production"))
	w.raw("UPDATE sealing_key SET sealed = (SELECT sealed FROM sealing_key WHERE environment = 'sandbox') WHERE environment = 'production'")
	if _, err := w.Roster(ctx); !errors.Is(err, secret.ErrSealed) || !strings.Contains(err.Error(), "production") {
		t.Error(err)
	}
}

func TestAnotherKeyFileIsSaidInSoManyWords(t *testing.T) {
	w := newWorld(t)
	w.signingKey()
	other := secret.KeyFile{Path: t.TempDir() + "/keys", Create: true, Rand: rand.Reader}
	var err error
	w.cfg.Ring, err = secret.OpenRing(ctx, other, rand.Reader)
	w.must(err)
	w.restart()
	if _, err := w.Roster(ctx); !errors.Is(err, secret.ErrUnknownKey) {
		t.Error(err)
	}
}

func TestRosterDoesNotShowTheMovingCount(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	_, err := w.Authenticate(ctx, app.Credential.ID, app.Login, []byte("wrong"))
	w.must(err)
	roster, err := w.Roster(ctx)
	w.must(err)
	if roster.Credentials[0].Failures != 0 || roster.Credentials[0].Versions[0].Hash == "" {
		t.Errorf("%+v", roster.Credentials[0])
	}
	if c := w.credential(app.Credential.ID); c.Failures != 1 {
		t.Errorf("%+v", c)
	}
}

func TestStoreThatIsGoneIsAnErrorNotAnOutcome(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	w.must(w.db.Close())
	if o, err := w.Authenticate(ctx, app.Credential.ID, app.Login, app.Secret.Bytes()); o != 0 || err == nil {
		t.Errorf("%v, %v", o, err)
	}
	if o, err := w.ChangeSecret(ctx, app.Credential.ID, app.Login, app.Secret.Bytes(), []byte("abcdefghijk1"), true); o != 0 || err == nil {
		t.Errorf("%v, %v", o, err)
	}
	if r, err := w.Roster(ctx); r != nil || err == nil {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := w.Revision(ctx); err == nil {
		t.Error("a revision of nothing")
	}
	if verified, _ := w.hasher.counts(); verified != 0 {
		t.Error("a hash without a written attempt")
	}
	w.start()
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	good := newWorld(t).cfg
	for name, spoil := range map[string]func(*registry.Config){
		"store":      func(c *registry.Config) { c.Store = nil },
		"ring":       func(c *registry.Config) { c.Ring = nil },
		"hasher":     func(c *registry.Config) { c.Hasher = nil },
		"clock":      func(c *registry.Config) { c.Now = nil },
		"randomness": func(c *registry.Config) { c.Rand = nil },
		"parallel":   func(c *registry.Config) { c.Parallel = 6 },
		"queue":      func(c *registry.Config) { c.Queue = -1 },
		"wait":       func(c *registry.Config) { c.QueueWait = -1 },
	} {
		cfg := good
		spoil(&cfg)
		if r, err := registry.New(cfg); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
