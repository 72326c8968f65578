package registry_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestAnIdempotencyKeyMakesOneOfMany(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	key := registry.Intent{IdempotencyKey: "one"}
	op := w.op(registry.OpNetworkAllow, p.ID, "sandbox", from("192.0.2.0/24"))
	first := w.do(ann, op, key)
	again := w.do(ann, op, key)
	if first.Repeated || !again.Repeated || again.Network.ID != first.Network.ID || again.Revision != first.Revision {
		t.Errorf("%+v and %+v", first, again)
	}
	w.refuse(registry.ErrIdempotency, func() error {
		_, err := w.Do(ctx, ann, w.op(registry.OpNetworkAllow, p.ID, "sandbox", from("192.0.2.0/25")), key)
		return err
	})
	w.refuse(registry.ErrIdempotency, func() error {
		_, err := w.Do(ctx, ann, w.op(registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: "x"}), key)
		return err
	})
	if other := w.do(ben, w.op(registry.OpNetworkAllow, p.ID, "sandbox", from("192.0.2.0/26")), key); other.Repeated {
		t.Error("two people share a key")
	}
	w.clock.pass(registry.IdempotencyLife + time.Microsecond)
	w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, ann, op, key); return err }) // forgotten: asked anew, and there already
}

// A row that has changed since does not keep a repetition from its answer; a stale row keeps the first from being made.
func TestARepetitionIsNotStale(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	match, err := registry.Match("review/"+p.ID+"/sandbox", w.tag("review/"+p.ID+"/sandbox"))
	w.must(err)
	in := registry.Intent{IdempotencyKey: "k"}
	in.IfMatch = append(in.IfMatch, match)
	op := w.op(registry.OpReviewSuspend, p.ID, "sandbox", registry.ReviewSuspend{})
	w.do(ann, op, in)
	if again := w.do(ann, op, in); !again.Repeated || again.Review == nil || again.Review.Review.State != partner.ReviewSuspended {
		t.Errorf("%+v", again)
	}
	in.IdempotencyKey = "other"
	w.refuse(registry.ErrStale, func() error { _, err := w.Do(ctx, ann, op, in); return err })
}

// A failed call is not remembered: the key can be used once the cause is gone.
func TestAFailedCallIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	w.free()
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	op := w.op(registry.OpCredentialIssue, p.ID, "sandbox", registry.CredentialIssue{Kind: partner.App})
	key := registry.Intent{IdempotencyKey: "k"}
	w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, ann, op, key); return err })
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	w.must(w.Approve(ctx, bob, p.ID, "sandbox", ""))
	if done := w.do(ann, op, key); done.Repeated || done.Issued.Secret.IsZero() {
		t.Errorf("%+v", done)
	}
}

// A secret is shown once, and is in no receipt: the store's file holds none.
func TestARepetitionHasTheSameIDsAndNoSecret(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	var secrets []string
	for name, op := range map[string]registry.Operation{
		"app":         w.op(registry.OpCredentialIssue, p.ID, "sandbox", registry.CredentialIssue{Kind: partner.App}),
		"signing key": w.op(registry.OpCredentialIssue, p.ID, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey}),
		"endpoint":    w.op(registry.OpEndpointAdd, p.ID, "sandbox", registry.EndpointAdd{URL: "https://example.com/hook"}),
		"account":     w.op(registry.OpAccountInvite, "", "", registry.AccountInvite{Login: "dan@example.com", Roles: []operator.Role{operator.Viewer}}),
		"service": w.op(registry.OpServiceCreate, "", "", registry.ServiceCreate{Name: "s", Roles: []operator.Role{operator.Viewer},
			NotAfter: w.clock.now().Add(time.Hour)}),
		"break-glass": w.op(registry.OpBreakGlassMake, "", "", registry.BreakGlassMake{Name: "g"}),
	} {
		in := registry.Intent{IdempotencyKey: "key-" + fmt.Sprint(len(secrets))}
		first := w.do(ann, op, in)
		again := w.do(ann, op, in)
		if !again.Repeated || again.Secret != "" || again.Issued != nil && !again.Issued.Secret.IsZero() {
			t.Errorf("%s: %+v", name, again)
		}
		if ids(first) != ids(again) {
			t.Errorf("%s: %s and then %s", name, ids(first), ids(again))
		}
		secrets = append(secrets, first.Secret)
		if first.Issued != nil {
			secrets = append(secrets, string(first.Issued.Secret.Bytes()))
		}
	}
	w.absent(secrets)
}

// ids is everything in an answer that names something.
func ids(d registry.Done) string {
	text := ""
	if d.Issued != nil {
		text += fmt.Sprint(d.Issued.Credential.ID, d.Issued.Login, d.Issued.KeyID, d.Issued.Version)
	}
	if d.Endpoint != nil {
		text += d.Endpoint.ID + d.Endpoint.Keys[0].ID
	}
	if d.Account != nil {
		text += d.Account.ID
	}
	if d.Service != nil {
		text += d.Service.ID
	}
	if d.BreakGlass != nil {
		text += d.BreakGlass.ID
	}
	return text
}

func TestManyCallersWithOneKeyMakeOne(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	for name, op := range map[string]registry.Operation{
		"a proposal": w.op(registry.OpNetworkAllow, p.ID, "production", from("192.0.2.0/24")),
		"a partner":  w.op(registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: "Bolt"}),
	} {
		var all sync.WaitGroup
		var mu sync.Mutex
		made := map[string]int{}
		for range 12 {
			all.Go(func() {
				done, err := w.Do(ctx, ann, op, registry.Intent{IdempotencyKey: name[:1] + name[2:]})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					t.Error(err)
				case done.Proposal != nil:
					made[done.Proposal.ID]++
				default:
					made[done.Partner.ID]++
				}
			})
		}
		all.Wait()
		if len(made) != 1 {
			t.Errorf("%s: %v", name, made)
		}
	}
	page, err := w.Proposals(ctx, registry.ProposalQuery{})
	all, err2 := w.Partners(ctx)
	if err := errors.Join(err, err2); err != nil || len(page.Items) != 1 || len(all) != 2 {
		t.Errorf("%d proposals, %d partners, %v", len(page.Items), len(all), err)
	}
}
