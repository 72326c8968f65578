package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

// version1 makes a file as version 1 of this program left it: its own first migration, run by hand, and what it wrote.
func version1(t *testing.T, rows ...string) string {
	t.Helper()
	migration, err := os.ReadFile("migrations/00001_register.sql")
	if err != nil {
		t.Fatal(err)
	}
	file := path(t)
	db := raw(t, file)
	db.SetMaxOpenConns(1)
	exec(t, db, "PRAGMA application_id = 1129531214", "PRAGMA journal_mode = WAL", string(migration),
		`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL,
			tstamp TIMESTAMP DEFAULT (datetime('now')))`,
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)")
	exec(t, db, rows...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return file
}

var populated = []string{
	"INSERT INTO partner VALUES ('ptn_a', 'Acme', 0, 1000000), ('ptn_b', 'Bolt', 1, 2000000)",
	"INSERT INTO review VALUES ('ptn_a', 'sandbox', 'approved', 'operator:alice', 'operator:bob', 3000000, 'looked at')",
	`INSERT INTO credential VALUES ('crd_a', 'ptn_a', 'sandbox', 'app', '0123456789abcdef0123456789abcdef', '244', 1, 2, 0, 0, 4000000),
		('crd_b', 'ptn_a', 'sandbox', 'signing_key', '1123456789abcdef0123456789abcdef', NULL, 0, 0, 0, 0, 4000000)`,
	"INSERT INTO version VALUES ('crd_a', 1, NULL, '$hash', 0, 5000000, 0), ('crd_a', 2, NULL, '$hash2', 0, 0, 1), ('crd_b', 1, x'0102', NULL, 0, 0, 0)",
	"INSERT INTO network VALUES ('net_a', 'ptn_a', 'sandbox', '', '10.0.0.0/8', '', 'office', 6000000)",
	"INSERT INTO sealing_key VALUES ('sandbox', 1, x'03', 7000000, 0)",
	"INSERT INTO change VALUES (1, 1000000, 'operator:alice', 'partner.created', 'ptn_a', 'Acme')",
	"INSERT INTO change VALUES (2, 2000000, 'operator:alice', 'partner.closed', 'ptn_b', '')",
	"INSERT INTO change VALUES (3, 9000000, 'operator:bob', 'review.approved', 'ptn_a', 'sandbox: looked at')",
	"UPDATE revision SET n = 3",
}

func TestARegisterOfVersion1GetsItsChainInPlace(t *testing.T) {
	file := version1(t, populated...)
	at := time.Unix(1000, 0).UTC()
	db := open(t, sqlite.Config{Path: file, Now: func() time.Time { return at }})
	report := verified(t, db)
	if report.Changes != 4 || report.ChainedAt != 4 || report.Rows != 7 {
		t.Errorf("%+v", report)
	}
	var all []audit.Change
	err := db.View(context.Background(), func(tx *sqlite.Tx) (err error) {
		all, err = tx.Changes(0, 100)
		return err
	})
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	prev := audit.Genesis(report.Record)
	for i, want := range []audit.Change{
		{Seq: 1, At: time.Unix(1, 0).UTC(), Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_a", Detail: "Acme"},
		{Seq: 2, At: time.Unix(2, 0).UTC(), Actor: "operator:alice", Action: audit.PartnerClosed, Subject: "ptn_b"},
		{Seq: 3, At: time.Unix(9, 0).UTC(), Actor: "operator:bob", Action: audit.ReviewApproved, Subject: "ptn_a", Detail: "sandbox: looked at"},
		{Seq: 4, At: at, Actor: "system:migration", Action: audit.RegisterChained, Subject: "register",
			Detail: "3 changes of version 1 were chained; 7 rows of the register are touched", Touched: all[3].Touched},
	} {
		want.Prev, prev = prev, all[i].Hash
		want.Hash = audit.ChangeHash(want)
		if diff := cmp.Diff(want, all[i]); diff != "" {
			t.Errorf("change %d, expected (-) and got (+):\n%s", i+1, diff)
		}
	}
	var rows []string
	for _, touch := range all[3].Touched {
		rows = append(rows, touch.Row)
	}
	if diff := cmp.Diff([]string{"credential/crd_a", "credential/crd_b", "network/net_a", "partner/ptn_a", "partner/ptn_b",
		"review/ptn_a/sandbox", "sealing_key/sandbox/1"}, rows); diff != "" {
		t.Error(diff)
	}
	if err := add(db, "ptn_c", "c"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, sqlite.Config{Path: file})
	if report := verified(t, again); report.Changes != 5 || report.ChainedAt != 4 {
		t.Errorf("opened again: %+v", report)
	}
}

// Whoever opens an older register may have to leave it alone: then it is what it was.
func TestAnOlderRegisterIsLeftAloneWhereItIsRefused(t *testing.T) {
	file := version1(t, populated...)
	refused := errors.New("an older server runs")
	if db, err := sqlite.Open(context.Background(), sqlite.Config{Path: file, Convert: func() error { return refused }}); !errors.Is(err, refused) {
		t.Fatal(db, err)
	}
	var version int
	if err := raw(t, file).QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		t.Errorf("version %d, %v", version, err)
	}
	asked := 0
	count := func() error { asked++; return nil }
	for range 2 {
		if err := open(t, sqlite.Config{Path: file, Convert: count}).Close(); err != nil {
			t.Fatal(err)
		}
	}
	open(t, sqlite.Config{Path: path(t), Convert: count})
	if asked != 1 {
		t.Errorf("asked %d times for one old register that was opened twice and a new one", asked)
	}
}

// The tables of a register that was converted are those of a new one, so that both refuse alike.
func TestAConvertedRegisterHasTheTablesOfANewOne(t *testing.T) {
	tables := func(file string) (all []string) {
		open(t, sqlite.Config{Path: file})
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		rows, err := db.Query("SELECT type || ' ' || name || ': ' || ifnull(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'goose%' ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		return all
	}
	if diff := cmp.Diff(tables(path(t)), tables(version1(t, populated...))); diff != "" {
		t.Errorf("new (-) and converted (+):\n%s", diff)
	}
}

func TestAnEmptyRegisterOfVersion1StaysEmpty(t *testing.T) {
	db := open(t, sqlite.Config{Path: version1(t)})
	if report := verified(t, db); report.Changes != 0 || report.Rows != 0 || report.Last != 0 {
		t.Errorf("%+v", report)
	}
}

// Rows that were there before the first change row was ever written are touched too.
func TestRowsWithoutAnyChangeAreTouched(t *testing.T) {
	db := open(t, sqlite.Config{Path: version1(t, populated[0])})
	if report := verified(t, db); report.Changes != 1 || report.ChainedAt != 1 || report.Rows != 2 {
		t.Errorf("%+v", report)
	}
}

// A record that does not fit its register is not given a chain that would make it look sound.
func TestADamagedRecordOfVersion1IsNotChained(t *testing.T) {
	for name, damage := range map[string][]string{
		"cut":      {"UPDATE revision SET n = 9"},
		"a gap":    {"DROP TRIGGER change_stays", "DELETE FROM change WHERE seq = 2"},
		"too many": {"UPDATE revision SET n = 2"},
		"none":     {"DELETE FROM revision"},
	} {
		file := version1(t, append(populated[:len(populated):len(populated)], damage...)...)
		db, err := sqlite.Open(context.Background(), sqlite.Config{Path: file})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = db.Close()
			continue
		}
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		left := raw(t, file)
		var version int
		if err := left.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
			t.Errorf("%s: half converted: version %d, %v", name, version, err)
		}
	}
}
