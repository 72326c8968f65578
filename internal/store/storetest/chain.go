package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// changes are all change rows of s, and the head.
func changes(t *testing.T, s registry.Store) (all []audit.Change, head audit.Head) {
	t.Helper()
	err := s.View(context.Background(), func(tx registry.Tx) (err error) {
		if head, err = tx.Head(); err == nil {
			all, err = tx.Changes(0, 1000)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, head
}

// intact checks s as an auditor does.
func intact(t *testing.T, s registry.Store) {
	t.Helper()
	err := s.View(context.Background(), func(tx registry.Tx) error {
		report, err := audit.VerifyChanges(tx, nil)
		if err == nil && !report.OK() {
			t.Errorf("%q", report.Lines())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func chained(t *testing.T, s registry.Store) {
	_, empty := changes(t, s)
	if len(empty.Record) != audit.RecordIDLen || empty.Seq != 0 || empty.Hash != audit.Genesis(empty.Record) {
		t.Errorf("the head of an empty record is %+v", empty)
	}
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error { return tx.Record(row) }) // two in one transaction
	_ = s.Update(context.Background(), func(tx registry.Tx) error { return errors.Join(tx.Record(row), errOurs) })
	lie := row
	lie.Seq, lie.Prev, lie.Hash = 9, [32]byte{9}, [32]byte{9}
	lie.Touched = []audit.Touch{{Row: "partner/ptn_z", Digest: [32]byte{9}}}
	put(t, s, func(tx registry.Tx) error { return tx.Record(lie) }) // what the store fills in is ignored
	all, head := changes(t, s)
	prev := audit.Genesis(empty.Record)
	for i, c := range all {
		if c.Seq != uint64(i)+1 || c.Prev != prev || c.Hash != audit.ChangeHash(c) || i > 0 && len(c.Touched) > 0 {
			t.Errorf("change %d does not follow: %+v", i+1, c)
		}
		prev = c.Hash
	}
	if want := (audit.Head{Record: empty.Record, Seq: 5, Hash: prev}); len(all) != 5 || head != want {
		t.Errorf("%d changes, head %+v", len(all), head)
	}
	intact(t, s)
}

func ownRecord(t *testing.T, s registry.Store) {
	err := s.Update(context.Background(), func(tx registry.Tx) error {
		if err := errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.Record(row)); err != nil {
			return err
		}
		head, err := tx.Head()
		all, err2 := tx.Changes(0, 10)
		if head.Seq != 0 || len(all) != 0 {
			t.Error("a change row is there before its transaction ends")
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, before := changes(t, s)
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_b")) })
	if _, after := changes(t, s); after.Record != before.Record || after.Hash == before.Hash || after.Seq != 2 {
		t.Errorf("%+v became %+v", before, after)
	}
}

// touching proves for every way to write that the row is in the change row of the same transaction, with the digest of what
// is there afterwards.
func touching(t *testing.T, s registry.Store) {
	app, signing := newApp("crd_a", "ptn_a", keyID('a'), "1"), newSigningKey("crd_b", "ptn_a", keyID('b'))
	rule, limit := newNetwork("net_a", "ptn_a", "10.0.0.0/8", ""), newLimit("lim_a", "ptn_a", "crd_b", "card")
	key := partner.SealingKey{Environment: "sandbox", ID: 7, Sealed: []byte{1}, CreatedAt: moment}
	resealed, reseal := key, signing
	resealed.Sealed = []byte{2}
	reseal.Versions = []partner.Version{{Number: 1, Sealed: []byte{3}}}
	added := app // the store keeps the version that is not mentioned, and the secret of one that is
	added.Versions = []partner.Version{{Number: 3, Hash: "$hash3"}}
	whole := app
	whole.Versions = append([]partner.Version{{Number: 3, Hash: "$hash3"}}, app.Versions...)
	closed := newPartner("ptn_a")
	closed.Closed = true
	for _, step := range []struct {
		name  string
		write func(registry.Tx) error
		want  audit.Touch
	}{
		{"partner", func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) }, audit.TouchPartner(newPartner("ptn_a"))},
		{"partner again", func(tx registry.Tx) error { return tx.PutPartner(closed) }, audit.TouchPartner(closed)},
		{"review", func(tx registry.Tx) error { return tx.PutReview(newReview("ptn_a", "sandbox")) }, audit.TouchReview(newReview("ptn_a", "sandbox"))},
		{"app", func(tx registry.Tx) error { return tx.PutCredential(app) }, audit.TouchCredential(app)},
		{"a version more", func(tx registry.Tx) error { return tx.PutCredential(added) }, audit.TouchCredential(whole)},
		{"signing key", func(tx registry.Tx) error { return tx.PutCredential(signing) }, audit.TouchCredential(signing)},
		{"sealed again", func(tx registry.Tx) error { return tx.PutSealed("crd_b", 1, []byte{3}) }, audit.TouchCredential(reseal)},
		{"network", func(tx registry.Tx) error { return tx.PutNetwork(rule) }, audit.TouchNetwork(rule)},
		{"review removed", func(tx registry.Tx) error { return tx.DeleteReview("ptn_a", "sandbox") }, audit.Touch{Row: audit.ReviewRow("ptn_a", "sandbox")}},
		{"network removed", func(tx registry.Tx) error { return tx.DeleteNetwork(rule.ID) }, audit.Touch{Row: audit.NetworkRow(rule.ID)}},
		{"limit", func(tx registry.Tx) error { return tx.PutLimit(limit) }, audit.TouchLimit(limit)},
		{"limit removed", func(tx registry.Tx) error { return tx.DeleteLimit(limit.ID) }, audit.Touch{Row: audit.LimitRow(limit.ID)}},
		{"sealing key", func(tx registry.Tx) error { return tx.PutSealingKey(key) }, audit.TouchSealingKey(key)},
		{"sealing key sealed again", func(tx registry.Tx) error { return tx.PutSealedKey("sandbox", 7, []byte{2}) }, audit.TouchSealingKey(resealed)},
		{"document", func(tx registry.Tx) error { return tx.PutDocument(newDocument("proposal", "prp_a")) }, audit.TouchDocument(newDocument("proposal", "prp_a"))},
		{"document removed", func(tx registry.Tx) error { return tx.DeleteDocument("proposal", "prp_a") }, audit.Touch{Row: audit.DocumentRow("proposal", "prp_a")}},
		{"sealing key removed", func(tx registry.Tx) error { return tx.DeleteSealingKey("sandbox", 7) }, audit.Touch{Row: audit.SealingKeyRow("sandbox", 7)}},
	} {
		put(t, s, step.write)
		all, _ := changes(t, s)
		if diff := cmp.Diff([]audit.Touch{step.want}, all[len(all)-1].Touched); diff != "" {
			t.Errorf("%s: expected (-) and got (+):\n%s", step.name, diff)
		}
		intact(t, s)
	}
}

// touchedOnce: several changes in one transaction have each their own rows, in order; a row that several of them wrote is in
// the last one, as it is in the end; what is written after the last change row belongs to that one.
func touchedOnce(t *testing.T, s registry.Store) {
	end := newPartner("ptn_b")
	end.Name = "the last name"
	second := row
	second.Detail = "second"
	err := s.Update(context.Background(), func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_b")), tx.PutPartner(newPartner("ptn_a")), tx.PutNetwork(newNetwork("net_a", "ptn_a", "", "CA")), tx.Record(row),
			tx.PutPartner(end), tx.PutNetwork(newNetwork("net_b", "ptn_a", "", "US")), tx.Record(second),
			tx.DeleteNetwork("net_b"), tx.PutReview(newReview("ptn_a", "sandbox")))
	})
	if err != nil {
		t.Fatal(err)
	}
	all, _ := changes(t, s)
	want := [][]audit.Touch{
		{audit.TouchNetwork(newNetwork("net_a", "ptn_a", "", "CA")), audit.TouchPartner(newPartner("ptn_a"))},
		{{Row: audit.NetworkRow("net_b")}, audit.TouchPartner(end), audit.TouchReview(newReview("ptn_a", "sandbox"))},
	}
	if diff := cmp.Diff(want, [][]audit.Touch{all[0].Touched, all[1].Touched}); diff != "" {
		t.Errorf("expected (-) and got (+):\n%s", diff)
	}
	intact(t, s)
}

func untouched(t *testing.T, s registry.Store) {
	app := newApp("crd_a", "ptn_a", keyID('a'), "1")
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.PutCredential(app))
	})
	if err := s.Update(context.Background(), func(tx registry.Tx) error { return tx.PutFailures("crd_a", 5) }); err != nil {
		t.Fatal(err)
	}
	put(t, s, func(tx registry.Tx) error { return tx.PutFailures("crd_a", 4) })
	all, _ := changes(t, s)
	if len(all) != 2 || len(all[1].Touched) != 0 {
		t.Errorf("the count of failures is in the record: %+v", all)
	}
	intact(t, s)
}
