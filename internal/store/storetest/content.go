package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func everyField(t *testing.T, s registry.Store) {
	p, r := newPartner("ptn_a"), newReview("ptn_a", "sandbox")
	app, signing := newApp("crd_a", "ptn_a", keyID('a'), "2445581234567"), newSigningKey("crd_b", "ptn_a", keyID('b'))
	prefix, country := newNetwork("net_a", "ptn_a", "2001:db8::/32", ""), newNetwork("net_b", "ptn_a", "", "CA")
	whole, one := newLimit("lim_a", "ptn_a", "", ""), newLimit("lim_b", "ptn_a", "crd_b", "card")
	one.Rate, one.Per, one.Burst = 0, 0, 0
	sealing := partner.SealingKey{Environment: "sandbox", ID: 1<<32 - 1, Sealed: []byte{9, 0, 8}, CreatedAt: moment, RetiredAt: moment.Add(time.Second)}
	p.Closed = true
	for _, write := range []func(registry.Tx) error{
		func(tx registry.Tx) error { return tx.PutPartner(p) },
		func(tx registry.Tx) error { return tx.PutReview(r) },
		func(tx registry.Tx) error { return tx.PutCredential(app) },
		func(tx registry.Tx) error { return tx.PutCredential(signing) },
		func(tx registry.Tx) error { return tx.PutNetwork(prefix) },
		func(tx registry.Tx) error { return tx.PutNetwork(country) },
		func(tx registry.Tx) error { return tx.PutLimit(whole) },
		func(tx registry.Tx) error { return tx.PutLimit(one) },
		func(tx registry.Tx) error { return tx.PutSealingKey(sealing) },
	} {
		put(t, s, write)
	}
	want(t, s, []partner.Partner{p}, func(tx registry.Tx) ([]partner.Partner, error) { return found(tx.Partner("ptn_a")) })
	want(t, s, []partner.Partner{p}, func(tx registry.Tx) ([]partner.Partner, error) { return tx.PartnersByName(p.Name) })
	want(t, s, []partner.Review{r}, func(tx registry.Tx) ([]partner.Review, error) { return found(tx.Review("ptn_a", "sandbox")) })
	for _, name := range []string{app.KeyID, app.Login} {
		want(t, s, []partner.Credential{app}, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.CredentialByName(name)) })
	}
	want(t, s, []partner.Credential{app, signing}, func(tx registry.Tx) ([]partner.Credential, error) { return tx.Credentials("") })
	want(t, s, []partner.Credential{signing}, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.Credential("crd_b")) })
	want(t, s, []partner.NetworkRule{prefix}, func(tx registry.Tx) ([]partner.NetworkRule, error) { return found(tx.Network("net_a")) })
	want(t, s, []partner.NetworkRule{prefix, country}, func(tx registry.Tx) ([]partner.NetworkRule, error) { return tx.Networks("ptn_a") })
	want(t, s, []partner.Limit{whole, one}, func(tx registry.Tx) ([]partner.Limit, error) { return tx.Limits("ptn_a") })
	want(t, s, []partner.Limit{one}, func(tx registry.Tx) ([]partner.Limit, error) { return found(tx.Limit("lim_b")) })
	want(t, s, []partner.SealingKey{sealing}, func(tx registry.Tx) ([]partner.SealingKey, error) { return tx.SealingKeys("sandbox") })
	first := row
	first.Seq, first.Touched = 1, []audit.Touch{audit.TouchPartner(p)}
	want(t, s, []audit.Change{first}, func(tx registry.Tx) ([]audit.Change, error) {
		all, err := tx.Changes(0, 1)
		for i := range all {
			all[i].Prev, all[i].Hash = [32]byte{}, [32]byte{} // see chained
		}
		return all, err
	})
}

func emptyStore(t *testing.T, s registry.Store) {
	want(t, s, nil, func(tx registry.Tx) ([]partner.Partner, error) { return found(tx.Partner("ptn_a")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Partner, error) { return tx.Partners() })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Review, error) { return found(tx.Review("ptn_a", "sandbox")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.Credential("crd_a")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.CredentialByName("")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Credential, error) { return tx.Credentials("") })
	want(t, s, nil, func(tx registry.Tx) ([]partner.NetworkRule, error) { return found(tx.Network("net_a")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Limit, error) { return found(tx.Limit("lim_a")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Limit, error) { return tx.Limits("") })
	want(t, s, nil, func(tx registry.Tx) ([]partner.SealingKey, error) { return tx.SealingKeys("") })
	want(t, s, nil, func(tx registry.Tx) ([]audit.Change, error) { return tx.Changes(0, 10) })
	want(t, s, 0, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
	if n, err := s.Revision(context.Background()); n != 0 || err != nil {
		t.Errorf("revision %d, %v", n, err)
	}
}

func lists(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error {
		for _, id := range []string{"ptn_b", "ptn_a"} {
			if err := tx.PutPartner(newPartner(id)); err != nil {
				return err
			}
		}
		for _, c := range []partner.Credential{newSigningKey("crd_3", "ptn_a", keyID('3')), newSigningKey("crd_1", "ptn_b", keyID('1')),
			newSigningKey("crd_2", "ptn_a", keyID('2'))} {
			if err := tx.PutCredential(c); err != nil {
				return err
			}
		}
		for _, k := range []partner.SealingKey{{Environment: "b", ID: 1}, {Environment: "a", ID: 10}, {Environment: "a", ID: 9}} {
			k.Sealed, k.CreatedAt = []byte{1}, moment
			if err := tx.PutSealingKey(k); err != nil {
				return err
			}
		}
		return tx.PutNetwork(newNetwork("net_a", "ptn_b", "", "CA"))
	})
	ids := func(partnerID string) func(tx registry.Tx) ([]string, error) {
		return func(tx registry.Tx) (out []string, err error) {
			all, err := tx.Credentials(partnerID)
			for _, c := range all {
				out = append(out, c.ID)
			}
			return out, err
		}
	}
	want(t, s, []string{"crd_1", "crd_2", "crd_3"}, ids(""))
	want(t, s, []string{"crd_2", "crd_3"}, ids("ptn_a"))
	want(t, s, nil, ids("ptn_c"))
	want(t, s, []partner.Partner{newPartner("ptn_a"), newPartner("ptn_b")}, func(tx registry.Tx) ([]partner.Partner, error) { return tx.Partners() })
	want(t, s, nil, func(tx registry.Tx) ([]partner.NetworkRule, error) { return tx.Networks("ptn_a") })
	want(t, s, []uint32{9, 10, 1}, func(tx registry.Tx) (out []uint32, err error) {
		all, err := tx.SealingKeys("")
		for _, k := range all {
			out = append(out, k.ID)
		}
		return out, err
	})
}

func replacing(t *testing.T, s registry.Store) {
	c := newApp("crd_a", "ptn_a", keyID('a'), "2445581234567")
	k := partner.SealingKey{Environment: "sandbox", ID: 1, Sealed: []byte{1}, CreatedAt: moment}
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(c) })
	put(t, s, func(tx registry.Tx) error { return tx.PutSealingKey(k) })

	c.Generation, c.Failures, c.LockedAt, c.RevokedAt = 7, 0, time.Time{}, time.Time{}
	c.Versions[0].NotAfter = moment.Add(time.Hour)
	changed := c
	changed.Versions = []partner.Version{{Number: 3, Hash: "$hash3"}, c.Versions[0]} // version 1 is left out
	changed.Versions[1].Hash = "$other"
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(changed) })
	c.Versions = []partner.Version{{Number: 3, Hash: "$hash3"}, c.Versions[0], c.Versions[1]}
	want(t, s, []partner.Credential{c}, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.Credential("crd_a")) })

	k.RetiredAt = moment
	other := k
	other.Sealed = []byte{2}
	put(t, s, func(tx registry.Tx) error { return tx.PutSealingKey(other) })
	want(t, s, []partner.SealingKey{k}, func(tx registry.Tx) ([]partner.SealingKey, error) { return tx.SealingKeys("sandbox") })
	put(t, s, func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_a", "ptn_a", "", "CA")) })
	put(t, s, func(tx registry.Tx) error { return tx.DeleteNetwork("net_a") })
	want(t, s, nil, func(tx registry.Tx) ([]partner.NetworkRule, error) { return tx.Networks("") })

	l := newLimit("lim_a", "ptn_a", "", "card")
	put(t, s, func(tx registry.Tx) error { return tx.PutLimit(l) })
	moved := l
	moved.Environment, moved.API, moved.CreatedAt = "sandbox", "", moment.Add(time.Hour) // its scope and time stay
	moved.Rate, moved.Per, moved.Burst, moved.Daily = 7, time.Second, 1, 0
	put(t, s, func(tx registry.Tx) error { return tx.PutLimit(moved) })
	l.Rate, l.Per, l.Burst, l.Daily = 7, time.Second, 1, 0
	want(t, s, []partner.Limit{l}, func(tx registry.Tx) ([]partner.Limit, error) { return tx.Limits("") })
	put(t, s, func(tx registry.Tx) error { return errors.Join(tx.DeleteLimit("lim_none"), tx.DeleteLimit("lim_a")) })
	want(t, s, nil, func(tx registry.Tx) ([]partner.Limit, error) { return tx.Limits("") })

	c.ClientKeys = nil // bound to none any more
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(c) })
	want(t, s, []partner.Credential{c}, func(tx registry.Tx) ([]partner.Credential, error) { return found(tx.Credential("crd_a")) })
}

// resealing replaces the sealed bytes of what is there and has some, and nothing else.
func resealing(t *testing.T, s registry.Store) {
	app, signing := newApp("crd_a", "ptn_a", keyID('a'), "1"), newSigningKey("crd_b", "ptn_a", keyID('b'))
	key := partner.SealingKey{Environment: "sandbox", ID: 1, Sealed: []byte{1}, CreatedAt: moment}
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.PutCredential(app), tx.PutCredential(signing), tx.PutSealingKey(key))
	})
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutSealed("crd_b", 1, []byte{7}), tx.PutSealed("crd_b", 2, []byte{8}), tx.PutSealed("crd_a", 1, []byte{9}),
			tx.PutSealedKey("sandbox", 1, []byte{7}), tx.PutSealedKey("sandbox", 2, []byte{8}))
	})
	signing.Versions[0].Sealed, key.Sealed = []byte{7}, []byte{7}
	want(t, s, []partner.Credential{app, signing}, func(tx registry.Tx) ([]partner.Credential, error) { return tx.Credentials("") })
	want(t, s, []partner.SealingKey{key}, func(tx registry.Tx) ([]partner.SealingKey, error) { return tx.SealingKeys("") })
}

func removing(t *testing.T, s registry.Store) {
	keys := []partner.SealingKey{{Environment: "a", ID: 1}, {Environment: "a", ID: 1<<32 - 1}, {Environment: "b", ID: 1}}
	for i := range keys {
		keys[i].Sealed, keys[i].CreatedAt = []byte{1}, moment
	}
	put(t, s, func(tx registry.Tx) error {
		return errors.Join(tx.PutSealingKey(keys[0]), tx.PutSealingKey(keys[1]), tx.PutSealingKey(keys[2]))
	})
	read := func(tx registry.Tx) ([]partner.SealingKey, error) { return tx.SealingKeys("") }
	put(t, s, func(tx registry.Tx) error { return tx.DeleteSealingKey("a", 1<<32-1) })
	want(t, s, []partner.SealingKey{keys[0], keys[2]}, read)
	put(t, s, func(tx registry.Tx) error { return tx.DeleteSealingKey("a", 2) }) // not there
	put(t, s, func(tx registry.Tx) error { return tx.DeleteSealingKey("a", 1) })
	want(t, s, []partner.SealingKey{keys[2]}, read)
}
