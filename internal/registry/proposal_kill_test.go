package registry_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"testing"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// killProposals in place of a victim makes the child ask for changes that wait, and approve them.
const killProposals = "proposals"

// numbered is the operation of one number.
func numbered(r *registry.Registry, partnerID string, n int) (registry.Operation, error) {
	address := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	op, err := registry.NewOperation(registry.OpNetworkAllow, partnerID, "production", registry.NetworkAllow{Prefix: netip.PrefixFrom(address, 32)})
	if err != nil {
		return op, err
	}
	return r.Locate(ctx, op)
}

func keyOf(n int) registry.Intent { return registry.Intent{IdempotencyKey: fmt.Sprint("number-", n)} }

// proposeForEver asks, approves, and acknowledges both; it goes on where the proposals that are there end.
func proposeForEver(folder string) error {
	r, _, err := openReal(folder)
	if err != nil {
		return err
	}
	partners, err := r.Partners(ctx)
	if err != nil {
		return err
	}
	all, err := proposalsOf(r)
	if err != nil {
		return err
	}
	for n := len(all); ; n++ {
		op, err := numbered(r, partners[0].ID, n)
		if err != nil {
			return err
		}
		done, err := r.Do(ctx, ann, op, keyOf(n))
		if err != nil {
			return err
		}
		fmt.Printf("%s %s %d -\n", audit.ProposalMade, done.Proposal.ID, done.Revision)
		done, err = r.ApproveProposal(ctx, ben, done.Proposal.ID, done.Proposal.Digest(), "")
		if err != nil {
			return err
		}
		fmt.Printf("%s %s %d -\n", audit.ProposalApplied, done.Proposal.ID, done.Revision)
	}
}

// proposalsOf lists all proposals, the oldest first.
func proposalsOf(r *registry.Registry) (all []registry.Proposal, err error) {
	for q := (registry.ProposalQuery{Limit: registry.MaxPage}); ; {
		page, err := r.Proposals(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			all = append([]registry.Proposal{item.Value}, all...)
		}
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

// TestKillNeverTearsAProposal kills a process with SIGKILL at random moments of proposing and approving. After each it proves:
// what was acknowledged is there; a proposal is applied if and only if its change was made, once; and a call that is repeated with
// its key is answered with the proposal that it made.
func TestKillNeverTearsAProposal(t *testing.T) {
	folder := t.TempDir()
	r, db, err := openReal(folder)
	if err == nil {
		_, err = r.CreatePartner(ctx, alice, "Acme")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for round := range max(killRounds/3, 5) {
		acks := killed(t, folder, killProposals, round%2+mathrand.IntN(12)) // half of them say something, whatever is drawn
		total += len(acks)
		inspectProposals(t, folder, acks)
		if t.Failed() {
			t.FailNow()
		}
	}
	if total == 0 {
		t.Error("nothing was tested")
	}
}

func inspectProposals(t *testing.T, folder string, acks []acknowledged) {
	t.Helper()
	r, db, err := openReal(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if report, err := r.VerifyChanges(ctx, nil); err != nil || !report.OK() {
		t.Errorf("the record: %q, %v", report.Lines(), err)
	}
	all, err := proposalsOf(r)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := r.Networks(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	made := map[netip.Prefix]int{}
	for _, rule := range rules {
		made[rule.Prefix]++
	}
	states := map[string]registry.ProposalState{}
	partners, err := r.Partners(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n, p := range all {
		states[p.ID] = p.State
		checkNumber(t, r, partners[0], n, p, made)
	}
	for _, a := range acks {
		state, there := states[a.subject]
		if !there || a.action == audit.ProposalApplied && state != registry.ProposalDone {
			t.Errorf("%+v was acknowledged; it is %q", a, state)
		}
	}
}

// checkNumber holds one proposal against its change, and against its key.
func checkNumber(t *testing.T, r *registry.Registry, of partner.Partner, n int, p registry.Proposal, made map[netip.Prefix]int) {
	t.Helper()
	op, err := numbered(r, of.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	if op.Digest() != p.Operation.Digest() {
		t.Fatalf("proposal %d is %s: one is missing, or doubled", n, p.Operation.Params)
	}
	address := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	want := 0
	if p.State == registry.ProposalDone {
		want = 1
	}
	if got := made[netip.PrefixFrom(address, 32)]; got != want {
		t.Errorf("proposal %s is %s, and its change was made %d times", p.ID, p.State, got)
	}
	again, err := r.Do(ctx, ann, op, keyOf(n))
	if err != nil || !again.Repeated || again.Proposal.ID != p.ID {
		t.Errorf("repeated: %+v, %v", again.Proposal, err)
	}
}
