package registry_test

import (
	"net/netip"
	"testing"

	"countersign.dev/internal/partner"
)

// BenchmarkUpdate is two small changes, each with its durable commit: a network rule is added and removed.
func BenchmarkUpdate(b *testing.B) {
	r := benchWorld(b, 1000)
	rule := partner.NetworkRule{PartnerID: "ptn_00000000000000000000000000", Environment: "sandbox",
		Prefix: netip.MustParsePrefix("10.0.0.0/8")}
	for b.Loop() {
		added, err := r.Allow(ctx, alice, rule)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.RemoveNetwork(ctx, alice, added.ID); err != nil {
			b.Fatal(err)
		}
	}
}
