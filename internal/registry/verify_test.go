package registry_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// audited is a register in which every kind of row exists, and some have a past.
type audited struct {
	*world
	partner partner.Partner
	app     registry.Issued
	rule    partner.NetworkRule
	limit   partner.Limit
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{world: newWorld(t)}
	a.app = a.world.app()
	a.partner = partner.Partner{ID: a.app.Credential.PartnerID}
	_, err := a.IssueSigningKey(ctx, alice, a.partner.ID, "sandbox")
	a.must(err)
	a.rule, err = a.Allow(ctx, alice, country(a.partner.ID, "CA"))
	a.must(err)
	a.limit, err = a.SetLimit(ctx, alice, partner.Limit{PartnerID: a.partner.ID, Environment: "sandbox", Daily: 10})
	a.must(err)
	a.must(a.EnsureSealingKey(ctx, robot, "sandbox"))
	a.must(a.Suspend(ctx, alice, a.partner.ID, "sandbox", "a look"))
	a.must(a.RevokeTokens(ctx, alice, a.app.Credential.ID))
	return a
}

// copies closes a and returns what makes a copy of it: what every copy holds has the same identities.
func (a *audited) copies() func() *audited {
	a.t.Helper()
	a.must(a.db.Close()) // folds the log into the file
	sound, err := os.ReadFile(a.path)
	a.must(err)
	return func() *audited {
		a.t.Helper()
		w := *a.world
		w.path = filepath.Join(a.t.TempDir(), "register.db")
		w.must(os.WriteFile(w.path, sound, 0o600))
		w.start()
		a.t.Cleanup(func() { _ = w.db.Close() })
		return &audited{world: &w, partner: a.partner, app: a.app, rule: a.rule, limit: a.limit}
	}
}

// report is what an auditor finds with these anchors.
func (a *audited) report(anchors ...audit.Anchor) audit.ChangeReport {
	a.t.Helper()
	report, err := a.VerifyChanges(ctx, anchors)
	a.must(err)
	return report
}

// anchor is what a checkpoint signs now.
func (a *audited) anchor() audit.Anchor {
	a.t.Helper()
	head, err := a.Head(ctx)
	a.must(err)
	return audit.Anchor{ID: head.Record, Seq: head.Seq, Hash: head.Hash, At: a.clock.now()}
}

// asRoot runs statements as somebody does who has the file: the triggers are gone first.
func (a *audited) asRoot(statements ...string) {
	a.t.Helper()
	a.raw(append([]string{"DROP TRIGGER IF EXISTS change_is_next", "DROP TRIGGER IF EXISTS change_is_final",
		"DROP TRIGGER IF EXISTS change_stays"}, statements...)...)
}

// rehash computes the whole chain anew over what the rows say now, with a program of its own: the attacker has no need of
// ours. The head is set as well.
func (a *audited) rehash() {
	a.t.Helper()
	db, err := sql.Open("sqlite", a.path)
	a.must(err)
	defer db.Close()
	type rowOf struct {
		seq, at                        int64
		actor, action, subject, detail string
		touched                        []byte
	}
	var list []rowOf
	rows, err := db.Query("SELECT seq, at, actor, action, subject, detail, touched FROM change ORDER BY seq")
	a.must(err)
	for rows.Next() {
		var r rowOf
		a.must(rows.Scan(&r.seq, &r.at, &r.actor, &r.action, &r.subject, &r.detail, &r.touched))
		list = append(list, r)
	}
	a.must(rows.Close())
	var record string
	a.must(db.QueryRow("SELECT record FROM revision").Scan(&record))
	prev := sha256.Sum256([]byte("countersign change record 1\n" + record))
	for i, r := range list {
		h := sha256.New()
		number := func(n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }
		h.Write([]byte("countersign change 1\n"))
		h.Write(prev[:])
		number(uint64(i) + 1)
		number(uint64(r.at))
		for _, text := range []string{r.actor, r.action, r.subject, r.detail} {
			number(uint64(len(text)))
			h.Write([]byte(text))
		}
		touched, err := audit.ParseTouched(r.touched)
		a.must(err)
		number(uint64(len(touched)))
		h.Write(r.touched)
		hash := [32]byte(h.Sum(nil))
		_, err = db.Exec("UPDATE change SET seq = ?, prev = ?, hash = ? WHERE seq = ?", i+1, prev[:], hash[:], r.seq)
		a.must(err)
		prev = hash
	}
	_, err = db.Exec("UPDATE revision SET n = ?, hash = ?", len(list), prev[:])
	a.must(err)
}

func kinds(r audit.ChangeReport) (out []audit.FaultKind) {
	for _, f := range r.Faults {
		out = append(out, f.Kind)
	}
	return out
}

func TestASoundRecordIsProven(t *testing.T) {
	a := newAudited(t)
	bare := a.report()
	if !bare.OK() || bare.TailAnchored() || bare.Anchored != 0 || bare.Rows != 7 || !strings.Contains(strings.Join(bare.Lines(), "\n"), "tail not anchored") {
		t.Errorf("%q", bare.Lines())
	}
	early := a.anchor()
	a.must(a.Resume(ctx, alice, a.partner.ID, "sandbox", ""))
	some := a.report(early)
	if !some.OK() || some.TailAnchored() || some.Anchored != early.Seq || some.Last != early.Seq+1 ||
		!strings.Contains(strings.Join(some.Lines(), "\n"), "tail not anchored") {
		t.Errorf("%q", some.Lines())
	}
	whole := a.report(early, a.anchor())
	if !whole.OK() || !whole.TailAnchored() || whole.Anchored != whole.Last || strings.Contains(strings.Join(whole.Lines(), "\n"), "tail not anchored") {
		t.Errorf("%q", whole.Lines())
	}
	// The count of failures is no part of the record.
	a.try(a.app, "wrong", registry.Wrong)
	if again := a.report(); !again.OK() || again.Last != whole.Last {
		t.Errorf("%q", again.Lines())
	}
}

// TestManipulationsAreDetected does to the file what somebody with root could do, and asks the auditor, who has no anchor.
func TestManipulationsAreDetected(t *testing.T) {
	fresh := newAudited(t).copies()
	for name, attack := range map[string]struct {
		run  func(a *audited)
		want audit.FaultKind
	}{
		"an actor is exchanged":    {func(a *audited) { a.asRoot("UPDATE change SET actor = 'operator:carol' WHERE seq = 3") }, audit.FaultAltered},
		"a detail is exchanged":    {func(a *audited) { a.asRoot("UPDATE change SET detail = '' WHERE seq = 2") }, audit.FaultAltered},
		"a time is moved":          {func(a *audited) { a.asRoot("UPDATE change SET at = at + 1 WHERE seq = 4") }, audit.FaultAltered},
		"touched rows are emptied": {func(a *audited) { a.asRoot("UPDATE change SET touched = x'' WHERE seq = 1") }, audit.FaultAltered},
		"touched rows are garbage": {func(a *audited) { a.asRoot("UPDATE change SET touched = x'00' WHERE seq = 1") }, audit.FaultAltered},
		"a hash is flipped":        {func(a *audited) { a.asRoot("UPDATE change SET hash = prev WHERE seq = 5") }, audit.FaultAltered},
		"a row is hashed anew without those after it": {func(a *audited) {
			a.asRoot("UPDATE change SET prev = zeroblob(32) WHERE seq = 5")
		}, audit.FaultUnlinked},
		"the first row is dropped": {func(a *audited) { a.asRoot("DELETE FROM change WHERE seq = 1") }, audit.FaultMissing},
		"a middle row is dropped":  {func(a *audited) { a.asRoot("DELETE FROM change WHERE seq = 4") }, audit.FaultMissing},
		"a middle row is dropped and the others move up": {func(a *audited) {
			a.asRoot("DELETE FROM change WHERE seq = 4", "UPDATE change SET seq = seq - 1 WHERE seq > 4", "UPDATE revision SET n = n - 1")
		}, audit.FaultUnlinked},
		"two rows change places": {func(a *audited) {
			a.asRoot("UPDATE change SET seq = 100 WHERE seq = 3", "UPDATE change SET seq = 3 WHERE seq = 4", "UPDATE change SET seq = 4 WHERE seq = 100")
		}, audit.FaultUnlinked},
		"a row is put in front": {func(a *audited) {
			a.asRoot("INSERT INTO change SELECT 0, at, actor, action, subject, detail, touched, prev, hash FROM change WHERE seq = 1")
		}, audit.FaultMissing},
		"a row is put behind": {func(a *audited) {
			a.asRoot("INSERT INTO change SELECT seq + 1, at, actor, action, subject, detail, x'', hash, hash FROM change ORDER BY seq DESC LIMIT 1")
		}, audit.FaultHead},
		"the tail is cut": {func(a *audited) {
			a.asRoot("DELETE FROM change WHERE seq = (SELECT max(seq) FROM change)")
		}, audit.FaultHead},
		"the tail is cut and the head set back, the register stays": {func(a *audited) { a.cut() }, audit.FaultRowChanged},
		"all of it is dropped": {func(a *audited) { a.asRoot("DELETE FROM change", "UPDATE revision SET n = 0") }, audit.FaultHead},
		"the record gets another id": {func(a *audited) {
			a.asRoot("UPDATE revision SET record = '00000000000000000000000000000000'")
		}, audit.FaultUnlinked},
		"a partner is renamed":  {func(a *audited) { a.asRoot("UPDATE partner SET name = 'Mallory'") }, audit.FaultRowChanged},
		"a review is approved":  {func(a *audited) { a.asRoot("UPDATE review SET state = 'approved', reason = ''") }, audit.FaultRowOld}, // as it was before
		"an approver exchanged": {func(a *audited) { a.asRoot("UPDATE review SET approved_by = 'operator:carol'") }, audit.FaultRowChanged},
		"tokens live again":     {func(a *audited) { a.asRoot("UPDATE credential SET generation = 0") }, audit.FaultRowOld},
		"a lock is set":         {func(a *audited) { a.asRoot("UPDATE credential SET locked_at = 1 WHERE kind = 'app'") }, audit.FaultRowChanged},
		"a hash is exchanged":   {func(a *audited) { a.asRoot("UPDATE version SET hash = '$mallory' WHERE hash IS NOT NULL") }, audit.FaultRowChanged},
		"a sealed secret":       {func(a *audited) { a.asRoot("UPDATE version SET sealed = x'00' WHERE sealed IS NOT NULL") }, audit.FaultRowChanged},
		"an end is put off":     {func(a *audited) { a.asRoot("UPDATE version SET not_after = 9999999999999999") }, audit.FaultRowChanged},
		"a version is added": {func(a *audited) {
			a.asRoot("INSERT INTO version SELECT credential_id, 7, sealed, hash, 0, 0, 0 FROM version WHERE hash IS NOT NULL")
		}, audit.FaultRowChanged},
		"a client key is bound": {func(a *audited) {
			a.asRoot("UPDATE credential SET client_keys = '" + strings.Repeat("0a", 32) + "'")
		}, audit.FaultRowChanged},
		"a network is widened": {func(a *audited) { a.asRoot("UPDATE network SET country = 'US'") }, audit.FaultRowChanged},
		"a network is added": {func(a *audited) {
			a.asRoot("INSERT INTO network SELECT 'net_mallory', partner_id, environment, api, '10.0.0.0/8', '', '', 1 FROM network")
		}, audit.FaultRowAdded},
		"a network is removed":    {func(a *audited) { a.asRoot("DELETE FROM network") }, audit.FaultRowRemoved},
		"a limit is raised":       {func(a *audited) { a.asRoot("UPDATE limit_rule SET daily = 11") }, audit.FaultRowChanged},
		"a limit is removed":      {func(a *audited) { a.asRoot("DELETE FROM limit_rule") }, audit.FaultRowRemoved},
		"a sealing key exchanged": {func(a *audited) { a.asRoot("UPDATE sealing_key SET sealed = x'00'") }, audit.FaultRowChanged},
		"a partner is added": {func(a *audited) {
			a.asRoot("INSERT INTO partner VALUES ('ptn_mallory', 'Mallory', 0, 1)")
		}, audit.FaultRowAdded},
		"a removed row is put back": {func(a *audited) {
			a.must(a.RemoveNetwork(ctx, alice, a.rule.ID))
			a.asRoot("INSERT INTO network VALUES ('" + a.rule.ID + "', '" + a.partner.ID + "', 'sandbox', '', '', 'CA', '', " + "1)")
		}, audit.FaultRowAdded},
		"a row's change is hashed anew to fit it, and nothing else": {func(a *audited) {
			a.asRoot("UPDATE partner SET name = 'Mallory'", "UPDATE change SET detail = 'Mallory' WHERE seq = 1")
			a.rehash()
		}, audit.FaultRowChanged},
	} {
		a := fresh()
		attack.run(a)
		report := a.report()
		if !slices.Contains(kinds(report), attack.want) || report.TailAnchored() {
			t.Errorf("%s: expected %s, got %q", name, attack.want, report.Lines())
		}
	}
}

// cut drops the last change and sets the head back.
func (a *audited) cut() {
	a.asRoot("DELETE FROM change WHERE seq = (SELECT max(seq) FROM change)",
		"UPDATE revision SET n = n - 1, hash = (SELECT hash FROM change ORDER BY seq DESC LIMIT 1)")
}

// forge is the perfect crime: the last change never happened, its row of the register is as before, and the chain is whole.
func (a *audited) forge() {
	a.cut()
	a.asRoot("UPDATE credential SET generation = 0 WHERE kind = 'app'")
}

// Without an anchor a chain cannot show that its tail was cut, or that all of it was hashed anew, where the rows of the
// register were made to fit: the report says so. With one, it shows.
func TestOnlyAnAnchorDetectsTheRest(t *testing.T) {
	for name, attack := range map[string]struct {
		run  func(a *audited)
		want audit.FaultKind
	}{
		"the tail is cut and the register rolled back": {(*audited).forge, audit.FaultAnchorCut},
		"the whole record is hashed anew": {func(a *audited) {
			a.asRoot("UPDATE change SET actor = 'operator:carol' WHERE actor = 'operator:bob'")
			a.rehash()
		}, audit.FaultAnchorDiffers},
		"a change is dropped and the whole record hashed anew": {func(a *audited) {
			a.asRoot("DELETE FROM change WHERE action = 'review.approved'")
			a.rehash()
		}, audit.FaultAnchorCut},
		"the tail is cut, and other changes follow": {func(a *audited) {
			a.forge()
			a.must(a.Resume(ctx, alice, a.partner.ID, "sandbox", ""))
		}, audit.FaultAnchorDiffers},
		"the register is exchanged for another one": {func(a *audited) {
			other := newAudited(a.t)
			a.must(a.db.Close())
			a.must(other.db.Close())
			a.path = other.path
			a.start()
			other.db = a.db
		}, audit.FaultAnchorForeign},
	} {
		a := newAudited(t)
		anchor := a.anchor()
		attack.run(a)
		if report := a.report(); !report.OK() || !strings.Contains(strings.Join(report.Lines(), "\n"), "tail not anchored") {
			t.Errorf("%s, without an anchor: %q", name, report.Lines())
		}
		if report := a.report(anchor); !slices.Contains(kinds(report), attack.want) || report.Anchored != 0 || report.TailAnchored() {
			t.Errorf("%s: expected %s, got %q", name, attack.want, report.Lines())
		}
	}
}

// What an anchor proves ends where the damage begins.
func TestAnAnchorBehindADamagedRowProvesNothing(t *testing.T) {
	a := newAudited(t)
	early := a.anchor()
	a.must(a.Resume(ctx, alice, a.partner.ID, "sandbox", ""))
	a.must(a.Suspend(ctx, alice, a.partner.ID, "sandbox", ""))
	late := a.anchor()
	a.asRoot("UPDATE change SET actor = 'operator:carol' WHERE seq = (SELECT max(seq) - 1 FROM change)")
	report := a.report(late, early)
	if report.OK() || report.Anchored != early.Seq || !report.AnchorAt.Equal(early.At) {
		t.Errorf("%q", report.Lines())
	}
}

func TestFaultsAreBounded(t *testing.T) {
	a := newAudited(t)
	a.must(a.cfg.Store.Update(ctx, func(tx registry.Tx) error {
		for i := range audit.MaxFaults + 50 {
			p := partner.Partner{ID: "ptn_" + strings.Repeat("x", i+1), Name: "x", CreatedAt: time.Unix(1, 0)}
			if err := tx.PutPartner(p); err != nil {
				return err
			}
		}
		return tx.Record(audit.Change{At: a.clock.now(), Actor: "operator:alice", Action: audit.PartnerCreated, Subject: "ptn_x"})
	}))
	a.asRoot("UPDATE partner SET name = 'y'")
	if report := a.report(); len(report.Faults) != audit.MaxFaults || report.MoreFaults != 51 {
		t.Errorf("%d faults, %d more", len(report.Faults), report.MoreFaults)
	}
}

// TestEveryColumnIsInTheRecord changes each column of each table, so that one that is added cannot be forgotten. The count of
// failures changes without a change row; revision.only is a constant.
func TestEveryColumnIsInTheRecord(t *testing.T) {
	free := []string{"credential.failures", "revision.only"}
	a := newAudited(t)
	a.asRoot()
	db, err := sql.Open("sqlite", a.path)
	a.must(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	run := func(statement string) {
		t.Helper()
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run("PRAGMA ignore_check_constraints = 1")
	columns := 0
	for _, table := range []string{"partner", "review", "credential", "version", "network", "limit_rule", "sealing_key", "change", "revision"} {
		run("CREATE TEMP TABLE sound AS SELECT * FROM " + table)
		for column, kind := range columnsOf(t, db, table) {
			columns++
			value := map[string]string{"TEXT": "ifnull(%s, '') || 'x'", "INTEGER": "%s + 1000000", "BLOB": "CAST(ifnull(%s, x'') || x'00' AS BLOB)"}[kind]
			run(fmt.Sprintf("UPDATE %s SET %s = "+value, table, column, column))
			report, err := a.VerifyChanges(ctx, nil)
			if noticed := err != nil || !report.OK(); noticed == slices.Contains(free, table+"."+column) {
				t.Errorf("%s.%s: %q, %v", table, column, report.Lines(), err)
			}
			run("DELETE FROM " + table)
			run("INSERT INTO " + table + " SELECT * FROM sound")
		}
		run("DROP TABLE sound")
	}
	if report := a.report(); columns < 60 || !report.OK() {
		t.Errorf("%d columns; %q", columns, report.Lines())
	}
}

// columnsOf is the type of each column of a table.
func columnsOf(t *testing.T, db *sql.DB, table string) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		out[name] = kind
	}
	return out
}
