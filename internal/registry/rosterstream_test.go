package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
	"countersign.dev/internal/secret"
)

// Credentials: more than one piece has of a reading at a start, and of one later on.
const (
	most = 4096 + 300
	many = 1000
)

// crowded is a world with many signing keys of one partner, in two environments.
func crowded(t *testing.T, count int) *world {
	t.Helper()
	w := newWorld(t)
	w.crowd(w.signingKey().Credential.PartnerID, count)
	return w
}

func (w *world) crowd(owner string, count int) {
	w.t.Helper()
	w.must(registry.Adapt(w.db).Update(ctx, func(tx registry.Tx) error {
		for i := range count {
			if err := w.putKey(tx, owner, i); err != nil {
				return err
			}
		}
		return tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.CredentialIssued, Subject: "crd_all"})
	}))
}

// widen adds partners, each with a review, a rule and a limit.
func (w *world) widen(count int) {
	w.t.Helper()
	w.must(registry.Adapt(w.db).Update(ctx, func(tx registry.Tx) (err error) {
		for i := range count {
			id, at, environment := fmt.Sprintf("ptn_%026d", i), w.clock.now(), []string{"sandbox", "production"}[i%2]
			err = errors.Join(err, tx.PutPartner(partner.Partner{ID: id, Name: id, CreatedAt: at}),
				tx.PutReview(partner.Review{PartnerID: id, Environment: environment, State: partner.ReviewRequested, RequestedBy: "operator:alice", ChangedAt: at}),
				tx.PutNetwork(partner.NetworkRule{ID: fmt.Sprintf("net_%026d", i), PartnerID: id, Environment: environment, Country: "NO", CreatedAt: at}),
				tx.PutLimit(partner.Limit{ID: fmt.Sprintf("lim_%026d", i), PartnerID: id, Environment: environment, Rate: 5, Per: time.Second, Burst: 5, CreatedAt: at}))
		}
		return errors.Join(err, tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.PartnerCreated, Subject: "ptn_all"}))
	}))
}

func (w *world) putKey(tx registry.Tx, owner string, i int) error {
	c := partner.Credential{ID: rowID(i), PartnerID: owner, Environment: []string{"sandbox", "production"}[i%2], Kind: partner.SigningKey,
		KeyID: fmt.Sprintf("%032d", i), CreatedAt: w.clock.now()}
	sealed, err := w.ring.Seal(secret.Row("api secret", c.Environment, c.ID, "1"), []byte(c.ID))
	c.Versions = []partner.Version{{Number: 1, Sealed: sealed}}
	return errors.Join(err, tx.PutCredential(c))
}

// rowID is a row identity that ends in a number.
func rowID(n int) string { return fmt.Sprintf("crd_%026d", n) }

// served is a roster that was read while requests are decided on: not the first one.
func (w *world) served() *partner.Roster {
	w.t.Helper()
	reader := w.Reader(nil)
	first, err := reader.Roster(ctx, 0)
	w.must(err)
	first.Wipe()
	second, err := reader.Roster(ctx, 0)
	w.must(err)
	return second
}

// taken is a roster with all of it in its lists, however it comes: copied, since a piece is wiped when the next one is asked for.
func taken(t *testing.T, roster *partner.Roster) *partner.Roster {
	t.Helper()
	all := *roster
	for all.Rest = nil; roster.Rest != nil; {
		piece, err := roster.Rest.Next()
		if err != nil {
			t.Fatal(err)
		}
		if piece == nil {
			break
		}
		all.Partners, all.Reviews = append(all.Partners, piece.Partners...), append(all.Reviews, piece.Reviews...)
		all.Networks, all.Limits = append(all.Networks, piece.Networks...), append(all.Limits, piece.Limits...)
		for _, c := range piece.Credentials {
			c.Versions = slices.Clone(c.Versions)
			for i := range c.Versions {
				c.Versions[i].Secret = secret.NewValue(c.Versions[i].Secret.Bytes())
			}
			all.Credentials = append(all.Credentials, c)
		}
	}
	return &all
}

// A large register is handed over in pieces, at a start and later on, which are together what it has.
func TestPiecesOfTheRosterMakeTheWhole(t *testing.T) {
	w := crowded(t, most)
	w.widen(most)
	for _, environments := range [][]string{nil, {"production"}, {"sandbox"}, {"nowhere"}} {
		want, err := w.RosterOf(ctx, environments)
		w.must(err)
		reader := w.Reader(environments)
		for _, reading := range []string{"first", "second"} {
			roster, err := reader.Roster(ctx, 0)
			w.must(err)
			if roster.Rest == nil || len(roster.Partners) > 0 {
				t.Errorf("%v, %s reading: it is a large register, and came in lists", environments, reading)
			}
			if diff := gocmp.Diff(want, taken(t, roster), alike); diff != "" {
				t.Errorf("%v, %s reading: %s", environments, reading, diff)
			}
			roster.Wipe()
		}
	}
}

// TestRule28APieceThatDoesNotOpenFailsTheReading: and so does everything that is asked afterwards.
func TestRule28APieceThatDoesNotOpenFailsTheReading(t *testing.T) {
	w := crowded(t, many)
	reader := w.Reader(nil)
	_, err := reader.Roster(ctx, 0)
	w.must(err)
	broken := rowID(many - 1)
	w.must(registry.Adapt(w.db).Update(ctx, func(tx registry.Tx) error {
		if err := tx.PutSealed(broken, 1, []byte("no sealed secret")); err != nil {
			return err
		}
		return tx.Record(audit.Change{At: w.clock.now(), Actor: "system:test", Action: audit.CredentialIssued, Subject: broken})
	}))
	if _, err := w.Reader(nil).Roster(ctx, 0); err == nil {
		t.Error("it was read at a start")
	}
	roster, err := reader.Roster(ctx, 0)
	w.must(err)
	defer roster.Wipe()
	for range 3 {
		if _, err := roster.Rest.Next(); err != nil { // partners, reviews, credentials
			t.Fatal(err)
		}
	}
	for range 2 {
		if piece, err := roster.Rest.Next(); err == nil || piece != nil {
			t.Fatalf("%+v and %v of a piece with a secret that does not open", piece, err)
		}
	}
}

// TestRule4SecretsOfAPieceAreWiped: when the next piece is asked for, and when the roster is wiped.
func TestRule4SecretsOfAPieceAreWiped(t *testing.T) {
	w := crowded(t, many)
	roster := w.served()
	for range 2 { // partners, reviews
		_, err := roster.Rest.Next()
		w.must(err)
	}
	first, err := roster.Rest.Next()
	w.must(err)
	held := first.Credentials[0].Versions[0].Secret
	if held.IsZero() {
		t.Fatal("no secret")
	}
	second, err := roster.Rest.Next()
	w.must(err)
	if !held.IsZero() {
		t.Error("the secrets of a piece outlive it")
	}
	held = second.Credentials[0].Versions[0].Secret
	roster.Wipe()
	roster.Wipe()
	if !held.IsZero() {
		t.Error("the secrets of the last piece outlive the roster")
	}
	if piece, err := roster.Rest.Next(); err == nil || piece != nil {
		t.Error("a roster that was wiped hands something over")
	}
}

// A reading that nobody takes ends with its context, and with the next one; the register can be written and read meanwhile.
func TestAReadingThatNobodyTakesHoldsNothingUp(t *testing.T) {
	w := crowded(t, many)
	reader := w.Reader(nil)
	_, err := reader.Roster(ctx, 0)
	w.must(err)
	left, cancel := context.WithCancel(ctx)
	_, err = reader.Roster(left, 0)
	w.must(err)
	cancel()
	for range 3 {
		roster, err := reader.Roster(ctx, 0)
		w.must(err)
		if _, err := w.CreatePartner(ctx, alice, "Meanwhile"+time.Duration(roster.Revision).String()); err != nil {
			t.Fatal(err)
		}
	}
	roster, err := reader.Roster(ctx, 0)
	w.must(err)
	if got := len(taken(t, roster).Credentials); got != many+1 {
		t.Errorf("%d credentials", got)
	}
	roster.Wipe()
}

// Versions that wait to be handed over are in no piece.
func TestPiecesLeaveOutWhatWaits(t *testing.T) {
	w, first := made(t, partner.SigningKey)
	w.crowd(first.Credential.PartnerID, many)
	reader := w.Reader(nil)
	for range 2 {
		roster, err := reader.Roster(ctx, 0)
		w.must(err)
		all := taken(t, roster).Credentials
		i := slices.IndexFunc(all, func(c partner.Credential) bool { return c.ID == first.Credential.ID })
		if got := all[i].Versions; len(got) != 1 || got[0].Number != 1 || len(w.credential(first.Credential.ID).Versions) != 2 {
			t.Errorf("versions %+v", got)
		}
		roster.Wipe()
	}
}
