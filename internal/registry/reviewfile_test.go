package registry_test

import (
	"encoding/hex"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// policies: production comes after sandbox and has a checklist with an item of every kind; sandbox has one item.
func policies() map[string]partner.ReviewPolicy {
	item := func(id string, kind partner.EvidenceKind, required bool) partner.ChecklistItem {
		return partner.ChecklistItem{ID: id, Title: "About " + id, Evidence: kind, Required: required}
	}
	return map[string]partner.ReviewPolicy{
		"sandbox": {Items: []partner.ChecklistItem{item("contract", partner.EvidenceManual, true), item("nice", partner.EvidenceManual, false)}},
		"production": {After: "sandbox", Items: []partner.ChecklistItem{
			item("security", partner.EvidenceManual, true), item("pentest", partner.EvidenceFile, true), item("page", partner.EvidenceLink, false),
			item("addresses", partner.EvidenceAddresses, true), item("calls", partner.EvidenceCalls, true),
			item("tls", partner.EvidenceTLS, true), item("webhook", partner.EvidenceWebhook, false),
		}},
	}
}

// reviewed is a world with checklists, and a partner whose review for sandbox was asked for by alice.
func reviewed(t *testing.T) (*world, string) {
	t.Helper()
	w := newWorld(t, func(c *registry.Config) { c.Reviews = policies() })
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	return w, p.ID
}

// atProduction is one that is approved for sandbox, and has asked for production.
func atProduction(t *testing.T) (*world, string) {
	t.Helper()
	w, id := reviewed(t)
	w.must(w.CheckItem(ctx, alice, id, "sandbox", registry.ReviewCheck{Item: "contract", Done: true}))
	w.must(w.Approve(ctx, bob, id, "sandbox", ""))
	w.must(w.RequestReview(ctx, alice, id, "production", "ready"))
	return w, id
}

func (w *world) file(id, environment string) registry.ReviewFile {
	w.t.Helper()
	f, err := w.ReviewFile(ctx, id, environment)
	w.must(err)
	return f
}

func (w *world) attach(id, environment string, add registry.EvidenceAdd) registry.Evidence {
	w.t.Helper()
	e, err := w.AddEvidence(ctx, alice, id, environment, add)
	w.must(err)
	return e
}

func (w *world) check(id, environment, item string) {
	w.t.Helper()
	w.must(w.CheckItem(ctx, alice, id, environment, registry.ReviewCheck{Item: item, Done: true}))
}

// complete makes every required item of production done.
func (w *world) complete(id string) {
	w.t.Helper()
	w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "report.pdf", Content: []byte("%PDF-1.7 all well")})
	w.check(id, "production", "security")
	w.check(id, "production", "pentest")
	w.allow(id, "production", "192.0.2.0/24")
	_, err := w.CollectEvidence(ctx, robot, id, "sandbox", called(w, 3, 3))
	w.must(err)
}

func approval(f registry.ReviewFile) registry.Approval {
	return registry.Approval{Reason: "looked at", Digest: f.Digest}
}

func TestAnApprovalNeedsItsRequiredItems(t *testing.T) {
	w, id := atProduction(t)
	approve := func() error { return w.Approve(ctx, bob, id, "production", "") }
	open := func(want ...string) {
		t.Helper()
		if got := strings.Join(w.file(id, "production").Missing, " "); got != strings.Join(want, " ") {
			t.Errorf("missing: %q, expected %q", got, want)
		}
	}
	open("security", "pentest", "addresses", "calls", "tls")
	w.refuse(registry.ErrState, approve)
	w.check(id, "production", "security")
	open("pentest", "addresses", "calls", "tls")
	w.refuse(registry.ErrState, func() error {
		return w.CheckItem(ctx, alice, id, "production", registry.ReviewCheck{Item: "pentest", Done: true}) // nothing is attached
	})
	w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "report.pdf", Content: []byte("%PDF-1.7")})
	open("pentest", "addresses", "calls", "tls") // a file alone is nobody's word
	w.check(id, "production", "pentest")
	open("addresses", "calls", "tls")
	w.allow(id, "sandbox", "192.0.2.0/24")
	open("addresses", "calls", "tls") // another environment's
	w.allow(id, "production", "192.0.2.0/24")
	open("calls", "tls")
	_, err := w.CollectEvidence(ctx, robot, id, "sandbox", called(w, 3, 2))
	w.must(err)
	open("tls")
	w.refuse(registry.ErrState, approve)
	_, err = w.CollectEvidence(ctx, robot, id, "sandbox", called(w, 5, 5))
	w.must(err)
	open()
	w.must(approve())
	if f := w.file(id, "production"); f.Review.State != partner.ReviewApproved || f.Approval == nil || f.Approval.By != "operator:bob" || len(f.Approval.Open) != 0 {
		t.Errorf("%+v", f.Approval)
	}
}

// Whoever has the disk may approve all the same; what was open is then part of the record.
func TestAForcedApprovalSaysWhatWasOpen(t *testing.T) {
	w, id := atProduction(t)
	w.refuse(registry.ErrFourEyes, func() error { return w.ApproveReview(ctx, alice, id, "production", registry.Approval{Force: true}) })
	w.must(w.ApproveReview(ctx, bob, id, "production", registry.Approval{Reason: "board said so", Force: true}))
	row := w.last(bob, audit.ReviewApproved, id)
	if row.Detail != "production: board said so; forced, open: security, pentest, addresses, calls, tls" {
		t.Error(row.Detail)
	}
	if a := w.file(id, "production").Approval; a == nil || len(a.Open) != 5 || a.Bound {
		t.Errorf("%+v", a)
	}
}

// Each of these is an edit; a digest that was noted before approves no more. The last ones are none.
func TestAnApprovalBindsTheDigestOfTheFile(t *testing.T) {
	edits := map[string]struct {
		edit  func(w *world, id string)
		voids bool
	}{
		"an item is open again": {func(w *world, id string) {
			w.must(w.CheckItem(ctx, alice, id, "production", registry.ReviewCheck{Item: "security"}))
			w.clock.pass(time.Second)
			w.check(id, "production", "security")
		}, true},
		"another note": {func(w *world, id string) {
			w.must(w.CheckItem(ctx, alice, id, "production", registry.ReviewCheck{Item: "security", Done: true, Note: "but"}))
		}, true},
		"more evidence": {func(w *world, id string) {
			w.attach(id, "production", registry.EvidenceAdd{Name: "letter", Content: []byte("text")})
		}, true},
		"a link": {func(w *world, id string) {
			w.attach(id, "production", registry.EvidenceAdd{Item: "page", Name: "status", URL: "https://example.com/"})
		}, true},
		"other networks": {func(w *world, id string) { w.allow(id, "production", "198.51.100.0/24") }, true},
		"another checklist": {func(w *world, _ string) {
			p := policies()
			p["production"].Items[0].Title = "Something else"
			w.must(w.SetReviews(p))
		}, true},
		"withdrawn and asked for again": {func(w *world, id string) {
			w.must(w.WithdrawReview(ctx, alice, id, "production", ""))
			w.must(w.RequestReview(ctx, alice, id, "production", ""))
			w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "report.pdf", Content: []byte("%PDF-1.7 all well")})
			w.check(id, "production", "security")
			w.check(id, "production", "pentest")
		}, true},
		"a comment": {func(w *world, id string) { _, err := w.AddComment(ctx, bob, id, "production", "fine"); w.must(err) }, false},
		"taken up":  {func(w *world, id string) { w.must(w.StartReview(ctx, bob, id, "production", "")) }, false},
		"more calls": {func(w *world, id string) {
			kept, err := w.CollectEvidence(ctx, robot, id, "sandbox", called(w, 50, 50, "198.51.100.7"))
			w.must(err)
			if !kept {
				t.Error("a new address is no news")
			}
		}, false},
		"elsewhere": {func(w *world, id string) { w.allow(id, "sandbox", "198.51.100.0/24") }, false},
	}
	for name, c := range edits {
		w, id := atProduction(t)
		w.complete(id)
		looked := w.file(id, "production")
		c.edit(w, id)
		again := w.file(id, "production")
		if (again.Digest != looked.Digest) != c.voids {
			t.Errorf("%s: the digest differs: %v", name, !c.voids)
		}
		if c.voids {
			w.refuse(registry.ErrStale, func() error { return w.ApproveReview(ctx, bob, id, "production", approval(looked)) })
			continue
		}
		w.must(w.ApproveReview(ctx, bob, id, "production", approval(looked)))
		row := w.last(bob, audit.ReviewApproved, id)
		if want := "production: looked at; file " + hex.EncodeToString(looked.Digest[:]); row.Detail != want {
			t.Errorf("%s: %q, expected %q", name, row.Detail, want)
		}
	}
}

// A checked item whose evidence changes has to be looked at again.
func TestACheckIsOfTheEvidenceThatWasThere(t *testing.T) {
	w, id := atProduction(t)
	w.complete(id)
	first := w.file(id, "production").Evidence[0]
	second := w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "annex.pdf", Content: []byte("%PDF-1.7 annex")})
	item := func() registry.ReviewItem { return w.file(id, "production").Items[1] }
	if got := item(); got.Done || !got.Outdated || len(got.Evidence) != 2 {
		t.Errorf("%+v", got)
	}
	w.check(id, "production", "pentest")
	if got := item(); !got.Done || got.Outdated || got.By != "operator:alice" {
		t.Errorf("%+v", got)
	}
	third := w.attach(id, "production", registry.EvidenceAdd{Item: "pentest", Name: "report2.pdf", Content: []byte("%PDF-1.7 new"), Supersedes: first.ID})
	if got := item(); got.Done || len(got.Evidence) != 2 || got.Evidence[0] == first.ID || got.Evidence[1] == first.ID {
		t.Errorf("%+v, of %s, %s, %s", got, first.ID, second.ID, third.ID)
	}
	old, content, err := w.Evidence(ctx, first.ID)
	w.must(err)
	if old.SupersededBy != third.ID || string(content) != "%PDF-1.7 all well" {
		t.Errorf("%+v, %q", old, content)
	}
}

func TestNobodySaysWhatTheSystemSees(t *testing.T) {
	w, id := atProduction(t)
	for _, item := range []string{"addresses", "calls", "tls", "webhook", "none", ""} {
		w.refuse(registry.ErrArgument, func() error {
			return w.CheckItem(ctx, bob, id, "production", registry.ReviewCheck{Item: item, Done: true})
		})
	}
	for _, a := range []registry.Actor{alice, {Kind: registry.Service, Name: "deployer"}, {Kind: registry.Partner, Name: "1"}, {}} {
		w.refuse(registry.ErrActor, func() error { _, err := w.CollectEvidence(ctx, a, id, "sandbox", called(w, 1, 1)); return err })
	}
	w.refuse(registry.ErrState, func() error { return w.CheckItem(ctx, bob, id, "production", registry.ReviewCheck{Item: "security"}) })
}

// What was checked, attached and noted in one round counts for nothing in the next.
func TestAWithdrawnReviewStartsAnew(t *testing.T) {
	w, id := atProduction(t)
	w.complete(id)
	w.must(w.StartReview(ctx, bob, id, "production", ""))
	_, err := w.AddComment(ctx, bob, id, "production", "first round")
	w.must(err)
	w.must(w.WithdrawReview(ctx, bob, id, "production", "wrong partner"))
	_, err = w.ReviewFile(ctx, id, "production")
	w.refuse(registry.ErrNotFound, func() error { return err })
	w.must(w.RequestReview(ctx, bob, id, "production", "again"))
	f := w.file(id, "production")
	if f.Round != 2 || f.StartedBy != "" || len(f.Evidence) != 1 || f.Evidence[0].Round != 1 || len(f.Comments) != 1 || f.Items[0].Done || f.Items[1].Done {
		t.Errorf("%+v", f)
	}
	w.refuse(registry.ErrState, func() error {
		return w.CheckItem(ctx, bob, id, "production", registry.ReviewCheck{Item: "pentest", Done: true}) // the old file does not count
	})
	w.refuse(registry.ErrNotFound, func() error {
		_, err := w.AddEvidence(ctx, bob, id, "production",
			registry.EvidenceAdd{Item: "pentest", Name: "x", Content: []byte("%PDF-"), Supersedes: f.Evidence[0].ID})
		return err
	})
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() {
		t.Error(report.Lines())
	}
}

// Of many who approve, and one who edits at the same time, either the approval is of what was looked at, or it is refused.
func TestParallelChecksAndApprovals(t *testing.T) {
	for range 8 {
		w, id := atProduction(t)
		w.complete(id)
		looked := w.file(id, "production")
		var all sync.WaitGroup
		var approved atomic.Int32
		for range 4 {
			all.Go(func() {
				if w.ApproveReview(ctx, bob, id, "production", approval(looked)) == nil {
					approved.Add(1)
				}
			})
		}
		edited := make(chan error, 1)
		all.Go(func() {
			edited <- w.CheckItem(ctx, alice, id, "production", registry.ReviewCheck{Item: "security", Done: true, Note: "look again"})
		})
		all.Wait()
		f := w.file(id, "production")
		switch err := <-edited; {
		case approved.Load() > 1:
			t.Fatalf("%d approvals", approved.Load())
		case approved.Load() == 1 && (err == nil || f.Approval.Digest != hex.EncodeToString(looked.Digest[:])):
			t.Fatalf("approved %+v although it was edited: %v", f.Approval, err)
		case approved.Load() == 0 && (err != nil || f.Review.State != partner.ReviewRequested):
			t.Fatalf("neither approved nor edited: %v, %s", err, f.Review.State)
		}
	}
}

func TestEnvironmentsFollowOneAnother(t *testing.T) {
	w, id := reviewed(t)
	request := func() error { return w.RequestReview(ctx, alice, id, "production", "") }
	w.refuse(registry.ErrState, request)
	w.must(w.ApproveReview(ctx, bob, id, "sandbox", registry.Approval{Force: true}))
	w.must(request())
	w.complete(id)
	w.must(w.Suspend(ctx, bob, id, "sandbox", ""))
	w.refuse(registry.ErrState, func() error { return w.Approve(ctx, bob, id, "production", "") })
	w.must(w.Resume(ctx, bob, id, "sandbox", ""))
	w.must(w.Approve(ctx, bob, id, "production", ""))
	if got, err := w.StageOf(ctx, id); got != partner.StageProduction || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	_, err := w.StageOf(ctx, "ptn_none")
	w.refuse(registry.ErrNotFound, func() error { return err })
}

// A declarative file is no way around the order of the environments.
func TestApplyKeepsTheOrderOfEnvironments(t *testing.T) {
	w, id := reviewed(t)
	desired := registry.Desired{Partners: []registry.DesiredPartner{{Name: "Acme",
		Environments: []registry.DesiredEnvironment{{Name: "sandbox", Requested: true}, {Name: "production", Requested: true}}}}}
	w.refuse(registry.ErrState, func() error { _, err := w.Apply(ctx, alice, desired, false); return err })
	w.must(w.ApproveReview(ctx, bob, id, "sandbox", registry.Approval{Force: true}))
	diff, err := w.Apply(ctx, alice, desired, false)
	w.must(err)
	if len(diff.Steps) != 1 || diff.Steps[0].Environment != "production" {
		t.Errorf("%+v", diff)
	}
}

func TestPoliciesThatNoRegisterCouldFollow(t *testing.T) {
	w, _ := reviewed(t)
	for name, bad := range map[string]map[string]partner.ReviewPolicy{
		"a name that is none": {"Sand box": {}}, "after what is no name": {"a": {After: "B"}}, "no name": {"": {}},
		"round and round": {"a": {After: "b"}, "b": {After: "a"}},
	} {
		cfg := w.cfg
		cfg.Reviews = bad
		if _, err := registry.New(cfg); err == nil {
			t.Errorf("%s: made", name)
		}
		if w.SetReviews(bad) == nil {
			t.Errorf("%s: set", name)
		}
	}
	if got := w.ReviewPolicies(); len(got) != 2 || got["production"].After != "sandbox" {
		t.Errorf("a refused policy is in force: %v", got)
	}
}
