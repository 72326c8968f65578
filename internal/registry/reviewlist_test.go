package registry_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/registry"
)

// called is what the system saw: so many calls, so many of them over TLS.
func called(w *world, calls, tls uint64, addresses ...string) partner.Collected {
	now := w.clock.now().Truncate(partner.Resolution)
	c := partner.Collected{Since: now.Add(-time.Hour), At: now, Calls: calls, TLSCalls: tls, FirstCall: now.Add(-time.Minute), LastCall: now}
	for _, a := range addresses {
		c.Addresses = append(c.Addresses, partner.CollectedAddress{Address: netip.MustParseAddr(a), Count: 1, First: now, Last: now})
	}
	return c
}

func (w *world) allow(id, environment, prefix string) {
	w.t.Helper()
	_, err := w.Allow(ctx, alice, partner.NetworkRule{PartnerID: id, Environment: environment, Prefix: netip.MustParsePrefix(prefix)})
	w.must(err)
}

func TestWaitingReviewsComeFirst(t *testing.T) {
	w, first := reviewed(t)
	ask := func() string {
		t.Helper()
		w.clock.pass(time.Minute)
		p, err := w.CreatePartner(ctx, alice, "Acme")
		w.must(err)
		w.must(w.RequestReview(ctx, alice, p.ID, "sandbox", ""))
		return p.ID
	}
	approved, second, closed := ask(), ask(), ask()
	w.must(w.ApproveReview(ctx, bob, approved, "sandbox", registry.Approval{Force: true}))
	w.must(w.CloseReview(ctx, bob, closed, "sandbox", ""))
	w.clock.pass(time.Minute)
	w.must(w.RequestReview(ctx, alice, approved, "production", ""))
	rest := []string{approved + "/sandbox", closed + "/sandbox"}
	slices.Sort(rest)
	want := append([]string{first + "/sandbox", second + "/sandbox", approved + "/production"}, rest...)
	for limit := range 7 {
		var got []string
		q := registry.ReviewQuery{Limit: limit}
		for {
			page, err := w.ReviewFiles(ctx, q)
			w.must(err)
			for _, f := range page.Files {
				got = append(got, f.Review.PartnerID+"/"+f.Review.Environment)
				if f.Evidence != nil || f.Comments != nil {
					t.Error("a listing has evidence or comments")
				}
				if full := w.file(f.Review.PartnerID, f.Review.Environment); full.Digest != f.Digest || !slices.Equal(full.Missing, f.Missing) {
					t.Error("a listing says another digest")
				}
			}
			if page.Next == "" {
				break
			}
			q.After = page.Next
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, expected %v", limit, got, want)
		}
	}
	for want, q := range map[int]registry.ReviewQuery{5: {}, 3: {Waiting: true}, 2: {PartnerID: approved}, 4: {Environment: "sandbox"},
		1: {State: partner.ReviewClosed}, 0: {PartnerID: "ptn_none"}} {
		if page, err := w.ReviewFiles(ctx, q); err != nil || len(page.Files) != want {
			t.Errorf("%+v: %d, %v", q, len(page.Files), err)
		}
	}
}

func TestAPlaceInTheListingIsReadStrictly(t *testing.T) {
	w, _ := reviewed(t)
	for _, q := range []registry.ReviewQuery{{Limit: -1}, {Limit: 501}, {After: "x"}, {After: "0.1.a"}, {After: "0.01.a.b"}, {After: "0.1.a.b.c"},
		{After: "0.1e3.a.b"}, {After: strings.Repeat("9", 40) + ".1.a.b"}} {
		w.refuse(registry.ErrArgument, func() error { _, err := w.ReviewFiles(ctx, q); return err })
	}
	for _, environment := range []string{"", "Sandbox", "a/b"} {
		w.refuse(registry.ErrArgument, func() error { _, err := w.ReviewFile(ctx, "ptn_a", environment); return err })
	}
}
