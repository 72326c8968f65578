package access_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"github.com/google/go-cmp/cmp"
)

// network adds rules to the register of the tests, in the sandbox.
func (d *door) networks(rules ...partner.NetworkRule) {
	d.t.Helper()
	r := testRoster()
	for _, rule := range rules {
		rule.Environment = "sandbox"
		r.Networks = append(r.Networks, rule)
	}
	d.load(r)
}

// TestNetworkTestSaysWhatDecideSays, for every partner, address and rule of the API, and changes nothing.
func TestNetworkTestSaysWhatDecideSays(t *testing.T) {
	for _, rule := range []access.AddressRule{access.AddressDefault, access.AddressRequired, access.AddressOptional, access.AddressOff} {
		for _, warn := range []bool{false, true} {
			d := newDoor(t, func(a *access.API) { a.Addresses, a.AddressWarn = rule, warn })
			d.networks(partner.NetworkRule{PartnerID: "ptn_stray", API: "card", Prefix: netip.MustParsePrefix("203.0.113.0/30")})
			for _, row := range []struct{ who, key string }{{"good", goodToken}, {"stray", strayToken}, {"canada", canadaToken}, {"suspended", suspendedToken}, {"pending", pendingToken}} {
				for _, from := range []string{"192.0.2.7", "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.9", "2001:db8::1"} {
					what := fmt.Sprintf("rule %d, warn %v, %s from %s", rule, warn, row.who, from)
					out := d.decide(with(d.get(row.key), func(r *access.Request) { r.Address = addr(from) }))
					v := d.a.TestNetwork("sandbox", "card", "ptn_"+row.who, addr(from))
					want := v.Reason
					if v.Admission != access.Allowed {
						want = v.Admission
					}
					if out.Reason != want || v.Warned != (len(out.Warnings) > 0) && v.Admission == access.Allowed || v.Asked == access.AddressDefault {
						t.Errorf("%s: decided %s %q, tested %+v", what, out.Reason, out.Warnings, v)
					}
				}
			}
		}
	}
}

func TestNetworkTestTellsTheRules(t *testing.T) {
	d := newDoor(t)
	d.networks(partner.NetworkRule{PartnerID: "ptn_canada", API: "card", Prefix: netip.MustParsePrefix("203.0.113.0/24")},
		partner.NetworkRule{PartnerID: "ptn_canada", API: "aggregation", Prefix: netip.MustParsePrefix("2001:db8::/32")})
	v := d.a.TestNetwork("sandbox", "card", "ptn_canada", addr("::ffff:198.51.100.1"))
	want := access.NetworkVerdict{Reason: access.Allowed, Admission: access.Allowed, Revision: 1, Address: addr("198.51.100.1"), Asked: access.AddressRequired, Country: "CA",
		Rules: []access.NetworkRule{
			{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Applies: true},
			{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Applies: true, Matches: true},
			{Country: "CA", Applies: true, Matches: true},
			{API: "aggregation", Prefix: netip.MustParsePrefix("2001:db8::/32")},
			{API: "card", Prefix: netip.MustParsePrefix("203.0.113.0/24"), Applies: true},
		}}
	if diff := cmp.Diff(want, v, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	many := []partner.NetworkRule{}
	for i := range 20 {
		many = append(many, partner.NetworkRule{PartnerID: "ptn_stray", Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16)})
	}
	d.networks(many...)
	if v := d.a.TestNetwork("sandbox", "card", "ptn_stray", addr("10.7.1.1")); len(v.Rules) != 20 || !v.Rules[7].Matches || v.Rules[8].Matches || v.Reason != access.Allowed {
		t.Errorf("%+v", v)
	}
}

func TestNetworkTestOfWhatIsNotThere(t *testing.T) {
	d := newDoor(t)
	for what, row := range map[string]struct {
		v    access.NetworkVerdict
		want access.Reason
	}{
		"environment": {d.a.TestNetwork("nowhere", "card", "ptn_good", addr("192.0.2.7")), access.UnknownAPI},
		"api":         {d.a.TestNetwork("sandbox", "nothing", "ptn_good", addr("192.0.2.7")), access.UnknownAPI},
		"partner":     {d.a.TestNetwork("sandbox", "card", "ptn_nobody", addr("192.0.2.7")), access.UnknownCredential},
		"address":     {d.a.TestNetwork("sandbox", "card", "ptn_good", netip.Addr{}), access.AddressUnknown},
	} {
		if row.v.Reason != row.want {
			t.Errorf("no such %s: %s, want %s", what, row.v.Reason, row.want)
		}
	}
	empty, err := access.New(access.Config{APIs: []*access.API{d.apis["sandbox/card"]}, Replay: d.guard, Now: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	if v := empty.TestNetwork("sandbox", "card", "ptn_good", addr("192.0.2.7")); v.Reason != access.Unavailable {
		t.Errorf("no snapshot: %s", v.Reason)
	}
}

// TestUnionHoldsWhoeverMayCall: an address that Decide would let in is in the union, whatever the rules; and the union is
// complete only where every other address would be refused for its network.
func TestUnionHoldsWhoeverMayCall(t *testing.T) {
	for _, rule := range []access.AddressRule{access.AddressRequired, access.AddressOptional, access.AddressOff} {
		for _, warn := range []bool{false, true} {
			d := newDoor(t, func(a *access.API) {
				if a.Protocol == access.Signed {
					a.Addresses, a.AddressWarn = rule, warn
				} else {
					a.Addresses = access.AddressRequired
				}
			})
			d.networks(partner.NetworkRule{PartnerID: "ptn_stray", API: "card", Prefix: netip.MustParsePrefix("203.0.113.0/30")},
				partner.NetworkRule{PartnerID: "ptn_stray", API: "an API that is no more", Prefix: netip.MustParsePrefix("203.0.113.128/30")},
				partner.NetworkRule{PartnerID: "ptn_suspended", Prefix: netip.MustParsePrefix("203.0.113.64/30")})
			contains, complete := d.a.Union("sandbox")
			if want := rule == access.AddressRequired && !warn; complete != want {
				t.Errorf("rule %d, warn %v: complete %v", rule, warn, complete)
			}
			for _, from := range []string{"192.0.2.7", "::ffff:192.0.2.7", "198.51.100.1", "198.51.100.2", "203.0.113.1", "203.0.113.9", "203.0.113.65", "203.0.113.129", "2001:db8::1", "fe80::1%eth0"} {
				in := false
				for _, key := range []string{goodToken, strayToken, canadaToken, suspendedToken, pendingToken} {
					out := d.decide(with(d.get(key), func(r *access.Request) { r.Address = addr(from).Unmap().WithZone("") }))
					in = in || out.Reason == access.Allowed
				}
				if in && complete && !contains(addr(from)) {
					t.Errorf("rule %d: %s may call and is not in the union", rule, from)
				}
				if !in && contains(addr(from)) && addr(from) != addr("198.51.100.2") {
					t.Errorf("rule %d: nobody may call from %s, which is in the union", rule, from)
				}
			}
		}
	}
}

// TestUnionFollowsTheSnapshot: with each change, and it says nothing while the snapshot is too old.
func TestUnionFollowsTheSnapshot(t *testing.T) {
	d := newDoor(t, func(a *access.API) { a.Addresses = access.AddressRequired })
	listed := func() bool { contains, _ := d.a.Union("sandbox"); return contains(addr("203.0.113.1")) }
	if listed() {
		t.Error("listed before the change")
	}
	d.networks(partner.NetworkRule{PartnerID: "ptn_good", Prefix: netip.MustParsePrefix("203.0.113.0/24")})
	if !listed() {
		t.Error("not listed after the change")
	}
	d.load(testRoster())
	if listed() {
		t.Error("listed after it was taken back")
	}
	d.now = d.now.Add(2 * time.Minute)
	if _, complete := d.a.Union("sandbox"); complete {
		t.Error("complete with a snapshot that is too old")
	}
	if contains, complete := d.a.Union("nowhere"); complete || contains(addr("192.0.2.7")) {
		t.Error("an environment that is not there has a union")
	}
}
