package registry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/operator"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

func TestAWhatIfReportIsOfWhatTheProposalSaid(t *testing.T) {
	w := newWorld(t)
	_, asked := w.opened(ann)
	if _, err := w.WhatIfReport(ctx, asked.ID); err == nil {
		t.Error("a report that nobody attached")
	}
	for name, report := range map[string]string{"nothing": "", "no JSON": "{", "text behind": "{} {}", "long": `"` + strings.Repeat("x", registry.MaxWhatIf) + `"`} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrArgument, func() error {
				_, err := w.AttachWhatIf(ctx, ann, asked.ID, asked.Digest(), []byte(report))
				return err
			})
		})
	}
	with, err := w.AttachWhatIf(ctx, ann, asked.ID, asked.Digest(), []byte(`{ "cut_off": 3 }`))
	w.must(err)
	sum := sha256.Sum256([]byte(`{"cut_off":3}`))
	if with.WhatIf == nil || with.WhatIf.Stale || with.WhatIf.SHA256 != hex.EncodeToString(sum[:]) || with.Digest() != asked.Digest() {
		t.Fatalf("%+v", with.WhatIf)
	}
	if row := w.last(ann, audit.CommentAdded, asked.ID); !strings.Contains(row.Detail, with.WhatIf.SHA256) {
		t.Errorf("the record says %q", row.Detail)
	}
	got, err := w.WhatIfReport(ctx, asked.ID)
	if err != nil || string(got) != `{"cut_off":3}` {
		t.Errorf("%s, %v", got, err)
	}
	edited, err := w.EditProposal(ctx, ann, asked.ID, json.RawMessage(`{"country":"US"}`), "", nil)
	w.must(err)
	if !edited.WhatIf.Stale || !w.now(asked).WhatIf.Stale {
		t.Error("the report of before is shown as if it was of now")
	}
	w.refuse(registry.ErrStale, func() error { _, err := w.AttachWhatIf(ctx, ann, asked.ID, asked.Digest(), []byte(`{}`)); return err })
	for i := range registry.MaxWhatIfs - 1 {
		_, err := w.AttachWhatIf(ctx, ann, asked.ID, edited.Digest(), fmt.Appendf(nil, "[%d]", i))
		w.must(err)
	}
	if w.now(asked).WhatIf.Stale {
		t.Error("a new report is stale")
	}
	w.refuse(registry.ErrState, func() error { _, err := w.AttachWhatIf(ctx, ann, asked.ID, edited.Digest(), []byte(`{}`)); return err })
}

func TestCommentsOfAProposal(t *testing.T) {
	w := newWorld(t)
	_, asked := w.opened(ann)
	for name, text := range map[string]string{"nothing": " \n", "long": strings.Repeat("x", registry.MaxProposalComment+1), "a bell": "a\a", "no UTF-8": "\xff"} {
		t.Run(name, func(t *testing.T) {
			w.refuse(registry.ErrArgument, func() error { _, err := w.CommentOnProposal(ctx, ben, asked.ID, text); return err })
		})
	}
	worst := strings.Repeat("\n\"", registry.MaxProposalComment/2-1) + "x"
	for range registry.MaxProposalComments {
		_, err := w.CommentOnProposal(ctx, ship, asked.ID, worst)
		w.must(err)
	}
	if row := w.last(ship, audit.CommentAdded, asked.ID); strings.Contains(row.Detail, "\n") {
		t.Error("a comment of several lines is several lines of the record")
	}
	w.refuse(registry.ErrState, func() error { _, err := w.CommentOnProposal(ctx, ben, asked.ID, "x"); return err })
	got := w.now(asked)
	if len(got.Comments) != registry.MaxProposalComments || got.Comments[0].Text != worst || got.Digest() != asked.Digest() {
		t.Error("comments did not come back, or changed what is approved")
	}
}

// The longest proposal that the bounds allow fits its row: nobody makes one that cannot be approved any more.
func TestTheLongestProposalCanBeApproved(t *testing.T) {
	w := newWorld(t)
	rules := registry.ApplyEnvironment{Name: "production", Requested: true}
	small := w.op(registry.OpRegisterApply, "", "", registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Acme",
		Environments: []registry.ApplyEnvironment{rules}}}})
	for i := range 600 {
		rules.Networks = append(rules.Networks, registry.NetworkAllow{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32),
			Note: strings.Repeat("n", 450)})
	}
	op := w.op(registry.OpRegisterApply, "", "", registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Acme",
		Environments: []registry.ApplyEnvironment{rules}}}})
	if len(op.Params) < partner.MaxDocument {
		t.Fatal("this is short")
	}
	asked := w.proposed(ann, op)
	for i := range registry.MaxProposalEdits {
		editor := registry.Actor{Kind: registry.Operator, Name: strings.Repeat("e", 190) + fmt.Sprint(i)}
		params := small.Params
		if i == registry.MaxProposalEdits-1 {
			params = op.Params
		}
		_, err := w.EditProposal(ctx, editor, asked.ID, params, strings.Repeat("r", 500), nil)
		w.must(err)
	}
	w.refuse(registry.ErrState, func() error { _, err := w.EditProposal(ctx, ann, asked.ID, op.Params, "", nil); return err })
	for range registry.MaxProposalComments {
		_, err := w.CommentOnProposal(ctx, ben, asked.ID, strings.Repeat("\n\"", registry.MaxProposalComment/2-1)+"x")
		w.must(err)
	}
	got := w.now(asked)
	if got.ParamsSHA256 != "" || string(got.Operation.Params) != string(op.Params) {
		t.Fatal("the parameters did not come back")
	}
	page, err := w.Proposals(ctx, registry.ProposalQuery{})
	if err != nil || len(page.Items) != 1 || string(page.Items[0].Value.Operation.Params) != string(op.Params) {
		t.Fatal("the parameters are not in the listing", err)
	}
	_, err = w.approve(ben, got)
	w.must(err)
	if all, err := w.Networks(ctx, ""); err != nil || len(all) != 600 {
		t.Errorf("%d rules, %v", len(all), err)
	}
}

// A file is held to what applying it would have done when it was proposed.
func TestAFileIsNotAppliedToAnotherRegister(t *testing.T) {
	w := newWorld(t)
	file := registry.RegisterApply{Partners: []registry.ApplyPartner{{Name: "Acme", Environments: []registry.ApplyEnvironment{
		{Name: "production", Limits: []registry.LimitSet{{Daily: 5}}}}}}}
	asked := w.proposed(ann, w.op(registry.OpRegisterApply, "", "", file))
	p, err := w.CreatePartner(ctx, alice, "Acme")
	w.must(err)
	if _, err := w.approve(ben, asked); err == nil {
		t.Fatal("it did less than was approved")
	}
	edited, err := w.EditProposal(ctx, ann, asked.ID, asked.Operation.Params, "", nil)
	w.must(err)
	_, err = w.approve(ben, edited)
	w.must(err)
	if limits, err := w.Limits(ctx, p.ID); err != nil || len(limits) != 1 {
		t.Error(limits, err)
	}
}

// Who could approve is said, and that nobody could: it never passes for that reason.
func TestAProposalSaysWhoCouldApproveIt(t *testing.T) {
	w := newWorld(t)
	p, asked := w.opened(ann)
	if asked.Warning == "" || len(asked.Approvers) != 0 {
		t.Errorf("%+v", asked)
	}
	account := func(login string, roles ...operator.Role) {
		_, err := w.DemoAccount(ctx, robot, login, roles)
		w.must(err)
	}
	account(ann.Name, operator.Operator, operator.Approver)
	account(cat.Name, operator.Viewer)
	if got := w.now(asked); got.Warning == "" || len(got.Approvers) != 0 {
		t.Errorf("%+v", got)
	}
	account(ben.Name, operator.Approver)
	if got := w.now(asked); got.Warning != "" || fmt.Sprint(got.Approvers) != "["+ben.Name+"]" {
		t.Errorf("%q %q", got.Warning, got.Approvers)
	}
	page, err := w.Proposals(ctx, registry.ProposalQuery{State: registry.ProposalOpen, PartnerID: p.ID, Environment: "production"})
	if err != nil || len(page.Items) != 1 || fmt.Sprint(page.Items[0].Value.Approvers) != "["+ben.Name+"]" {
		t.Error(page, err)
	}
	_, err = w.DisableAccount(ctx, alice, ben.Name, "")
	w.must(err)
	if got := w.now(asked); got.Warning == "" {
		t.Error("a disabled account could approve")
	}
	if w.rules(p) != 0 {
		t.Error("it passed")
	}
}

func TestBreakGlassActsAloneAndSaysSo(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	op := w.op(registry.OpNetworkAllow, p.ID, "production", from("192.0.2.0/24"))
	for _, actor := range []registry.Actor{ann, ship, robot} {
		w.refuse(registry.ErrActor, func() error { _, err := w.Do(ctx, actor, op, registry.Intent{Bypass: true}); return err })
	}
	w.refuse(registry.ErrActor, func() error { _, err := w.Do(ctx, glass, op, registry.Intent{}); return err })
	done := w.do(glass, op, registry.Intent{Bypass: true, Reason: "the house burns"})
	if done.Proposal != nil || done.Network == nil {
		t.Errorf("%+v", done)
	}
	w.last(glass, audit.NetworkAllowed, done.Network.ID)
}

func TestProposalsComeInPagesNewestFirst(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	var want []string
	for i := range 7 {
		w.clock.pass(time.Duration(i%2) * time.Second) // some at the same moment
		asked := w.proposed(ann, w.op(registry.OpNetworkAllow, p.ID, "production", from(fmt.Sprintf("192.0.2.%d/32", i))))
		want = append(want, asked.ID)
	}
	seen := map[string]bool{}
	var last time.Time
	q := registry.ProposalQuery{Limit: 2}
	for pages := 0; ; pages++ {
		page, err := w.Proposals(ctx, q)
		w.must(err)
		for _, item := range page.Items {
			v := item.Value
			if seen[v.ID] || !last.IsZero() && v.CreatedAt.After(last) {
				t.Errorf("%s of %v comes after %v, or twice", v.ID, v.CreatedAt, last)
			}
			seen[v.ID], last = true, v.CreatedAt
			if tag, err := w.ETag(ctx, v.Row()); err != nil || tag != item.ETag {
				t.Errorf("ETag %q, want %q, %v", item.ETag, tag, err)
			}
		}
		if q.After = page.Next; q.After == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	for _, id := range want {
		if !seen[id] {
			t.Errorf("%s is on no page", id)
		}
	}
	w.refuse(registry.ErrArgument, func() error { _, err := w.Proposals(ctx, registry.ProposalQuery{State: "gone"}); return err })
	for _, bad := range []string{"x", "1", "-", "1-", "0-prp_a", "+1-prp_a", "01-prp_a", "99999999999999999999-prp_a"} {
		w.refuse(registry.ErrArgument, func() error { _, err := w.Proposals(ctx, registry.ProposalQuery{After: bad}); return err })
	}
}

func TestNobodyMakesProposalsWithoutEnd(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	var asked registry.Proposal
	for i := range registry.MaxOpenProposals {
		asked = w.proposed(ann, w.op(registry.OpNetworkAllow, p.ID, "production", from(fmt.Sprintf("192.0.2.%d/32", i))))
	}
	op := w.op(registry.OpNetworkAllow, p.ID, "production", from("198.51.100.0/24"))
	w.refuse(registry.ErrState, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{}); return err })
	w.proposed(ben, op)
	_, err := w.WithdrawProposal(ctx, ann, asked.ID, "")
	w.must(err)
	w.proposed(ann, op)
}

func FuzzPlaceInAListing(f *testing.F) {
	r, db, err := openReal(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	for _, seed := range []string{"", "1-prp_a", "-", "1", "00-x", "9223372036854775807-x", "1-\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, after string) {
		if _, err := r.Proposals(ctx, registry.ProposalQuery{After: after}); err != nil && !errors.Is(err, registry.ErrArgument) {
			t.Errorf("proposals after %q: %v", after, err)
		}
		if _, err := r.ChangePage(ctx, audit.ChangeQuery{}, after); err != nil && !errors.Is(err, registry.ErrArgument) {
			t.Errorf("changes after %q: %v", after, err)
		}
		if tag, err := r.ETag(ctx, after); err != nil && !errors.Is(err, registry.ErrArgument) || tag != "" {
			t.Errorf("row %q: %q, %v", after, tag, err)
		}
		if m, err := registry.Match("partner/x", after); err == nil && after != "" && registry.TagOf(m) != after && m.Digest != [32]byte{} {
			t.Errorf("ETag %q is read as %q", after, registry.TagOf(m))
		}
	})
}
