package registry_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// proposed asks for a change that waits.
func (w *world) proposed(actor registry.Actor, op registry.Operation) registry.Proposal {
	w.t.Helper()
	done := w.do(actor, op, registry.Intent{Reason: "needed"})
	if done.Proposal == nil || done.Proposal.State != registry.ProposalOpen {
		w.t.Fatalf("%s does not wait: %+v", op.Name, done)
	}
	return *done.Proposal
}

// opened is a network rule for production that waits for a second person.
func (w *world) opened(actor registry.Actor) (partner.Partner, registry.Proposal) {
	w.t.Helper()
	p := w.produced()
	return p, w.proposed(actor, w.op(registry.OpNetworkAllow, p.ID, "production", from("192.0.2.0/24")))
}

func (w *world) approve(actor registry.Actor, p registry.Proposal) (registry.Done, error) {
	return w.ApproveProposal(ctx, actor, p.ID, p.Digest(), "")
}

func (w *world) now(p registry.Proposal) registry.Proposal {
	w.t.Helper()
	p, err := w.Proposal(ctx, p.ID)
	w.must(err)
	return p
}

func (w *world) rules(p partner.Partner) int {
	w.t.Helper()
	list, err := w.Networks(ctx, p.ID)
	w.must(err)
	return len(list)
}

// wanted sets how many approvals production needs.
func (w *world) wanted(n int) {
	w.t.Helper()
	a := registry.DefaultApprovals()
	a.Environments[0].Approvals = n
	_, err := w.SetApprovals(ctx, alice, a, "")
	w.must(err)
}

func TestASecondPersonApproves(t *testing.T) {
	w := newWorld(t)
	p, asked := w.opened(ann)
	if w.rules(p) != 0 || asked.Needed != 1 || asked.RequestedBy != ann.String() {
		t.Fatalf("%d rules, %+v", w.rules(p), asked)
	}
	w.last(ann, audit.ProposalMade, asked.ID)
	done, err := w.approve(ben, asked)
	w.must(err)
	if done.Network == nil || w.rules(p) != 1 || done.Proposal.State != registry.ProposalDone {
		t.Errorf("%+v", done)
	}
	rows := w.rows()
	got := rows[len(rows)-3:]
	for i, want := range []struct {
		actor  registry.Actor
		action audit.Action
	}{{ben, audit.ProposalApproved}, {ann, audit.NetworkAllowed}, {ben, audit.ProposalApplied}} {
		if got[i].Actor != want.actor.String() || got[i].Action != want.action {
			t.Errorf("row %d: %+v, want %v", i, got[i], want)
		}
	}
	if !strings.Contains(got[0].Detail, asked.DigestText()) || done.Revision != got[2].Seq || w.now(asked).Revision != got[2].Seq {
		t.Errorf("%q, revision %d", got[0].Detail, done.Revision)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.approve(cat, asked); return err })
}

// Four eyes: a policy of who may approve what ann asked for and cat edited.
func TestWhoMayApproveAProposal(t *testing.T) {
	for name, test := range map[string]struct {
		actor registry.Actor
		err   error
	}{
		"another person":          {ben, nil},
		"who asked":               {ann, registry.ErrFourEyes},
		"who edited":              {cat, registry.ErrFourEyes},
		"a service account":       {ship, registry.ErrActor},
		"a break-glass session":   {glass, registry.ErrActor},
		"the system":              {robot, registry.ErrActor},
		"a partner":               {registry.Actor{Kind: registry.Partner, Name: "244"}, registry.ErrActor},
		"nobody":                  {registry.Actor{}, registry.ErrActor},
		"who asked, as a service": {registry.Actor{Kind: registry.Service, Name: ann.Name}, registry.ErrActor},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p, asked := w.opened(ann)
			asked, err := w.EditProposal(ctx, cat, asked.ID, json.RawMessage(`{"country":"DE"}`), "better", nil)
			w.must(err)
			if test.err == nil {
				_, err := w.approve(test.actor, asked)
				w.must(err)
				if w.rules(p) != 1 {
					t.Error("nothing was applied")
				}
				return
			}
			w.refuse(test.err, func() error { _, err := w.approve(test.actor, asked); return err })
			if test.actor != cat {
				w.refuse(test.err, func() error { _, err := w.RejectProposal(ctx, test.actor, asked.ID, ""); return err })
			}
		})
	}
}

func TestTwoApprovalsAreOfTwoPersons(t *testing.T) {
	w := newWorld(t)
	w.wanted(2)
	p, asked := w.opened(ann)
	done, err := w.approve(ben, asked)
	w.must(err)
	if w.rules(p) != 0 || done.Proposal.State != registry.ProposalOpen || len(done.Proposal.Approvals) != 1 {
		t.Fatalf("%+v", done.Proposal)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.approve(ben, asked); return err })
	_, err = w.approve(cat, asked)
	w.must(err)
	if w.rules(p) != 1 {
		t.Error("two approvals did not apply it")
	}
}

// An approval binds what was looked at: an edit between two approvals makes the first one void, and a digest of before approves
// nothing.
func TestAnEditVoidsApprovals(t *testing.T) {
	w := newWorld(t)
	w.wanted(2)
	p, asked := w.opened(ann)
	_, err := w.approve(ben, asked)
	w.must(err)
	edited, err := w.EditProposal(ctx, ann, asked.ID, json.RawMessage(`{"prefix":"192.0.2.0/25"}`), "needed", nil)
	w.must(err)
	if len(edited.Approvals) != 0 || edited.Digest() == asked.Digest() || len(edited.Editors) != 0 {
		t.Fatalf("%+v", edited)
	}
	w.last(ann, audit.ProposalEdited, asked.ID)
	w.refuse(registry.ErrStale, func() error { _, err := w.approve(cat, asked); return err })
	_, err = w.approve(cat, edited)
	w.must(err)
	if w.rules(p) != 0 {
		t.Fatal("a void approval counted")
	}
	_, err = w.approve(ben, edited)
	w.must(err)
	list, err := w.Networks(ctx, p.ID)
	w.must(err)
	if len(list) != 1 || list[0].Prefix.String() != "192.0.2.0/25" {
		t.Errorf("%+v", list)
	}
}

func TestTheDigestBindsEverythingThatIsApproved(t *testing.T) {
	w := newWorld(t)
	_, asked := w.opened(ann)
	for name, change := range map[string]func(*registry.Proposal){
		"params":      func(p *registry.Proposal) { p.Operation.Params = json.RawMessage(`{"country":"US"}`) },
		"environment": func(p *registry.Proposal) { p.Operation.Environment = "sandbox" },
		"partner":     func(p *registry.Proposal) { p.Operation.PartnerID += "x" },
		"name":        func(p *registry.Proposal) { p.Operation.Name = registry.OpNetworkRemove },
		"reason":      func(p *registry.Proposal) { p.Reason = "" },
		"a row":       func(p *registry.Proposal) { p.Base = slices.Clone(p.Base); p.Base[0].ETag = "" },
		"fewer rows":  func(p *registry.Proposal) { p.Base = p.Base[1:] },
	} {
		other := asked
		change(&other)
		if other.Digest() == asked.Digest() {
			t.Errorf("%s is not bound", name)
		}
		w.refuse(registry.ErrStale, func() error { _, err := w.ApproveProposal(ctx, ben, asked.ID, other.Digest(), ""); return err })
	}
	w.refuse(registry.ErrStale, func() error { _, err := w.ApproveProposal(ctx, ben, asked.ID, [32]byte{}, ""); return err })
}

// Many approve at once: one of them applies it, and it is applied once.
func TestParallelApprovalsApplyOnce(t *testing.T) {
	for _, n := range []int{1, 3} {
		w := newWorld(t)
		w.wanted(n)
		p, asked := w.opened(ann)
		var all sync.WaitGroup
		var approved, applied, late atomic.Int32
		for i := range 12 {
			person := registry.Actor{Kind: registry.Operator, Name: "person" + string(rune('a'+i))}
			all.Go(func() {
				done, err := w.approve(person, asked)
				switch {
				case errors.Is(err, registry.ErrState):
					late.Add(1)
				case err != nil:
					t.Error(err)
				case done.Network != nil:
					applied.Add(1)
				default:
					approved.Add(1)
				}
			})
		}
		all.Wait()
		if applied.Load() != 1 || int(approved.Load()) != n-1 || w.rules(p) != 1 || int(late.Load()) != 12-n {
			t.Errorf("%d needed: applied %d, approved %d, late %d, %d rules", n, applied.Load(), approved.Load(), late.Load(), w.rules(p))
		}
		if report, err := w.VerifyChanges(ctx, nil); err != nil || !report.OK() {
			t.Errorf("%q, %v", report.Lines(), err)
		}
	}
}

// A proposal is held to the rows that it concerns: where they have moved on, nobody approves what he did not see.
func TestAProposalIsHeldToWhatItWasMadeAgainst(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	w.wanted(0)
	first := w.do(ann, w.op(registry.OpLimitSet, p.ID, "production", registry.LimitSet{Daily: 10}), registry.Intent{}).Limit
	w.wanted(1)
	asked := w.proposed(ann, w.op(registry.OpLimitSet, p.ID, "production", registry.LimitSet{Daily: 20}))
	_, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: p.ID, Environment: "production", Daily: 50})
	w.must(err)
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrStale) {
		t.Fatal(err)
	}
	note := w.last(ben, audit.CommentAdded, asked.ID)
	after := w.now(asked)
	if after.State != registry.ProposalOpen || len(after.Approvals) != 0 || after.Failure == nil || !strings.Contains(note.Detail, "limit/"+first.ID) {
		t.Errorf("%+v, %q", after, note.Detail)
	}
	edited, err := w.EditProposal(ctx, ann, asked.ID, asked.Operation.Params, asked.Reason, nil)
	w.must(err)
	if edited.Digest() == asked.Digest() || edited.Failure != nil {
		t.Error("the same parameters against other rows have the same digest")
	}
	_, err = w.approve(ben, edited)
	w.must(err)
	limits, err := w.Limits(ctx, p.ID)
	w.must(err)
	if len(limits) != 1 || limits[0].Daily != 20 {
		t.Errorf("%+v", limits)
	}
}

// What became impossible is not approved: the reason stands beside the proposal, and the approval does not count.
func TestAnApprovalOfTheImpossibleLeavesANote(t *testing.T) {
	w := newWorld(t)
	p, asked := w.opened(ann)
	rule := partner.NetworkRule{PartnerID: p.ID, Environment: "production", Prefix: from("192.0.2.0/24").Prefix}
	_, err := w.Allow(ctx, alice, rule)
	w.must(err)
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrState) || !strings.Contains(err.Error(), "not possible any more") {
		t.Fatal(err)
	}
	after := w.now(asked)
	if after.State != registry.ProposalOpen || len(after.Approvals) != 0 || after.Failure == nil || after.Failure.By != ben.String() {
		t.Errorf("%+v", after)
	}
	w.must(w.ClosePartner(ctx, alice, p.ID, ""))
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrStale) {
		t.Error(err)
	}
	if w.rules(p) != 1 {
		t.Error("it was applied")
	}
}

// What cannot be done is not proposed, and looking whether it can leaves nothing behind.
func TestWhatCannotBeDoneIsNotProposed(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	id := w.networkIn(p.ID, "production", "US")
	for name, op := range map[string]registry.Operation{
		"the same rule":         w.op(registry.OpNetworkAllow, p.ID, "production", registry.NetworkAllow{Country: "US"}),
		"a review that is none": w.op(registry.OpReviewResume, p.ID, "production", registry.ReviewResume{}),
	} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
		})
	}
	w.must(w.Suspend(ctx, alice, p.ID, "production", ""))
	issue := w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.App})
	w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, ann, issue, registry.Intent{}); return err })
	if w.hasher.hashed != 0 {
		t.Error("what may not be had cost a hash")
	}
	w.proposed(ann, w.op(registry.OpNetworkRemove, p.ID, "production", registry.NetworkRemove{ID: id}))
	if w.rules(p) != 1 {
		t.Error("a trial left its change behind")
	}
}

// The approver never sees a secret: whoever asked applies it, once.
func TestASecretIsForWhoeverAskedForIt(t *testing.T) {
	for _, kind := range []partner.Kind{partner.App, partner.SigningKey} {
		w := newWorld(t)
		p := w.produced()
		asked := w.proposed(ann, w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: kind}))
		w.refuse(registry.ErrState, func() error { _, err := w.ApplyProposal(ctx, ann, asked.ID); return err })
		done, err := w.approve(ben, asked)
		w.must(err)
		if done.Issued != nil || done.Secret != "" || done.Proposal.State != registry.ProposalReady {
			t.Fatalf("the approver got %+v", done)
		}
		if all, err := w.Credentials(ctx, p.ID); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
		for _, other := range []registry.Actor{ben, cat, ship, glass, robot} {
			w.refuse(registry.ErrActor, func() error { _, err := w.ApplyProposal(ctx, other, asked.ID); return err })
		}
		w.refuse(registry.ErrState, func() error { _, err := w.approve(cat, asked); return err })
		done, err = w.ApplyProposal(ctx, ann, asked.ID)
		w.must(err)
		if done.Issued == nil || done.Issued.Secret.IsZero() || done.Proposal.State != registry.ProposalDone || done.Proposal.EndedBy != ann.String() {
			t.Fatalf("%+v", done)
		}
		w.refuse(registry.ErrState, func() error { _, err := w.ApplyProposal(ctx, ann, asked.ID); return err })
		if kind == partner.App {
			w.try(*done.Issued, string(done.Issued.Secret.Bytes()), registry.Proved)
		}
		rotate := w.op(registry.OpCredentialRotate, p.ID, "production", registry.CredentialRotate{Credential: done.Issued.Credential.ID,
			OverlapUntil: w.clock.now().Add(time.Hour)})
		turned := w.proposed(ann, rotate)
		_, err = w.approve(ben, turned)
		w.must(err)
		again, err := w.ApplyProposal(ctx, ann, turned.ID)
		w.must(err)
		if again.Issued.Version != 2 || again.Issued.Secret.Equal(done.Issued.Secret) {
			t.Errorf("%+v", again.Issued)
		}
	}
}

// An overlap is an absolute end (security rule 36). A rotation that waits until it has passed would cut the partner off at once.
func TestRule36ARotationThatWaitedTooLongIsNotApplied(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	key, err := w.IssueSigningKey(ctx, alice, p.ID, "production")
	w.must(err)
	endpoint, err := w.AddEndpoint(ctx, alice, partner.Endpoint{PartnerID: p.ID, Environment: "production", URL: "https://example.com/hook"})
	w.must(err)
	later := w.clock.now().Add(time.Hour)
	for _, op := range []registry.Operation{
		w.op(registry.OpCredentialRotate, p.ID, "production", registry.CredentialRotate{Credential: key.Credential.ID, OverlapUntil: later}),
		w.op(registry.OpEndpointRotate, p.ID, "production", registry.EndpointRotate{ID: endpoint.Endpoint.ID, OverlapUntil: later}),
	} {
		w.clock.pass(-w.clock.now().Sub(later.Add(-time.Hour)))
		asked := w.proposed(ann, op)
		_, err = w.approve(ben, asked)
		w.must(err)
		w.clock.pass(2 * time.Hour)
		before := w.tag(audit.CredentialRow(key.Credential.ID)) + w.tag("document/endpoint/"+endpoint.Endpoint.ID)
		if _, err := w.ApplyProposal(ctx, ann, asked.ID); !errors.Is(err, registry.ErrArgument) {
			t.Fatal(op.Name, err)
		}
		if after := w.tag(audit.CredentialRow(key.Credential.ID)) + w.tag("document/endpoint/"+endpoint.Endpoint.ID); after != before {
			t.Errorf("%s: something was rotated", op.Name)
		}
		if after := w.now(asked); after.Failure == nil || after.State != registry.ProposalReady {
			t.Errorf("%+v", after)
		}
		w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
	}
}

func TestAnApprovedProposalThatIsEditedIsApprovedAnew(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	asked := w.proposed(ann, w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.App}))
	_, err := w.approve(ben, asked)
	w.must(err)
	edited, err := w.EditProposal(ctx, ann, asked.ID, json.RawMessage(`{"kind":"signing_key"}`), "", nil)
	w.must(err)
	if edited.State != registry.ProposalOpen {
		t.Fatal(edited.State)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.ApplyProposal(ctx, ann, asked.ID); return err })
}

// Stricter settings hold for what waits already; laxer ones do not let it through.
func TestSettingsHoldForWhatWaits(t *testing.T) {
	w := newWorld(t)
	p, asked := w.opened(ann)
	w.wanted(2)
	_, err := w.approve(ben, asked)
	w.must(err)
	if w.rules(p) != 0 {
		t.Fatal("one approval was enough although the settings want two by now")
	}
	w.wanted(0)
	if w.rules(p) != 0 || w.now(asked).Needed != 2 {
		t.Errorf("%+v", w.now(asked))
	}
	issue := w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.App})
	w.wanted(1)
	waiting := w.proposed(ann, issue)
	_, err = w.approve(ben, waiting)
	w.must(err)
	w.wanted(2)
	w.refuse(registry.ErrState, func() error { _, err := w.ApplyProposal(ctx, ann, waiting.ID); return err })
}

// Rows that move on are noticed at every step: by the first of two who approve, and between the approval and the applying.
func TestAProposalIsHeldToItsRowsAtEveryStep(t *testing.T) {
	w := newWorld(t)
	w.wanted(2)
	p := w.produced()
	key, err := w.IssueApp(ctx, alice, p.ID, "production")
	w.must(err)
	asked := w.proposed(ann, w.op(registry.OpCredentialRotate, p.ID, "production", registry.CredentialRotate{Credential: key.Credential.ID}))
	w.must(w.RevokeTokens(ctx, alice, key.Credential.ID))
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrStale) {
		t.Fatal("the first of two approved what is not there any more:", err)
	}
	asked, err = w.EditProposal(ctx, ann, asked.ID, asked.Operation.Params, "", nil)
	w.must(err)
	for _, person := range []registry.Actor{ben, cat} {
		_, err = w.approve(person, asked)
		w.must(err)
	}
	w.must(w.RevokeTokens(ctx, alice, key.Credential.ID))
	if _, err := w.ApplyProposal(ctx, ann, asked.ID); !errors.Is(err, registry.ErrStale) {
		t.Fatal("what was approved was applied to something else:", err)
	}
	if after := w.now(asked); after.State != registry.ProposalReady || after.Failure == nil || len(w.credential(key.Credential.ID).Versions) != 1 {
		t.Errorf("%+v", after)
	}
}
