package engines_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/engines"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgrestest"
	_ "modernc.org/sqlite"
)

var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Run(m, func(s *postgrestest.Server) { server = s }))
}

// database is an empty database, by the file with its URL.
func database(t testing.TB) engines.Place {
	t.Helper()
	postgrestest.Need(t, server)
	return engines.Place{URLFile: written(t, server.Database(t)+"\n", 0o600)}
}

func written(t testing.TB, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "register.url")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func file(t *testing.T) engines.Place {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return engines.Place{File: filepath.Join(dir, "countersign.db")}
}

func open(t *testing.T, p engines.Place) engines.Store {
	t.Helper()
	s, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: p, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var admin = registry.Actor{Kind: registry.Operator, Name: "anna"}

// use makes use cases over a store, with a ring of its own for all who ask.
func use(t *testing.T, s engines.Store) *registry.Registry {
	t.Helper()
	ring, err := secret.OpenRing(t.Context(), secret.KeyFile{Path: filepath.Join(t.TempDir(), "master.key"), Create: true, Rand: rand.Reader}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := engines.RegistryOf(s, registry.Config{Now: time.Now, Rand: rand.Reader, Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fill writes a row of many kinds by use cases.
func fill(t *testing.T, s engines.Store) {
	t.Helper()
	r, ctx := use(t, s), t.Context()
	p, err := r.CreatePartner(ctx, admin, "Ä 'quoted' \\ bank")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(r.RequestReview(ctx, admin, p.ID, "sandbox", "please"), r.Approve(ctx, registry.Actor{Kind: registry.Operator, Name: "bob"}, p.ID, "sandbox", "yes"))
	if err != nil {
		t.Fatal(err)
	}
	_, issued := r.IssueSigningKey(ctx, admin, p.ID, "sandbox")
	_, app := r.IssueApp(ctx, admin, p.ID, "sandbox")
	_, limit := r.SetLimit(ctx, admin, partner.Limit{PartnerID: p.ID, Environment: "sandbox", API: "card", Daily: 7})
	if err = errors.Join(issued, app, limit, r.EnsureSealingKey(ctx, admin, "sandbox")); err != nil {
		t.Fatal(err)
	}
}

func TestARegisterGoesThereAndBack(t *testing.T) {
	from := open(t, file(t))
	fill(t, from)
	before, err := engines.Verify(t.Context(), from)
	if err != nil || before.Head.Seq < 6 || before.Counts.Partners != 1 || before.Counts.Credentials != 2 || before.Counts.Limits != 1 {
		t.Fatalf("the source has %+v, %v", before, err)
	}
	there := open(t, database(t))
	sent, err := engines.Copy(t.Context(), there, from)
	if err != nil || sent != before {
		t.Fatalf("there: %+v, %v; want %+v", sent, err, before)
	}
	if _, err := use(t, there).CreatePartner(t.Context(), admin, "Second"); err != nil {
		t.Fatalf("it does not go on in the database: %v", err)
	}
	back := file(t)
	info, err := there.Backup(t.Context(), back.File)
	if err != nil || info.Report.Last != before.Head.Seq+1 || info.Report.Record != before.Head.Record {
		t.Fatalf("back: %+v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(back.File))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the backup lies %v, %v", left, err)
	}
	if mode, err := os.Stat(back.File); err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %v, %v", mode, err)
	}
	home := open(t, back)
	after, err := engines.Verify(t.Context(), home)
	now, failed := engines.Verify(t.Context(), there)
	if err != nil || failed != nil || after != now || after.Counts.Partners != 2 {
		t.Errorf("back there is %+v, in the database %+v; %v, %v", after, now, err, failed)
	}
	if _, err := engines.Copy(t.Context(), open(t, database(t)), home); err != nil {
		t.Errorf("a second database: %v", err)
	}
	if _, err := there.Backup(t.Context(), back.File); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup over another: %v", err)
	}
}

func TestACopyIsRefusedWhereSomethingIsAlready(t *testing.T) {
	from, to := open(t, file(t)), open(t, database(t))
	fill(t, from)
	fill(t, to)
	before, _ := engines.Verify(t.Context(), to)
	if _, err := engines.Copy(t.Context(), to, from); !errors.Is(err, store.ErrForeign) {
		t.Errorf("copied over another register: %v", err)
	}
	if after, err := engines.Verify(t.Context(), to); err != nil || after != before {
		t.Errorf("the other register is %+v now, it was %+v; %v", after, before, err)
	}
}

// moving changes the source whenever it is read as a whole.
type moving struct {
	engines.Store
	t *testing.T
}

func (m moving) View(ctx context.Context, read func(*engines.Tx) error) error {
	err := m.Store.View(ctx, read)
	if _, failed := use(m.t, m.Store).CreatePartner(ctx, admin, "meanwhile"); failed != nil {
		m.t.Error(failed)
	}
	return err
}

func TestACopyOfWhatWasChangedMeanwhileIsTold(t *testing.T) {
	from := open(t, file(t))
	fill(t, from)
	if _, err := engines.Copy(t.Context(), open(t, database(t)), moving{from, t}); !errors.Is(err, engines.ErrMoved) {
		t.Errorf("a change was lost without a word: %v", err)
	}
}

func TestARowThatWasAlteredIsFoundOnArrival(t *testing.T) {
	for _, altered := range []string{"UPDATE partner SET name = 'Other'", "UPDATE credential SET revoked_at = 0, failures = 0, generation = 5", "DELETE FROM limit_rule"} {
		at := file(t)
		from := open(t, at)
		fill(t, from)
		raw, err := sql.Open("sqlite", at.File)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.ExecContext(t.Context(), altered); err != nil {
			t.Fatal(err)
		}
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := engines.Copy(t.Context(), open(t, database(t)), from); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: arrived as if nothing were wrong: %v", altered, err)
		}
	}
}

// TestNothingIsMadeWhereNothingShallBe: a misspelt place must not become an empty register.
func TestNothingIsMadeWhereNothingShallBe(t *testing.T) {
	for _, p := range []engines.Place{file(t), database(t)} {
		for range 2 {
			if there, err := p.There(t.Context()); there || err != nil {
				t.Errorf("%s: there %v, %v", p, there, err)
			}
			if _, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: p}); !errors.Is(err, store.ErrMissing) {
				t.Errorf("%s: %v", p, err)
			}
		}
		s := open(t, p)
		if there, err := p.There(t.Context()); !there || err != nil {
			t.Errorf("%s, made: there %v, %v", p, there, err)
		}
		if s.Shared() != p.Shared() {
			t.Errorf("%s: shared %v", p, s.Shared())
		}
	}
	if _, err := engines.OpenStore(t.Context(), engines.StoreConfig{}); err == nil {
		t.Error("opened a register at no place")
	}
	if _, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{File: "a", URLFile: "b"}, Create: true}); err == nil {
		t.Error("opened a register at two places")
	}
}

// TestALookChangesNothing: of a database that an older version made, too; programs of that version may be at work on it.
func TestALookChangesNothing(t *testing.T) {
	place := database(t)
	if err := open(t, place).Close(); err != nil {
		t.Fatal(err)
	}
	url, err := os.ReadFile(place.URLFile)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("pgx", strings.TrimSpace(string(url)))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), "DROP TABLE node, lease, changed; UPDATE countersign_schema SET version = 1"); err != nil {
		t.Fatal(err)
	}
	version := func() (n int) {
		if err := raw.QueryRowContext(t.Context(), "SELECT version FROM countersign_schema").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if there, err := place.There(t.Context()); !there || err != nil || version() != 1 {
		t.Errorf("there %v, %v, version %d", there, err, version())
	}
	refusal := errors.New("not now")
	if _, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: place, Convert: func() error { return refusal }}); !errors.Is(err, refusal) || version() != 1 {
		t.Errorf("%v, version %d", err, version())
	}
	if err := open(t, place).Close(); err != nil || version() == 1 {
		t.Errorf("it is not brought up to date: %v, version %d", err, version())
	}
}

// TestRule39TheURLFileIsPrivate: and rule 33: what it says of the file holds nothing of its text.
func TestRule39TheURLFileIsPrivate(t *testing.T) {
	const url = "postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=1"
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(written(t, url, 0o600), link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"read by the group": {written(t, url, 0o640), "run: chmod 600"},
		"read by all":       {written(t, url, 0o604), "run: chmod 600"},
		"a link":            {link, "a symbolic link is not followed"},
		"a folder":          {t.TempDir(), "not a regular file"},
		"empty":             {written(t, "", 0o600), "on one line"},
		"two lines":         {written(t, url+"\n"+url+"\n", 0o600), "on one line"},
		"a control byte":    {written(t, url+"\x00", 0o600), "on one line"},
		"too long":          {written(t, strings.Repeat("a", 5000), 0o600), "on one line"},
	} {
		_, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{URLFile: c.path}})
		if !errors.Is(err, engines.ErrURLFile) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is told: %v", name, err)
		}
	}
	for name, text := range map[string]string{"nobody answers": url, "no URL": "postgres://u:hunter2@[::1"} {
		_, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{URLFile: written(t, text, 0o600)}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := engines.OpenStore(t.Context(), engines.StoreConfig{Place: engines.Place{URLFile: "/nowhere"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
