package registry_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// The default is a policy: what waits, and where.
func TestWhatWaitsByDefault(t *testing.T) {
	w := newWorld(t)
	wait := func(op registry.Operation, want int) {
		t.Helper()
		done := w.do(ann, op, registry.Intent{})
		if got := done.Proposal; (got != nil) != (want > 0) || got != nil && got.Needed != want {
			t.Errorf("%s in %q waits for %+v, want %d", op.Name, op.Environment, got, want)
		}
	}
	p, q := w.produced(), w.admitted()
	key, err := w.IssueApp(ctx, alice, p.ID, "production")
	w.must(err)
	c := key.Credential.ID
	wait(w.op(registry.OpNetworkAllow, p.ID, "production", registry.NetworkAllow{Country: "US"}), 1)
	wait(w.op(registry.OpNetworkAllow, q.ID, "sandbox", registry.NetworkAllow{Country: "US"}), 0)
	wait(w.op(registry.OpNetworkAllow, q.ID, "production-eu", registry.NetworkAllow{Country: "US"}), 0)
	wait(w.op(registry.OpCredentialIssue, p.ID, "production", registry.CredentialIssue{Kind: partner.App}), 1)
	wait(w.op(registry.OpCredentialUnlock, p.ID, "production", registry.CredentialUnlock{Credential: c}), 0)
	wait(w.op(registry.OpPartnerUnlock, p.ID, "", registry.PartnerUnlock{}), 0)
	wait(w.op(registry.OpTokensRevoke, p.ID, "production", registry.TokensRevoke{Credential: c}), 0)
	wait(w.op(registry.OpCredentialRevoke, p.ID, "production", registry.CredentialRevoke{Credential: c}), 0)
	wait(w.op(registry.OpReviewSuspend, p.ID, "production", registry.ReviewSuspend{}), 0)
	wait(w.op(registry.OpReviewResume, p.ID, "production", registry.ReviewResume{}), 1)
	wait(w.op(registry.OpSealingKeyRotate, "", "production", registry.SealingKeyRotate{}), 0)
	wait(w.op(registry.OpSealingKeyDrop, "", "production", registry.SealingKeyDrop{}), 1)
	wait(w.op(registry.OpSealingKeyDrop, "", "sandbox", registry.SealingKeyDrop{}), 0)
	wait(w.op(registry.OpPartnerCreate, "", "", registry.PartnerCreate{Name: "Bolt"}), 0)
	wait(w.op(registry.OpAccountInvite, "", "", registry.AccountInvite{Login: "dan@example.com", Roles: []operator.Role{operator.Viewer}}), 1)
	wait(w.op(registry.OpBreakGlassMake, "", "", registry.BreakGlassMake{Name: "g"}), 1)
	wait(w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{}), 1)
	wait(w.op(registry.OpPartnerClose, p.ID, "", registry.PartnerClose{}), 1)
	wait(w.op(registry.OpPartnerClose, q.ID, "", registry.PartnerClose{}), 0)
}

// A declarative file is no way around what one of its lines would need.
func TestAFileNeedsWhatItsLinesNeed(t *testing.T) {
	w := newWorld(t)
	a := registry.Approvals{Environments: []registry.EnvironmentApprovals{
		{Environment: "production", Approvals: 2, Operations: []registry.OperationApprovals{{Operation: registry.OpRegisterApply, Approvals: 1}}},
		{Environment: "sandbox", Operations: []registry.OperationApprovals{{Operation: registry.OpLimitSet, Approvals: 3}}}}}
	_, err := w.SetApprovals(ctx, alice, a, "")
	w.must(err)
	_, err = w.CreatePartner(ctx, alice, "Gone")
	w.must(err)
	for i, test := range []struct {
		file registry.RegisterApply
		want int
	}{
		{registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "A"}}}, 0},
		{in("sandbox", registry.ApplyEnvironment{Requested: true}), 0},
		{in("sandbox", registry.ApplyEnvironment{Networks: []registry.NetworkAllow{}}), 0},
		{in("sandbox", registry.ApplyEnvironment{Limits: []registry.LimitSet{}}), 3},
		{in("production", registry.ApplyEnvironment{Requested: true}), 1},
		{in("production", registry.ApplyEnvironment{Networks: []registry.NetworkAllow{{Country: "US"}}}), 2},
		{registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Gone", Closed: true}}}, 2},
		{registry.RegisterApply{Prune: true, ClosePruned: true}, 2},
	} {
		done := w.do(ann, w.op(registry.OpRegisterApply, "", "", test.file), registry.Intent{})
		if got := done.Proposal; (got != nil) != (test.want > 0) || got != nil && got.Needed != test.want {
			t.Errorf("file %d waits for %+v, want %d", i, got, test.want)
		}
	}
}

// in is a file with one partner in one environment.
func in(environment string, e registry.ApplyEnvironment) registry.RegisterApply {
	e.Name = environment
	return registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: fmt.Sprintf("of %s", environment), Environments: []registry.ApplyEnvironment{e}}}}
}

func TestSettingsAreKept(t *testing.T) {
	w := newWorld(t)
	got, err := w.Approvals(ctx)
	if err != nil || cmp.Diff(registry.DefaultApprovals(), got) != "" {
		t.Fatal(got, err)
	}
	w.refuse(nil, func() error { _, err := w.SetApprovals(ctx, alice, registry.DefaultApprovals(), ""); return err })
	want := registry.Approvals{Accounts: 3, Settings: 2, Environments: []registry.EnvironmentApprovals{
		{Environment: "live", Approvals: 1, Operations: []registry.OperationApprovals{{Operation: registry.OpLimitSet}, {Operation: registry.OpNetworkAllow, Approvals: 2}}},
		{Environment: "test"}}}
	turned := registry.Approvals{Accounts: 3, Settings: 2, Environments: []registry.EnvironmentApprovals{want.Environments[1], {Environment: "live", Approvals: 1,
		Operations: []registry.OperationApprovals{want.Environments[0].Operations[1], want.Environments[0].Operations[0]}}}}
	_, err = w.SetApprovals(ctx, alice, turned, "why")
	w.must(err)
	if got, err = w.Approvals(ctx); err != nil || cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got), err)
	}
	if row := w.last(alice, audit.SettingsChanged, "approvals"); row.Detail != "accounts 3, settings 2, live 1 (limit.set 0) (network.allow 2), test 0: why" {
		t.Errorf("%q", row.Detail)
	}
	// From now on production needs nobody, and live does.
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	w.do(ann, w.op(registry.OpLimitSet, p.ID, "live", registry.LimitSet{Daily: 1}), registry.Intent{})
	if done := w.do(ann, w.op(registry.OpNetworkAllow, p.ID, "live", registry.NetworkAllow{Country: "US"}), registry.Intent{}); done.Proposal == nil || done.Proposal.Needed != 2 {
		t.Errorf("%+v", done)
	}
	// The settings of now decide about a change of the settings, not those that are asked for.
	asked := w.proposed(ann, w.op(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{}))
	if asked.Needed != 2 {
		t.Error(asked.Needed)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	w := newWorld(t)
	of := func(e ...registry.EnvironmentApprovals) registry.Approvals {
		return registry.Approvals{Environments: e}
	}
	many := registry.Approvals{}
	for i := range 51 {
		many.Environments = append(many.Environments, registry.EnvironmentApprovals{Environment: fmt.Sprint("e", i)})
	}
	for name, a := range map[string]registry.Approvals{
		"negative":                 {Accounts: -1},
		"too many for settings":    {Settings: 4},
		"too many for one":         of(registry.EnvironmentApprovals{Environment: "a", Approvals: 4}),
		"no name":                  of(registry.EnvironmentApprovals{}),
		"twice":                    of(registry.EnvironmentApprovals{Environment: "a"}, registry.EnvironmentApprovals{Environment: "a"}),
		"many environments":        many,
		"what never waits":         of(registry.EnvironmentApprovals{Environment: "a", Operations: []registry.OperationApprovals{{Operation: registry.OpReviewSuspend, Approvals: 1}}}),
		"what is no environment's": of(registry.EnvironmentApprovals{Environment: "a", Operations: []registry.OperationApprovals{{Operation: registry.OpAccountInvite}}}),
		"what is no operation":     of(registry.EnvironmentApprovals{Environment: "a", Operations: []registry.OperationApprovals{{Operation: "x"}}}),
		"an operation twice": of(registry.EnvironmentApprovals{Environment: "a", Operations: []registry.OperationApprovals{
			{Operation: registry.OpLimitSet}, {Operation: registry.OpLimitSet}}}),
	} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrArgument, func() error { _, err := w.SetApprovals(ctx, alice, a, ""); return err })
			w.free()
			op, err := registry.NewOperation(registry.OpSettingsApprovals, "", "", registry.SettingsApprovals{Approvals: a})
			w.must(err)
			w.refuse(registry.ErrArgument, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
		})
	}
	w.refuse(registry.ErrActor, func() error { _, err := w.SetApprovals(ctx, registry.Actor{}, registry.Approvals{}, ""); return err })
}
