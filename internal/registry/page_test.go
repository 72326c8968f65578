package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/internal/audit"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// Pages follow each other without a gap, and their ETags are those of the rows, secrets and all.
func TestPagesFollowEachOther(t *testing.T) {
	w := newWorld(t)
	p := w.admitted()
	for i := range 4 {
		_, err := w.IssueSigningKey(ctx, alice, p.ID, "sandbox")
		w.must(err)
		_, err = w.CreatePartner(ctx, alice, fmt.Sprint("Partner ", i))
		w.must(err)
	}
	var partners, credentials []string
	for q := (partner.PartnerQuery{Limit: 2}); ; {
		page, err := w.PartnerPage(ctx, q)
		w.must(err)
		for _, item := range page.Items {
			partners = append(partners, item.Value.ID)
			if item.ETag != w.tag(audit.PartnerRow(item.Value.ID)) {
				t.Error(item)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for q := (partner.CredentialQuery{Limit: 3, PartnerID: p.ID}); ; {
		page, err := w.CredentialPage(ctx, q)
		w.must(err)
		for _, item := range page.Items {
			credentials = append(credentials, item.Value.ID)
			if item.ETag != w.tag(audit.CredentialRow(item.Value.ID)) || len(item.Value.Versions) != 1 || item.Value.Versions[0].Sealed != nil {
				t.Error(item)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(partners) != 5 || len(credentials) != 4 {
		t.Errorf("%d partners, %d credentials", len(partners), len(credentials))
	}
	var seq []uint64
	for after, q := "", (audit.ChangeQuery{Newest: true, Limit: 4}); ; {
		page, err := w.ChangePage(ctx, q, after)
		w.must(err)
		for _, item := range page.Items {
			seq = append(seq, item.Value.Seq)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for i, n := range seq {
		if n != uint64(len(seq)-i) {
			t.Fatalf("%v", seq)
		}
	}
	if n, err := w.Revision(ctx); err != nil || int(n) != len(seq) {
		t.Errorf("%d of %d changes, %v", len(seq), n, err)
	}
}

func TestQueriesThatCannotBe(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 500)
	for name, use := range map[string]func() error{
		"a partner's state": func() error { _, err := w.PartnerPage(ctx, partner.PartnerQuery{State: "gone"}); return err },
		"a review's state":  func() error { _, err := w.PartnerPage(ctx, partner.PartnerQuery{Review: "x"}); return err },
		"a long name":       func() error { _, err := w.PartnerPage(ctx, partner.PartnerQuery{NameContains: long}); return err },
		"a kind":            func() error { _, err := w.CredentialPage(ctx, partner.CredentialQuery{Kind: "x"}); return err },
		"a state":           func() error { _, err := w.CredentialPage(ctx, partner.CredentialQuery{State: "x"}); return err },
		"an action": func() error {
			_, err := w.ChangePage(ctx, audit.ChangeQuery{Actions: []audit.Action{"x"}}, "")
			return err
		},
		"a kind of action": func() error { _, err := w.ChangePage(ctx, audit.ChangeQuery{Kind: "a.b"}, ""); return err },
		"a span": func() error {
			_, err := w.ChangePage(ctx, audit.ChangeQuery{From: w.clock.now(), Until: w.clock.now().Add(-1)}, "")
			return err
		},
		"a place":  func() error { _, err := w.ChangePage(ctx, audit.ChangeQuery{}, "1x"); return err },
		"no place": func() error { _, err := w.ChangePage(ctx, audit.ChangeQuery{}, "0"); return err },
	} {
		t.Run(name, func(t *testing.T) { w.refuse(registry.ErrArgument, use) })
	}
	page, err := w.PartnerPage(ctx, partner.PartnerQuery{Limit: 1 << 30})
	if err != nil || len(page.Items) != 0 {
		t.Error(page, err)
	}
}

// Every refused attempt is a row, whatever its texts.
func TestRefusedAttemptsAreRecorded(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		actor          registry.Actor
		operation, why string
		want           [3]string
	}{
		{ann, "network.allow", "permission networks.write is missing", [3]string{ann.String(), "network.allow", "permission networks.write is missing"}},
		{registry.Actor{}, "", "", [3]string{"anonymous:unknown", "unknown", ""}},
		{registry.Actor{Kind: "anonymous", Name: "192.0.2.1"}, "POST /v1/partners\nx", "a\x00b\u202ec\xff", [3]string{"anonymous:192.0.2.1", "POST /v1/partners x", "a b c\uFFFD"}},
	} {
		w.must(w.NoteRefused(ctx, test.actor, test.operation, test.why))
		rows := w.rows()
		got := rows[len(rows)-1]
		if got.Action != audit.AttemptRefused || [3]string{got.Actor, got.Subject, got.Detail} != test.want {
			t.Errorf("%+v", got)
		}
	}
	long := strings.Repeat("ä", 2000)
	w.must(w.NoteRefused(ctx, registry.Actor{Kind: "anonymous", Name: long}, long, long))
	rows := w.rows()
	got := rows[len(rows)-1]
	if !utf8.ValidString(got.Detail) || len(got.Detail) < 900 || len(got.Actor) > audit.MaxActor {
		t.Errorf("%d %d %d", len(got.Actor), len(got.Subject), len(got.Detail))
	}
}

// TestAPageOfProposalsIsBoundedInBytes: parameters can be long, and a page of them is not all of them at once.
func TestAPageOfProposalsIsBoundedInBytes(t *testing.T) {
	w := newWorld(t)
	long := registry.ApplyPartner{Name: "Acme", Environments: []registry.ApplyEnvironment{{Name: "production", Requested: true}}}
	for i := range 15_000 {
		long.Environments = append(long.Environments, registry.ApplyEnvironment{Name: fmt.Sprintf("%063d", i)})
	}
	file := registry.RegisterApply{Partners: []registry.ApplyPartner{long}}
	var want []string
	for range 6 {
		want = append(want, w.proposed(ann, w.op(registry.OpRegisterApply, "", "", file)).ID)
		w.clock.pass(time.Second)
	}
	slices.Reverse(want)
	var got []string
	for after := ""; ; {
		page, err := w.Proposals(ctx, registry.ProposalQuery{Limit: registry.MaxPage, After: after})
		w.must(err)
		size := 0
		for _, item := range page.Items {
			size += len(item.Value.Operation.Params)
			got = append(got, item.Value.ID)
		}
		if len(page.Items) == 0 || len(page.Items) > 1 && size > 5<<20 {
			t.Fatalf("a page of %d proposals and %d bytes", len(page.Items), size)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
