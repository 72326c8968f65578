package registry_test

import (
	"encoding/json"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestHowAProposalEnds(t *testing.T) {
	w := newWorld(t)
	_, asked := w.opened(ann)
	w.refuse(registry.ErrActor, func() error { _, err := w.WithdrawProposal(ctx, ben, asked.ID, ""); return err })
	w.refuse(registry.ErrFourEyes, func() error { _, err := w.RejectProposal(ctx, ann, asked.ID, ""); return err })
	w.refuse(registry.ErrArgument, func() error { _, err := w.RejectProposal(ctx, ben, asked.ID, "a\nb"); return err })
	ended, err := w.RejectProposal(ctx, ben, asked.ID, "too wide")
	w.must(err)
	if ended.State != registry.ProposalRejected || ended.EndReason != "too wide" || ended.EndedBy != ben.String() {
		t.Errorf("%+v", ended)
	}
	w.last(ben, audit.ProposalRejected, asked.ID)

	_, asked = w.opened(ship)
	_, err = w.WithdrawProposal(ctx, ship, asked.ID, "")
	w.must(err)
	w.last(ship, audit.ProposalWithdrawn, asked.ID)
	for name, use := range map[string]func() error{
		"approve":  func() error { _, err := w.approve(ben, asked); return err },
		"reject":   func() error { _, err := w.RejectProposal(ctx, ben, asked.ID, ""); return err },
		"withdraw": func() error { _, err := w.WithdrawProposal(ctx, ship, asked.ID, ""); return err },
		"apply":    func() error { _, err := w.ApplyProposal(ctx, ship, asked.ID); return err },
		"edit": func() error {
			_, err := w.EditProposal(ctx, ship, asked.ID, json.RawMessage(`{"country":"US"}`), "", nil)
			return err
		},
		"attach": func() error { _, err := w.AttachWhatIf(ctx, ben, asked.ID, asked.Digest(), []byte(`{}`)); return err },
	} {
		t.Run(name, func(t *testing.T) { w.refuse(registry.ErrState, use) })
	}
	w.refuse(registry.ErrNotFound, func() error { _, err := w.approve(ben, registry.Proposal{ID: "prp_none"}); return err })
}

func TestRule36AProposalExpires(t *testing.T) {
	w := newWorld(t)
	p, asked := w.opened(ann)
	w.clock.pass(registry.ProposalLife)
	if n, err := w.ExpireProposals(ctx); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	w.clock.pass(time.Microsecond)
	if w.now(asked).State != registry.ProposalExpired {
		t.Error("it is shown as if it could be approved")
	}
	w.refuse(registry.ErrState, func() error { _, err := w.approve(ben, asked); return err })
	if n, err := w.ExpireProposals(ctx); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.last(registry.Actor{Kind: registry.System, Name: "registry"}, audit.ProposalExpired, asked.ID)
	w.refuse(nil, func() error { _, err := w.ExpireProposals(ctx); return err })
	if w.rules(p) != 0 {
		t.Error("it was applied")
	}
	_, asked = w.opened(ann)
	w.clock.pass(registry.ProposalLife / 2)
	asked, err := w.EditProposal(ctx, ann, asked.ID, asked.Operation.Params, "", nil)
	w.must(err)
	if want := w.clock.now().UTC().Truncate(partner.Resolution).Add(registry.ProposalLife); !asked.ExpiresAt.Equal(want) {
		t.Errorf("after an edit it lasts until %v, want %v", asked.ExpiresAt, want)
	}
}
