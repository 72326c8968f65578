package registry_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// mine is an operation as the portal asks for it: the partner is not said.
func (w *world) mine(name registry.OperationName, environment string, params any) registry.Operation {
	w.t.Helper()
	op, err := registry.NewOperation(name, "", environment, params)
	w.must(err)
	return op
}

// asks does what a member asks for.
func (w *world) asks(who operator.Principal, name registry.OperationName, environment string, params any) registry.MemberDone {
	w.t.Helper()
	done, err := w.DoAsMember(ctx, who, w.mine(name, environment, params), registry.Intent{Reason: "for the go-live"})
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return done
}

// denied checks that what a member asks for is refused, changes nothing but the record of refused attempts, and stands there.
func (w *world) denied(want error, who operator.Principal, name registry.OperationName, environment string, params any) error {
	w.t.Helper()
	before := w.rows()
	_, err := w.DoAsMember(ctx, who, w.mine(name, environment, params), registry.Intent{})
	if !errors.Is(err, want) {
		w.t.Errorf("%s: got %v, expected %v", name, err, want)
	}
	after := w.rows()[len(before):]
	if len(after) != 1 || after[0].Action != audit.AttemptRefused || after[0].Actor != registry.ActorOf(who).String() || after[0].Subject != string(name) {
		w.t.Errorf("%s: a refused attempt wrote %+v", name, after)
	}
	return err
}

// decided approves what a member asked for.
func (w *world) decided(by registry.Actor, done registry.MemberDone) registry.Done {
	w.t.Helper()
	if done.Proposal == nil {
		w.t.Fatalf("it does not wait: %+v", done)
	}
	p, err := w.Proposal(ctx, done.Proposal.ID)
	w.must(err)
	out, err := w.approve(by, p)
	w.must(err)
	return out
}

// What members ask for is a closed table: every other operation is refused, whatever it names.
func TestWhatAMemberMayDoIsAClosedTable(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.produced()
	who := w.member(p.ID, "eve@acme.example")
	allowed := []registry.OperationName{registry.OpReviewRequest, registry.OpEvidenceAdd, registry.OpCommentAdd, registry.OpNetworkAllow,
		registry.OpNetworkRemove, registry.OpCredentialIssue, registry.OpCredentialRotate, registry.OpCredentialRetire}
	for _, name := range append(registry.OperationNames(), "partner.delete", "") {
		if slices.Contains(allowed, name) {
			continue
		}
		_, err := w.DoAsMember(ctx, who, registry.Operation{Name: name, PartnerID: p.ID, Environment: "production"}, registry.Intent{})
		if !errors.Is(err, registry.ErrActor) {
			t.Errorf("%s by a member: %v", name, err)
		}
	}
	for what, nobody := range map[string]operator.Principal{
		"nobody":                      {},
		"an operator":                 {Kind: operator.KindAccount, ID: "opr_x", Name: "ann@example.com", Permissions: operator.Permissions()},
		"a member of no partner":      {Kind: operator.KindMember, ID: who.ID, Name: who.Name},
		"a member under another name": {Kind: operator.KindMember, ID: who.ID, Name: "ann@example.com", PartnerID: p.ID},
		"a member nobody knows":       {Kind: operator.KindMember, ID: "mbr_x", Name: who.Name, PartnerID: p.ID},
	} {
		_, err := w.DoAsMember(ctx, nobody, w.mine(registry.OpCommentAdd, "production", registry.CommentAdd{Text: "x"}), registry.Intent{})
		if !errors.Is(err, operator.ErrNotSignedIn) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.proved()
}

// Nothing of another partner can be named: the answer is the same as for what does not exist.
func TestAMemberReachesNothingOfAnotherPartner(t *testing.T) {
	w := newWorld(t)
	w.free()
	a, b := w.produced(), w.produced()
	mallory := w.member(b.ID, "mallory@bolt.example")
	eve := w.member(a.ID, "eve@acme.example")
	key, err := w.IssueSigningKey(ctx, alice, a.ID, "production")
	w.must(err)
	_, err = w.Rotate(ctx, alice, key.Credential.ID, w.clock.now().Add(time.Hour))
	w.must(err)
	_, err = w.ScheduleRotation(ctx, alice, key.Credential.ID, partner.Schedule{Every: 30 * 24 * time.Hour, Overlap: time.Hour})
	w.must(err)
	rule := w.networkIn(a.ID, "production", "DE")
	w.networkIn(a.ID, "production", "US")
	evidence := w.asks(eve, registry.OpEvidenceAdd, "production", registry.EvidenceAdd{Name: "r", URL: "https://example.com/r"}).Review.Evidence[0].ID
	waits := w.asks(eve, registry.OpNetworkAllow, "production", from("192.0.2.0/24")).Proposal.ID
	w.clock.pass(31 * 24 * time.Hour)
	_, err = w.RunSchedules(ctx, robot, nil)
	w.must(err)

	const none = "crd_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	for name, params := range map[registry.OperationName][2]any{
		registry.OpNetworkRemove:    {registry.NetworkRemove{ID: rule}, registry.NetworkRemove{ID: "net_aaaaaaaaaaaaaaaaaaaaaaaaaa"}},
		registry.OpCredentialRotate: {registry.CredentialRotate{Credential: key.Credential.ID}, registry.CredentialRotate{Credential: none}},
		registry.OpCredentialRetire: {registry.CredentialRetire{Credential: key.Credential.ID, Version: 1}, registry.CredentialRetire{Credential: none, Version: 1}},
		registry.OpEvidenceAdd: {registry.EvidenceAdd{Name: "r", URL: "https://example.com/r", Supersedes: evidence},
			registry.EvidenceAdd{Name: "r", URL: "https://example.com/r", Supersedes: "evd_aaaaaaaaaaaaaaaaaaaaaaaaaa"}},
	} {
		environment := ""
		if name == registry.OpEvidenceAdd {
			environment = "production"
		}
		w.denied(registry.ErrNotFound, mallory, name, environment, params[0])
		w.denied(registry.ErrNotFound, mallory, name, environment, params[1])
		named := w.mine(name, "production", params[0])
		named.PartnerID = a.ID
		if _, err := w.DoAsMember(ctx, mallory, named, registry.Intent{}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s with the other partner's id: %v", name, err)
		}
	}
	for what, use := range map[string]func(id string) error{
		"reveal":   func(id string) error { _, err := w.RevealAsMember(ctx, mallory, id, 0); return err },
		"apply":    func(id string) error { _, err := w.ApplyAsMember(ctx, mallory, id); return err },
		"withdraw": func(id string) error { _, err := w.WithdrawAsMember(ctx, mallory, id, ""); return err },
		"evidence": func(id string) error { _, _, err := w.MemberEvidence(ctx, b.ID, id); return err },
	} {
		theirs := map[string]string{"reveal": key.Credential.ID, "apply": waits, "withdraw": waits, "evidence": evidence}[what]
		nothing := theirs[:4] + strings.Repeat("a", 26)
		one, two := use(theirs), use(nothing)
		if !errors.Is(one, registry.ErrNotFound) || !errors.Is(two, registry.ErrNotFound) ||
			strings.ReplaceAll(one.Error(), theirs, nothing) != two.Error() {
			t.Errorf("%s: %v and %v", what, one, two)
		}
	}
	if v, err := w.MemberView(ctx, b.ID); err != nil || len(v.Networks)+len(v.Proposals)+len(v.Credentials)+len(v.Schedules) != 0 || len(v.Members) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	w.proved()
}

// A member's address always waits for an operator, also where nothing else does.
func TestAMembersAddressAlwaysWaits(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	who := w.principal(w.joined(w.invited(ann, p.ID, "eve@acme.example").Secret))
	done := w.asks(who, registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
	if done.Network != nil || w.rules(p) != 0 {
		t.Fatalf("%+v", done)
	}
	shown, err := w.Proposal(ctx, done.Proposal.ID)
	w.must(err)
	if shown.RequestedBy != "member:eve@acme.example" || shown.Needed != 1 {
		t.Errorf("%+v", shown)
	}
	for by, want := range map[registry.Actor]error{
		{Kind: registry.Member, Name: "eve@acme.example"}:  registry.ErrActor, // a member is never a second person
		{Kind: registry.Member, Name: "ben@acme.example"}:  registry.ErrActor,
		{Kind: registry.Service, Name: "deployer"}:         registry.ErrActor,
		{Kind: registry.Operator, Name: "ann@example.com"}: registry.ErrFourEyes, // who made the link could be the member
	} {
		w.refuse(want, func() error { _, err := w.approve(by, shown); return err })
	}
	got := w.decided(ben, done)
	if got.Network == nil || got.Network.PartnerID != p.ID || w.rules(p) != 1 {
		t.Errorf("%+v", got)
	}
	rows := w.rows()
	if c := rows[len(rows)-2]; c.Action != audit.NetworkAllowed || c.Actor != "member:eve@acme.example" {
		t.Errorf("the change is %+v", c)
	}
	w.denied(registry.ErrArgument, who, registry.OpNetworkAllow, "sandbox", registry.NetworkAllow{Country: "US"})
	w.proved()
}

func TestAMembersRemovalIsAtOnceOnlyWhereItNarrows(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	who := w.member(p.ID, "eve@acme.example")
	allow := func(rule partner.NetworkRule) string {
		rule.PartnerID, rule.Environment = p.ID, "production"
		made, err := w.Allow(ctx, alice, rule)
		w.must(err)
		return made.ID
	}
	prefix := netip.MustParsePrefix
	all := allow(partner.NetworkRule{Prefix: prefix("192.0.2.0/24")})
	cards := allow(partner.NetworkRule{Prefix: prefix("198.51.100.0/24"), API: "cards"})
	second := allow(partner.NetworkRule{Prefix: prefix("203.0.113.0/24")})
	country := allow(partner.NetworkRule{Country: "DE"})
	waits := func(id string) bool {
		return w.asks(who, registry.OpNetworkRemove, "", registry.NetworkRemove{ID: id}).Proposal != nil
	}
	for _, row := range []struct {
		what string
		id   string
		want bool
	}{
		{"the last country of all APIs", country, true},
		{"one of several prefixes of all APIs", second, false},
		{"the last prefix of all APIs, although one API has another", all, true},
		{"the prefix of one API, where one for all is left", cards, false},
	} {
		if waits(row.id) != row.want {
			t.Errorf("%s waits: %v", row.what, !row.want)
		}
	}
	if w.rules(p) != 2 {
		t.Errorf("%d rules are left", w.rules(p))
	}
}

// The first credential of a kind is a member's to issue, by the settings of the environment; the secret is for the member who asked.
func TestAMemberIssuesTheFirstCredentialOfAKind(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
	eve, bea := w.member(p.ID, "eve@acme.example"), w.member(p.ID, "bea@acme.example")
	w.denied(registry.ErrState, eve, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey}) // not approved yet
	w.must(w.Approve(ctx, bob, p.ID, "sandbox", ""))

	got := w.asks(eve, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})
	if got.Issued == nil || got.Proposal != nil || got.Issued.Secret.IsZero() || got.Issued.Credential.PartnerID != p.ID {
		t.Fatalf("at once in sandbox: %+v", got)
	}
	w.asks(eve, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.App}) // the first of the other kind
	w.denied(registry.ErrState, bea, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})

	waits := w.asks(eve, registry.OpCredentialIssue, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	also := w.asks(bea, registry.OpCredentialIssue, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	if _, err := w.ApplyAsMember(ctx, eve, waits.Proposal.ID); !errors.Is(err, registry.ErrState) {
		t.Errorf("applied before it was approved: %v", err)
	}
	if d := w.decided(ben, waits); d.Issued != nil || d.Secret != "" {
		t.Error("the approver sees the secret")
	}
	w.decided(ben, also)
	if _, err := w.ApplyAsMember(ctx, bea, waits.Proposal.ID); !errors.Is(err, registry.ErrActor) {
		t.Errorf("a colleague takes the secret: %v", err)
	}
	made, err := w.ApplyAsMember(ctx, eve, waits.Proposal.ID)
	if err != nil || made.Issued == nil || made.Issued.Secret.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := w.ApplyAsMember(ctx, eve, waits.Proposal.ID); !errors.Is(err, registry.ErrState) {
		t.Errorf("the secret is shown twice: %v", err)
	}
	if _, err := w.ApplyAsMember(ctx, bea, also.Proposal.ID); !errors.Is(err, registry.ErrState) {
		t.Errorf("a second first credential: %v", err)
	}
	w.proved()
}

func TestAMemberIssuesAtMostFourOfAKind(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	for range registry.MaxMemberCredentials {
		got := w.asks(who, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})
		w.must(w.RevokeCredential(ctx, alice, got.Issued.Credential.ID, "lost"))
	}
	w.denied(registry.ErrState, who, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey})
}

func TestAMemberRotatesRevealsAndRetires(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	who := w.member(p.ID, "eve@acme.example")
	key := w.asks(who, registry.OpCredentialIssue, "sandbox", registry.CredentialIssue{Kind: partner.SigningKey}).Issued
	c := key.Credential.ID
	until := w.clock.now().Add(24 * time.Hour)
	second := w.asks(who, registry.OpCredentialRotate, "", registry.CredentialRotate{Credential: c, OverlapUntil: until})
	if second.Issued == nil || second.Issued.Version != 2 || second.Issued.Secret.Equal(key.Secret) || second.Proposal != nil {
		t.Fatalf("%+v", second)
	}
	w.denied(registry.ErrState, who, registry.OpCredentialRetire, "", registry.CredentialRetire{Credential: c, Version: 2}) // the newest
	w.asks(who, registry.OpCredentialRetire, "", registry.CredentialRetire{Credential: c, Version: 1})
	w.last(registry.ActorOf(who), audit.VersionRetired, c)

	_, err := w.ScheduleRotation(ctx, alice, c, partner.Schedule{Every: 30 * 24 * time.Hour, Overlap: time.Hour})
	w.must(err)
	w.clock.pass(31 * 24 * time.Hour)
	who = w.principal(w.again2(who))
	_, err = w.RunSchedules(ctx, robot, nil)
	w.must(err)
	v, err := w.MemberView(ctx, p.ID)
	if err != nil || len(v.Schedules) != 1 || v.Schedules[0].Pending == nil || v.Schedules[0].SetBy != "" {
		t.Fatalf("%+v, %v", v.Schedules, err)
	}
	got, err := w.RevealAsMember(ctx, who, c, 0)
	if err != nil || got.Version != 3 || got.Secret.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	w.last(registry.ActorOf(who), audit.CredentialRotated, c)
	if again, err := w.RevealAsMember(ctx, who, c, 0); !errors.Is(err, registry.ErrNotFound) || !again.Secret.IsZero() {
		t.Errorf("a secret is handed over twice: %v", err)
	}
	w.proved()
}

// again2 signs a member in anew, with a new link.
func (w *world) again2(who operator.Principal) registry.SignIn {
	w.t.Helper()
	return w.joined(w.do(robot, w.op(registry.OpMemberReinvite, who.PartnerID, "", registry.MemberReinvite{Member: who.ID}), registry.Intent{}).Secret)
}

// What a disabled member asked for is nobody's to approve, and what was approved is nobody's to apply.
func TestWhatADisabledMemberAskedForIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	eve := w.member(p.ID, "eve@acme.example")
	address := w.asks(eve, registry.OpNetworkAllow, "production", from("192.0.2.0/24"))
	key := w.asks(eve, registry.OpCredentialIssue, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	w.decided(ben, key)
	w.do(cat, w.op(registry.OpMemberDisable, p.ID, "", registry.MemberDisable{Member: eve.ID}), registry.Intent{})
	shown, err := w.Proposal(ctx, address.Proposal.ID)
	w.must(err)
	if shown.Warning == "" {
		t.Error("the proposal does not say that nobody can approve it")
	}
	w.refuse(registry.ErrState, func() error { _, err := w.approve(ben, shown); return err })
	if _, err := w.ApplyAsMember(ctx, eve, key.Proposal.ID); !errors.Is(err, operator.ErrNotSignedIn) {
		t.Errorf("a disabled member applies: %v", err)
	}
	w.denied(operator.ErrNotSignedIn, eve, registry.OpCommentAdd, "production", registry.CommentAdd{Text: "x"})
	w.refuse(registry.ErrActor, func() error { // nor by the operators' way
		_, err := w.ApplyProposal(ctx, registry.ActorOf(eve), key.Proposal.ID)
		return err
	})
}

// Whoever approved, and then makes a link of the member who asked, could take the secret alone: the approval counts no more.
func TestAnApproverWhoTakesTheMemberOverHasTakenTheYesBack(t *testing.T) {
	w := newWorld(t)
	w.wanted(1)
	p := w.produced()
	eve := w.member(p.ID, "eve@acme.example")
	done := w.asks(eve, registry.OpCredentialIssue, "production", registry.CredentialIssue{Kind: partner.SigningKey})
	w.decided(ben, done)
	link := w.do(ben, w.op(registry.OpMemberReinvite, p.ID, "", registry.MemberReinvite{Member: eve.ID}), registry.Intent{}).Secret
	ben2 := w.principal(w.joined(link)) // Ben, as Eve
	if got, err := w.ApplyAsMember(ctx, ben2, done.Proposal.ID); !errors.Is(err, registry.ErrState) || got.Issued != nil {
		t.Errorf("one person approved and took a secret: %+v, %v", got, err)
	}
	shown, err := w.Proposal(ctx, done.Proposal.ID)
	if err != nil || len(shown.Approvals) != 0 {
		t.Errorf("%+v, %v", shown.Approvals, err)
	}
	edited, err := w.EditProposal(ctx, ann, done.Proposal.ID, json.RawMessage(`{"kind":"signing_key"}`), "again", nil)
	w.must(err)
	w.refuse(registry.ErrFourEyes, func() error { _, err := w.approve(ben, edited); return err })
	_, err = w.approve(cat, edited)
	w.must(err)
}

// An edit of an operator's does not make a member's proposal into what members cannot ask for.
func TestAnEditedProposalOfAMemberStaysWhatMembersMay(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	done := w.asks(w.member(p.ID, "eve@acme.example"), registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
	w.refuse(registry.ErrArgument, func() error {
		_, err := w.EditProposal(ctx, ann, done.Proposal.ID, json.RawMessage(`{"country":"US"}`), "", nil)
		return err
	})
	edited, err := w.EditProposal(ctx, ann, done.Proposal.ID, json.RawMessage(`{"prefix":"192.0.2.0/25"}`), "smaller", nil)
	w.must(err)
	w.refuse(registry.ErrFourEyes, func() error { _, err := w.approve(ann, edited); return err })
	_, err = w.approve(ben, edited)
	w.must(err)
}
