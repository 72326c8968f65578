package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// partnerPages: pages of partners are filtered and ordered alike by every engine.
func partnerPages(t *testing.T, s registry.Store) {
	names := map[string]string{"ptn_a": "Acme 100%", "ptn_b": "acme_two", "ptn_c": `back\slash`, "ptn_d": "Ünïcode", "ptn_e": "Zebra' OR 1=1"}
	put(t, s, func(tx registry.Tx) error {
		var errs []error
		for id, name := range names {
			p := newPartner(id)
			p.Name, p.Closed = name, id == "ptn_e"
			errs = append(errs, tx.PutPartner(p))
		}
		asked := newReview("ptn_b", "production")
		asked.State, asked.ApprovedBy = partner.ReviewRequested, ""
		return errors.Join(append(errs, tx.PutReview(newReview("ptn_a", "sandbox")), tx.PutReview(newReview("ptn_b", "sandbox")),
			tx.PutReview(asked))...)
	})
	ids := func(q partner.PartnerQuery) func(registry.Tx) ([]string, error) {
		return func(tx registry.Tx) (ids []string, err error) {
			page, err := tx.PartnerPage(q)
			for _, p := range page {
				ids = append(ids, p.ID)
			}
			return ids, err
		}
	}
	for _, test := range []struct {
		q    partner.PartnerQuery
		want []string
	}{
		{partner.PartnerQuery{}, []string{"ptn_a", "ptn_b", "ptn_c", "ptn_d", "ptn_e"}},
		{partner.PartnerQuery{Limit: 2}, []string{"ptn_a", "ptn_b"}},
		{partner.PartnerQuery{Limit: 2, After: "ptn_b"}, []string{"ptn_c", "ptn_d"}},
		{partner.PartnerQuery{After: "ptn_e"}, nil},
		{partner.PartnerQuery{NameContains: "ACME"}, []string{"ptn_a", "ptn_b"}},
		{partner.PartnerQuery{NameContains: "%"}, []string{"ptn_a"}},
		{partner.PartnerQuery{NameContains: "e_t"}, []string{"ptn_b"}},
		{partner.PartnerQuery{NameContains: "_"}, []string{"ptn_b"}},
		{partner.PartnerQuery{NameContains: `\`}, []string{"ptn_c"}},
		{partner.PartnerQuery{NameContains: `k\s`}, []string{"ptn_c"}},
		{partner.PartnerQuery{NameContains: "nïco"}, []string{"ptn_d"}},
		{partner.PartnerQuery{NameContains: "' OR 1"}, []string{"ptn_e"}},
		{partner.PartnerQuery{State: partner.StateOpen, After: "ptn_b"}, []string{"ptn_c", "ptn_d"}},
		{partner.PartnerQuery{State: partner.StateClosed}, []string{"ptn_e"}},
		{partner.PartnerQuery{Environment: "sandbox"}, []string{"ptn_a", "ptn_b"}},
		{partner.PartnerQuery{Review: partner.ReviewRequested}, []string{"ptn_b"}},
		{partner.PartnerQuery{Environment: "sandbox", Review: partner.ReviewRequested}, nil},
		{partner.PartnerQuery{Environment: "sandbox", Review: partner.ReviewApproved, NameContains: "two"}, []string{"ptn_b"}},
	} {
		t.Run(fmt.Sprintf("%+v", test.q), func(t *testing.T) { want(t, s, test.want, ids(test.q)) })
	}
	want(t, s, []partner.Partner{newNamed("ptn_c", names["ptn_c"])}, func(tx registry.Tx) ([]partner.Partner, error) {
		return tx.PartnerPage(partner.PartnerQuery{NameContains: "slash"})
	})
}

func newNamed(id, name string) partner.Partner {
	p := newPartner(id)
	p.Name = name
	return p
}

// credentialPages: pages of credentials come whole, with their versions.
func credentialPages(t *testing.T, s registry.Store) {
	active, locked, revoked := newApp("crd_a", "ptn_a", keyID('a'), "1"), newApp("crd_b", "ptn_a", keyID('b'), "2"), newApp("crd_c", "ptn_b", keyID('c'), "3")
	active.LockedAt, active.RevokedAt, active.Failures = time.Time{}, time.Time{}, partner.MaxFailures-1
	locked.LockedAt, locked.RevokedAt, locked.Failures = time.Time{}, time.Time{}, partner.MaxFailures
	key := newSigningKey("crd_d", "ptn_b", keyID('d'))
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.PutPartner(newPartner("ptn_b")), tx.PutCredential(key),
			tx.PutCredential(revoked), tx.PutCredential(locked), tx.PutCredential(active))
	})
	for _, test := range []struct {
		q    partner.CredentialQuery
		want []partner.Credential
	}{
		{partner.CredentialQuery{}, []partner.Credential{active, locked, revoked, key}},
		{partner.CredentialQuery{Limit: 1}, []partner.Credential{active}},
		{partner.CredentialQuery{Limit: 2, After: "crd_a"}, []partner.Credential{locked, revoked}},
		{partner.CredentialQuery{PartnerID: "ptn_b"}, []partner.Credential{revoked, key}},
		{partner.CredentialQuery{PartnerID: "ptn_b", Kind: partner.App}, []partner.Credential{revoked}},
		{partner.CredentialQuery{Environment: "production"}, []partner.Credential{key}},
		{partner.CredentialQuery{State: partner.StateActive}, []partner.Credential{active, key}},
		{partner.CredentialQuery{State: partner.StateLocked}, []partner.Credential{locked}},
		{partner.CredentialQuery{State: partner.StateRevoked}, []partner.Credential{revoked}},
		{partner.CredentialQuery{State: partner.StateLocked, After: "crd_b"}, nil},
	} {
		t.Run(fmt.Sprintf("%+v", test.q), func(t *testing.T) {
			want(t, s, test.want, func(tx registry.Tx) ([]partner.Credential, error) { return tx.CredentialPage(test.q) })
		})
	}
}

// The actors of manyChanges.
const alice, bob = "operator:alice", "operator:bob"

// after is a moment so many minutes later.
func after(n int) time.Time { return moment.Add(time.Duration(n) * time.Minute) }

// manyChanges writes eight changes, of two partners and what is theirs.
func manyChanges(t *testing.T, s registry.Store) {
	t.Helper()
	app := newApp("crd_a", "ptn_a", keyID('a'), "1")
	write := func(c audit.Change, change func(registry.Tx) error) {
		t.Helper()
		err := s.Update(context.Background(), func(tx registry.Tx) error { return errors.Join(change(tx), tx.Record(c)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	document := newDocument("proposal", "prp_a")
	nothing := func(registry.Tx) error { return nil }
	write(audit.Change{At: after(1), Actor: alice, Action: audit.PartnerCreated, Subject: "ptn_a"}, func(tx registry.Tx) error {
		return tx.PutPartner(newPartner("ptn_a"))
	})
	write(audit.Change{At: after(2), Actor: alice, Action: audit.PartnerCreated, Subject: "ptn_b"}, func(tx registry.Tx) error {
		return tx.PutPartner(newPartner("ptn_b"))
	})
	write(audit.Change{At: after(3), Actor: bob, Action: audit.CredentialIssued, Subject: "crd_a"}, func(tx registry.Tx) error {
		return tx.PutCredential(app)
	})
	write(audit.Change{At: after(4), Actor: bob, Action: audit.NetworkAllowed, Subject: "net_a", Detail: "sandbox: 192.0.2.0/24 of ptn_a"}, nothing)
	write(audit.Change{At: after(5), Actor: bob, Action: audit.NetworkRemoved, Subject: "net_a", Detail: "sandbox: 192.0.2.0/24 of ptn_a"}, nothing)
	write(audit.Change{At: after(6), Actor: alice, Action: audit.ProposalMade, Subject: "prp_a"}, func(tx registry.Tx) error {
		return tx.PutDocument(document)
	})
	write(audit.Change{At: after(7), Actor: bob, Action: audit.CredentialRevoked, Subject: "crd_b"}, nothing)
	write(audit.Change{At: after(8), Actor: bob, Action: audit.NetworkRemoved, Subject: "net_b", Detail: "sandbox: US of ptn_ab"}, nothing)
	refused := func(n int, detail string) {
		write(audit.Change{At: after(n), Actor: bob, Action: audit.AttemptRefused, Subject: "network.allow", Detail: detail}, nothing)
	}
	refused(9, "403 forbidden (environment=sandbox partner=ptn_a)")
	refused(10, "404 not-found (partner=ptn_ab)")
	refused(11, "422 invalid: no network: partner=ptn_a) (partner=ptn_b)")
}

// changePages: changes are found by every filter, in both directions, and are the rows that Changes gives.
func changePages(t *testing.T, s registry.Store) {
	manyChanges(t, s)
	numbers := func(q audit.ChangeQuery) func(registry.Tx) ([]uint64, error) {
		return func(tx registry.Tx) (n []uint64, err error) {
			page, err := tx.ChangePage(q)
			for _, c := range page {
				n = append(n, c.Seq)
			}
			return n, err
		}
	}
	for _, test := range []struct {
		q    audit.ChangeQuery
		want []uint64
	}{
		{audit.ChangeQuery{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{audit.ChangeQuery{Newest: true, Limit: 3}, []uint64{11, 10, 9}},
		{audit.ChangeQuery{Newest: true, After: 3}, []uint64{2, 1}},
		{audit.ChangeQuery{After: 9}, []uint64{10, 11}},
		{audit.ChangeQuery{After: 1<<64 - 1}, nil},
		{audit.ChangeQuery{Actor: alice}, []uint64{1, 2, 6}},
		{audit.ChangeQuery{Actor: "operator:ali"}, nil},
		{audit.ChangeQuery{Actions: []audit.Action{audit.CredentialIssued, audit.CredentialRevoked}}, []uint64{3, 7}},
		{audit.ChangeQuery{Kind: "credential"}, []uint64{3, 7}},
		{audit.ChangeQuery{Kind: "cred"}, nil},
		{audit.ChangeQuery{Subject: "crd_a"}, []uint64{3}},
		{audit.ChangeQuery{Partner: "ptn_a"}, []uint64{1, 3, 4, 5, 6, 9}},
		{audit.ChangeQuery{Partner: "ptn_a", Newest: true, After: 6, Limit: 2}, []uint64{5, 4}},
		{audit.ChangeQuery{Partner: "ptn_b"}, []uint64{2, 11}},
		{audit.ChangeQuery{From: after(3), Until: after(5)}, []uint64{3, 4, 5}},
		{audit.ChangeQuery{From: after(3), Actor: alice, Kind: "proposal"}, []uint64{6}},
	} {
		t.Run(fmt.Sprintf("%+v", test.q), func(t *testing.T) { want(t, s, test.want, numbers(test.q)) })
	}
	all, _ := changes(t, s)
	want(t, s, all, func(tx registry.Tx) ([]audit.Change, error) { return tx.ChangePage(audit.ChangeQuery{}) })
}
