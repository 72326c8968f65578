package registry_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// runs is a store that counts the rows that are read of a whole register between two pauses.
type runs struct {
	registry.Store
	sofar   map[string]int // since the last pause, by table
	longest map[string]int
	all     map[string]int
}

func (r *runs) View(ctx context.Context, read func(registry.Tx) error) error {
	return r.Store.View(ctx, func(tx registry.Tx) error { return read(runsTx{tx, r}) })
}

func (r *runs) pause(time.Duration) { clear(r.sofar) }

func (r *runs) count(table string, rows int) {
	r.sofar[table] += rows
	r.all[table] += rows
	r.longest[table] = max(r.longest[table], r.sofar[table])
}

type runsTx struct {
	registry.Tx
	of *runs
}

var errAtOnce = errors.New("a whole table is read at once")

func (t runsTx) Partners() ([]partner.Partner, error)             { return nil, errAtOnce }
func (t runsTx) Reviews(string) ([]partner.Review, error)         { return nil, errAtOnce }
func (t runsTx) Networks(string) ([]partner.NetworkRule, error)   { return nil, errAtOnce }
func (t runsTx) Limits(string) ([]partner.Limit, error)           { return nil, errAtOnce }
func (t runsTx) Credentials(string) ([]partner.Credential, error) { return nil, errAtOnce }

func counted[T any](r *runs, table string, yield func([]T) error) func([]T) error {
	return func(rows []T) error {
		r.count(table, len(rows))
		return yield(rows)
	}
}

func (t runsTx) EachPartner(n int, yield func([]partner.Partner) error) error {
	return t.Tx.EachPartner(n, counted(t.of, "partners", yield))
}

func (t runsTx) EachReview(n int, yield func([]partner.Review) error) error {
	return t.Tx.EachReview(n, counted(t.of, "reviews", yield))
}

func (t runsTx) EachNetwork(n int, yield func([]partner.NetworkRule) error) error {
	return t.Tx.EachNetwork(n, counted(t.of, "networks", yield))
}

func (t runsTx) EachLimit(n int, yield func([]partner.Limit) error) error {
	return t.Tx.EachLimit(n, counted(t.of, "limits", yield))
}

func (t runsTx) EachCredential(n int, yield func([]partner.Credential) error) error {
	return t.Tx.EachCredential(n, counted(t.of, "credentials", yield))
}

// TestAWholeReadingPausesInEveryTable: while requests are decided on, no more than one piece of any table is read between two pauses, and no
// table at once; at a start nobody waits, and nothing pauses.
func TestAWholeReadingPausesInEveryTable(t *testing.T) {
	const count = 3*registry.ServePiece + 7
	w := crowded(t, count)
	w.widen(count)
	seen := &runs{Store: w.cfg.Store, sofar: map[string]int{}, longest: map[string]int{}, all: map[string]int{}}
	w.cfg.Store = seen
	r, err := registry.New(w.cfg)
	w.must(err)
	reader, pauses := r.Reader(nil), 0
	reader.PauseWith(func(time.Duration) { pauses++ })
	first, err := reader.Roster(ctx, 0)
	w.must(err)
	taken(t, first)
	first.Wipe()
	if pauses > 0 {
		t.Errorf("%d pauses while nobody is served", pauses)
	}
	clear(seen.sofar)
	clear(seen.longest)
	clear(seen.all)
	reader.PauseWith(seen.pause)
	second, err := reader.Roster(ctx, 0)
	w.must(err)
	taken(t, second)
	second.Wipe()
	for _, table := range []string{"partners", "reviews", "networks", "limits", "credentials"} {
		if seen.all[table] < count || seen.longest[table] > registry.ServePiece {
			t.Errorf("%s: of %d rows %d were read between two pauses, at most %d may", table, seen.all[table], seen.longest[table], registry.ServePiece)
		}
	}
}

// TestAReadingThatIsLeftHalfWayIsFollowedByAWholeOne: what was not taken of it is not known, so that a rule that goes afterwards could
// not be told to be anybody's, and would stay in force as the part of nobody.
func TestAReadingThatIsLeftHalfWayIsFollowedByAWholeOne(t *testing.T) {
	w := crowded(t, registry.ServePiece)
	w.widen(3 * registry.ServePiece)
	rule, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: w.app().Credential.PartnerID, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
	w.must(err)
	reader := w.Reader(nil)
	first, err := reader.Roster(ctx, 0)
	w.must(err)
	inForce := taken(t, first).Revision
	first.Wipe()
	second, err := reader.Roster(ctx, 0)
	w.must(err)
	if _, err := second.Rest.Next(); err != nil {
		t.Fatal(err)
	}
	second.Wipe()
	w.must(w.RemoveNetwork(ctx, alice, rule.ID))
	third, err := reader.Roster(ctx, inForce)
	w.must(err)
	defer third.Wipe()
	if third.Since != 0 {
		t.Errorf("a part since %d, touching %v", third.Since, third.Touched)
	}
	for _, n := range taken(t, third).Networks {
		if n.ID == rule.ID {
			t.Error("the rule is still there")
		}
	}
}
