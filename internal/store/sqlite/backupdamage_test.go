package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/store"
	"countersign.dev/internal/store/sqlite"
)

// TestRule12WhatIsDamagedIsNoBackup: each thing that a check of a file proves, one by one: pages, indexes, references, triggers, the record of
// changes, and every kind of row against it. What is only wrong in one place is found, and said.
func TestRule12WhatIsDamagedIsNoBackup(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	sound, err := os.ReadFile(populatedBackup(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	damage := func(statements ...string) error {
		number++
		file := filepath.Join(dir, "damaged"+string(rune('a'+number/26))+string(rune('a'+number%26)))
		if err := os.WriteFile(file, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		db := raw(t, file)
		exec(t, db, append([]string{"PRAGMA writable_schema = ON", "PRAGMA ignore_check_constraints = ON"}, statements...)...)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := sqlite.CheckFile(ctx, file)
		return err
	}
	if err := damage(); err != nil {
		t.Fatalf("nothing is damaged: %v", err)
	}
	const final = "DROP TRIGGER change_is_final"
	finally, stays := triggerOf(t, sound, dir, "change_is_final"), triggerOf(t, sound, dir, "change_stays")
	for _, one := range []struct {
		what, says string
		statements []string
	}{
		{"an index that is another one's", "damaged pages", []string{"UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'change_actor') WHERE name = 'change_subject'"}},
		{"a review of nobody", "belong to nothing", []string{"INSERT INTO review VALUES ('ptn_none', 'sandbox', 'requested', 'a', '', 1, '')"}},
		{"a trigger more", "planted", []string{"CREATE TRIGGER planted AFTER INSERT ON review BEGIN SELECT 1; END"}},
		{"a trigger less", "triggers", []string{"DROP TRIGGER change_stays"}},
		{"a change that was altered", "change 2", []string{final, "UPDATE change SET actor = 'operator:mallory' WHERE seq = 2", finally}},
		{"a change that names other rows", "change 2", []string{final, "UPDATE change SET touched = x'' WHERE seq = 2", finally}},
		{"a change with another link", "change 3 does not follow", []string{final, "UPDATE change SET prev = zeroblob(32) WHERE seq = 3", finally}},
		{"a change whose hash is cut", "change 2", []string{final, "UPDATE change SET hash = x'00' WHERE seq = 2", finally}},
		{"a change less, at the end", "record ends at change", []string{"DROP TRIGGER change_stays", "DELETE FROM change WHERE seq = (SELECT max(seq) FROM change)", stays}},
		{"a change less, in the middle", "change 2 is missing", []string{"DROP TRIGGER change_stays", "DELETE FROM change WHERE seq = 2", stays}},
		{"another head", "another last change", []string{"UPDATE revision SET hash = zeroblob(32)"}},
		{"another record", "change 1 does not follow", []string{"UPDATE revision SET record = '00000000000000000000000000000000'"}},
		{"a partner that was altered", "partner/ptn_a", []string{"UPDATE partner SET closed = 1 WHERE id = 'ptn_a'"}},
		{"a partner more", "partner/ptn_z", []string{"INSERT INTO partner VALUES ('ptn_z', 'z', 0, 1)"}},
		{"a review that was altered", "review/ptn_a/sandbox", []string{"UPDATE review SET reason = 'x'"}},
		{"a review less", "review/ptn_a/sandbox", []string{"DELETE FROM review"}},
		{"a credential that is live again", "credential/crd_a", []string{"UPDATE credential SET revoked_at = 0 WHERE id = 'crd_a'"}},
		{"a credential of another environment", "credential/crd_b", []string{"UPDATE credential SET environment = 'production' WHERE id = 'crd_b'"}},
		{"a generation that is too large for its kind", "another kind", []string{"UPDATE credential SET generation = generation + 4294967296 WHERE id = 'crd_a'"}},
		{"a truth that is none", "another kind", []string{"UPDATE version SET by_partner = 2 WHERE credential_id = 'crd_a'"}},
		{"a secret that was exchanged", "credential/crd_b", []string{"UPDATE version SET sealed = x'0102' WHERE credential_id = 'crd_b'"}},
		{"a version more", "credential/crd_b", []string{"INSERT INTO version SELECT credential_id, 2, sealed, hash, not_before, not_after, by_partner FROM version WHERE credential_id = 'crd_b'"}},
		{"a version less", "credential/crd_b", []string{"DELETE FROM version WHERE credential_id = 'crd_b'"}},
		{"a version of nothing", "belong to nothing", []string{"INSERT INTO version SELECT 'crd_none', 1, sealed, hash, not_before, not_after, by_partner FROM version WHERE credential_id = 'crd_b'"}},
		{"a credential less", "credential/crd_b", []string{"DELETE FROM version WHERE credential_id = 'crd_b'", "DELETE FROM credential WHERE id = 'crd_b'"}},
		{"a credential without a name", `credential/`, []string{"INSERT INTO credential SELECT '', partner_id, environment, kind, 'ffffffffffffffffffffffffffffffff', 'x', generation, failures, locked_at, revoked_at, created_at, client_keys FROM credential WHERE id = 'crd_a'"}},
		{"a network that is wider", "network/net_a", []string{"UPDATE network SET prefix = '0.0.0.0/0'"}},
		{"a network less", "network/net_a", []string{"DELETE FROM network"}},
		{"a limit that is higher", "limit/lim_a", []string{"UPDATE limit_rule SET daily = daily + 1"}},
		{"a sealing key of before", "sealing_key/sandbox/1", []string{"UPDATE sealing_key SET retired_at = 0"}},
		{"a document that was altered", "document/proposal/prp_a", []string{"UPDATE document SET state = 'approved'"}},
		{"a document more", "document/proposal/prp_b", []string{"INSERT INTO document SELECT kind, 'prp_b', partner_id, environment, state, NULL, created_at, body FROM document"}},
	} {
		if err := damage(one.statements...); !errors.Is(err, store.ErrCorrupt) || one.says != "damaged pages" && !strings.Contains(err.Error(), one.says) {
			t.Errorf("%s: %v", one.what, err)
		}
	}
}

// populatedBackup is a backup of a register that has a row of each kind.
func populatedBackup(t *testing.T, dir string) string {
	t.Helper()
	db := open(t, sqlite.Config{Path: path(t)})
	at := time.Unix(1, 0)
	app := partner.Credential{ID: "crd_a", PartnerID: "ptn_a", Environment: "sandbox", Kind: partner.App, KeyID: strings.Repeat("a", 32), Login: "1", Generation: 5,
		RevokedAt: at, CreatedAt: at, Versions: []partner.Version{{Number: 1, Hash: "$hash", ByPartner: true}}}
	signing := partner.Credential{ID: "crd_b", PartnerID: "ptn_a", Environment: "sandbox", Kind: partner.SigningKey, KeyID: strings.Repeat("b", 32), CreatedAt: at,
		Versions: []partner.Version{{Number: 1, Sealed: []byte{1, 2, 3}}}}
	limit := partner.Limit{ID: "lim_a", PartnerID: "ptn_a", Environment: "sandbox", Daily: 7, CreatedAt: at}
	document := partner.Document{Kind: "proposal", ID: "prp_a", State: "open", CreatedAt: at, Body: []byte(`{"a":1}`)}
	for _, write := range []func(tx *sqlite.Tx) error{
		func(tx *sqlite.Tx) error {
			return tx.PutPartner(partner.Partner{ID: "ptn_a", Name: "a", CreatedAt: at})
		},
		func(tx *sqlite.Tx) error {
			return tx.PutReview(partner.Review{PartnerID: "ptn_a", Environment: "sandbox", State: partner.ReviewRequested, RequestedBy: "a", ChangedAt: at})
		},
		func(tx *sqlite.Tx) error { return errors.Join(tx.PutCredential(app), tx.PutCredential(signing)) },
		func(tx *sqlite.Tx) error {
			return tx.PutNetwork(partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Country: "CA", CreatedAt: at})
		},
		func(tx *sqlite.Tx) error { return tx.PutLimit(limit) },
		func(tx *sqlite.Tx) error {
			return tx.PutSealingKey(partner.SealingKey{Environment: "sandbox", ID: 1, Sealed: []byte{1}, CreatedAt: at, RetiredAt: at})
		},
		func(tx *sqlite.Tx) error { return tx.PutDocument(document) },
	} {
		if err := db.Update(context.Background(), func(tx *sqlite.Tx) error { return errors.Join(write(tx), tx.Record(change)) }); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "sound")
	if _, err := db.Backup(context.Background(), file); err != nil {
		t.Fatal(err)
	}
	return file
}

// triggerOf is the text that makes a trigger of a file again.
func triggerOf(t *testing.T, sound []byte, dir, name string) (text string) {
	t.Helper()
	file := filepath.Join(dir, "trigger")
	if err := os.WriteFile(file, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	db := raw(t, file)
	if err := db.QueryRow("SELECT sql FROM sqlite_schema WHERE name = ?", name).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestACheckEndsWithItsContext: also while the engine reads, and nothing is called damaged for it.
func TestACheckEndsWithItsContext(t *testing.T) {
	file := populatedBackup(t, t.TempDir())
	ctx, end := context.WithCancel(context.Background())
	end()
	if _, err := sqlite.CheckFile(ctx, file); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
}

// TestRule12WhatNoRowMayBeIsFoundAtTheOpening: a value that the tables do not allow, in a column that is in no digest. A restore opens what
// it has checked.
func TestRule12WhatNoRowMayBeIsFoundAtTheOpening(t *testing.T) {
	file := populatedBackup(t, t.TempDir())
	db := raw(t, file)
	exec(t, db, "PRAGMA ignore_check_constraints = ON", "UPDATE credential SET failures = -1 WHERE id = 'crd_a'")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, file, store.ErrCorrupt, "CHECK constraint failed in credential")
}
