package registry_test

import (
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

type use = func(w *world, actor registry.Actor, partnerID string) error

var reviewUses = map[string]use{
	"request":  func(w *world, a registry.Actor, id string) error { return w.RequestReview(ctx, a, id, "sandbox", "r") },
	"start":    func(w *world, a registry.Actor, id string) error { return w.StartReview(ctx, a, id, "sandbox", "r") },
	"approve":  func(w *world, a registry.Actor, id string) error { return w.Approve(ctx, a, id, "sandbox", "r") },
	"suspend":  func(w *world, a registry.Actor, id string) error { return w.Suspend(ctx, a, id, "sandbox", "r") },
	"resume":   func(w *world, a registry.Actor, id string) error { return w.Resume(ctx, a, id, "sandbox", "r") },
	"withdraw": func(w *world, a registry.Actor, id string) error { return w.WithdrawReview(ctx, a, id, "sandbox", "r") },
	"close":    func(w *world, a registry.Actor, id string) error { return w.CloseReview(ctx, a, id, "sandbox", "r") },
}

// reach brings a new partner's review into a state.
func reach(t *testing.T, w *world, state partner.ReviewState) string {
	t.Helper()
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	steps := map[partner.ReviewState][]string{"": {}, partner.ReviewRequested: {"request"}, partner.ReviewApproved: {"request", "approve"},
		partner.ReviewStarted:   {"request", "start"},
		partner.ReviewSuspended: {"request", "approve", "suspend"}, partner.ReviewClosed: {"request", "close"}}[state]
	for _, name := range steps {
		actor := alice
		if name == "approve" {
			actor = bob
		}
		w.must(reviewUses[name](w, actor, p.ID))
	}
	return p.ID
}

func stateOf(t *testing.T, w *world, partnerID string) partner.ReviewState {
	t.Helper()
	all, err := w.Reviews(ctx, partnerID)
	w.must(err)
	if len(all) == 0 {
		return ""
	}
	return all[0].State
}

func TestReviewPolicy(t *testing.T) {
	w := newWorld(t)
	policy := map[partner.ReviewState]map[string]partner.ReviewState{
		"":                      {"request": partner.ReviewRequested},
		partner.ReviewRequested: {"start": partner.ReviewStarted, "approve": partner.ReviewApproved, "withdraw": "", "close": partner.ReviewClosed},
		partner.ReviewStarted:   {"approve": partner.ReviewApproved, "withdraw": "", "close": partner.ReviewClosed},
		partner.ReviewApproved:  {"suspend": partner.ReviewSuspended, "withdraw": "", "close": partner.ReviewClosed},
		partner.ReviewSuspended: {"resume": partner.ReviewApproved, "withdraw": "", "close": partner.ReviewClosed},
		partner.ReviewClosed:    {},
	}
	for from, allowed := range policy {
		for name, move := range reviewUses {
			id := reach(t, w, from)
			to, ok := allowed[name]
			if !ok {
				want := registry.ErrState
				if from == "" {
					want = registry.ErrNotFound
				}
				w.refuse(want, func() error { return move(w, bob, id) })
				if got := stateOf(t, w, id); got != from {
					t.Errorf("%s from %q led to %q", name, from, got)
				}
				continue
			}
			if err := move(w, bob, id); err != nil {
				t.Errorf("%s from %q: %v", name, from, err)
			}
			if got := stateOf(t, w, id); got != to {
				t.Errorf("%s from %q led to %q", name, from, got)
			}
			if row := w.rows()[len(w.rows())-1]; row.Subject != id || row.Actor != "operator:bob" || row.Detail != "sandbox: r" {
				t.Errorf("%s from %q wrote %+v", name, from, row)
			}
		}
	}
}

// An approval that was withdrawn comes back through two people only, whoever had asked and approved before.
func TestAWithdrawnApprovalNeedsTwoPeopleAgain(t *testing.T) {
	w := newWorld(t)
	id := reach(t, w, partner.ReviewApproved)
	w.must(w.WithdrawReview(ctx, alice, id, "sandbox", "mixed up"))
	w.last(alice, audit.ReviewWithdrawn, id)
	for name, actor := range map[string]registry.Actor{"approve": bob, "resume": bob} {
		w.refuse(registry.ErrNotFound, func() error { return reviewUses[name](w, actor, id) })
	}
	w.must(w.RequestReview(ctx, bob, id, "sandbox", "again"))
	w.refuse(registry.ErrFourEyes, func() error { return reviewUses["approve"](w, bob, id) })
	w.must(reviewUses["approve"](w, alice, id))
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() || stateOf(t, w, id) != partner.ReviewApproved {
		t.Error(report.Lines())
	}
}

func TestApprovalNeedsAnotherOperator(t *testing.T) {
	w := newWorld(t)
	id := reach(t, w, partner.ReviewRequested)
	approve := func(a registry.Actor) func() error { return func() error { return reviewUses["approve"](w, a, id) } }
	w.refuse(registry.ErrFourEyes, approve(alice))
	w.refuse(registry.ErrActor, approve(robot))
	w.refuse(registry.ErrActor, approve(registry.Actor{Kind: registry.Partner, Name: "2445581234567"}))
	w.refuse(registry.ErrActor, approve(registry.Actor{}))
	w.must(approve(bob)())
	all, err := w.Reviews(ctx, id)
	w.must(err)
	if all[0].RequestedBy != "operator:alice" || all[0].ApprovedBy != "operator:bob" || !all[0].ChangedAt.Equal(w.clock.now().Truncate(1000)) {
		t.Errorf("%+v", all[0])
	}
	w.must(w.Suspend(ctx, bob, id, "sandbox", ""))
	w.must(w.Resume(ctx, alice, id, "sandbox", "")) // the approval still stands
	w.last(alice, audit.ReviewResumed, id)
}

func TestEveryUseCaseNeedsAnActorThatManages(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	id, crd := app.Credential.PartnerID, app.Credential.ID
	uses := map[string]func(registry.Actor) error{
		"create":           func(a registry.Actor) error { _, err := w.CreatePartner(ctx, a, "x"); return err },
		"close partner":    func(a registry.Actor) error { return w.ClosePartner(ctx, a, id, "") },
		"issue app":        func(a registry.Actor) error { _, err := w.IssueApp(ctx, a, id, "sandbox"); return err },
		"issue key":        func(a registry.Actor) error { _, err := w.IssueSigningKey(ctx, a, id, "sandbox"); return err },
		"rotate":           func(a registry.Actor) error { _, err := w.Rotate(ctx, a, crd, w.clock.now()); return err },
		"revoke":           func(a registry.Actor) error { return w.RevokeCredential(ctx, a, crd, "") },
		"revoke tokens":    func(a registry.Actor) error { return w.RevokeTokens(ctx, a, crd) },
		"unlock":           func(a registry.Actor) error { _, err := w.Unlock(ctx, a, id); return err },
		"allow":            func(a registry.Actor) error { _, err := w.Allow(ctx, a, country(id, "CA")); return err },
		"remove network":   func(a registry.Actor) error { return w.RemoveNetwork(ctx, a, "net_x") },
		"ensure sealing":   func(a registry.Actor) error { return w.EnsureSealingKey(ctx, a, "sandbox") },
		"rotate sealing":   func(a registry.Actor) error { return w.RotateSealingKey(ctx, a, "sandbox") },
		"suspend":          func(a registry.Actor) error { return w.Suspend(ctx, a, id, "sandbox", "") },
		"start the review": func(a registry.Actor) error { return w.StartReview(ctx, a, id, "sandbox", "") },
		"check an item": func(a registry.Actor) error {
			return w.CheckItem(ctx, a, id, "sandbox", registry.ReviewCheck{Item: "x"})
		},
		"add evidence": func(a registry.Actor) error {
			_, err := w.AddEvidence(ctx, a, id, "sandbox", registry.EvidenceAdd{Name: "x", Content: []byte("x")})
			return err
		},
		"comment": func(a registry.Actor) error { _, err := w.AddComment(ctx, a, id, "sandbox", "x"); return err },
		"schedule": func(a registry.Actor) error {
			_, err := w.ScheduleRotation(ctx, a, crd, partner.Schedule{})
			return err
		},
		"run schedules": func(a registry.Actor) error { _, err := w.RunSchedules(ctx, a, nil); return err },
		"reveal":        func(a registry.Actor) error { _, err := w.RevealSecret(ctx, a, crd, 0); return err },
		"retire":        func(a registry.Actor) error { return w.RetireVersion(ctx, a, crd, 1, "") },
		"retire the silent": func(a registry.Actor) error {
			_, err := w.RetireSilent(ctx, a, registry.RetirePolicy{After: registry.MinSilence}, registry.Usage{})
			return err
		},
		"close the review": func(a registry.Actor) error { return w.CloseReview(ctx, a, id, "sandbox", "") },
	}
	for name, call := range uses {
		for _, a := range []registry.Actor{{}, {Kind: registry.Operator}, {Name: "alice"}, {Kind: "root", Name: "alice"},
			{Kind: registry.Partner, Name: "2445581234567"}, {Kind: registry.Member, Name: "eve@acme.example"}, {Kind: registry.Operator, Name: "al\nice"},
			{Kind: registry.Operator, Name: " alice"}, {Kind: registry.Operator, Name: strings.Repeat("a", 201)}} {
			w.refuse(registry.ErrActor, func() error {
				err := call(a)
				if err == nil {
					t.Errorf("%s by %q was allowed", name, a)
				}
				return err
			})
		}
	}
}

func TestTextsOfOneLine(t *testing.T) {
	w := newWorld(t)
	id := reach(t, w, partner.ReviewRequested)
	for _, text := range []string{"a\nb", "a\x00", "\u202eevil", "a\u2028b", "\xff", strings.Repeat("x", 501)} {
		w.refuse(registry.ErrArgument, func() error { return w.Approve(ctx, bob, id, "sandbox", text) })
		w.refuse(registry.ErrArgument, func() error { return w.StartReview(ctx, bob, id, "sandbox", text) })
		w.refuse(registry.ErrArgument, func() error { return w.CheckItem(ctx, bob, id, "sandbox", registry.ReviewCheck{Item: "x", Note: text}) })
		w.refuse(registry.ErrArgument, func() error { return w.RetireVersion(ctx, bob, "crd_x", 1, text) })
		w.refuse(registry.ErrArgument, func() error { return w.RevokeCredential(ctx, bob, "crd_x", text) })
		w.refuse(registry.ErrArgument, func() error { _, err := w.CreatePartner(ctx, bob, "a"+text+"b"); return err })
	}
	w.refuse(partner.ErrInvalid, func() error { _, err := w.CreatePartner(ctx, bob, "  "); return err })
	for _, environment := range []string{"", "Sandbox", "a b", "a/b", "-a", "ä", strings.Repeat("a", 64)} {
		w.refuse(registry.ErrArgument, func() error { return w.RequestReview(ctx, bob, id, environment, "") })
		w.refuse(registry.ErrArgument, func() error { _, err := w.IssueApp(ctx, bob, id, environment); return err })
		w.refuse(registry.ErrArgument, func() error { return w.EnsureSealingKey(ctx, bob, environment) })
	}
}

func TestClosedPartnerIsClosedForGood(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	w.must(w.ClosePartner(ctx, alice, p.ID, "contract ended"))
	w.last(alice, audit.PartnerClosed, p.ID)
	for name, move := range reviewUses {
		w.refuse(registry.ErrState, func() error {
			err := move(w, bob, p.ID)
			if err == nil {
				t.Error(name)
			}
			return err
		})
	}
	w.refuse(registry.ErrState, func() error { return w.ClosePartner(ctx, alice, p.ID, "") })
	w.refuse(registry.ErrState, func() error { _, err := w.IssueApp(ctx, alice, p.ID, "sandbox"); return err })
	w.refuse(registry.ErrState, func() error { _, err := w.Allow(ctx, alice, country(p.ID, "CA")); return err })
	w.refuse(registry.ErrNotFound, func() error { return w.ClosePartner(ctx, alice, "ptn_none", "") })
}

func TestFindPartner(t *testing.T) {
	w := newWorld(t)
	app := w.app()
	p := app.Credential.PartnerID
	twin, err := w.CreatePartner(ctx, alice, "Twin")
	w.must(err)
	for _, text := range []string{p, app.KeyID, app.Login, app.Credential.ID, "Acme"} {
		if got, err := w.FindPartner(ctx, text); err != nil || got.ID != p {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "acme", "nobody", strings.Repeat("0", 32)} {
		if _, err := w.FindPartner(ctx, text); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, err := w.FindPartner(ctx, "Twin"); err != nil || got.ID != twin.ID {
		t.Errorf("%v, %v", got, err)
	}
	_, err = w.CreatePartner(ctx, alice, " Twin ")
	w.must(err)
	if _, err := w.FindPartner(ctx, "Twin"); !errors.Is(err, registry.ErrAmbiguous) {
		t.Errorf("two of one name: %v", err)
	}
}
