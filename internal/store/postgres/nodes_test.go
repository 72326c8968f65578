package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/postgres"
	"countersign.dev/internal/store/postgrestest"
	"countersign.dev/internal/store/sqlite"
)

var moment = time.Date(2026, 11, 20, 10, 0, 0, 123456000, time.UTC)

func change(subject string) audit.Change {
	return audit.Change{At: moment, Actor: "operator:alice", Action: audit.PartnerCreated, Subject: subject}
}

func add(db *postgres.DB, id string) error {
	return db.Update(context.Background(), func(tx *postgres.Tx) error {
		return errors.Join(tx.PutPartner(partner.Partner{ID: id, Name: "Name of " + id, CreatedAt: moment}), tx.Record(change(id)))
	})
}

func partners(t *testing.T, db *postgres.DB) (n int) {
	t.Helper()
	err := db.View(context.Background(), func(tx *postgres.Tx) error {
		all, err := tx.Partners()
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sound fails unless the record is one chain that fits every row.
func sound(t *testing.T, db *postgres.DB) (last uint64) {
	t.Helper()
	err := db.View(context.Background(), func(tx *postgres.Tx) error {
		report, err := audit.VerifyChanges(tx, nil)
		if err == nil && !report.OK() {
			err = fmt.Errorf("%+v", report.Faults)
		}
		last = report.Last
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Several nodes on one database write one record, and each hears of the others' changes.
func TestNodesShareOneRecord(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	const each = 15
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	heard := make(chan struct{}, 1000)
	watcher := open(t, url)
	all.Go(func() { watcher.Watch(ctx, func() { heard <- struct{}{} }) })
	<-heard // it listens
	var writers sync.WaitGroup
	for n := range 4 {
		db := open(t, url)
		writers.Go(func() {
			for i := range each {
				if err := add(db, fmt.Sprintf("ptn_%d_%d", n, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	for range 4 * each {
		<-heard
	}
	cancel()
	all.Wait()
	if n, last := partners(t, watcher), sound(t, watcher); n != 4*each || last != 4*each {
		t.Errorf("%d partners after %d changes", n, last)
	}
}

// Many open an empty database at once; one of them makes the tables.
func TestManyOpenOneEmptyDatabase(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Rand: rand.Reader})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(add(db, fmt.Sprintf("ptn_%d", i)), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := partners(t, open(t, url)); n != 6 {
		t.Errorf("%d partners", n)
	}
}

// What stands in the database and is not the register's own is refused, and named.
func TestRule28ADatabaseThatIsNotOursIsRefused(t *testing.T) {
	postgrestest.Need(t, server)
	for name, test := range map[string]struct {
		change string
		fault  error
		says   string
	}{
		"a newer program's": {"UPDATE countersign_schema SET version = 4, least = 3", store.ErrForeign, "use a newer one"},
		"a planted trigger": {`CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; ` +
			`CREATE TRIGGER helpful BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION evil()`, store.ErrCorrupt, "helpful of partner"},
		"a trigger with our name": {`CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; DROP TRIGGER change_is_final ON change; ` +
			`CREATE TRIGGER change_is_final BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION evil()`, store.ErrCorrupt, "change_is_final of partner"},
		"a guard that is gone":         {"DROP TRIGGER change_is_final ON change", store.ErrCorrupt, "change_is_next, change_stays"},
		"a guard that is switched off": {"ALTER TABLE change DISABLE TRIGGER change_is_final", store.ErrCorrupt, "change_is_next, change_stays"},
		"a guard that guards nothing":  {"CREATE OR REPLACE FUNCTION change_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", store.ErrCorrupt, "change_guard"},
		"a planted trigger that is always in force": {`CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; ` +
			`CREATE TRIGGER helpful BEFORE INSERT ON partner FOR EACH ROW EXECUTE FUNCTION evil(); ALTER TABLE partner ENABLE ALWAYS TRIGGER helpful`, store.ErrCorrupt, "helpful of partner"},
		"a guard of a function with our name": {`CREATE SCHEMA other; CREATE FUNCTION other.change_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; DROP TRIGGER change_is_final ON change; ` +
			`CREATE TRIGGER change_is_final BEFORE UPDATE OR DELETE ON change FOR EACH ROW EXECUTE FUNCTION other.change_guard()`, store.ErrCorrupt, "change_is_final of change"},
		"a guard that never fires": {`DROP TRIGGER change_is_final ON change; ` +
			`CREATE TRIGGER change_is_final BEFORE UPDATE OR DELETE ON change FOR EACH ROW WHEN (false) EXECUTE FUNCTION change_guard()`, store.ErrCorrupt, "change_is_final of change"},
		"a guard of another event": {`DROP TRIGGER change_is_final ON change; ` +
			`CREATE TRIGGER change_is_final BEFORE DELETE ON change FOR EACH ROW EXECUTE FUNCTION change_guard()`, store.ErrCorrupt, "change_is_final of change"},
		"a guard of another column": {`DROP TRIGGER change_is_final ON change; ` +
			`CREATE TRIGGER change_is_final BEFORE UPDATE OF seq OR DELETE ON change FOR EACH ROW EXECUTE FUNCTION change_guard()`, store.ErrCorrupt, "change_is_final of change"},
		"a role without guards": {`DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET session_replication_role = replica'; END $$`, store.ErrCorrupt, "session_replication_role"},
		"a rule":                {"CREATE RULE quiet AS ON UPDATE TO partner DO INSTEAD NOTHING", store.ErrCorrupt, "quiet"},
	} {
		url := server.Database(t)
		open(t, url)
		server.Do(t, url, test.change)
		_, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader})
		if !errors.Is(err, test.fault) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	url := server.Database(t)
	server.Do(t, url, "CREATE TABLE theirs (a INTEGER)")
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: url, Rand: rand.Reader}); !errors.Is(err, store.ErrForeign) {
		t.Errorf("another program's database: %v", err)
	}
}

// The database itself keeps change rows as they are, also from somebody with psql.
func TestChangeRowsAreFinal(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	db := open(t, url)
	if err := add(db, "ptn_a"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE change SET detail = 'x'", "DELETE FROM change", "TRUNCATE change",
		"INSERT INTO change SELECT seq + 5, at, actor, action, subject, detail, touched, prev, hash FROM change",
		"INSERT INTO change SELECT seq + 1, at, actor, action, subject, detail, touched, prev, hash FROM change"} {
		server.Do(t, url, `DO $$ BEGIN `+statement+`; RAISE EXCEPTION 'it was done'; EXCEPTION WHEN OTHERS THEN
			IF SQLERRM <> 'change rows are final' THEN RAISE; END IF; END $$`)
	}
	sound(t, db)
}

// A newer version of the program has added a column and a table (expand): this one goes on working on the same database.
func TestAnExpandedDatabaseServesBothVersions(t *testing.T) {
	postgrestest.Need(t, server)
	url := server.Database(t)
	older := open(t, url)
	if err := add(older, "ptn_a"); err != nil {
		t.Fatal(err)
	}
	server.Do(t, url, `ALTER TABLE partner ADD COLUMN region TEXT; CREATE TABLE region (name TEXT); UPDATE countersign_schema SET version = 3`)
	if err := add(older, "ptn_b"); err != nil {
		t.Errorf("one that was open: %v", err)
	}
	if err := add(open(t, url), "ptn_c"); err != nil {
		t.Errorf("one that was opened afterwards: %v", err)
	}
	if last := sound(t, older); last != 3 {
		t.Errorf("%d changes", last)
	}
}

// A register moves from a file to a database with its record: the same id, numbers and hashes, and every row fits.
func TestARegisterMovesWithItsRecord(t *testing.T) {
	postgrestest.Need(t, server)
	file, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "register.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fill(t, file)
	db := open(t, server.Database(t))
	var before, after audit.Head
	copyAll := func() error {
		return file.View(t.Context(), func(src *sqlite.Tx) error {
			before, _ = src.Head()
			return db.Update(t.Context(), func(tx *postgres.Tx) error { return tx.Copy(src) })
		})
	}
	if err := copyAll(); err != nil {
		t.Fatal(err)
	}
	last := sound(t, db)
	err = db.View(t.Context(), func(tx *postgres.Tx) error {
		after, err = tx.Head()
		blob, found, failed := tx.Blob(digest)
		if failed != nil || !found || string(blob) != "evidence" {
			t.Errorf("the attached file: %q, %v, %v", blob, found, failed)
		}
		transient, found, failed := tx.Transient("session", "a")
		if failed != nil || !found || string(transient.Body) != "body" {
			t.Errorf("the session: %+v, %v, %v", transient, found, failed)
		}
		return err
	})
	if err != nil || before != after || last != before.Seq {
		t.Errorf("the head was %+v and is %+v, %v", before, after, err)
	}
	if err := add(db, "ptn_next"); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
	sound(t, db)
	if err := copyAll(); !errors.Is(err, store.ErrForeign) {
		t.Errorf("copied over another register: %v", err)
	}
}

var digest [32]byte

// fill writes a row of every kind, in some changes.
func fill(t *testing.T, db *sqlite.DB) {
	t.Helper()
	for n, write := range []func(tx *sqlite.Tx) error{
		func(tx *sqlite.Tx) error {
			return tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "Ä 'quoted'", CreatedAt: moment})
		},
		func(tx *sqlite.Tx) error {
			return tx.PutReview(partner.Review{PartnerID: "ptn_a", Environment: "sandbox", State: partner.ReviewApproved, RequestedBy: "a", ApprovedBy: "b", ChangedAt: moment})
		},
		func(tx *sqlite.Tx) error {
			return tx.PutCredential(partner.Credential{ID: "crd_a", PartnerID: "ptn_a", Environment: "sandbox", Kind: partner.SigningKey, Failures: 3,
				KeyID: strings.Repeat("a", 32), CreatedAt: moment, Versions: []partner.Version{{Number: 1, Sealed: []byte{0, 1, 255}}}})
		},
		func(tx *sqlite.Tx) error {
			return tx.PutLimit(partner.Limit{ID: "lim_a", PartnerID: "ptn_a", Environment: "sandbox", Rate: 5, Per: time.Second, Burst: 5, CreatedAt: moment})
		},
		func(tx *sqlite.Tx) error {
			return tx.PutNetwork(partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Country: "DE", CreatedAt: moment})
		},
		func(tx *sqlite.Tx) error { return tx.DeleteNetwork("net_a") },
		func(tx *sqlite.Tx) error {
			return tx.PutSealingKey(partner.SealingKey{Environment: "sandbox", ID: 1, Sealed: []byte{1}, CreatedAt: moment})
		},
		func(tx *sqlite.Tx) (err error) {
			digest, err = tx.PutBlob([]byte("evidence"))
			return errors.Join(err, tx.PutTransient(partner.Transient{Kind: "session", ID: "a", Owner: "b", ExpiresAt: moment, Body: []byte("body")}),
				tx.PutDocument(partner.Document{Kind: "account", ID: "a", Environment: "", State: "active", Alias: "b", CreatedAt: moment, Body: []byte("{}")}))
		},
	} {
		err := db.Update(t.Context(), func(tx *sqlite.Tx) error {
			return errors.Join(write(tx), tx.Record(change(fmt.Sprint("step_", n))))
		})
		if err != nil {
			t.Fatal(n, err)
		}
	}
}
