package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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
		"a client key that is short": credential(func(c *partner.Credential) { c.ClientKeys = []string{"0a"} }),
		"a client key in capitals":   credential(func(c *partner.Credential) { c.ClientKeys = []string{strings.Repeat("0A", 32)} }),
		"five client keys":           credential(func(c *partner.Credential) { c.ClientKeys = slices.Repeat([]string{strings.Repeat("0a", 32)}, 5) }),
		"a sealed secret of nothing": func(tx registry.Tx) error {
			return errors.Join(tx.PutCredential(newSigningKey("crd_b", "ptn_a", keyID('b'))), tx.PutSealed("crd_b", 1, nil))
		},
		"a sealed key of nothing": func(tx registry.Tx) error {
			return errors.Join(tx.PutSealingKey(partner.SealingKey{Environment: "a", ID: 1, Sealed: []byte{1}}), tx.PutSealedKey("a", 1, nil))
		},
		"a sealing key without an id": func(tx registry.Tx) error {
			return tx.PutSealingKey(partner.SealingKey{Environment: "a", Sealed: []byte{1}})
		},
		"a sealing key without a key":  func(tx registry.Tx) error { return tx.PutSealingKey(partner.SealingKey{Environment: "a", ID: 1}) },
		"a sealing key without a home": func(tx registry.Tx) error { return tx.PutSealingKey(partner.SealingKey{ID: 1, Sealed: []byte{1}}) },
	} {
		notWritten(t, s, name, write)
	}
	want(t, s, 3, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Review, error) { return tx.Reviews("") })
}

// notWritten tries a change that must not be possible.
func notWritten(t *testing.T, s registry.Store, name string, write func(registry.Tx) error) {
	t.Helper()
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

// impossibleLimits is impossible for limits.
func impossibleLimits(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(newApp("crd_a", "ptn_a", keyID('a'), "1")) })
	limit := func(change func(*partner.Limit)) func(registry.Tx) error {
		l := newLimit("lim_a", "ptn_a", "", "")
		change(&l)
		return func(tx registry.Tx) error { return tx.PutLimit(l) }
	}
	for name, write := range map[string]func(registry.Tx) error{
		"a limit of nothing":            limit(func(l *partner.Limit) { l.Rate, l.Per, l.Burst, l.Daily = 0, 0, 0, 0 }),
		"a limit of nobody":             limit(func(l *partner.Limit) { l.PartnerID = "ptn_none" }),
		"a limit of no environment":     limit(func(l *partner.Limit) { l.Environment = "" }),
		"a rate without a burst":        limit(func(l *partner.Limit) { l.Burst = 0 }),
		"a rate without a span":         limit(func(l *partner.Limit) { l.Per = 0 }),
		"a rate in half a second":       limit(func(l *partner.Limit) { l.Per = time.Second / 2 }),
		"a rate in a second and a half": limit(func(l *partner.Limit) { l.Per = time.Second * 3 / 2 }),
		"a negative rate":               limit(func(l *partner.Limit) { l.Rate = -1 }),
		"a negative quota":              limit(func(l *partner.Limit) { l.Daily = -1 }),
		"a span without a rate":         limit(func(l *partner.Limit) { l.Rate = 0 }),
		"a limit of no such credential": limit(func(l *partner.Limit) { l.CredentialID = "crd_none" }),
		"a limit of another's credential": limit(func(l *partner.Limit) {
			l.CredentialID, l.Environment = "crd_a", "production" // crd_a is of sandbox
		}),
		"a second limit of one scope": func(tx registry.Tx) error {
			return errors.Join(tx.PutLimit(newLimit("lim_a", "ptn_a", "", "card")), tx.PutLimit(newLimit("lim_b", "ptn_a", "", "card")))
		},
	} {
		notWritten(t, s, name, write)
	}
	want(t, s, 2, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Limit, error) { return tx.Limits("") })
}
