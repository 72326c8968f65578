package access_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/replay/memory"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
)

// BenchmarkGrowth is how the cost of a decision grows: with the credentials that are known, with the prefixes of the partner who
// calls, and with the body that is signed. The last part of a name is the number; docs/charts is drawn from them.
func BenchmarkGrowth(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("credentials/%d", count), func(b *testing.B) { benchmarkSigned(b, count, "GET", access.APILimits{}) })
	}
	for _, count := range []int{1, 10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("prefixes/%d", count), func(b *testing.B) { benchmarkOne(b, count, 256) })
	}
	for _, size := range []int{0, 256, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("body/%d", size), func(b *testing.B) { benchmarkOne(b, 2, size) })
	}
}

// benchmarkOne decides on the requests of one partner with so many prefixes, of which the last one matches, and bodies of so many bytes.
func benchmarkOne(b *testing.B, prefixes, size int) {
	finci, err := library.Load("finci")
	if err != nil {
		b.Fatal(err)
	}
	now := start
	guard, err := memory.Open(memory.Config{Dir: filepath.Join(b.TempDir(), "replay"), Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = guard.Close() })
	a, err := access.New(access.Config{Now: func() time.Time { return now }, Replay: guard, APIs: []*access.API{
		{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api/v1"}, Scheme: finci, MaxBody: 2 << 20}}})
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Load(oneWith(prefixes), now); err != nil {
		b.Fatal(err)
	}
	r := typical("GET", "/api/v1/update-card-status/1")
	r.Header["Content-Length"], r.ContentLength, r.Body = []string{strconv.Itoa(size)}, int64(size), content(make([]byte, size))
	sign(r, goodToken, now)
	out := new(access.Decision)
	compare(b, func() {}, func(int) {}, func(int) {
		*out = access.Decision{}
		if !a.Decide(r, out) {
			b.Fatal(out.Reason, out.Cause)
		}
	})
}

// oneWith is one approved partner with one key; the address of typical is in the last of its prefixes.
func oneWith(prefixes int) *partner.Roster {
	r := &partner.Roster{Revision: 1, ReadAt: start}
	r.Partners = []partner.Partner{{ID: "ptn_1", Name: "one"}}
	r.Reviews = []partner.Review{{PartnerID: "ptn_1", Environment: "sandbox", State: partner.ReviewApproved}}
	for i := range prefixes - 1 {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_1", Environment: "sandbox", Prefix: prefix})
	}
	r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_1", Environment: "sandbox", Prefix: netip.MustParsePrefix("192.0.2.0/24")})
	r.Credentials = []partner.Credential{{ID: "crd_1", PartnerID: "ptn_1", Environment: "sandbox", Kind: partner.SigningKey, KeyID: goodToken,
		Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte(secretText))}}}}
	return r
}
