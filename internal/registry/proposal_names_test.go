package registry_test

import (
	"maps"
	"net/netip"
	"testing"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// TestAProposalNamesWhatItsIdsStandFor: its partner, and what its parameters name; what is gone has no name, and nothing of it is
// kept.
func TestAProposalNamesWhatItsIdsStandFor(t *testing.T) {
	w := newWorld(t)
	p, made := w.opened(ann)
	if want := map[string]string{p.ID: p.Name}; !maps.Equal(w.now(made).Names, want) || !maps.Equal(made.Names, want) {
		t.Errorf("%v and %v, want %v", made.Names, w.now(made).Names, want)
	}
	page, err := w.Proposals(ctx, registry.ProposalQuery{})
	w.must(err)
	if len(page.Items) != 1 || page.Items[0].Value.Names[p.ID] != p.Name {
		t.Errorf("listed: %+v", page.Items)
	}
	_, err = w.InviteAccount(ctx, alice, registry.AccountInvite{Login: "bob@example.com", Roles: []operator.Role{operator.Approver}})
	w.must(err)
	account, err := w.Account(ctx, "bob@example.com")
	w.must(err)
	change := w.proposed(cat, w.op(registry.OpAccountChange, "", "", registry.AccountChange{Account: account.ID, Roles: []operator.Role{operator.Viewer}}))
	if got := w.now(change).Names[account.ID]; got != "bob@example.com as approver in all environments" {
		t.Errorf("an account: %q of %v", got, w.now(change).Names)
	}
}

// TestTheReasonOfAChangeThatAsksNobody stands in its row as that of an operation does, and a removal still ends with whose it was.
func TestTheReasonOfAChangeThatAsksNobody(t *testing.T) {
	w := newWorld(t)
	why, err := w.Because("ticket 4711: it moves")
	w.must(err)
	p, err := why.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	if got := w.rows()[len(w.rows())-1].Detail; got != "Acme: ticket 4711: it moves" {
		t.Errorf("added: %q", got)
	}
	added, err := why.Allow(ctx, alice, partner.NetworkRule{PartnerID: p.ID, Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
	w.must(err)
	w.must(why.RemoveNetwork(ctx, alice, added.ID))
	if got, want := w.rows()[len(w.rows())-1].Detail, "sandbox: ticket 4711: it moves: 192.0.2.0/24 of "+p.ID; got != want {
		t.Errorf("removed: %q, want %q", got, want)
	}
	if same, err := w.Because(""); err != nil || same != w.Registry {
		t.Errorf("no reason: %v %v", same, err)
	}
	w.refuse(registry.ErrArgument, func() error { _, err := w.Because("two\nlines"); return err })
}
