package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

var change = audit.Change{At: time.Unix(1, 0), Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_a"}

// add writes one partner with its row.
func add(db *sqlite.DB, id, name string) error {
	return db.Update(context.Background(), func(tx *sqlite.Tx) error {
		return errors.Join(tx.PutPartner(partner.Partner{ID: id, Name: name, CreatedAt: time.Unix(1, 0)}), tx.Record(change))
	})
}

func partners(t *testing.T, db *sqlite.DB) (n int) {
	t.Helper()
	err := db.View(context.Background(), func(tx *sqlite.Tx) error {
		all, err := tx.Partners()
		n = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// verified checks the record of changes against every row.
func verified(t *testing.T, db *sqlite.DB) (report audit.ChangeReport) {
	t.Helper()
	err := db.View(context.Background(), func(tx *sqlite.Tx) (err error) {
		report, err = audit.VerifyChanges(tx, nil)
		return err
	})
	if err != nil || !report.OK() {
		t.Errorf("%q, %v", report.Lines(), err)
	}
	return report
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "register.db") }

// refused opens a file that must not open, and checks that the text says which one and what to do.
func refused(t *testing.T, file string, want error, say string) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: file, BusyTimeout: time.Millisecond})
	if err == nil {
		t.Fatal(errors.Join(errors.New("opened"), db.Close()))
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// raw is a connection that knows nothing of our rules.
func raw(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestFullDiskKeepsNothingAndRecovers(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	pages, err := db.Ask("PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("PRAGMA max_page_count = " + pages); err != nil {
		t.Fatal(err)
	}
	filled := 0
	for ; ; filled++ {
		if err = add(db, fmt.Sprintf("ptn_%d", filled), strings.Repeat("n", 2000)); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "nothing of this change was kept") {
		t.Errorf("full: %v", err)
	}
	verified(t, db)
	n, err := db.Revision(context.Background())
	if got := partners(t, db); got != filled || int(n) != filled || err != nil {
		t.Errorf("%d partners and revision %d after %d acknowledged changes, %v", got, n, filled, err)
	}
	if err := db.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := add(db, "ptn_x", "x"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	verified(t, db)
}

func TestReadOnlyFailsClosed(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	if err := db.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := add(db, "ptn_a", "a"); !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("read-only: %v", err)
	}
	if n := partners(t, db); n != 0 {
		t.Errorf("%d partners", n)
	}
	verified(t, db)
	if err := db.Exec("PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Errorf("writable again: %v", err)
	}
	verified(t, db)
}

func TestLockedByAnotherWriterIsBusyAndReadsGoOn(t *testing.T) {
	file := path(t)
	db := open(t, sqlite.Config{Path: file, BusyTimeout: 20 * time.Millisecond})
	other := raw(t, file)
	other.SetMaxOpenConns(1)
	exec(t, other, "BEGIN IMMEDIATE")
	if err := add(db, "ptn_a", "a"); !errors.Is(err, store.ErrBusy) || !strings.Contains(err.Error(), file) {
		t.Errorf("locked: %v", err)
	}
	if n := partners(t, db); n != 0 {
		t.Errorf("%d partners", n)
	}
	exec(t, other, "ROLLBACK")
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}

func TestRule28DamagedFileIsRefused(t *testing.T) {
	file := path(t)
	db := open(t, sqlite.Config{Path: file})
	for i := range 200 {
		if err := add(db, fmt.Sprintf("ptn_%03d", i), strings.Repeat("n", 200)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	torn := append([]byte(nil), sound...)
	for i := 4096; i < len(torn); i += 4096 { // the head of every page but the first
		copy(torn[i:], "damagedamagedamage")
	}
	write(torn)
	refused(t, file, store.ErrCorrupt, "restore a backup")
	leaf := append([]byte(nil), sound...) // one page that opening does not need
	copy(leaf[len(leaf)-4096:], "damagedamagedamage")
	write(leaf)
	refused(t, file, store.ErrCorrupt, "restore a backup")
	write(sound[:len(sound)/2])
	refused(t, file, store.ErrCorrupt, "restore a backup")
	write([]byte(strings.Repeat("this is not a database\n", 400)))
	refused(t, file, store.ErrForeign, "not an SQLite file")
	write(sound)
	again := open(t, sqlite.Config{Path: file})
	if n := partners(t, again); n != 200 {
		t.Errorf("%d partners", n)
	}
}

func TestForeignFilesAreRefusedAndUntouched(t *testing.T) {
	foreign := func(statements ...string) string {
		file := path(t)
		db := raw(t, file)
		exec(t, db, statements...)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, file := range map[string]string{
		"another program's":     foreign("PRAGMA application_id = 7", "CREATE TABLE x (y)"),
		"an unmarked one":       foreign("CREATE TABLE x (y)"),
		"an empty, marked one":  foreign("PRAGMA application_id = 7"),
		"a numbered, empty one": foreign("PRAGMA user_version = 3"),
	} {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { refused(t, file, store.ErrForeign, "another program") })
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
	file := path(t)
	newer := open(t, sqlite.Config{Path: file})
	if err := newer.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	refused(t, file, store.ErrForeign, "newer version")
}

// A trigger that somebody planted would change rows within honest changes, and their digests would vouch for it; and a
// register without its own triggers does not guard its record.
func TestPlantedAndMissingTriggersAreRefused(t *testing.T) {
	for say, statement := range map[string]string{
		"planted":     "CREATE TRIGGER planted AFTER INSERT ON network BEGIN UPDATE network SET prefix = '0.0.0.0/1' WHERE id = NEW.id; END",
		"seen":        "CREATE VIEW seen AS SELECT 1",
		"2 of the 3":  "DROP TRIGGER change_stays",
		"change_stay": "DROP TRIGGER change_stays; CREATE TRIGGER change_stays BEFORE DELETE ON change BEGIN SELECT 1; END",
	} {
		file := path(t)
		db := open(t, sqlite.Config{Path: file})
		if err := add(db, "ptn_a", "a"); err != nil {
			t.Fatal(err)
		}
		if err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		refused(t, file, store.ErrCorrupt, say)
	}
}

func TestAFileThatOnlySaysItIsOlderIsRefused(t *testing.T) {
	file := path(t)
	db := open(t, sqlite.Config{Path: file})
	if err := db.Exec("PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	refused(t, file, store.ErrForeign, "other tables")
}

func TestChangeRowsAreFinal(t *testing.T) {
	db := open(t, sqlite.Config{Path: path(t)})
	if err := add(db, "ptn_a", "a"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE change SET actor = 'operator:mallory'", "DELETE FROM change",
		"INSERT OR REPLACE INTO change SELECT 1, 1, 'x', 'x', 'x', '', x'', prev, hash FROM change",
		"INSERT INTO change SELECT 3, 1, 'x', 'x', 'x', '', x'', hash, hash FROM change",   // not the next number
		"INSERT INTO change SELECT 2, 1, 'x', 'x', 'x', '', x'', prev, hash FROM change"} { // does not follow
		if err := db.Exec(statement); err == nil {
			t.Errorf("ran: %s", statement)
		}
	}
	if actor, err := db.Ask("SELECT actor FROM change"); err != nil || actor != change.Actor {
		t.Errorf("%s, %v", actor, err)
	}
}
