package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func newDocument(kind, id string) partner.Document {
	return partner.Document{Kind: kind, ID: id, PartnerID: "ptn_a", Environment: "sandbox", State: "open", Alias: "also " + id,
		CreatedAt: moment, Body: []byte(`{"é":1}`)}
}

// documents: every field comes back, an alias is unique within its kind, lists are filtered, ordered and paged.
func documents(t *testing.T, s registry.Store) {
	first, second, bare := newDocument("proposal", "prp_b"), newDocument("proposal", "prp_a"), newDocument("operator", "prp_b")
	second.State, second.CreatedAt = "applied", moment.Add(time.Microsecond)
	bare.PartnerID, bare.Environment, bare.State, bare.Alias = "", "", "", ""
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.PutDocument(second), tx.PutDocument(first), tx.PutDocument(bare))
	})
	type list = []partner.Document
	read := func(q partner.DocumentQuery) func(registry.Tx) (list, error) {
		return func(tx registry.Tx) (list, error) { return tx.Documents(q) }
	}
	want(t, s, list{bare}, func(tx registry.Tx) (list, error) { return found(tx.Document("operator", "prp_b")) })
	want(t, s, list{first}, func(tx registry.Tx) (list, error) { return found(tx.DocumentByAlias("proposal", "also prp_b")) })
	want(t, s, nil, func(tx registry.Tx) (list, error) { return found(tx.DocumentByAlias("operator", "also prp_b")) })
	want(t, s, nil, func(tx registry.Tx) (list, error) { return found(tx.DocumentByAlias("operator", "")) })
	for _, hostile := range []string{"prp_b\x00", "\x00", "prp_\xff", "also prp_b\x00"} { // no text: nobody's, and no fault
		want(t, s, nil, func(tx registry.Tx) (list, error) { return found(tx.Document("proposal", hostile)) })
		want(t, s, nil, func(tx registry.Tx) (list, error) { return found(tx.DocumentByAlias("proposal", hostile)) })
		want(t, s, nil, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.Credential(hostile)) })
		want(t, s, nil, func(tx registry.Tx) ([]partner.Partner, error) { return found(tx.Partner(hostile)) })
	}
	want(t, s, list{first, second}, read(partner.DocumentQuery{Kind: "proposal", PartnerID: "ptn_a", Environment: "sandbox"}))
	want(t, s, list{second, first}, read(partner.DocumentQuery{Kind: "proposal", Newest: true}))
	want(t, s, list{second}, read(partner.DocumentQuery{Kind: "proposal", AfterAt: first.CreatedAt, AfterID: first.ID}))
	want(t, s, list{first}, read(partner.DocumentQuery{Kind: "proposal", Newest: true, AfterAt: second.CreatedAt, AfterID: second.ID}))
	want(t, s, list{first}, read(partner.DocumentQuery{Kind: "proposal", Limit: 1}))
	want(t, s, list{first}, read(partner.DocumentQuery{Kind: "proposal", State: "open"}))
	want(t, s, nil, read(partner.DocumentQuery{Kind: "proposal", Environment: "production"}))

	changed := first
	changed.Body, changed.State, changed.Alias, changed.CreatedAt = []byte("{}"), "", "", moment.Add(time.Hour) // the time stays
	put(t, s, func(tx registry.Tx) error { return tx.PutDocument(changed) })
	changed.CreatedAt = first.CreatedAt
	want(t, s, list{changed}, func(tx registry.Tx) (list, error) { return found(tx.Document("proposal", "prp_b")) })
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.DeleteDocument("proposal", "prp_b"), tx.DeleteDocument("proposal", "none"))
	})
	want(t, s, list{bare, second}, read(partner.DocumentQuery{}))
	intact(t, s)
}

// transients come and go without a change row, and touch nothing.
func transients(t *testing.T, s registry.Store) {
	v := partner.Transient{Kind: "session", ID: "a", Owner: "opr_a", ExpiresAt: moment, Body: []byte("body")}
	other, later := v, v
	other.ID, other.Owner, later.ID, later.ExpiresAt = "b", "opr_b", "c", moment.Add(time.Second)
	type list = []partner.Transient
	read := func(id string) func(registry.Tx) (list, error) {
		return func(tx registry.Tx) (list, error) { return found(tx.Transient("session", id)) }
	}
	update := func(change func(registry.Tx) error) {
		t.Helper()
		if err := s.Update(context.Background(), change); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx registry.Tx) error {
		return errors.Join(tx.PutTransient(v), tx.PutTransient(other), tx.PutTransient(later))
	})
	v.Body, v.ExpiresAt = []byte("new"), moment.Add(time.Microsecond)
	update(func(tx registry.Tx) error { return tx.PutTransient(v) })
	want(t, s, list{v}, read("a"))
	update(func(tx registry.Tx) error { return tx.DeleteTransientsBefore(moment.Add(time.Second)) })
	want(t, s, nil, read("a"))
	want(t, s, list{later}, read("c"))
	update(func(tx registry.Tx) error { return errors.Join(tx.PutTransient(v), tx.PutTransient(other)) })
	update(func(tx registry.Tx) error { return tx.DeleteTransientsOf("session", "opr_a") })
	want(t, s, nil, read("c"))
	want(t, s, list{other}, read("b"))
	update(func(tx registry.Tx) error { return tx.DeleteTransient("session", "b") })
	want(t, s, nil, read("b"))
	if all, _ := changes(t, s); len(all) != 0 {
		t.Errorf("transients are in the record: %+v", all)
	}
	intact(t, s)
}

// blobs are kept by their digest.
func blobs(t *testing.T, s registry.Store) {
	content := bytes.Repeat([]byte{7}, partner.MaxBlob)
	digest := sha256.Sum256(content)
	for range 2 {
		put(t, s, func(tx registry.Tx) error {
			got, err := tx.PutBlob(content)
			if got != digest {
				t.Errorf("digest %x", got)
			}
			return err
		})
	}
	err := s.View(context.Background(), func(tx registry.Tx) error {
		got, ok, err := tx.Blob(digest)
		if !ok || !bytes.Equal(got, content) {
			t.Error("the content did not come back")
		}
		if _, ok, _ := tx.Blob([32]byte{1}); ok {
			t.Error("a blob that is not there was found")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func impossibleDocuments(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.PutDocument(newDocument("proposal", "prp_a")))
	})
	document := func(change func(*partner.Document)) func(registry.Tx) error {
		d := newDocument("proposal", "prp_b")
		change(&d)
		return func(tx registry.Tx) error { return tx.PutDocument(d) }
	}
	for name, write := range map[string]func(registry.Tx) error{
		"a document without a kind": document(func(d *partner.Document) { d.Kind = "" }),
		"a kind that is a path":     document(func(d *partner.Document) { d.Kind = "a/b" }),
		"a document without an id":  document(func(d *partner.Document) { d.ID = "" }),
		"a long id":                 document(func(d *partner.Document) { d.ID = strings.Repeat("x", 201) }),
		"a document of nobody":      document(func(d *partner.Document) { d.PartnerID = "ptn_none" }),
		"an alias twice":            document(func(d *partner.Document) { d.Alias = "also prp_a" }),
		"a document of no time":     document(func(d *partner.Document) { d.CreatedAt = time.Time{} }),
		"an empty document":         document(func(d *partner.Document) { d.Body = nil }),
		"a huge document":           document(func(d *partner.Document) { d.Body = make([]byte, partner.MaxDocument+1) }),
		"a transient without an end": func(tx registry.Tx) error {
			return tx.PutTransient(partner.Transient{Kind: "session", ID: "a"})
		},
		"an empty blob": func(tx registry.Tx) error { _, err := tx.PutBlob(nil); return err },
		"a huge blob":   func(tx registry.Tx) error { _, err := tx.PutBlob(make([]byte, partner.MaxBlob+1)); return err },
	} {
		notWritten(t, s, name, write)
	}
}
