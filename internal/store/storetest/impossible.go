package storetest

import (
	"context"
	"testing"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// impossible proves that a fault in the use cases cannot become a row.
func impossible(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(newApp("crd_a", "ptn_a", keyID('a'), "1")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_a", "ptn_a", "10.0.0.0/8", "")) })
	credential := func(change func(*partner.Credential)) func(registry.Tx) error {
		c := newApp("crd_b", "ptn_a", keyID('b'), "2")
		change(&c)
		return func(tx registry.Tx) error { return tx.PutCredential(c) }
	}
	review := func(change func(*partner.Review)) func(registry.Tx) error {
		r := newReview("ptn_a", "sandbox")
		change(&r)
		return func(tx registry.Tx) error { return tx.PutReview(r) }
	}
	for name, write := range map[string]func(registry.Tx) error{
		"a partner without a name":   func(tx registry.Tx) error { return tx.PutPartner(partner.Partner{ID: "ptn_b"}) },
		"a partner without an id":    func(tx registry.Tx) error { return tx.PutPartner(partner.Partner{Name: "x"}) },
		"approved by the requester":  review(func(r *partner.Review) { r.ApprovedBy = r.RequestedBy }),
		"approved by nobody":         review(func(r *partner.Review) { r.ApprovedBy = "" }),
		"an unknown state":           review(func(r *partner.Review) { r.State = "open" }),
		"a review of nobody":         review(func(r *partner.Review) { r.PartnerID = "ptn_none" }),
		"a credential of nobody":     credential(func(c *partner.Credential) { c.PartnerID = "ptn_none" }),
		"a key id twice":             credential(func(c *partner.Credential) { c.KeyID = keyID('a') }),
		"a login twice":              credential(func(c *partner.Credential) { c.Login = "1" }),
		"a short key id":             credential(func(c *partner.Credential) { c.KeyID = "ab" }),
		"an app without a login":     credential(func(c *partner.Credential) { c.Login = "" }),
		"a signing key with a login": credential(func(c *partner.Credential) { c.Kind = partner.SigningKey }),
		"an unknown kind":            credential(func(c *partner.Credential) { c.Kind = "x" }),
		"negative failures":          credential(func(c *partner.Credential) { c.Failures = -1 }),
		"a version without secret":   credential(func(c *partner.Credential) { c.Versions[0].Hash = "" }),
		"a version with two secrets": credential(func(c *partner.Credential) { c.Versions[0].Sealed = []byte{1} }),
		"a version without a number": credential(func(c *partner.Credential) { c.Versions[0].Number = 0 }),
		"a rule with neither":        func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_b", "ptn_a", "", "")) },
		"a rule with both":           func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_b", "ptn_a", "10.0.0.0/9", "CA")) },
		"a rule of nobody":           func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_b", "ptn_none", "", "CA")) },
		"the same rule twice":        func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_b", "ptn_a", "10.0.0.0/8", "")) },
		"a sealing key without an id": func(tx registry.Tx) error {
			return tx.PutSealingKey(partner.SealingKey{Environment: "a", Sealed: []byte{1}})
		},
		"a sealing key without a key":  func(tx registry.Tx) error { return tx.PutSealingKey(partner.SealingKey{Environment: "a", ID: 1}) },
		"a sealing key without a home": func(tx registry.Tx) error { return tx.PutSealingKey(partner.SealingKey{ID: 1, Sealed: []byte{1}}) },
	} {
		err := s.Update(context.Background(), func(tx registry.Tx) error {
			if err := write(tx); err != nil {
				return err
			}
			return tx.Record(row)
		})
		if err == nil {
			t.Errorf("%s was written", name)
		}
	}
	want(t, s, 3, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Review, error) { return tx.Reviews("") })
}
