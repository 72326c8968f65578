package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// failing makes every call number at of the store fail from now on, until it is mended.
func (w *world) failing(f *faulty) (mend func()) {
	w.t.Helper()
	sound, before := w.cfg.Store, w.Registry
	f.Store = sound
	w.cfg.Store = f
	var err error
	w.Registry, err = registry.New(w.cfg)
	w.must(err)
	return func() { w.cfg.Store, w.Registry = sound, before }
}

// A fault at any step of an approval leaves all of it or nothing, and the same call afterwards ends it: the change is made once.
func TestAFaultDuringAnApprovalAppliesItOnceOrNotAtAll(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 4; at++ {
			w := newWorld(t)
			p, asked := w.opened(ann)
			f := &faulty{at: at, committed: committed}
			mend := w.failing(f)
			_, err := w.approve(ben, asked)
			mend()
			if f.calls >= at && !errors.Is(err, errInjected) {
				t.Errorf("call %d failed, and the approval says %v", at, err)
			}
			applied := w.now(asked).State == registry.ProposalDone
			if applied != (w.rules(p) == 1) || applied != (len(w.now(asked).Approvals) == 1) {
				t.Errorf("call %d, committed %v: half of it: %+v with %d rules", at, committed, w.now(asked), w.rules(p))
			}
			if !applied {
				_, err := w.approve(ben, asked)
				w.must(err)
			}
			w.once(p, audit.NetworkAllowed)
		}
	}
}

// once checks that a change was made once, and that the record is whole.
func (w *world) once(p partner.Partner, action audit.Action) {
	w.t.Helper()
	n := 0
	for _, row := range w.rows() {
		if row.Action == action {
			n++
		}
	}
	if n != 1 {
		w.t.Errorf("%s: %d times", action, n)
	}
	if report, err := w.VerifyChanges(ctx, nil); err != nil || !report.OK() {
		w.t.Errorf("%q, %v", report.Lines(), err)
	}
}

// A call whose answer was lost is repeated with its key: whatever happened to the first one, there is one change in the end.
func TestAFaultDuringDoIsRepeatedWithoutDoubling(t *testing.T) {
	for _, committed := range []bool{false, true} {
		for at := 1; at <= 3; at++ {
			for name, make := range map[string]func(*world) (registry.Operation, audit.Action){
				"done at once": func(w *world) (registry.Operation, audit.Action) {
					return w.op(registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: "Bolt"}), audit.PartnerCreated
				},
				"waits": func(w *world) (registry.Operation, audit.Action) {
					return w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{}), audit.ProposalMade
				},
			} {
				w := newWorld(t)
				op, action := make(w)
				mend := w.failing(&faulty{at: at, committed: committed})
				_, err := w.Do(ctx, ann, op, registry.Intent{IdempotencyKey: "k"})
				mend()
				if err != nil && !errors.Is(err, errInjected) {
					t.Error(name, err)
				}
				w.do(ann, op, registry.Intent{IdempotencyKey: "k"})
				w.once(partner.Partner{}, action)
			}
		}
	}
}

// A secret that was made for a transaction that failed is wiped, and nothing of it is kept.
func TestAFaultWhileApplyingMakesNoCredential(t *testing.T) {
	for at := 1; at <= 5; at++ {
		w := newWorld(t)
		p := w.produced()
		asked := w.proposed(ann, w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.App}))
		_, err := w.approve(ben, asked)
		w.must(err)
		f := &faulty{at: at}
		mend := w.failing(f)
		done, err := w.ApplyProposal(ctx, ann, asked.ID)
		mend()
		if f.calls < at {
			if err != nil || at < 3 {
				t.Errorf("%d calls, %v", f.calls, err)
			}
			break
		}
		if !errors.Is(err, errInjected) || done.Issued != nil {
			t.Errorf("call %d: %+v, %v", at, done, err)
		}
		if all, err := w.Credentials(ctx, p.ID); err != nil || len(all) != 0 || w.now(asked).State != registry.ProposalReady {
			t.Errorf("call %d: %v, %v", at, all, err)
		}
		_, err = w.ApplyProposal(ctx, ann, asked.ID)
		w.must(err)
		w.once(p, audit.CredentialIssued)
	}
}

// Settings that change between the look and the transaction: a secret is made in time, or nothing happens.
func TestSettingsThatChangeMeanwhile(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	op := w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	turns := 0
	flip := &meddler{Store: w.cfg.Store, before: func() {
		turns++
		if turns == 1 { // the look has seen that it waits
			w.free()
		}
	}}
	cfg := w.cfg
	cfg.Store = flip
	r, err := registry.New(cfg)
	w.must(err)
	done, err := r.Do(ctx, ann, op, registry.Intent{})
	w.must(err)
	if done.Issued == nil || done.Issued.Secret.IsZero() {
		t.Errorf("%+v", done)
	}
	w.clock.pass(time.Second)
	if all, err := w.Credentials(ctx, p.ID); err != nil || len(all) != 1 {
		t.Error(all, err)
	}
}

// meddler does something before every writing transaction of a registry.
type meddler struct {
	registry.Store
	before func()
}

// Update meddles.
func (m *meddler) Update(ctx context.Context, change func(registry.Tx) error) error {
	m.before()
	return m.Store.Update(ctx, change)
}
