package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// pieces: what is read piece by piece is the list, whatever the size of a piece, around the number of rows that engines read at once.
func pieces(t *testing.T, s registry.Store) {
	const many = 1024
	want(t, s, nil, inPieces(1))
	put(t, s, func(tx registry.Tx) error { return tx.PutPartner(newPartner("ptn_a")) })
	all := []partner.Credential{newApp("crd_0000", "ptn_a", keyID('x'), "2445581234567")}
	for i := 1; i <= many; i++ {
		c := newSigningKey(fmt.Sprintf("crd_%04d", i), "ptn_a", fmt.Sprintf("%032x", i))
		c.Versions = []partner.Version{{Number: 1, Sealed: fmt.Append(nil, "sealed ", i)}}
		if i%5 == 0 {
			c.Versions = append([]partner.Version{{Number: 2, Sealed: fmt.Append(nil, "anew ", i), NotBefore: moment}}, c.Versions...)
		}
		all = append(all, c)
	}
	var there []partner.Credential
	add := func(list ...partner.Credential) {
		put(t, s, func(tx registry.Tx) (err error) {
			for _, c := range list {
				err = errors.Join(err, tx.PutCredential(c))
			}
			return err
		})
	}
	for _, upTo := range []int{many - 1, many, many + 1} {
		add(all[len(there):upTo]...)
		there = all[:upTo]
		for _, size := range []int{-1, 7, many - 1, many, many + 1, 1 << 20} {
			want(t, s, there, inPieces(size))
		}
		want(t, s, there, func(tx registry.Tx) ([]partner.Credential, error) { return tx.Credentials("") })
	}
	intact(t, s)
	interrupted(t, s)
	otherPieces(t, s)
}

// otherPieces: the tables beside credentials are read piece by piece in the order of their lists, whatever the size of a piece; a piece
// belongs to whoever it is yielded to, and his error ends the reading.
func otherPieces(t *testing.T, s registry.Store) {
	const many = 20
	put(t, s, func(tx registry.Tx) (err error) {
		for i := range many {
			id := fmt.Sprintf("ptn_p%02d", i)
			err = errors.Join(err, tx.PutPartner(newPartner(id)))
			for _, environment := range []string{"production", "sandbox"} {
				err = errors.Join(err, tx.PutReview(partner.Review{PartnerID: id, Environment: environment, State: partner.ReviewRequested, RequestedBy: "operator:alice", ChangedAt: moment}),
					tx.PutNetwork(partner.NetworkRule{ID: "net_" + id + environment, PartnerID: id, Environment: environment, Country: "NO", CreatedAt: moment}),
					tx.PutLimit(partner.Limit{ID: "lim_" + id + environment, PartnerID: id, Environment: environment, Rate: 5, Per: time.Second, Burst: 5, CreatedAt: moment}))
			}
		}
		return err
	})
	err := s.View(context.Background(), func(tx registry.Tx) error {
		for _, size := range []int{-1, 1, 2, 7, 2*many - 1, 2 * many, 2*many + 1, 1 << 20} {
			like(t, size, tx.Partners, tx.EachPartner)
			like(t, size, func() ([]partner.Review, error) { return tx.Reviews("") }, tx.EachReview)
			like(t, size, func() ([]partner.NetworkRule, error) { return tx.Networks("") }, tx.EachNetwork)
			like(t, size, func() ([]partner.Limit, error) { return tx.Limits("") }, tx.EachLimit)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func like[T any](t *testing.T, size int, list func() ([]T, error), each func(int, func([]T) error) error) {
	t.Helper()
	all, err := list()
	var got [][]T
	err = errors.Join(err, each(size, func(piece []T) error {
		if len(piece) == 0 || len(piece) > max(size, 1) {
			t.Errorf("a piece of %d where %d were asked for", len(piece), size)
		}
		got = append(got, piece)
		return nil
	}))
	if diff := cmp.Diff(all, slices.Concat(got...), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err != nil || diff != "" || len(all) < 2 {
		t.Errorf("%T in pieces of %d: %v, %s", all, size, err, diff)
	}
	if err := each(1, func([]T) error { return errOurs }); !errors.Is(err, errOurs) {
		t.Errorf("%T: %v", all, err)
	}
}

// inPieces puts together what comes in pieces, each of which is as large as it may be but the last, and is used after the next has come.
func inPieces(size int) func(tx registry.Tx) ([]partner.Credential, error) {
	return func(tx registry.Tx) (all []partner.Credential, err error) {
		var got [][]partner.Credential
		err = tx.EachCredential(size, func(piece []partner.Credential) error {
			if len(piece) == 0 || len(piece) > max(size, 1) {
				return fmt.Errorf("a piece of %d where %d were asked for", len(piece), size)
			}
			got = append(got, piece)
			return nil
		})
		for _, piece := range got {
			all = append(all, piece...)
		}
		return all, err
	}
}

// interrupted: the error of whoever takes the pieces ends the reading and nothing else, and they may ask while they take one.
func interrupted(t *testing.T, s registry.Store) {
	err := s.View(context.Background(), func(tx registry.Tx) error {
		calls := 0
		err := tx.EachCredential(10, func(piece []partner.Credential) error {
			calls++
			c, found, err := tx.Credential(piece[0].ID)
			if diff := cmp.Diff(piece[0], c); err != nil || !found || diff != "" {
				t.Errorf("between pieces: %v, %v, %s", found, err, diff)
			}
			return errOurs
		})
		if !errors.Is(err, errOurs) || calls != 1 {
			t.Errorf("%v after %d pieces", err, calls)
		}
		report, err := audit.VerifyChanges(tx, nil)
		if err == nil && !report.OK() {
			t.Errorf("afterwards: %q", report.Lines())
		}
		return err
	})
	if err != nil {
		t.Errorf("the transaction is of no use any more: %v", err)
	}
}
