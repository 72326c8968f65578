package partner_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 123456000, time.UTC)

func TestNetworkRules(t *testing.T) {
	rule := func(prefix, country string) partner.NetworkRule {
		n := partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Country: country}
		if prefix != "" {
			n.Prefix = netip.MustParsePrefix(prefix)
		}
		return n
	}
	allow := func(prefix, country string) {
		t.Helper()
		if err := rule(prefix, country).Validate(); err != nil {
			t.Errorf("%s%s: %v", prefix, country, err)
		}
	}
	refuse := func(prefix, country string) {
		t.Helper()
		if err := rule(prefix, country).Validate(); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s%s: %v", prefix, country, err)
		}
	}
	allow("192.0.2.0/24", "")
	allow("192.0.2.1/32", "")
	allow("2001:db8::/32", "")
	refuse("0.0.0.0/0", "")
	refuse("::/0", "")
	refuse("192.0.2.1/24", "")
	refuse("::ffff:192.0.2.0/120", "")
	refuse("", "")
	refuse("192.0.2.0/24", "CA")
	for _, country := range []string{"CA", "US", "XK", "AA"} {
		allow("", country)
	}
	for _, country := range []string{"ca", "C", "CAN", "C1", "ÄÖ"} {
		refuse("", country)
	}
}

// What the country table calls unknown can be no rule: nobody would be inside, and whoever wrote it meant something else.
func TestRule38AnUnknownCountryIsNoRule(t *testing.T) {
	for _, country := range []string{"XX", "ZZ"} {
		n := partner.NetworkRule{ID: "net_a", PartnerID: "ptn_a", Environment: "sandbox", Country: country}
		if err := n.Validate(); !errors.Is(err, partner.ErrInvalid) {
			t.Errorf("%s: %v", country, err)
		}
	}
}

func TestRule36BothEndsOfAVersionCountToTheMicrosecond(t *testing.T) {
	v := partner.Version{NotBefore: start, NotAfter: start.Add(time.Hour)}
	for name, c := range map[string]struct {
		version partner.Version
		now     time.Time
		live    bool
	}{
		"a nanosecond early":         {v, start.Add(-1), false},
		"the first moment":           {v, start, true},
		"the last moment":            {v, v.NotAfter, true},
		"the end of the last moment": {v, v.NotAfter.Add(time.Microsecond - 1), true},
		"after it":                   {v, v.NotAfter.Add(time.Microsecond), false},
		"in another zone":            {v, v.NotAfter.In(time.FixedZone("", 3600)), true},
		"without bounds, long ago":   {partner.Version{}, time.Unix(0, 0), true},
		"without bounds, far away":   {partner.Version{}, start.AddDate(900, 0, 0), true},
		"without an end":             {partner.Version{NotBefore: start}, start.AddDate(900, 0, 0), true},
		"ended at once":              {partner.Version{NotAfter: start.Add(-partner.Resolution)}, start, false},
		"just before it was ended":   {partner.Version{NotAfter: start.Add(-partner.Resolution)}, start.Add(-1), true},
	} {
		if c.version.Live(c.now) != c.live {
			t.Errorf("%s: live is %v", name, !c.live)
		}
	}
}

func TestSealingKeysAreKeptForTheLongestTokenAndAWeek(t *testing.T) {
	if partner.KeptSealingKey != 8*24*time.Hour {
		t.Errorf("kept for %s", partner.KeptSealingKey)
	}
	k := partner.SealingKey{CreatedAt: start}
	if k.Superseded(start.AddDate(100, 0, 0)) {
		t.Error("a key that may seal is superseded")
	}
	k.RetiredAt = start
	end := start.Add(partner.KeptSealingKey)
	if k.Superseded(start) || k.Superseded(end) || !k.Superseded(end.Add(1)) || k.Superseded(start.Add(-time.Hour)) {
		t.Error("superseded at a wrong moment")
	}
}

func TestRule33ARosterIsWipedWhole(t *testing.T) {
	var held [][]byte
	value := func() secret.Value {
		v := secret.NewValue([]byte("a secret of somebody"))
		held = append(held, v.Bytes())
		return v
	}
	r := &partner.Roster{
		Credentials: []partner.Credential{
			{ID: "crd_a", Kind: partner.SigningKey, Versions: []partner.Version{{Number: 2, Secret: value()}, {Number: 1, Secret: value()}}},
			{ID: "crd_b", Kind: partner.App, Versions: []partner.Version{{Number: 1, Hash: "$hash"}}},
			{ID: "crd_c", Kind: partner.SigningKey, Versions: []partner.Version{{Number: 1, Secret: value()}}},
		},
		SealingKeys: []partner.SealingKey{{ID: 1, Key: value()}, {ID: 2, Key: value()}},
	}
	r.Wipe()
	r.Wipe()
	for i, bytes := range held {
		for _, c := range bytes {
			if c != 0 {
				t.Fatalf("secret %d is left: %q", i, bytes)
			}
		}
	}
	if len(held) != 5 || r.Credentials[1].Versions[0].Hash == "" || r.Credentials[0].ID != "crd_a" {
		t.Error("what is no secret is gone")
	}
	(*partner.Roster)(nil).Wipe()
	new(partner.Roster).Wipe()
}
