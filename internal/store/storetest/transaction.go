package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/store"
)

var errOurs = errors.New("ours")

func rollback(t *testing.T, s registry.Store) {
	write := func(tx registry.Tx) error { return errors.Join(tx.PutPartner(newPartner("ptn_a")), tx.Record(row)) }
	err := s.Update(context.Background(), func(tx registry.Tx) error { return errors.Join(write(tx), errOurs) })
	if !errors.Is(err, errOurs) {
		t.Errorf("the error of the change is lost: %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic of the change is swallowed")
			}
		}()
		_ = s.Update(context.Background(), func(tx registry.Tx) error {
			_ = write(tx)
			var none map[string]int
			none["panics"] = 1
			return nil
		})
	}()
	isEmpty(t, s)
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) }) // the store still works
	want(t, s, 1, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
}

func isEmpty(t *testing.T, s registry.Store) {
	t.Helper()
	want(t, s, nil, func(tx registry.Tx) ([]partner.Partner, error) { return tx.Partners() })
	want(t, s, nil, func(tx registry.Tx) ([]audit.Change, error) { return tx.Changes(0, 10) })
	want(t, s, 0, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
}

func spoiled(t *testing.T, s registry.Store) {
	err := s.Update(context.Background(), func(tx registry.Tx) error {
		if err := tx.PutPartner(newPartner("ptn_a")); err != nil {
			return err
		}
		if err := tx.PutReview(newReview("ptn_unknown", "sandbox")); err == nil {
			t.Error("a review of nobody was written")
		}
		_ = tx.Record(row)
		return nil // the failures are not looked at
	})
	if err == nil {
		t.Error("a transaction was kept although one of its statements failed")
	}
	isEmpty(t, s)
}

func unrecorded(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutCredential(newApp("crd_a", "ptn_a", keyID('a'), "1")) })
	put(t, s, func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_a", "ptn_a", "", "CA")) })
	for name, write := range map[string]func(registry.Tx) error{
		"partner":    func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_b")) },
		"review":     func(tx registry.Tx) error { return tx.PutReview(newReview("ptn_a", "sandbox")) },
		"credential": func(tx registry.Tx) error { return tx.PutCredential(newApp("crd_b", "ptn_a", keyID('b'), "2")) },
		"network":    func(tx registry.Tx) error { return tx.PutNetwork(newNetwork("net_b", "ptn_a", "", "US")) },
		"removal":    func(tx registry.Tx) error { return tx.DeleteNetwork("net_a") },
		"withdrawal": func(tx registry.Tx) error { return tx.DeleteReview("ptn_a", "sandbox") },
		"sealing key": func(tx registry.Tx) error {
			return tx.PutSealingKey(partner.SealingKey{Environment: "sandbox", ID: 1, Sealed: []byte{1}, CreatedAt: moment})
		},
		"limit":                    func(tx registry.Tx) error { return tx.PutLimit(newLimit("lim_a", "ptn_a", "", "")) },
		"removal of a limit":       func(tx registry.Tx) error { return tx.DeleteLimit("lim_a") },
		"a sealed secret":          func(tx registry.Tx) error { return tx.PutSealed("crd_a", 1, []byte{1}) },
		"a sealed sealing key":     func(tx registry.Tx) error { return tx.PutSealedKey("sandbox", 1, []byte{1}) },
		"removal of a sealing key": func(tx registry.Tx) error { return tx.DeleteSealingKey("sandbox", 1) },
	} {
		if err := s.Update(context.Background(), write); !errors.Is(err, store.ErrUnrecorded) {
			t.Errorf("%s without a row: %v", name, err)
		}
	}
	err := s.Update(context.Background(), func(tx registry.Tx) error { return tx.PutFailures("crd_a", 5) })
	if err != nil {
		t.Errorf("the count of failures needs no row: %v", err)
	}
	want(t, s, []int{5}, func(tx registry.Tx) ([]int, error) {
		c, ok, err := tx.Credential("crd_a")
		return found(c.Failures, ok, err)
	})
	want(t, s, 3, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
}

func numbering(t *testing.T, s registry.Store) {
	ctx := context.Background()
	for range 3 {
		put(t, s, func(tx registry.Tx) error { return tx.Record(row) }) // two in one transaction
		_ = s.Update(ctx, func(tx registry.Tx) error { return errors.Join(tx.Record(row), errOurs) })
	}
	bad := row
	bad.Actor = ""
	if err := s.Update(ctx, func(tx registry.Tx) error { return tx.Record(bad) }); !errors.Is(err, audit.ErrChange) {
		t.Errorf("a row without an actor: %v", err)
	}
	seqs := func(after uint64, limit int) func(registry.Tx) ([]uint64, error) {
		return func(tx registry.Tx) (out []uint64, err error) {
			all, err := tx.Changes(after, limit)
			for _, c := range all {
				out = append(out, c.Seq)
			}
			return out, err
		}
	}
	want(t, s, []uint64{1, 2, 3, 4, 5, 6}, seqs(0, 100))
	want(t, s, []uint64{3, 4}, seqs(2, 2))
	want(t, s, nil, seqs(6, 100))
	want(t, s, nil, seqs(1<<64-1, 100))
	if n, err := s.Revision(ctx); n != 6 || err != nil {
		t.Errorf("revision %d, %v", n, err)
	}
}

func oneMoment(t *testing.T, s registry.Store) {
	err := s.View(context.Background(), func(tx registry.Tx) error {
		before, err := tx.Revision()
		if err != nil {
			return err
		}
		put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) }) // a view does not block a change
		after, err := tx.Revision()
		if before != 0 || after != 0 {
			t.Errorf("a view went from revision %d to %d", before, after)
		}
		if all, err := tx.Partners(); len(all) != 0 || err != nil {
			t.Errorf("a view shows a later change: %v, %v", all, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, []partner.Partner{newPartner("ptn_a")}, func(tx registry.Tx) ([]partner.Partner, error) { return tx.Partners() })
}

func viewWrites(t *testing.T, s registry.Store) {
	err := s.View(context.Background(), func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	if !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("writing in a view: %v", err)
	}
	err = s.View(context.Background(), func(tx registry.Tx) error { return tx.Record(row) })
	if !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("recording in a view: %v", err)
	}
	isEmpty(t, s)
}

func parallel(t *testing.T, s registry.Store) {
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	put(t, s, func(tx registry.Tx) error {
		return tx.PutCredential(partner.Credential{ID: "crd_a", PartnerID: "ptn_a", Environment: "sandbox", Kind: partner.App,
			KeyID: keyID('a'), Login: "1", CreatedAt: moment})
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				put(t, s, func(tx registry.Tx) error {
					c, _, err := tx.Credential("crd_a")
					return errors.Join(err, tx.PutFailures("crd_a", c.Failures+1))
				})
			}
		})
	}
	all.Wait()
	want(t, s, []int{40}, func(tx registry.Tx) ([]int, error) {
		c, ok, err := tx.Credential("crd_a")
		return found(c.Failures, ok, err)
	})
	want(t, s, 42, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
}

func ended(t *testing.T, s registry.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.Update(ctx, func(tx registry.Tx) error { return tx.Record(row) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	isEmpty(t, s)
	live, cancel := context.WithCancel(context.Background())
	err = s.Update(live, func(tx registry.Tx) error {
		cancel() // once begun, a transaction is finished
		return tx.Record(row)
	})
	if err != nil {
		t.Errorf("a context that ended inside a transaction: %v", err)
	}
	want(t, s, 1, func(tx registry.Tx) (uint64, error) { return tx.Revision() })
}
