package registry_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// tag is the ETag of a row.
func (w *world) tag(row string) string {
	w.t.Helper()
	tag, err := w.ETag(ctx, row)
	w.must(err)
	return tag
}

// absent looks for secrets in every file of the register.
func (w *world) absent(secrets []string) {
	w.t.Helper()
	for _, name := range []string{w.path, w.path + "-wal"} {
		content, err := os.ReadFile(name)
		w.must(err)
		for _, s := range secrets {
			if s != "" && strings.Contains(string(content), s) {
				w.t.Errorf("%s holds the secret %q", name, s)
			}
		}
	}
}

// The ETag of every row is the digest that the record of changes has of it.
func TestETagsAreTheDigestsOfTheRecord(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	w.must(w.EnsureSealingKey(ctx, alice, "production"))
	_, err := w.IssueApp(ctx, alice, p.ID, "production")
	w.must(err)
	w.networkIn(p.ID, "production", "US")
	_, err = w.SetLimit(ctx, alice, partner.Limit{PartnerID: p.ID, Environment: "production", Daily: 5})
	w.must(err)
	w.proposed(ann, w.op(registry.OpNetworkAllow, p.ID, "production", from("192.0.2.0/24")))
	latest := map[string]string{}
	for _, row := range w.rows() {
		for _, touch := range row.Touched {
			latest[touch.Row] = registry.TagOf(touch)
		}
	}
	kinds := map[string]bool{}
	for row, want := range latest {
		kind, _, _ := strings.Cut(row, "/")
		kinds[kind] = true
		if got := w.tag(row); got != want {
			t.Errorf("%s: ETag %q, the record has %q", row, got, want)
		}
	}
	if diff := cmp.Diff(map[string]bool{"partner": true, "review": true, "credential": true, "network": true, "limit": true,
		"sealing_key": true, "document": true}, kinds); diff != "" {
		t.Error(diff)
	}
	for _, gone := range []string{"partner/x", "review/x/y", "credential/x", "network/x", "limit/x", "sealing_key/production/9", "document/proposal/x"} {
		if got := w.tag(gone); got != "" {
			t.Errorf("%s, which is not there: %q", gone, got)
		}
	}
	for _, bad := range []string{"", "partner", "partner/", "table/x", "review/x", "document/x", "sealing_key/production/x", "plan", "partner/a\nb",
		"partner/" + strings.Repeat("x", 500)} {
		w.refuse(registry.ErrArgument, func() error { _, err := w.ETag(ctx, bad); return err })
	}
}

// Two operators cannot overwrite each other: a change says which state it is for.
func TestAStaleChangeIsRefused(t *testing.T) {
	w := newWorld(t)
	w.free()
	p := w.admitted()
	limit := w.do(ann, w.op(registry.OpLimitSet, p.ID, "sandbox", registry.LimitSet{Daily: 5}), registry.Intent{}).Limit
	row := audit.LimitRow(limit.ID)
	seen, err := registry.Match(row, w.tag(row))
	w.must(err)
	absent, err := registry.Match("limit/lim_none", "")
	w.must(err)
	in := registry.Intent{IfMatch: []audit.Touch{absent, seen}}
	w.do(ben, w.op(registry.OpLimitSet, p.ID, "sandbox", registry.LimitSet{Daily: 6}), in)
	w.refuse(registry.ErrStale, func() error {
		_, err := w.Do(ctx, ann, w.op(registry.OpLimitSet, p.ID, "sandbox", registry.LimitSet{Daily: 7}), in)
		return err
	})
	there, err := registry.Match(row, "")
	w.must(err)
	w.refuse(registry.ErrStale, func() error {
		_, err := w.Do(ctx, ann, w.op(registry.OpLimitSet, p.ID, "sandbox", registry.LimitSet{Daily: 8}), registry.Intent{IfMatch: []audit.Touch{there}})
		return err
	})
	for _, bad := range []string{"x", w.tag(row)[1:], strings.ToUpper(w.tag(row)), w.tag(row) + "00", `"` + w.tag(row) + `"`} {
		if _, err := registry.Match(row, bad); err == nil {
			t.Errorf("%q is an ETag", bad)
		}
	}
}

// A proposal is held to the rows that its maker had seen, and edited under the ETag of its own.
func TestAStaleProposalIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	row := audit.ReviewRow(p.ID, "production")
	seen, err := registry.Match(row, w.tag(row))
	w.must(err)
	rule := w.networkIn(p.ID, "production", "US")
	other, err := registry.Match(audit.NetworkRow(rule), w.tag(audit.NetworkRow(rule)))
	w.must(err)
	op := w.op(registry.OpNetworkAllow, p.ID, "production", from("192.0.2.0/24"))
	asked := w.do(ann, op, registry.Intent{IfMatch: []audit.Touch{seen, other}}).Proposal
	own, err := registry.Match(asked.Row(), w.tag(asked.Row()))
	w.must(err)
	_, err = w.CommentOnProposal(ctx, ben, asked.ID, "hm")
	w.must(err)
	w.refuse(registry.ErrStale, func() error {
		_, err := w.EditProposal(ctx, ann, asked.ID, op.Params, "", []audit.Touch{own})
		return err
	})
	w.must(w.RemoveNetwork(ctx, alice, rule))
	if _, err := w.approve(ben, *asked); err == nil {
		t.Error("a row that the maker had seen is gone, and it was approved")
	}
	w.clock.pass(time.Second)
	w.must(w.Suspend(ctx, alice, p.ID, "production", ""))
	w.refuse(registry.ErrStale, func() error {
		_, err := w.Do(ctx, ann, op, registry.Intent{IfMatch: []audit.Touch{seen}})
		return err
	})
}

// A limit that is not there yet has a name, so that of two persons who set the first one only one does; and the digest that stands
// for "not there" is nobody's ETag.
func TestAFirstLimitCanBeWaitedFor(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	w.wanted(0)
	scope := partner.Limit{PartnerID: p.ID, Environment: "production", API: "a/b"}
	row := registry.LimitScopeRow(scope)
	if tag := w.tag(row); tag != "" {
		t.Errorf("the ETag of no limit is %q", tag)
	}
	none, err := registry.Match(row, "")
	w.must(err)
	op := w.op(registry.OpLimitSet, p.ID, "production", registry.LimitSet{API: "a/b", Daily: 10})
	set := w.do(ann, op, registry.Intent{IfMatch: []audit.Touch{none}}).Limit
	w.refuse(registry.ErrStale, func() error { _, err := w.Do(ctx, ann, op, registry.Intent{IfMatch: []audit.Touch{none}}); return err })
	if tag := w.tag(row); tag == "" || tag != w.tag(audit.LimitRow(set.ID)) || tag == w.tag(registry.LimitScopeRow(partner.Limit{PartnerID: p.ID, Environment: "production"})) {
		t.Errorf("the ETag of the scope is %q", tag)
	}
	if _, err := registry.Match(row, strings.Repeat("0", 64)); err == nil {
		t.Error("the digest of no row is taken for an ETag")
	}
}

// A proposal to set the first limit of a scope does not replace one that came meanwhile.
func TestAProposedFirstLimitReplacesNone(t *testing.T) {
	w := newWorld(t)
	p := w.produced()
	w.wanted(1)
	asked := w.proposed(ann, w.op(registry.OpLimitSet, p.ID, "production", registry.LimitSet{Daily: 20}))
	_, err := w.SetLimit(ctx, alice, partner.Limit{PartnerID: p.ID, Environment: "production", Daily: 5})
	w.must(err)
	if _, err := w.approve(ben, asked); !errors.Is(err, registry.ErrStale) {
		t.Errorf("got %v", err)
	}
}
