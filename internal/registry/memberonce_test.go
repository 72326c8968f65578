package registry_test

import (
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// once lets eight ask at once, and counts how many are shown a secret.
func once(ask func() (*registry.Issued, error)) (shown int32) {
	var n atomic.Int32
	done := make(chan bool)
	for range 8 {
		go func() {
			defer func() { done <- true }()
			if got, err := ask(); err == nil && got != nil && !got.Secret.IsZero() {
				n.Add(1)
			}
		}()
	}
	for range 8 {
		<-done
	}
	return n.Load()
}

// However many come at once with one form, with one approved proposal, for one secret that waits: one is shown the secret.
func TestASecretOfAMemberIsShownToOneOfMany(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	w.must(w.Approve(ctx, bob, p.ID, "sandbox", ""))
	eve := w.member(p.ID, "eve@acme.example")
	issue := w.mine(registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})
	if n := once(func() (*registry.Issued, error) {
		got, err := w.DoAsMember(ctx, eve, issue, registry.Intent{IdempotencyKey: "form-1"})
		return got.Issued, err
	}); n != 1 {
		t.Errorf("one form, sent by many at once, shows %d secrets", n)
	}
	waits := w.asks(eve, registry.OpCredentialIssue, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	w.decided(ben, waits)
	if n := once(func() (*registry.Issued, error) {
		got, err := w.ApplyAsMember(ctx, eve, waits.Proposal.ID)
		return got.Issued, err
	}); n != 1 {
		t.Errorf("one approved proposal shows %d secrets", n)
	}
	all, err := w.Credentials(ctx, p.ID)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d credentials, %v", len(all), err)
	}
	for _, c := range all {
		w.reveals(eve, c)
	}
	w.proved()
}

// reveals has a schedule make a secret, and many ask for it.
func (w *world) reveals(who operator.Principal, c partner.Credential) {
	w.t.Helper()
	_, err := w.ScheduleRotation(ctx, alice, c.ID, partner.Schedule{Every: 30 * 24 * time.Hour, Overlap: time.Hour})
	w.must(err)
	w.clock.pass(31 * 24 * time.Hour)
	_, err = w.RunSchedules(ctx, robot, nil)
	w.must(err)
	if n := once(func() (*registry.Issued, error) {
		got, err := w.RevealAsMember(ctx, who, c.ID, 0)
		return &got, err
	}); n != 1 {
		w.t.Errorf("one secret that waits is shown %d times", n)
	}
}
