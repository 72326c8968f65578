package sqlite_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/store/sqlite"
)

// at is a moment of the old register.
func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// The rows of a register of version 2, as its tables and as its record have them.
var (
	oldPartner = partner.Partner{ID: "ptn_a", Name: "Acme", CreatedAt: at(1)}
	oldReviews = []partner.Review{
		{PartnerID: "ptn_a", Environment: "production", State: partner.ReviewRequested, RequestedBy: "operator:alice", ChangedAt: at(4)},
		{PartnerID: "ptn_a", Environment: "sandbox", State: partner.ReviewApproved, RequestedBy: "operator:alice", ApprovedBy: "operator:bob",
			ChangedAt: at(3), Reason: "looked at"},
	}
	oldRule = partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Prefix: netip.MustParsePrefix("10.0.0.0/8"), CreatedAt: at(5)}
)

// version2 makes a file as version 2 of this program left it: its migrations, run by hand, and what it wrote, chained by hand.
func version2(t *testing.T) string {
	t.Helper()
	file := version1(t)
	db := raw(t, file)
	db.SetMaxOpenConns(1)
	for _, name := range []string{"migrations/chain/00002_tables.sql", "migrations/chain/00002_triggers.sql"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, string(text))
	}
	const record = "0123456789abcdef0123456789abcdef"
	head := audit.Genesis(record)
	exec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1)", "UPDATE revision SET record = '"+record+"'",
		"INSERT INTO partner VALUES ('ptn_a', 'Acme', 0, 1000000)",
		"INSERT INTO review VALUES ('ptn_a', 'sandbox', 'approved', 'operator:alice', 'operator:bob', 3000000, 'looked at')",
		"INSERT INTO review VALUES ('ptn_a', 'production', 'requested', 'operator:alice', '', 4000000, '')",
		"INSERT INTO network VALUES ('net_a', 'ptn_a', 'sandbox', '', '10.0.0.0/8', '', '', 5000000)")
	if _, err := db.Exec("UPDATE revision SET hash = ?", head[:]); err != nil {
		t.Fatal(err)
	}
	for i, touch := range []audit.Touch{audit.TouchPartner(oldPartner), audit.TouchReview(oldReviews[1]), audit.TouchReview(oldReviews[0]),
		audit.TouchNetwork(oldRule)} {
		c := audit.Change{Seq: uint64(i + 1), At: at(int64(i + 1)), Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_a",
			Touched: []audit.Touch{touch}, Prev: head}
		head = audit.ChangeHash(c)
		_, err := db.Exec("INSERT INTO change (seq, at, actor, action, subject, detail, touched, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			c.Seq, c.At.UnixMicro(), c.Actor, string(c.Action), c.Subject, c.Detail, audit.FormatTouched(c.Touched), c.Prev[:], head[:])
		if err == nil {
			_, err = db.Exec("UPDATE revision SET n = ?, hash = ?", c.Seq, head[:])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// A register of version 2 gets the tables of the operators' plane; its reviews are what they were, and its record still vouches for
// them.
func TestARegisterOfVersion2IsTakenOverWithItsReviews(t *testing.T) {
	file := version2(t)
	asked := 0
	db := open(t, sqlite.Config{Path: file, Convert: func() error { asked++; return nil }})
	if report := verified(t, db); report.Changes != 4 || report.Rows != 4 || report.ChainedAt != 0 || asked != 1 {
		t.Errorf("%+v, asked %d times", report, asked)
	}
	err := db.View(context.Background(), func(tx *sqlite.Tx) error {
		reviews, err := tx.Reviews("")
		if diff := cmp.Diff(oldReviews, reviews); diff != "" {
			t.Error(diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	started := oldReviews[0]
	started.State = partner.ReviewStarted
	err = db.Update(context.Background(), func(tx *sqlite.Tx) error {
		document := partner.Document{Kind: "proposal", ID: "prp_a", PartnerID: "ptn_a", CreatedAt: at(9), Body: []byte("{}")}
		return errors.Join(tx.PutReview(started), tx.PutDocument(document),
			tx.Record(audit.Change{At: at(9), Actor: "operator:bob", Action: audit.ReviewStarted, Subject: "ptn_a"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if report := verified(t, open(t, sqlite.Config{Path: file})); report.Changes != 5 || report.Rows != 5 {
		t.Errorf("%+v", report)
	}
}

// What was changed behind the program's back before the conversion is found after it: converting vouches for nothing.
func TestConvertingVersion2HidesNoManipulation(t *testing.T) {
	file := version2(t)
	db := raw(t, file)
	exec(t, db, "UPDATE review SET approved_by = 'operator:mallory' WHERE environment = 'sandbox'")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	converted := open(t, sqlite.Config{Path: file})
	err := converted.View(context.Background(), func(tx *sqlite.Tx) error {
		report, err := audit.VerifyChanges(tx, nil)
		if report.OK() || !strings.Contains(strings.Join(report.Lines(), "\n"), "review/ptn_a/sandbox") {
			t.Errorf("%q", report.Lines())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The tables of both ways are the same, so that both registers refuse alike.
func TestAVersion2RegisterGetsTheTablesOfANewOne(t *testing.T) {
	tables := func(file string) (all []string) {
		open(t, sqlite.Config{Path: file})
		rows, err := raw(t, file).Query("SELECT type || ' ' || name || ': ' || ifnull(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'goose%' ORDER BY 1")
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
	if diff := cmp.Diff(tables(path(t)), tables(version2(t))); diff != "" {
		t.Errorf("new (-) and converted (+):\n%s", diff)
	}
}
