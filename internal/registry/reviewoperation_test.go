package registry_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// ask asks for an operation as the admin API does.
func (w *world) ask(actor registry.Actor, name registry.OperationName, id, environment string, params any, reason string) (registry.Done, error) {
	w.t.Helper()
	op, err := registry.NewOperation(name, id, environment, params)
	w.must(err)
	return w.Do(ctx, actor, op, registry.Intent{Reason: reason})
}

func (w *world) done(actor registry.Actor, name registry.OperationName, id, environment string, params any, reason string) registry.Done {
	w.t.Helper()
	return w.do(actor, w.op(name, id, environment, params), registry.Intent{Reason: reason})
}

func hexOf(f registry.ReviewFile) registry.ReviewApprove {
	return registry.ReviewApprove{Digest: hex.EncodeToString(f.Digest[:])}
}

// The whole life of a review, asked for as data: every step answers with the file as it is then, and is recorded with its reason.
func TestAReviewByOperations(t *testing.T) {
	w, id := reviewed(t)
	w.must(w.ApproveReview(ctx, bob, id, "sandbox", registry.Approval{Force: true}))
	const env = "production"
	step := func(actor registry.Actor, name registry.OperationName, params any, action audit.Action, state partner.ReviewState) registry.ReviewFile {
		t.Helper()
		done := w.done(actor, name, id, env, params, "because")
		if row := w.last(actor, action, id); !strings.HasPrefix(row.Detail, "production: ") {
			t.Errorf("%s: %q", name, row.Detail)
		}
		if done.Review == nil || done.Review.Review.State != state || done.Proposal != nil || done.Revision == 0 {
			t.Fatalf("%s: %+v", name, done)
		}
		return *done.Review
	}
	step(alice, registry.OpReviewRequest, registry.ReviewRequest{}, audit.ReviewRequested, partner.ReviewRequested)
	step(bob, registry.OpReviewStart, registry.ReviewStart{}, audit.ReviewStarted, partner.ReviewStarted)
	step(alice, registry.OpEvidenceAdd, registry.EvidenceAdd{Item: "pentest", Name: "r.pdf", Content: []byte("%PDF-1.7")}, audit.EvidenceAdded, partner.ReviewStarted)
	step(bob, registry.OpReviewCheck, registry.ReviewCheck{Item: "pentest", Done: true}, audit.ReviewChecked, partner.ReviewStarted)
	f := step(bob, registry.OpCommentAdd, registry.CommentAdd{Text: "Well\ndone."}, audit.CommentAdded, partner.ReviewStarted)
	if len(f.Comments) != 1 || f.Items[1].Note != "because" || !f.Items[1].Done || f.Evidence[0].Note != "because" {
		t.Errorf("%+v", f)
	}
	refuse := func(want error, actor registry.Actor, params registry.ReviewApprove) {
		t.Helper()
		w.refuse(want, func() error { _, err := w.ask(actor, registry.OpReviewApprove, id, env, params, ""); return err })
	}
	refuse(registry.ErrState, bob, hexOf(f)) // items are open, and nobody forces over the API
	w.complete(id)
	refuse(registry.ErrStale, bob, hexOf(f))
	f = w.file(id, env)
	refuse(registry.ErrFourEyes, alice, hexOf(f))
	refuse(registry.ErrActor, registry.Actor{Kind: registry.Service, Name: "deployer"}, hexOf(f))
	for _, digest := range []string{"", "00", strings.Repeat("0", 64), strings.Repeat("x", 64), hexOf(f).Digest + "00"} {
		refuse(registry.ErrArgument, bob, registry.ReviewApprove{Digest: digest})
	}
	f = step(bob, registry.OpReviewApprove, hexOf(f), audit.ReviewApproved, partner.ReviewApproved)
	if a := f.Approval; a == nil || !a.Bound || a.Reason != "because" || len(a.Facts) != 4 {
		t.Errorf("%+v", a)
	}
	step(bob, registry.OpReviewSuspend, registry.ReviewSuspend{}, audit.ReviewSuspended, partner.ReviewSuspended)
	if done := w.done(bob, registry.OpReviewResume, id, env, registry.ReviewResume{}, "paid"); done.Proposal == nil {
		t.Error("admitting a suspended partner to production again waits for nobody")
	}
	if done := w.done(bob, registry.OpReviewWithdraw, id, env, registry.ReviewWithdraw{}, "mixed up"); done.Review != nil {
		t.Errorf("%+v", done)
	}
	if done := w.done(bob, registry.OpReviewClose, id, "sandbox", registry.ReviewClose{}, "over"); done.Proposal == nil && done.Review.Review.State != partner.ReviewClosed {
		t.Errorf("%+v", done)
	}
	report, err := w.VerifyChanges(ctx, nil)
	w.must(err)
	if !report.OK() {
		t.Error(report.Lines())
	}
}

func TestSchedulesAndRetirementsByOperations(t *testing.T) {
	w, c := two(t)
	set := registry.CredentialSchedule{Credential: c.ID, EverySeconds: int64(90 * day / time.Second), OverlapSeconds: int64(day / time.Second)}
	if done := w.done(alice, registry.OpCredentialSchedule, c.PartnerID, "sandbox", set, "policy 7"); done.Credential == nil || done.Credential.ID != c.ID {
		t.Errorf("%+v", done)
	}
	if row := w.last(alice, audit.RotationScheduled, c.ID); !strings.HasSuffix(row.Detail, ": policy 7") {
		t.Error(row.Detail)
	}
	for name, bad := range map[string]registry.CredentialSchedule{
		"negative":       {Credential: c.ID, EverySeconds: -1},
		"a huge span":    {Credential: c.ID, EverySeconds: 1<<63 - 1, OverlapSeconds: 3600},
		"a huge overlap": {Credential: c.ID, EverySeconds: set.EverySeconds, OverlapSeconds: 1<<63 - 1},
	} {
		w.refuse(registry.ErrArgument, func() error {
			_, err := w.ask(alice, registry.OpCredentialSchedule, c.PartnerID, "sandbox", bad, "")
			if !errors.Is(err, registry.ErrArgument) {
				t.Errorf("%s:", name)
			}
			return err
		})
	}
	done := w.done(alice, registry.OpCredentialRetire, c.PartnerID, "sandbox", registry.CredentialRetire{Credential: c.ID, Version: 1}, "moved")
	if done.Credential == nil || done.Credential.Versions[1].Live(w.clock.now()) {
		t.Errorf("%+v", done)
	}
	w.last(alice, audit.VersionRetired, c.ID)
	w.done(alice, registry.OpCredentialSchedule, c.PartnerID, "sandbox", registry.CredentialSchedule{Credential: c.ID}, "no more")
	if row := w.last(alice, audit.RotationScheduled, c.ID); row.Detail != "sandbox: no rotation by schedule any more: no more" {
		t.Error(row.Detail)
	}
}
