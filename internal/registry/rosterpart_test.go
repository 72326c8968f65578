package registry_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

// merged is what a part makes of the whole before it.
func merged(whole, part *partner.Roster) *partner.Roster {
	if part.Since == 0 {
		return part
	}
	touched := func(id string) bool { return slices.Contains(part.Touched, id) }
	return &partner.Roster{Revision: part.Revision,
		Partners:    over(whole.Partners, part.Partners, func(v partner.Partner) bool { return touched(v.ID) }),
		Reviews:     over(whole.Reviews, part.Reviews, func(v partner.Review) bool { return touched(v.PartnerID) }),
		Credentials: over(whole.Credentials, part.Credentials, func(v partner.Credential) bool { return touched(v.PartnerID) }),
		Networks:    over(whole.Networks, part.Networks, func(v partner.NetworkRule) bool { return touched(v.PartnerID) }),
		Limits:      over(whole.Limits, part.Limits, func(v partner.Limit) bool { return touched(v.PartnerID) }),
		SealingKeys: part.SealingKeys}
}

func over[T any](whole, part []T, touched func(T) bool) []T {
	return append(slices.DeleteFunc(slices.Clone(whole), touched), part...)
}

// alike compares rosters without their order and their times of reading.
var alike = gocmp.Options{
	cmpopts.IgnoreFields(partner.Roster{}, "ReadAt", "Since", "Touched"), cmpopts.EquateEmpty(),
	gocmp.Comparer(func(a, b secret.Value) bool { return string(a.Bytes()) == string(b.Bytes()) }),
	gocmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.SortSlices(func(a, b partner.Partner) bool { return a.ID < b.ID }),
	cmpopts.SortSlices(func(a, b partner.Credential) bool { return a.ID < b.ID }),
	cmpopts.SortSlices(func(a, b partner.NetworkRule) bool { return a.ID < b.ID }),
	cmpopts.SortSlices(func(a, b partner.Limit) bool { return a.ID < b.ID }),
	cmpopts.SortSlices(func(a, b partner.Review) bool { return cmp.Less(a.PartnerID+a.Environment, b.PartnerID+b.Environment) }),
}

// After every use case, what was read before and the part that has changed since are together the register as it stands.
func TestPartsOfTheRosterMakeTheWhole(t *testing.T) {
	w := newWorld(t)
	w.must(w.EnsureSealingKey(ctx, robot, "sandbox"))
	first, second := w.signingKey().Credential, w.app().Credential
	reader := w.Reader(nil)
	have, err := reader.Roster(ctx, 0)
	w.must(err)
	var rule partner.NetworkRule
	var limit partner.Limit
	steps := []struct {
		name    string
		touched int // partners
		do      func() error
	}{
		{"partner", 1, func() error { _, err := w.CreatePartner(ctx, alice, "Second"); return err }},
		{"review and approval", 1, func() error { w.admitted(); return nil }},
		{"issue", 1, func() error { _, err := w.IssueApp(ctx, alice, first.PartnerID, "sandbox"); return err }},
		{"rotate", 1, func() error { _, err := w.Rotate(ctx, alice, first.ID, w.clock.now().Add(time.Hour)); return err }},
		{"rule", 1, func() (err error) {
			rule, err = w.Allow(ctx, alice, partner.NetworkRule{PartnerID: second.PartnerID, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
			return err
		}},
		{"limit", 1, func() (err error) {
			limit, err = w.SetLimit(ctx, alice, partner.Limit{PartnerID: first.PartnerID, Environment: "sandbox", Rate: 5, Per: time.Second, Burst: 5})
			return err
		}},
		{"a rule that is gone", 1, func() error { return w.RemoveNetwork(ctx, alice, rule.ID) }},
		{"a limit that is gone", 1, func() error { return w.RemoveLimit(ctx, alice, limit.ID) }},
		{"a rule that came and went", 0, func() error {
			r, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: second.PartnerID, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/25")})
			w.must(err)
			return w.RemoveNetwork(ctx, alice, r.ID)
		}},
		{"schedule", 0, func() error { _, err := w.ScheduleRotation(ctx, alice, first.ID, quarterly); return err }},
		{"a secret that waits", 1, func() error { w.clock.pass(quarterly.Every); w.run(1, 0, 0); return nil }},
		{"a secret that is handed over", 1, func() error { _, err := w.RevealSecret(ctx, alice, first.ID, 0); return err }},
		{"tokens", 1, func() error { return w.RevokeTokens(ctx, alice, second.ID) }},
		{"sealing key", 0, func() error { return w.RotateSealingKey(ctx, robot, "sandbox") }},
		{"suspend", 1, func() error { return w.Suspend(ctx, alice, first.PartnerID, "sandbox", "test") }},
		{"revoke", 1, func() error { return w.RevokeCredential(ctx, alice, second.ID, "test") }},
		{"two partners", 2, func() error {
			w.must(w.BindClientKeys(ctx, alice, first.ID, []string{fmt.Sprintf("%064x", 7)}))
			return w.ClosePartner(ctx, alice, second.PartnerID, "test")
		}},
	}
	for _, step := range steps {
		w.must(step.do())
		part, err := reader.Roster(ctx, have.Revision)
		w.must(err)
		if part.Since != have.Revision || len(part.Touched) != step.touched {
			t.Errorf("%s: since %d (in force: %d), touched %v, want %d partners", step.name, part.Since, have.Revision, part.Touched, step.touched)
		}
		have = merged(have, part)
		want, err := w.Roster(ctx)
		w.must(err)
		if diff := gocmp.Diff(want, have, alike); diff != "" {
			t.Fatalf("%s: %s", step.name, diff)
		}
	}
}

// Whoever has something else in force than this reader has read last gets the whole.
func TestAReaderThatDoesNotKnowWhatIsInForceReadsTheWhole(t *testing.T) {
	w := newWorld(t)
	w.app()
	reader := w.Reader(nil)
	for name, since := range map[string]uint64{"nothing": 0, "what it never read": 1, "what is not there": 1 << 40} {
		if roster, err := reader.Roster(ctx, since); err != nil || roster.Since != 0 || len(roster.Credentials) != 1 {
			t.Errorf("%s in force: %+v, %v", name, roster, err)
		}
	}
	have, err := reader.Roster(ctx, 0)
	w.must(err)
	for range 3 {
		w.app()
	}
	if _, err := reader.Roster(ctx, have.Revision); err != nil {
		t.Fatal(err)
	}
	if again, err := reader.Roster(ctx, have.Revision); err != nil || again.Since != 0 || len(again.Credentials) != 4 {
		t.Errorf("the part was not put in force: %+v, %v", again, err)
	}
	only, err := w.Reader([]string{"production"}).Roster(ctx, 0)
	if err != nil || len(only.Credentials) != 0 || len(only.Partners) != 4 {
		t.Errorf("another environment: %+v, %v", only, err)
	}
}
