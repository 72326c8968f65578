package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/registry"
)

// service makes a service account in somebody's name.
func (w *world) service(maker registry.Actor, name string) registry.Actor {
	w.t.Helper()
	_, _, err := w.CreateService(ctx, maker, registry.ServiceCreate{Name: name, Roles: []operator.Role{operator.Operator, operator.Admin},
		NotAfter: w.clock.now().Add(time.Hour)})
	w.must(err)
	return registry.Actor{Kind: registry.Service, Name: name}
}

// Whoever made a service account, by whatever detour, holds what it asks with: he is no second person, neither for a proposal nor
// for a review.
func TestTheMakerOfAServiceAccountIsNoSecondPerson(t *testing.T) {
	w := newWorld(t)
	first := w.service(ben, "first")
	second := w.service(first, "second")
	for _, asker := range []registry.Actor{first, second} {
		_, asked := w.opened(asker)
		w.refuse(registry.ErrFourEyes, func() error { _, err := w.approve(ben, asked); return err })
		p, err := w.CreatePartner(ctx, asker, "Acme")
		w.must(err)
		w.must(w.RequestReview(ctx, asker, p.ID, "sandbox", ""))
		w.refuse(registry.ErrFourEyes, func() error { return w.Approve(ctx, ben, p.ID, "sandbox", "") })
		w.refuse(registry.ErrFourEyes, func() error {
			return w.ApproveReview(ctx, ben, p.ID, "sandbox", registry.Approval{Force: true})
		})
		w.must(w.Approve(ctx, cat, p.ID, "sandbox", ""))
		_, err = w.approve(cat, asked)
		w.must(err)
	}
}

// A service account that is named as another one's row would be taken for it, and its maker for the other one's.
func TestNoNameIsARowIdentity(t *testing.T) {
	w := newWorld(t)
	w.service(cat, "honest")
	list, err := w.ServiceAccounts(ctx)
	w.must(err)
	w.refuse(registry.ErrArgument, func() error {
		_, _, err := w.CreateService(ctx, ben, registry.ServiceCreate{Name: list[0].ID, Roles: []operator.Role{operator.Operator},
			NotAfter: w.clock.now().Add(time.Hour)})
		return err
	})
	w.refuse(registry.ErrArgument, func() error {
		_, _, err := w.MakeBreakGlass(ctx, ben, registry.BreakGlassMake{Name: "bgl_" + strings.Repeat("a", 26)})
		return err
	})
}

func TestNobodyApprovesAChangeOfHisOwnAccount(t *testing.T) {
	w := newWorld(t)
	_, err := w.DemoAccount(ctx, robot, ben.Name, []operator.Role{operator.Approver})
	w.must(err)
	asked := w.proposed(ann, w.op(registry.OpAccountChange, "", "", registry.AccountChange{Account: ben.Name, Roles: []operator.Role{operator.Admin}}))
	w.refuse(registry.ErrFourEyes, func() error { _, err := w.approve(ben, asked); return err })
	_, err = w.approve(cat, asked)
	w.must(err)
}

// What a disabled account or a revoked service account has asked for is nobody's to approve: it would be done in its name.
func TestWhatADisabledOneAskedForIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.person(ann.Name, operator.Operator)
	robot := w.service(cat, "robot")
	for asker, end := range map[registry.Actor]func() error{
		ann:   func() error { _, err := w.DisableAccount(ctx, cat, ann.Name, "left"); return err },
		robot: func() error { _, err := w.RevokeService(ctx, cat, robot.Name, "leaked"); return err },
	} {
		p, asked := w.opened(asker)
		w.must(end())
		w.refuse(registry.ErrState, func() error { _, err := w.approve(ben, asked); return err })
		if now := w.now(asked); w.rules(p) != 0 || now.State != registry.ProposalOpen || !strings.Contains(now.Warning, asker.Name) {
			t.Errorf("%d rules, %+v", w.rules(p), now)
		}
		_, err := w.RejectProposal(ctx, ben, asked.ID, "nobody wants it")
		w.must(err)
	}
}

// A yes counts for as long as its giver could still give it.
func TestTheYesOfADisabledAccountCountsNoMore(t *testing.T) {
	for name, end := range map[string]func(*world) error{
		"disabled": func(w *world) error { _, err := w.DisableAccount(ctx, alice, ben.Name, "left"); return err },
		"another role": func(w *world) error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: ben.Name, Roles: []operator.Role{operator.Viewer}})
			return err
		},
		"another environment": func(w *world) error {
			_, err := w.ChangeAccount(ctx, alice, registry.AccountChange{Account: ben.Name, Environments: []string{"sandbox"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person(ben.Name, operator.Approver)
			w.wanted(2)
			p, asked := w.opened(ann)
			_, err := w.approve(ben, asked)
			w.must(err)
			w.must(end(w))
			if now := w.now(asked); len(now.Approvals) != 0 {
				t.Errorf("shown with %+v", now.Approvals)
			}
			done, err := w.approve(cat, asked)
			w.must(err)
			if w.rules(p) != 0 || done.Proposal.State != registry.ProposalOpen || len(done.Proposal.Approvals) != 1 {
				t.Fatalf("%d rules, %+v", w.rules(p), done.Proposal)
			}
			_, err = w.approve(registry.Actor{Kind: registry.Operator, Name: "dan@example.com"}, asked)
			w.must(err)
			if w.rules(p) != 1 {
				t.Error("two other persons are not enough")
			}
		})
	}
}

// The same where the change waits for who asked: the secret is not made on the word of an account that was disabled.
func TestASecretIsNotMadeOnTheYesOfADisabledAccount(t *testing.T) {
	w := newWorld(t)
	w.person(ben.Name, operator.Approver)
	p := w.produced()
	asked := w.proposed(ann, w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: "app"}))
	_, err := w.approve(ben, asked)
	w.must(err)
	_, err = w.DisableAccount(ctx, alice, ben.Name, "taken over")
	w.must(err)
	w.refuse(registry.ErrState, func() error { _, err := w.ApplyProposal(ctx, ann, asked.ID); return err })
}

// Somebody whose roles are to be changed cannot hold that up by signing in.
func TestSigningInDoesNotHoldUpAChangeOfTheAccount(t *testing.T) {
	w := newWorld(t)
	w.first()
	in := w.person("dan@example.com", operator.Operator, operator.Approver)
	change := registry.AccountChange{Account: "dan@example.com", Roles: []operator.Role{operator.Viewer}}
	asked := w.proposed(ann, w.op(registry.OpAccountChange, "", "", change))
	w.clock.pass(time.Minute)
	key := in.Account.Passkeys[0]
	_, err := w.SignInPasskey(ctx, in.Account.ID, key.ID, key.Credential, []byte(`{"counter":2}`), "192.0.2.9", registry.SessionTerms{})
	w.must(err)
	_, err = w.approve(ben, asked)
	w.must(err)
	a, err := w.Account(ctx, "dan@example.com")
	if err != nil || len(a.Roles) != 1 || a.Roles[0] != operator.Viewer {
		t.Errorf("%+v, %v", a.Roles, err)
	}
	// What the account may do is what counts.
	asked = w.proposed(ann, w.op(registry.OpAccountChange, "", "", registry.AccountChange{Account: "dan@example.com", Roles: []operator.Role{operator.Auditor}}))
	_, err = w.ChangeAccount(ctx, alice, registry.AccountChange{Account: "dan@example.com", Environments: []string{"sandbox"}})
	w.must(err)
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrStale) {
		t.Errorf("%v", err)
	}
}

// A break-glass session ends, and so does what it can reach the register by: it makes nobody and no code, and lowers no setting.
func TestBreakGlassLeavesNoWayInBehind(t *testing.T) {
	w := newWorld(t)
	w.free()
	w.person(ben.Name, operator.Operator)
	in := registry.Intent{Reason: "fire", Bypass: true}
	for name, params := range map[registry.OperationName]any{
		registry.OpAccountInvite:     registry.AccountInvite{Login: "me@example.com", Roles: []operator.Role{operator.Admin}},
		registry.OpAccountChange:     registry.AccountChange{Account: ben.Name, Roles: []operator.Role{operator.Admin}},
		registry.OpAccountEnable:     registry.AccountEnable{Account: ben.Name},
		registry.OpServiceCreate:     registry.ServiceCreate{Name: "me", Roles: []operator.Role{operator.Operator}, NotAfter: w.clock.now().Add(time.Hour)},
		registry.OpBreakGlassMake:    registry.BreakGlassMake{Name: "again"},
		registry.OpSettingsApprovals: registry.SettingsApprovals{},
	} {
		w.refuse(registry.ErrActor, func() error { _, err := w.Do(ctx, glass, w.op(name, "", "", params), in); return err })
	}
	p := w.produced()
	m := w.member(p.ID, "eve@acme.example")
	for name, params := range map[registry.OperationName]any{
		registry.OpMemberInvite:   registry.MemberInvite{Login: "me@acme.example"},
		registry.OpMemberReinvite: registry.MemberReinvite{Member: m.ID},
		registry.OpMemberEnable:   registry.MemberEnable{Member: m.ID},
	} {
		w.refuse(registry.ErrActor, func() error { _, err := w.Do(ctx, glass, w.op(name, p.ID, "", params), in); return err })
	}
	_, err := w.Do(ctx, glass, w.op(registry.OpAccountDisable, "", "", registry.AccountDisable{Account: ben.Name}), in)
	w.must(err)
	w.last(glass, audit.AccountDisabled, w.accountID(ben.Name))
}

func (w *world) accountID(login string) string {
	w.t.Helper()
	a, err := w.Account(ctx, login)
	w.must(err)
	return a.ID
}

// Whoever can make accounts alone makes his own second person: by the plane, neither accounts nor settings are freed first.
func TestSettingsAreNotLoweredInSteps(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*registry.Approvals){
		"accounts": func(a *registry.Approvals) { a.Accounts = 0 },
		"settings": func(a *registry.Approvals) { a.Settings = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			a := registry.DefaultApprovals()
			change(&a)
			w.refuse(registry.ErrArgument, func() error {
				_, err := w.Do(ctx, ann, w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{Approvals: a}), registry.Intent{})
				return err
			})
		})
	}
	w.proposed(ann, w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{})) // all of them, in one step that says so
	a := registry.DefaultApprovals()
	a.Accounts = 0
	_, err := w.SetApprovals(ctx, alice, a, "alone, and on the server itself")
	w.must(err)
	w.free()
	for range 2 { // from nothing they are raised one by one
		a := registry.Approvals{Accounts: 1}
		w.do(ann, w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{Approvals: a}), registry.Intent{})
	}
}

// Nobody knows who opened a break-glass code: what it asked for, he could approve under his own name. So it asks for nothing that
// waits for somebody else: neither for a review, nor by editing what another one has asked for.
func TestBreakGlassIsNoFirstPersonEither(t *testing.T) {
	w := newWorld(t)
	_, asked := w.opened(ann)
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	w.refuse(registry.ErrActor, func() error {
		_, err := w.EditProposal(ctx, glass, asked.ID, []byte(`{"country":"US"}`), "fire", nil)
		return err
	})
	w.refuse(registry.ErrActor, func() error { return w.RequestReview(ctx, glass, p.ID, "production", "fire") })
	file := in("production", registry.ApplyEnvironment{Requested: true})
	_, err = w.Do(ctx, glass, w.op(registry.OpRegisterApply, "", "", file), registry.Intent{Bypass: true})
	if err == nil || !strings.Contains(err.Error(), registry.ErrActor.Error()) {
		t.Errorf("by a file: %v", err)
	}
	w.must(w.Suspend(ctx, glass, w.produced().ID, "production", "fire"))
}
