package registry_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type (
	desired     = registry.Desired
	company     = registry.DesiredPartner
	environment = registry.DesiredEnvironment
	network     = registry.DesiredNetwork
	limit       = registry.DesiredLimit
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// file is a Desired that uses everything there is.
func file() desired {
	return desired{Partners: []company{
		{Name: "Acme", Environments: []environment{
			{Name: "sandbox", Requested: true,
				Networks: []network{{Prefix: prefix("10.0.0.0/8")}, {Country: "CA", API: "card", Note: "office"}},
				Limits:   []limit{{Rate: 50, Per: time.Second, Burst: 100, Daily: 1000}}},
			{Name: "production", Requested: true},
		}},
		{Name: "Bolt", Environments: []environment{{Name: "sandbox", Networks: []network{{Country: "US"}}}}},
	}}
}

// apply must succeed; it returns the steps as lines.
func (w *world) apply(d desired) (lines []string) {
	w.t.Helper()
	before, err := w.Revision(ctx)
	w.must(err)
	dry, err := w.Apply(ctx, alice, d, true)
	w.must(err)
	if now, err := w.Revision(ctx); now != before || err != nil {
		w.t.Errorf("a dry run changed something: revision %d to %d, %v", before, now, err)
	}
	wet, err := w.Apply(ctx, alice, d, false)
	w.must(err)
	if diff := cmp.Diff(dry, wet); diff != "" {
		w.t.Errorf("the dry run (-) and what was done (+) differ:\n%s", diff)
	}
	for _, s := range wet.Steps {
		lines = append(lines, s.String())
	}
	rows, err := w.Changes(ctx, before, 0)
	w.must(err)
	if len(rows) != len(wet.Steps) {
		w.t.Errorf("%d steps are %d change rows", len(wet.Steps), len(rows))
	}
	for i, row := range rows {
		if row.Action != wet.Steps[i].Action || row.Actor != alice.String() || len(row.Touched) != 1 {
			w.t.Errorf("step %d is %+v", i, row)
		}
	}
	again, err := w.Apply(ctx, alice, d, false)
	if len(again.Steps) != 0 || err != nil {
		w.t.Errorf("the second time: %v, %v", again.Steps, err)
	}
	report, err := w.VerifyChanges(ctx, nil)
	if err != nil || !report.OK() {
		w.t.Errorf("%q, %v", report.Lines(), err)
	}
	return lines
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("expected (-) and got (+):\n%s", diff)
	}
}

func TestApplyMakesTheRegisterWhatTheFileSays(t *testing.T) {
	w := newWorld(t)
	expect(t, w.apply(file()),
		`partner.created: "Acme"`,
		`review.requested: "Acme" in sandbox`,
		`network.allowed: "Acme" in sandbox: 10.0.0.0/8`,
		`network.allowed: "Acme" in sandbox: CA for card`,
		`limit.set: "Acme" in sandbox: 50 in 1s, at once 100, 1000 a day`,
		`review.requested: "Acme" in production`,
		`partner.created: "Bolt"`,
		`network.allowed: "Bolt" in sandbox: US`)
	acme, err := w.FindPartner(ctx, "Acme")
	w.must(err)
	rules, err := w.Networks(ctx, acme.ID)
	w.must(err)
	limits, err := w.Limits(ctx, acme.ID)
	w.must(err)
	reviews, err := w.Reviews(ctx, acme.ID)
	w.must(err)
	if len(rules) != 2 || len(limits) != 1 || len(reviews) != 2 || reviews[0].State != partner.ReviewRequested || reviews[0].RequestedBy != alice.String() {
		t.Errorf("%v, %v, %v", rules, limits, reviews)
	}
	// Nobody approves himself by way of a file.
	w.refuse(registry.ErrFourEyes, func() error { return w.Approve(ctx, alice, acme.ID, "sandbox", "") })
	w.must(w.Approve(ctx, bob, acme.ID, "sandbox", ""))
	app, err := w.IssueApp(ctx, bob, acme.ID, "sandbox")
	w.must(err)
	_, err = w.Allow(ctx, bob, partner.NetworkRule{PartnerID: acme.ID, Environment: "production", Country: "DE"})
	w.must(err)

	next := file()
	sandbox := &next.Partners[0].Environments[0]
	sandbox.Networks[1].Note = "new office"                                 // made anew
	sandbox.Networks = append(sandbox.Networks[1:], network{Country: "US"}) // one less, one more
	sandbox.Limits = []limit{{Rate: 60, Per: time.Second, Burst: 100}, {Daily: 5, Credential: app.Credential.ID, API: "card"}}
	next.Partners[1].Environments[0].Networks = []network{} // none, and that is said
	expect(t, w.apply(next),
		`network.removed: "Acme" in sandbox: 10.0.0.0/8`,
		`network.removed: "Acme" in sandbox: CA for card`,
		`network.allowed: "Acme" in sandbox: CA for card`,
		`network.allowed: "Acme" in sandbox: US`,
		`limit.set: "Acme" in sandbox: 60 in 1s, at once 100`,
		`limit.set: "Acme" in sandbox: 5 a day for card with `+app.Credential.ID,
		`network.removed: "Bolt" in sandbox: US`)
	after, err := w.Limits(ctx, acme.ID)
	w.must(err)
	if len(after) != 2 || after[0].ID != limits[0].ID && after[1].ID != limits[0].ID {
		t.Errorf("a limit that changes keeps its id: %v", after)
	}
	sandbox.Limits = []limit{}
	expect(t, w.apply(next),
		`limit.removed: "Acme" in sandbox: 5 a day for card with `+app.Credential.ID,
		`limit.removed: "Acme" in sandbox: 60 in 1s, at once 100`)
	expect(t, w.apply(desired{Partners: []company{{Name: "Acme", Environments: []environment{{Name: "sandbox"}}}}})) // silent: left alone
	if all, err := w.Credentials(ctx, acme.ID); len(all) != 1 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

func TestApplyLeavesAloneWhatTheFileDoesNotName(t *testing.T) {
	w := newWorld(t)
	other := w.admitted() // another Acme's like, with another name below
	_, err := w.Allow(ctx, alice, country(other.ID, "CA"))
	w.must(err)
	bolt := desired{Partners: []company{{Name: "Bolt"}}}
	expect(t, w.apply(bolt), `partner.created: "Bolt"`)
	bolt.Prune = true
	diff, err := w.Apply(ctx, alice, bolt, false)
	w.must(err)
	if len(diff.Steps) != 0 || len(diff.Unnamed) != 1 || diff.Unnamed[0].ID != other.ID {
		t.Errorf("%+v", diff)
	}
	if p, err := w.FindPartner(ctx, other.ID); err != nil || p.Closed {
		t.Errorf("%+v, %v", p, err)
	}
	bolt.ClosePruned = true
	diff, err = w.Apply(ctx, alice, bolt, false)
	w.must(err)
	if len(diff.Steps) != 1 || diff.Steps[0].Action != audit.PartnerClosed {
		t.Errorf("%+v", diff)
	}
	if p, err := w.FindPartner(ctx, other.ID); err != nil || !p.Closed {
		t.Errorf("%+v, %v", p, err)
	}
	expect(t, w.apply(bolt))
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.Apply(ctx, alice, desired{ClosePruned: true}, false)
		return err
	})
}

func TestApplyClosesWhatTheFileSaysIsClosed(t *testing.T) {
	w := newWorld(t)
	w.apply(file())
	closing := desired{Partners: []company{{Name: "Bolt", Closed: true}}}
	expect(t, w.apply(closing), `partner.closed: "Bolt"`)
	w.refuse(registry.ErrState, func() error { _, err := w.Apply(ctx, alice, file(), false); return err }) // closed is for good
	_, err := w.CreatePartner(ctx, alice, "Bolt")                                                          // a new one of that name is another partner
	w.must(err)
	expect(t, w.apply(file()), `network.allowed: "Bolt" in sandbox: US`)
}

func TestApplyWithOneErrorChangesNothingAndNamesTheItem(t *testing.T) {
	w := newWorld(t)
	p := w.admitted() // Acme
	app, err := w.IssueApp(ctx, alice, p.ID, "sandbox")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "gone", ""))
	w.must(w.CloseReview(ctx, alice, p.ID, "gone", ""))
	for range 2 {
		_, err = w.CreatePartner(ctx, alice, "Twin")
		w.must(err)
	}
	in := func(change func(*environment)) func(*desired) {
		return func(d *desired) { change(&d.Partners[1].Environments[0]) }
	}
	for name, spoil := range map[string]struct {
		run  func(*desired)
		want error
		path string
	}{
		"no name":              {func(d *desired) { d.Partners[1].Name = "" }, registry.ErrArgument, "partners[1]"},
		"a padded name":        {func(d *desired) { d.Partners[1].Name = "Bolt " }, registry.ErrArgument, "partners[1]"},
		"a long name":          {func(d *desired) { d.Partners[1].Name = strings.Repeat("n", 201) }, registry.ErrArgument, "partners[1]"},
		"two lines":            {func(d *desired) { d.Partners[1].Name = "a\nb" }, registry.ErrArgument, "partners[1]"},
		"the same twice":       {func(d *desired) { d.Partners[1].Name = "Acme" }, registry.ErrArgument, "partners[1]"},
		"an ambiguous name":    {func(d *desired) { d.Partners[1].Name = "Twin" }, registry.ErrAmbiguous, "partners[1]"},
		"closed and more":      {func(d *desired) { d.Partners[1].Closed = true }, registry.ErrArgument, "partners[1]"},
		"closed but not there": {func(d *desired) { d.Partners[1] = company{Name: "Nobody", Closed: true} }, registry.ErrNotFound, "partners[1]"},
		"a bad environment":    {in(func(e *environment) { e.Name = "a/b" }), registry.ErrArgument, "partners[1].environments[0]"},
		"an environment twice": {func(d *desired) {
			d.Partners[1].Environments = append(d.Partners[1].Environments, environment{Name: "sandbox"})
		}, registry.ErrArgument, "partners[1].environments[1]"},
		"a closed review": {func(d *desired) {
			d.Partners[0].Environments = []environment{{Name: "gone", Requested: true}}
		}, registry.ErrState, "partners[0].environments[0]"},
		"no rule":       {in(func(e *environment) { e.Networks = []network{{}} }), partner.ErrInvalid, "partners[1].environments[0].networks[0]"},
		"every address": {in(func(e *environment) { e.Networks = append(e.Networks, network{Prefix: prefix("0.0.0.0/0")}) }), partner.ErrInvalid, "partners[1].environments[0].networks[1]"},
		"bits too many": {in(func(e *environment) { e.Networks = []network{{Prefix: prefix("10.0.0.1/8")}} }), partner.ErrInvalid, "partners[1].environments[0].networks[0]"},
		"a rule twice":  {in(func(e *environment) { e.Networks = append(e.Networks, network{Country: "US", Note: "again"}) }), registry.ErrArgument, "partners[1].environments[0].networks[1]"},
		"an odd note":   {in(func(e *environment) { e.Networks[0].Note = "a\x00b" }), registry.ErrArgument, "partners[1].environments[0].networks[0]"},
		"no limit":      {in(func(e *environment) { e.Limits = []limit{{}} }), partner.ErrInvalid, "partners[1].environments[0].limits[0]"},
		"a limit twice": {in(func(e *environment) { e.Limits = []limit{{Daily: 1}, {Daily: 2}} }), registry.ErrArgument, "partners[1].environments[0].limits[1]"},
		"another's credential": {in(func(e *environment) {
			e.Limits = []limit{{Daily: 1, Credential: app.Credential.ID}}
		}), registry.ErrState, "partners[1].environments[0].limits[0]"},
		"no such credential": {in(func(e *environment) { e.Limits = []limit{{Daily: 1, Credential: "crd_none"}} }), registry.ErrNotFound, "partners[1].environments[0].limits[0]"},
	} {
		d := file()
		spoil.run(&d)
		for _, dry := range []bool{true, false} {
			var at *registry.ItemError
			var all *registry.ApplyError
			w.refuse(spoil.want, func() error {
				diff, err := w.Apply(ctx, alice, d, dry)
				if len(diff.Steps) != 0 || !errors.As(err, &at) || !errors.As(err, &all) || at.Path != spoil.path || len(all.Items) != 1 {
					t.Errorf("%s: %v, %v", name, diff, err)
				}
				return err
			})
		}
	}
	w.refuse(registry.ErrActor, func() error { _, err := w.Apply(ctx, registry.Actor{}, file(), false); return err })
	w.refuse(registry.ErrActor, func() error { _, err := w.Apply(ctx, registry.Actor{}, file(), true); return err })
}

func TestApplyNamesABoundedNumberOfErrors(t *testing.T) {
	w := newWorld(t)
	var d desired
	for range registry.MaxItemErrors + 5 {
		d.Partners = append(d.Partners, company{Name: " "})
	}
	d.Partners[1].Name = "Fine"
	_, err := w.Apply(ctx, alice, d, false)
	var all *registry.ApplyError
	if !errors.As(err, &all) || len(all.Items) != registry.MaxItemErrors || all.More != 4 || all.Items[1].Path != "partners[2]" {
		t.Errorf("%v", err)
	}
	if lines := strings.Count(err.Error(), "\n"); lines != registry.MaxItemErrors {
		t.Errorf("%d lines", lines)
	}
}

// tenThousand partners with three rules each.
func tenThousand() (d desired) {
	for i := range 10_000 {
		d.Partners = append(d.Partners, company{Name: fmt.Sprintf("Partner %d", i), Environments: []environment{{Name: "sandbox", Requested: true,
			Networks: []network{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)}, {Country: "CA"}, {Country: "US"}}}}})
	}
	return d
}

func TestApplyOfTenThousandWithOneErrorChangesNothing(t *testing.T) {
	w := newWorld(t)
	d := tenThousand()
	d.Partners[9_876].Environments[0].Networks[2].Country = "us"
	w.refuse(partner.ErrInvalid, func() error {
		_, err := w.Apply(ctx, alice, d, false)
		var at *registry.ItemError
		if !errors.As(err, &at) || at.Path != "partners[9876].environments[0].networks[2]" {
			t.Error(err)
		}
		return err
	})
}

// BenchmarkApply is 10,000 partners with a review and three rules each in one transaction, and the same again, which does
// nothing.
func BenchmarkApply(b *testing.B) {
	d := tenThousand()
	for b.Loop() {
		r, db, err := openReal(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		if diff, err := r.Apply(ctx, alice, d, false); err != nil || len(diff.Steps) != 50_000 {
			b.Fatal(err)
		}
		first := time.Since(start)
		if diff, err := r.Apply(ctx, alice, d, false); err != nil || len(diff.Steps) != 0 {
			b.Fatal(err)
		}
		again := time.Since(start) - first
		report, err := r.VerifyChanges(ctx, nil)
		if err != nil || !report.OK() {
			b.Fatal(report.Lines(), err)
		}
		b.Logf("applied in %v, again in %v, verified in %v", first, again, time.Since(start)-first-again)
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
