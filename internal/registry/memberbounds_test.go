package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestARepeatedRequestOfAMemberShowsNoSecretAgain(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	in := registry.Intent{IdempotencyKey: "form-1"}
	op := w.mine(registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})
	one, err := w.DoAsMember(ctx, who, op, in)
	w.must(err)
	two, err := w.DoAsMember(ctx, who, op, in)
	w.must(err)
	if !two.Repeated || two.Issued == nil || !two.Issued.Secret.IsZero() || two.Issued.Credential.ID != one.Issued.Credential.ID {
		t.Errorf("%+v", two)
	}
	if _, err := w.DoAsMember(ctx, who, w.mine(registry.OpCommentAdd, "sandbox", registry.CommentAdd{Text: "x"}), in); !errors.Is(err, registry.ErrIdempotency) {
		t.Errorf("the key of another form: %v", err)
	}
}

func TestProposalsOfMembersAreBoundedTogether(t *testing.T) {
	w := newWorld(t)
	p, q := w.admitted(), w.admitted()
	eve, bea, oth := w.member(p.ID, "eve@acme.example"), w.member(p.ID, "bea@acme.example"), w.member(q.ID, "o@bolt.example")
	var first string
	for i := range registry.MaxMemberProposals {
		who := []operator.Principal{eve, bea}[i%2]
		id := w.asks(who, registry.OpNetworkAllow, "sandbox", from(fmt.Sprintf("192.0.2.%d/32", i))).Proposal.ID
		if i == 0 {
			first = id
		}
	}
	w.denied(registry.ErrState, eve, registry.OpNetworkAllow, "sandbox", from("198.51.100.1/32"))
	w.asks(oth, registry.OpNetworkAllow, "sandbox", from("198.51.100.1/32"))
	if _, err := w.WithdrawAsMember(ctx, bea, first, ""); !errors.Is(err, registry.ErrActor) {
		t.Errorf("a colleague withdraws: %v", err)
	}
	ended, err := w.WithdrawAsMember(ctx, eve, first, "typed wrong")
	if err != nil || ended.State != registry.ProposalWithdrawn || ended.EndReason != "typed wrong" {
		t.Errorf("%+v, %v", ended, err)
	}
	w.asks(eve, registry.OpNetworkAllow, "sandbox", from("198.51.100.1/32"))
}

// Nobody fills the register by asking and taking back.
func TestAMemberAsksForSoMuchInADay(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	eve, bea := w.member(p.ID, "eve@acme.example"), w.member(p.ID, "bea@acme.example")
	asked := func(who operator.Principal) error {
		done, err := w.DoAsMember(ctx, who, w.mine(registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24")), registry.Intent{})
		if err == nil {
			_, err = w.WithdrawAsMember(ctx, who, done.Proposal.ID, "")
		}
		return err
	}
	for n := range registry.MaxMemberChanges {
		if err := asked(eve); errors.Is(err, registry.ErrState) && n > registry.MaxMemberChanges/4 {
			break
		} else if err != nil || n == registry.MaxMemberChanges-1 {
			t.Fatalf("after %d: %v", n, err)
		}
	}
	w.must(asked(bea)) // a colleague is counted apart
	w.clock.pass(24 * time.Hour)
	w.must(asked(eve))
}

// What a member may not have costs no hash.
func TestARefusedIssueOfAMemberCostsNoHash(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	w.asks(who, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.App})
	before := w.hasher.hashed
	w.denied(registry.ErrState, who, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.App})
	if w.hasher.hashed != before {
		t.Error("a secret was hashed for nothing")
	}
}

// Refused attempts of a member are in the record, gathered when they are many.
func TestRefusedAttemptsOfAMemberAreGathered(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	count := func() (rows []audit.Change) {
		return slices.DeleteFunc(w.rows(), func(c audit.Change) bool { return c.Action != audit.AttemptRefused })
	}
	for range 50 {
		_, _ = w.DoAsMember(ctx, who, w.mine(registry.OpPartnerCreate, "", registry.PartnerCreate{Name: "x"}), registry.Intent{})
	}
	rows := count()
	if len(rows) != 20 || rows[0].Actor != "member:eve@acme.example" || !strings.Contains(rows[0].Detail, p.ID) {
		t.Fatalf("%d rows, the first %+v", len(rows), rows[0])
	}
	w.must(w.SweepTransients(ctx)) // within the minute: nothing to tell yet
	if len(count()) != 20 {
		t.Error("told too early")
	}
	w.clock.pass(time.Minute)
	w.must(w.SweepTransients(ctx))
	if rows = count(); len(rows) != 21 || rows[20].Subject != "several" || !strings.HasPrefix(rows[20].Detail, "30 more attempts") {
		t.Errorf("%+v", rows[len(rows)-1])
	}
	w.must(w.SweepTransients(ctx))
	if len(count()) != 21 {
		t.Error("told twice")
	}
}

// Whoever has used the day up writes no further row by being refused, and has not to wait longer for having tried.
func TestAMemberWhoHasUsedTheDayUpWritesNoMoreRows(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	eve := w.member(p.ID, "eve@acme.example")
	ask := func() error {
		_, err := w.DoAsMember(ctx, eve, w.mine(registry.OpPartnerCreate, "", registry.PartnerCreate{Name: "x"}), registry.Intent{})
		return err
	}
	rows := func() int { return len(w.rows()) }
	before := rows()
	for range 2 * registry.MaxMemberChanges / 20 { // twenty a minute have a row of their own
		for range 20 {
			if !errors.Is(ask(), registry.ErrActor) {
				t.Fatal("it was let do so")
			}
		}
		w.clock.pass(time.Minute)
	}
	if n := rows() - before; n > registry.MaxMemberChanges+20 {
		t.Errorf("%d refused attempts wrote %d rows", 2*registry.MaxMemberChanges, n)
	}
	w.clock.pass(24*time.Hour - 10*time.Minute)
	w.asks(w.principal(w.again2(eve)), registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
}

// What waits is seen, and can be taken back, however much operators have asked for since.
func TestWhatAMemberAskedForIsSeenAsLongAsItWaits(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	eve := w.member(p.ID, "eve@acme.example")
	id := w.asks(eve, registry.OpNetworkAllow, "production", from("192.0.2.0/24")).Proposal.ID
	for range 205 {
		w.clock.pass(time.Second)
		made := w.do(ann, w.op(registry.OpNetworkAllow, p.ID, "production", from("198.51.100.0/24")), registry.Intent{})
		_, err := w.WithdrawProposal(ctx, ann, made.Proposal.ID, "")
		w.must(err)
	}
	v, err := w.MemberView(ctx, p.ID)
	if err != nil || len(v.Proposals) != 1 || v.Proposals[0].ID != id {
		t.Fatalf("%+v, %v", v.Proposals, err)
	}
	if ended, err := w.WithdrawAsMember(ctx, eve, id, ""); err != nil || ended.State != registry.ProposalWithdrawn {
		t.Errorf("%+v, %v", ended, err)
	}
	w.asks(eve, registry.OpNetworkAllow, "production", from("192.0.2.0/24"))
	w.clock.pass(registry.ProposalLife + time.Second)
	v, err = w.MemberView(ctx, p.ID)
	w.must(err)
	if late := v.Proposals[0]; late.State != registry.ProposalExpired || !late.EndedAt.Equal(late.ExpiresAt) {
		t.Errorf("one whose time has passed waits: %+v", late)
	}
}

// Members cannot fill a review so that operators have no room for what they attach.
func TestMembersLeaveRoomForTheEvidenceOfOperators(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	eve := w.member(p.ID, "eve@acme.example")
	for n := range registry.MaxEvidence {
		_, err := w.DoAsMember(ctx, eve, w.mine(registry.OpEvidenceAdd, "sandbox", registry.EvidenceAdd{Name: "r", URL: fmt.Sprintf("https://example.com/%d", n)}), registry.Intent{})
		if err != nil && !errors.Is(err, registry.ErrState) {
			t.Fatal(err)
		}
	}
	_, err := w.AddEvidence(ctx, alice, p.ID, "sandbox", registry.EvidenceAdd{Name: "credit check", URL: "https://example.com/"})
	w.must(err)
}

// A number that the store did not take is told later.
func TestGatheredAttemptsOutlastAFaultOfTheStore(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	f := &faulty{Store: w.cfg.Store}
	w.cfg.Store = f
	var err error
	if w.Registry, err = registry.New(w.cfg); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		_, _ = w.DoAsMember(ctx, who, w.mine(registry.OpPartnerCreate, "", registry.PartnerCreate{Name: "x"}), registry.Intent{})
	}
	w.clock.pass(time.Minute)
	f.at = f.calls + 1
	if err := w.SweepTransients(ctx); !errors.Is(err, errInjected) {
		t.Fatalf("the store did not fail: %v", err)
	}
	w.clock.pass(time.Minute)
	w.must(w.SweepTransients(ctx))
	rows := w.rows()
	if last := rows[len(rows)-1]; last.Subject != "several" || !strings.HasPrefix(last.Detail, "30 more attempts") {
		t.Errorf("%+v", last)
	}
}
