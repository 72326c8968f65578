package registry_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// staged is a world in which production comes after sandbox, and wants a report.
func staged(t *testing.T) (*world, partner.Partner, operator.Principal) {
	w := newWorld(t, func(c *registry.Config) {
		c.Reviews = map[string]partner.ReviewPolicy{"sandbox": {}, "production": {After: "sandbox", Items: []partner.ChecklistItem{
			{ID: "pentest", Title: "Penetration test", Evidence: partner.EvidenceLink, Required: true}}}}
	})
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	return w, p, w.principal(w.joined(w.invited(ann, p.ID, "eve@acme.example").Secret))
}

// review is how the partner sees one review.
func (w *world) review(p partner.Partner, environment string) registry.MemberReview {
	w.t.Helper()
	v, err := w.MemberView(ctx, p.ID)
	w.must(err)
	for _, r := range v.Reviews {
		if r.Environment == environment {
			return r
		}
	}
	w.t.Fatalf("no review for %s", environment)
	return registry.MemberReview{}
}

func TestAMembersReviewFromBeginningToEnd(t *testing.T) {
	w, p, eve := staged(t)
	if r := w.review(p, "production"); r.State != "" || !r.Blocked || r.After != "sandbox" || len(r.Items) != 1 || r.Items[0].Title != "Penetration test" {
		t.Errorf("before anybody asked: %+v", r)
	}
	w.denied(registry.ErrState, eve, registry.OpReviewRequest, "production", registry.ReviewRequest{})
	got := w.asks(eve, registry.OpReviewRequest, "sandbox", registry.ReviewRequest{})
	if got.Review == nil || got.Review.State != partner.ReviewRequested || got.Review.RequestedBy != "eve@acme.example" {
		t.Fatalf("%+v", got)
	}
	file := w.file(p.ID, "sandbox")
	approve := func(by registry.Actor) error {
		_, err := w.Do(ctx, by, w.op(registry.OpReviewApprove, p.ID, "sandbox", registry.ReviewApprove{Digest: hex.EncodeToString(file.Digest[:])}), registry.Intent{})
		return err
	}
	w.refuse(registry.ErrFourEyes, func() error { return approve(ann) }) // who made the link could be the member
	w.must(approve(ben))
	if r := w.review(p, "production"); r.Blocked {
		t.Errorf("sandbox is approved: %+v", r)
	}

	w.asks(eve, registry.OpReviewRequest, "production", registry.ReviewRequest{})
	done := w.asks(eve, registry.OpEvidenceAdd, "production", registry.EvidenceAdd{Item: "pentest", Name: "report", URL: "https://example.com/r"})
	if e := done.Review.Evidence; len(e) != 1 || e[0].AddedBy != "eve@acme.example" || len(done.Review.Items[0].Evidence) != 1 {
		t.Fatalf("%+v", done.Review)
	}
	w.must(w.CheckItem(ctx, ann, p.ID, "production", registry.ReviewCheck{Item: "pentest", Done: true, Note: "the tester is unknown to us"}))
	if r := w.review(p, "production"); !r.Items[0].Done {
		t.Errorf("%+v", r)
	}
	w.denied(registry.ErrState, eve, registry.OpReviewRequest, "production", registry.ReviewRequest{}) // twice
	w.proved()
}

// A service account that made the link is its maker's, and a second link makes its maker another one who could be the member.
func TestWhoEverMadeALinkIsNoSecondPersonForTheMember(t *testing.T) {
	w, p, eve := staged(t)
	deployer := w.service(cat, "deployer")
	w.do(deployer, w.op(registry.OpMemberReinvite, p.ID, "", registry.MemberReinvite{Member: eve.ID}), registry.Intent{})
	w.asks(eve, registry.OpReviewRequest, "sandbox", registry.ReviewRequest{})
	for _, by := range []registry.Actor{ann, cat} {
		w.refuse(registry.ErrFourEyes, func() error { return w.Approve(ctx, by, p.ID, "sandbox", "") })
	}
	w.refuse(registry.ErrActor, func() error { return w.Approve(ctx, registry.ActorOf(eve), p.ID, "sandbox", "") })
	w.must(w.Approve(ctx, ben, p.ID, "sandbox", ""))
}

// What operators write for each other, their names, and what they attach, is nothing that a partner sees.
func TestAPartnerSeesNothingThatOperatorsWriteForEachOther(t *testing.T) {
	w, p, eve := staged(t)
	const private = "PRIVATE-WORD"
	w.must(w.RequestReview(ctx, registry.Actor{Kind: registry.Operator, Name: private + "@example.com"}, p.ID, "sandbox", private))
	w.do(ben, w.op(registry.OpCommentAdd, p.ID, "sandbox", registry.CommentAdd{Text: private + " they have been fined before"}), registry.Intent{})
	w.do(ben, w.op(registry.OpCommentAdd, p.ID, "sandbox", registry.CommentAdd{Text: "please send the report", Shared: true}), registry.Intent{})
	w.clock.pass(time.Second)
	_, err := w.Allow(ctx, ben, partner.NetworkRule{PartnerID: p.ID, Environment: "sandbox", Country: "US", Note: private})
	w.must(err)
	theirs, err := w.AddEvidence(ctx, ben, p.ID, "sandbox", registry.EvidenceAdd{Name: private, Note: private, Content: []byte("credit check")})
	w.must(err)
	file := w.asks(eve, registry.OpEvidenceAdd, "sandbox", registry.EvidenceAdd{Name: "report", Content: []byte("ours")}).Review.Evidence[0]
	w.asks(eve, registry.OpCommentAdd, "sandbox", registry.CommentAdd{Text: "here it is"})
	w.denied(registry.ErrNotFound, eve, registry.OpEvidenceAdd, "sandbox", registry.EvidenceAdd{Name: "x", URL: "https://example.com/", Supersedes: theirs.ID})
	instead, err := w.AddEvidence(ctx, ben, p.ID, "sandbox", registry.EvidenceAdd{Name: private, Content: []byte("scanned"), Supersedes: file.ID})
	w.must(err)
	done := w.asks(eve, registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
	_, err = w.CommentOnProposal(ctx, ben, done.Proposal.ID, private)
	w.must(err)
	w.free()
	w.must(w.Approve(ctx, cat, p.ID, "sandbox", private))
	_, err = w.IssueSigningKey(ctx, registry.Actor{Kind: registry.Operator, Name: private}, p.ID, "sandbox")
	w.must(err)

	v, err := w.MemberView(ctx, p.ID)
	w.must(err)
	text, err := json.Marshal(v)
	w.must(err)
	for _, word := range []string{private, "operator:", "ben@example.com", "ann@example.com", theirs.ID, instead.ID, "invited_by\":", "fake$", "credential_record"} {
		if strings.Contains(string(text), word) {
			t.Errorf("a partner sees %q: %s", word, text)
		}
	}
	r := w.review(p, "sandbox")
	if len(r.Comments) != 2 || r.Comments[0].Text != "please send the report" || r.Comments[0].By != "" || r.Comments[1].By != "eve@acme.example" {
		t.Errorf("%+v", r.Comments)
	}
	if len(r.Evidence) != 1 || r.Evidence[0].SupersededBy != registry.SupersededByOperator || r.RequestedBy != "" {
		t.Errorf("%+v", r.Evidence)
	}
	if e, content, err := w.MemberEvidence(ctx, p.ID, file.ID); err != nil || string(content) != "ours" || e.AddedBy != "eve@acme.example" {
		t.Errorf("%+v, %q, %v", e, content, err)
	}
	for _, id := range []string{theirs.ID, instead.ID} {
		if _, _, err := w.MemberEvidence(ctx, p.ID, id); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a partner reads an operator's evidence: %v", err)
		}
	}
	for _, c := range v.Credentials {
		for _, version := range c.Versions {
			if version.Hash != "" || version.Sealed != nil || !version.Secret.IsZero() {
				t.Errorf("a secret: %+v", version)
			}
		}
	}
	for _, m := range v.Members {
		if m.Passkeys != nil || m.Recovery != nil || m.InvitedBy != nil || m.Login != "eve@acme.example" {
			t.Errorf("%+v", m)
		}
	}
}

// Answers to what a member did are cut like the view, also those of a repetition.
func TestAnswersToAMemberHoldNothingPrivate(t *testing.T) {
	w, p, eve := staged(t)
	private := registry.Actor{Kind: registry.Operator, Name: "PRIVATE-NAME"}
	w.must(w.RequestReview(ctx, private, p.ID, "sandbox", "PRIVATE"))
	_, err := w.AddComment(ctx, private, p.ID, "sandbox", "PRIVATE")
	w.must(err)
	in := registry.Intent{IdempotencyKey: "k"}
	for range 2 {
		done, err := w.DoAsMember(ctx, eve, w.mine(registry.OpCommentAdd, "sandbox", registry.CommentAdd{Text: "hello"}), in)
		w.must(err)
		text, err := json.Marshal(done)
		w.must(err)
		if strings.Contains(string(text), "PRIVATE") || len(done.Review.Comments) != 1 {
			t.Errorf("%s", text)
		}
	}
	if list := w.file(p.ID, "sandbox").Comments; len(list) != 2 {
		t.Errorf("the comment was written twice: %+v", list)
	}
	done := w.asks(eve, registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
	_, err = w.RejectProposal(ctx, ben, done.Proposal.ID, "this is not your network")
	w.must(err)
	v, err := w.MemberView(ctx, p.ID)
	w.must(err)
	if len(v.Proposals) != 1 || v.Proposals[0].State != registry.ProposalRejected || v.Proposals[0].EndReason != "this is not your network" ||
		v.Proposals[0].By != "eve@acme.example" {
		t.Errorf("a rejection says why: %+v", v.Proposals)
	}
}

// MemberView must not grow by accident: whoever adds a field to what it shows decides here whether partners see it.
func TestTheFieldsThatAPartnerSeesAreListed(t *testing.T) {
	for _, row := range []struct {
		of   any
		want string
	}{
		{registry.MemberView{}, "Partner Members Reviews Credentials Schedules Networks Limits Proposals"},
		{registry.MemberReview{}, "Environment State RequestedBy ChangedAt After Blocked Items Evidence Comments"},
		{registry.MemberItem{}, "ChecklistItem Done Outdated Evidence Fact"},
		{registry.MemberProposal{}, "ID State Operation Reason By CreatedAt ExpiresAt EndedAt EndReason Failed"},
		{registry.Evidence{}, "ID PartnerID Environment Round Item Kind Name Note MediaType Size URL SHA256 AddedBy AddedAt Supersedes SupersededBy"},
		{registry.Comment{}, "ID PartnerID Environment Round Text By At Shared"},
		{registry.RotationSchedule{}, "CredentialID PartnerID Environment Schedule SetBy SetAt Pending"},
		{partner.Partner{}, "ID Name Closed CreatedAt"},
		{partner.NetworkRule{}, "ID PartnerID Environment API Prefix Country Note CreatedAt"},
	} {
		var names []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(row.of)) {
			if len(f.Index) == 1 {
				names = append(names, f.Name)
			}
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%T has %s", row.of, got)
		}
	}
}

// One person who is an operator and a member under one login asks as the one and cannot approve as the other.
func TestAnOperatorUnderTheLoginOfTheMemberIsNoSecondPerson(t *testing.T) {
	w, p, _ := staged(t)
	twin := w.member(p.ID, ben.Name)
	w.asks(twin, registry.OpReviewRequest, "sandbox", registry.ReviewRequest{})
	w.refuse(registry.ErrFourEyes, func() error { return w.Approve(ctx, ben, p.ID, "sandbox", "") })
	w.must(w.Approve(ctx, ann, p.ID, "sandbox", ""))
	waits := w.asks(twin, registry.OpNetworkAllow, "sandbox", from("192.0.2.0/24"))
	shown, err := w.Proposal(ctx, waits.Proposal.ID)
	w.must(err)
	if slices.Contains(shown.Approvers, ben.Name) {
		t.Errorf("could approve it: %v", shown.Approvers)
	}
	w.refuse(registry.ErrFourEyes, func() error { _, err := w.approve(ben, shown); return err })
	w.decided(ann, waits)
}

// Whoever edits a member's proposal writes for the approvers: the partner sees what is asked for now, and not those words.
func TestAPartnerSeesNoWordOfWhoEditedItsProposal(t *testing.T) {
	w, p, eve := staged(t)
	const private = "PRIVATE-WORD"
	w.asks(eve, registry.OpReviewRequest, "sandbox", registry.ReviewRequest{})
	asked := from("192.0.2.0/24")
	asked.Note = "our data centre"
	id := w.asks(eve, registry.OpNetworkAllow, "sandbox", asked).Proposal.ID
	seen := func() (registry.MemberProposal, registry.NetworkAllow) {
		v, err := w.MemberView(ctx, p.ID)
		w.must(err)
		var params registry.NetworkAllow
		w.must(json.Unmarshal(v.Proposals[0].Operation.Params, &params))
		return v.Proposals[0], params
	}
	if own, params := seen(); own.Reason != "for the go-live" || params.Note != "our data centre" {
		t.Errorf("before it was edited: %+v, %+v", own, params)
	}
	narrower := from("192.0.2.7/32")
	narrower.Note = private + " not the whole of it"
	text, err := json.Marshal(narrower)
	w.must(err)
	_, err = w.EditProposal(ctx, ann, id, text, private+" they have been fined before", nil)
	w.must(err)
	own, params := seen()
	all, err := json.Marshal(own)
	w.must(err)
	if strings.Contains(string(all), private) || params.Prefix != narrower.Prefix {
		t.Errorf("after: %s", all)
	}
}

// files is a store that counts the files that are read.
type files struct {
	registry.Store
	read int
}

type filesTx struct {
	registry.Tx
	of *files
}

func (t filesTx) Blob(sum [32]byte) ([]byte, bool, error) {
	t.of.read++
	return t.Tx.Blob(sum)
}

func (f *files) View(ctx context.Context, read func(registry.Tx) error) error {
	return f.Store.View(ctx, func(tx registry.Tx) error { return read(filesTx{tx, f}) })
}

// The time that an answer takes is not told by a file that is not the partner's.
func TestNoFileOfAnotherPartnerIsReadForAMember(t *testing.T) {
	w, p, eve := staged(t)
	w.asks(eve, registry.OpReviewRequest, "sandbox", registry.ReviewRequest{})
	ours := w.asks(eve, registry.OpEvidenceAdd, "sandbox", registry.EvidenceAdd{Name: "report", Content: []byte("ours")}).Review.Evidence[0]
	theirs, err := w.AddEvidence(ctx, ben, p.ID, "sandbox", registry.EvidenceAdd{Name: "check", Content: []byte("operators'"), Supersedes: ours.ID})
	w.must(err)
	other, err := w.CreatePartner(ctx, alice, "Bolt")
	w.must(err)
	f := &files{Store: w.cfg.Store}
	w.cfg.Store = f
	if w.Registry, err = registry.New(w.cfg); err != nil {
		t.Fatal(err)
	}
	for what, ask := range map[string][2]string{"another partner's": {other.ID, ours.ID}, "an operator's": {p.ID, theirs.ID}, "nobody's": {"", ours.ID}} {
		if _, _, err := w.MemberEvidence(ctx, ask[0], ask[1]); !errors.Is(err, registry.ErrNotFound) || f.read != 0 {
			t.Errorf("%s: %d files were read, %v", what, f.read, err)
		}
	}
	e, content, err := w.MemberEvidence(ctx, p.ID, ours.ID)
	if err != nil || string(content) != "ours" || f.read != 1 || e.AddedBy != "eve@acme.example" || e.SupersededBy != "" {
		t.Errorf("one's own: %+v, %q, %v", e, content, err)
	}
}
