package registry_test

import (
	"errors"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// asked is an operation as an account asks for it.
func (w *world) asked(actor registry.Actor, name registry.OperationName, params any) (registry.Done, error) {
	w.t.Helper()
	op, err := registry.NewOperation(name, "", "", params)
	w.must(err)
	return w.Do(ctx, actor, op, registry.Intent{Reason: "because"})
}

// TestAccountsAndServiceAccountsNeedASecondPerson: each waits for somebody else, and who approves never sees the secret.
func TestAccountsAndServiceAccountsNeedASecondPerson(t *testing.T) {
	w := newWorld(t)
	w.first()
	w.person("second@example.com", operator.Admin, operator.Approver)
	w.person("third@example.com", operator.Viewer)
	root := registry.Actor{Kind: registry.Operator, Name: "root@example.com"}
	second := registry.Actor{Kind: registry.Operator, Name: "second@example.com"}
	end := w.clock.now().Add(time.Hour)
	for _, row := range []struct {
		name   registry.OperationName
		params any
		secret bool
		made   func(registry.Done) bool
	}{
		{registry.OpAccountInvite, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Operator}}, true,
			func(d registry.Done) bool { return d.Account != nil && d.Account.Login == "bob@example.com" }},
		{registry.OpServiceCreate, registry.ServiceCreate{Name: "robot", Roles: []operator.Role{operator.Operator}, NotAfter: end}, true,
			func(d registry.Done) bool { return d.Service != nil && d.Service.Name == "robot" }},
		{registry.OpBreakGlassMake, registry.BreakGlassMake{Name: "safe"}, true,
			func(d registry.Done) bool { return d.BreakGlass != nil && d.BreakGlass.Name == "safe" }},
		{registry.OpAccountChange, registry.AccountChange{Account: "third@example.com", Environments: []string{"sandbox"}}, false,
			func(d registry.Done) bool { return d.Account != nil && d.Account.Environments != nil }},
	} {
		done, err := w.asked(root, row.name, row.params)
		w.must(err)
		if done.Proposal == nil || done.Secret != "" || row.made(done) {
			t.Fatalf("%s does not wait: %+v", row.name, done)
		}
		digest := done.Proposal.Digest()
		if _, err := w.ApproveProposal(ctx, root, done.Proposal.ID, digest, ""); !errors.Is(err, registry.ErrFourEyes) {
			t.Errorf("%s: approved by who asked: %v", row.name, err)
		}
		robot := registry.Actor{Kind: registry.Service, Name: "robot"}
		if _, err := w.ApproveProposal(ctx, robot, done.Proposal.ID, digest, ""); !errors.Is(err, registry.ErrActor) {
			t.Errorf("%s: approved by a service account: %v", row.name, err)
		}
		approved, err := w.ApproveProposal(ctx, second, done.Proposal.ID, digest, "")
		w.must(err)
		if approved.Secret != "" {
			t.Errorf("%s: the approver sees the secret", row.name)
		}
		if row.secret {
			if done, err = w.ApplyProposal(ctx, root, done.Proposal.ID); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
		} else {
			done = approved
		}
		if !row.made(done) || (done.Secret != "") != row.secret {
			t.Errorf("%s: %+v", row.name, done)
		}
	}
	w.proved()
}

// TestWhatNarrowsNeverWaits: nobody needs a second person to shut a door.
func TestWhatNarrowsNeverWaits(t *testing.T) {
	w := newWorld(t)
	w.first()
	in := w.person("bob@example.com", operator.Operator)
	_, token, err := w.CreateService(ctx, alice, deployer(w))
	w.must(err)
	opened, _ := w.breakGlass()
	root := registry.Actor{Kind: registry.Operator, Name: "root@example.com"}
	for name, params := range map[registry.OperationName]any{
		registry.OpAccountDisable: registry.AccountDisable{Account: "bob@example.com"},
		registry.OpServiceRevoke:  registry.ServiceRevoke{Service: "deployer"},
		registry.OpBreakGlassEnd:  registry.BreakGlassEnd{BreakGlass: "safe"},
	} {
		if done, err := w.asked(root, name, params); err != nil || done.Proposal != nil {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
	w.gone("the account", operator.SessionToken, string(in.Token.Bytes()))
	w.gone("the service account", operator.ServiceToken, string(token.Bytes()))
	w.gone("the break-glass session", operator.SessionToken, string(opened.Token.Bytes()))
	done, err := w.asked(root, registry.OpAccountEnable, registry.AccountEnable{Account: "bob@example.com"})
	if err != nil || done.Proposal == nil {
		t.Errorf("enabling does not wait: %+v, %v", done, err)
	}
}

// TestBreakGlassActsWithoutASecondPersonAndIsNamed: and nobody else may say that it does.
func TestBreakGlassActsWithoutASecondPersonAndIsNamed(t *testing.T) {
	w := newWorld(t)
	w.first()
	opened, _ := w.breakGlass()
	p, err := w.Principal(ctx, operator.SessionToken, string(opened.Token.Bytes()))
	w.must(err)
	op := w.op(registry.OpNetworkAllow, w.produced().ID, "production", from("192.0.2.0/24"))
	done, err := w.Do(ctx, registry.ActorOf(p), op, registry.Intent{Reason: "fire", Bypass: p.BreakGlass()})
	w.must(err)
	if done.Proposal != nil || done.Network == nil {
		t.Fatalf("%+v", done)
	}
	w.last(registry.Actor{Kind: registry.BreakGlass, Name: "safe"}, audit.NetworkAllowed, done.Network.ID)
	w.refuse(registry.ErrActor, func() error {
		_, err := w.Do(ctx, registry.Actor{Kind: registry.Operator, Name: "root@example.com"}, op, registry.Intent{Bypass: true})
		return err
	})
}
