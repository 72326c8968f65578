package access

import (
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

// TestAShadowThatPanicsRefusesNobody: an index without slots stands for any fault of ours in what only the shadow runs.
func TestAShadowThatPanicsRefusesNobody(t *testing.T) {
	finci, err := library.Load("finci")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	api := &API{Name: "card", Environment: "sandbox", Protocol: Signed, BasePaths: []string{"/api"}, Scheme: finci, Shadow: finci, Replay: ReplayOff, Addresses: AddressOff}
	a, err := New(Config{APIs: []*API{api}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	const id = "00000000000000000000000000000001"
	load := func() {
		if err := a.Load(&partner.Roster{Revision: 1, Partners: []partner.Partner{{ID: "ptn_1"}},
			Reviews: []partner.Review{{PartnerID: "ptn_1", Environment: "sandbox", State: partner.ReviewApproved}},
			Credentials: []partner.Credential{{ID: "crd_1", PartnerID: "ptn_1", Environment: "sandbox", Kind: partner.SigningKey, KeyID: id,
				Versions: []partner.Version{{Number: 1, Secret: secret.NewValue([]byte("a secret of the tests"))}}}}}, now); err != nil {
			t.Fatal(err)
		}
	}
	load()
	key, err := finci.NewKey([]byte("a secret of the tests"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Request{Environment: "sandbox", Method: "GET", Target: "/api/x", Host: "a", Header: map[string][]string{}, LengthStated: true}
	r.Address = netip.MustParseAddr("192.0.2.1")
	fields, err := finci.Sign(&key, &scheme.Request{Method: "GET", Target: "/api/x"}, scheme.Claims{KeyID: id, Time: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		r.Header[f.Name] = []string{f.Value}
	}
	for _, c := range []struct {
		broken bool
		want   ShadowResult
	}{{false, ShadowOK}, {true, ShadowFault}} {
		if c.broken {
			a.snap.Load().worlds["sandbox"].shadows[finci] = new(index)
		}
		var d Decision
		if !a.Decide(r, &d) || d.Shadow != c.want {
			t.Errorf("broken %v: %s, and the shadow says %q", c.broken, d.Reason, d.Shadow)
		}
	}
}
