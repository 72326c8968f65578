package access_test

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
)

const time301 = 301 * time.Second

func TestTokens(t *testing.T) {
	d := newDoor(t)
	token := d.token("sandbox", goodApp)
	second := d.token("sandbox", goodApp)
	if token == second {
		t.Fatal("two tokens are equal")
	}
	d.allow("the first token", tokenCall("sandbox", goodApp, token))
	d.allow("the second token beside it", tokenCall("sandbox", goodApp, second))

	none := request()
	none.Target = "/aggregation/v1/customers"
	if out := d.refuse(access.MissingHeader, "no app key", none); out.Where != access.AppKeyHeader {
		t.Errorf("names %q", out.Where)
	}
	noToken := tokenCall("sandbox", goodApp, "")
	if out := d.refuse(access.MissingHeader, "a blank token", noToken); out.Where != access.AppTokenHeader {
		t.Errorf("names %q", out.Where)
	}
	twice := tokenCall("sandbox", goodApp, token)
	twice.Header[access.AppTokenHeader] = []string{token, token}
	d.refuse(access.DuplicateHeader, "two tokens", twice)
	d.refuse(access.UnknownCredential, "an unknown app key", tokenCall("sandbox", strings.Repeat("9", 32), token))
	d.refuse(access.RevokedCredential, "a revoked app key", tokenCall("sandbox", revokedApp, token))
	d.refuse(access.WrongEnvironment, "an app key of production", tokenCall("sandbox", prodApp, token))
	d.refuse(access.InvalidToken, "another app's token", tokenCall("sandbox", otherApp, token))
	d.refuse(access.InvalidToken, "nonsense", tokenCall("sandbox", goodApp, "nonsense"))
	d.refuse(access.InvalidToken, "a longer one", tokenCall("sandbox", goodApp, token+"A"))

	foreign := d.token("production", prodApp)
	if out := d.refuse(access.InvalidToken, "a token of production", tokenCall("sandbox", goodApp, foreign)); out.OtherEnvironment != "production" {
		t.Errorf("the operator sees %q, want production", out.OtherEnvironment)
	}
}

func TestEveryChangedByteOfATokenIsRefused(t *testing.T) {
	d := newDoor(t)
	raw, err := base64.RawURLEncoding.DecodeString(d.token("sandbox", goodApp))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		d.refuse(access.InvalidToken, "a changed byte", tokenCall("sandbox", goodApp, base64.RawURLEncoding.EncodeToString(changed)))
	}
}

func TestRule36ExpiryIsOneAbsoluteMoment(t *testing.T) {
	d := newDoor(t)
	token := d.token("sandbox", goodApp)
	d.now = start.Add(2 * time.Hour)
	d.a.Confirm(d.now)
	d.allow("in its last second", tokenCall("sandbox", goodApp, token))
	d.now = d.now.Add(time.Millisecond)
	d.refuse(access.ExpiredToken, "a millisecond later", tokenCall("sandbox", goodApp, token))
	d.refuse(access.InvalidToken, "expired, with another app key", tokenCall("sandbox", otherApp, token))
}

func TestGenerationsAndSealingKeys(t *testing.T) {
	d := newDoor(t)
	token := d.token("sandbox", goodApp)

	r := testRoster()
	for i := range r.SealingKeys {
		r.SealingKeys[i].RetiredAt = d.now
	}
	r.SealingKeys = append(r.SealingKeys, partner.SealingKey{Environment: "sandbox", ID: 8, Key: secret.NewValue([]byte(strings.Repeat("k", 32)))})
	d.load(r)
	d.allow("sealed by a key that is retired since", tokenCall("sandbox", goodApp, token))
	d.allow("sealed by the new key", tokenCall("sandbox", goodApp, d.token("sandbox", goodApp)))

	for i := range r.Credentials {
		r.Credentials[i].Generation++
	}
	d.load(r)
	d.refuse(access.InvalidToken, "of an older generation", tokenCall("sandbox", goodApp, token))
	d.allow("of the new one", tokenCall("sandbox", goodApp, d.token("sandbox", goodApp)))

	r.SealingKeys = nil
	d.load(r)
	d.refuse(access.InvalidToken, "when every key is gone", tokenCall("sandbox", goodApp, token))
	if _, err := d.a.Issue(&access.Decision{}, d.now); err == nil {
		t.Error("issued without a key")
	}
}

// Whoever has a sealing key writes any expiry into a token. Once the key is retired, only what it can have sealed counts.
func TestARetiredSealingKeyOpensOnlyWhatItCanHaveSealed(t *testing.T) {
	retired := start.Add(time.Hour)
	for _, c := range []struct {
		what   string
		expiry time.Time
		want   access.Reason
	}{
		{"the longest lifetime, from the last moment", retired.Add(partner.MaxTokenLifetime), access.Allowed},
		{"a millisecond more", retired.Add(partner.MaxTokenLifetime + time.Millisecond), access.InvalidToken},
		{"a year", start.AddDate(1, 0, 0), access.InvalidToken},
		{"no end at all", time.UnixMilli(1<<62 + 1), access.InvalidToken},
		{"honest and expired", start, access.ExpiredToken},
	} {
		d := newDoor(t)
		r := request()
		r.Method, r.Target = "POST", "/aggregation/v2/partners/authentication"
		r.Header[access.AppKeyHeader] = []string{goodApp}
		forged, err := d.a.Issue(d.allow("a call to the token endpoint", r), c.expiry.Add(-2*time.Hour)) // as if it were earlier or later
		if err != nil {
			t.Fatal(err)
		}
		d.now = retired.Add(time.Minute)
		roster := testRoster()
		for i := range roster.SealingKeys {
			roster.SealingKeys[i].RetiredAt = retired
		}
		d.load(roster)
		if c.want == access.Allowed {
			d.allow(c.what, tokenCall("sandbox", goodApp, forged))
		} else {
			d.refuse(c.want, c.what, tokenCall("sandbox", goodApp, forged))
		}
	}
}

func TestTheTokenEndpoint(t *testing.T) {
	d := newDoor(t)
	call := func(address string) *access.Request {
		r := request()
		r.Method, r.Target, r.Address = "POST", "/aggregation/v2/partners/authentication?x", netip.MustParseAddr(address)
		r.Header[access.AppKeyHeader] = []string{goodApp}
		r.Header[access.AppTokenHeader] = []string{"an old one, ignored"}
		return r
	}
	d.allow("without a token that counts", call("203.0.113.9"))
	big := call("192.0.2.1")
	big.Body, big.ContentLength = content(strings.Repeat(" ", access.TokenBodyLimit+1)), -1
	d.refuse(access.BodyTooLarge, "a long body", big)

	strict := newDoor(t, func(a *access.API) { a.Addresses = access.AddressRequired })
	if out := strict.allow("from a listed address", call("192.0.2.1")); out.Unproved {
		t.Error("a listed address counts as unproved")
	}
	if out := strict.allow("from elsewhere", call("203.0.113.9")); !out.Unproved || out.Proved {
		t.Error("an address that is not listed must be marked and prove nothing")
	}
}

func TestNetworks(t *testing.T) {
	from := func(d *door, keyID, address string) *access.Request {
		return sign(with(request(), func(r *access.Request) { r.Address = netip.MustParseAddr(address) }), keyID, d.now)
	}
	d := newDoor(t)
	d.allow("inside the prefix and the country", from(d, canadaToken, "198.51.100.1"))
	d.refuse(access.CountryNotAllowed, "inside the prefix, another country", from(d, canadaToken, "198.51.100.2"))
	d.refuse(access.CountryNotAllowed, "rule 38: a country that is unknown", from(d, canadaToken, "198.51.100.3"))
	d.refuse(access.AddressNotListed, "outside the prefix", from(d, canadaToken, "203.0.113.1"))

	optional := newDoor(t, func(a *access.API) { a.Addresses = access.AddressOptional })
	optional.allow("optional, no rules", from(optional, strayToken, "203.0.113.1"))
	optional.refuse(access.AddressNotListed, "optional, other rules", from(optional, goodToken, "203.0.113.1"))

	off := newDoor(t, func(a *access.API) { a.Addresses = access.AddressOff })
	off.allow("off", from(off, goodToken, "203.0.113.1"))
	off.refuse(access.CountryNotAllowed, "off, but a country rule", from(off, canadaToken, "198.51.100.2"))

	r := testRoster()
	for i := range 300 {
		r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_stray", Environment: "sandbox",
			Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)})
	}
	r.Networks = append(r.Networks, partner.NetworkRule{PartnerID: "ptn_pending", Environment: "sandbox", API: "aggregation", Prefix: netip.MustParsePrefix("203.0.113.0/24")})
	d.load(r)
	d.allow("one of many prefixes", from(d, strayToken, "10.1.43.9"))
	d.refuse(access.AddressNotListed, "none of many prefixes", from(d, strayToken, "10.1.44.9"))
	d.refuse(access.AddressNotListed, "the environment of another door", with(from(d, strayToken, "10.1.43.9"), func(r *access.Request) {
		r.Environment, r.Header["X-Auth-Token"] = "production", []string{prodToken}
	}))
}

func TestRule28ACountryRuleWithoutAFileIsRefused(t *testing.T) {
	d := newDoor(t)
	a, err := access.New(access.Config{APIs: []*access.API{d.apis["sandbox/card"]}, Replay: d.guard, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Load(testRoster(), start); err == nil || !strings.Contains(err.Error(), "country") {
		t.Errorf("a roster with a country rule and no country file: %v, want an error that says so", err)
	}
}

func TestASnapshotIsTakenAsAWholeOrNotAtAll(t *testing.T) {
	d := newDoor(t)
	for what, damage := range map[string]func(*partner.Roster){
		"two credentials of one key id": func(r *partner.Roster) { r.Credentials[1].Environment = "sandbox"; r.Credentials[1].KeyID = goodToken },
		"a key id of another form":      func(r *partner.Roster) { r.Credentials[0].KeyID = "ABC" },
		"a partner that is missing":     func(r *partner.Roster) { r.Partners = r.Partners[1:] },
		"a short sealing key":           func(r *partner.Roster) { r.SealingKeys[0].Key = secret.NewValue([]byte("short")) },
	} {
		r := testRoster()
		damage(r)
		if d.a.Load(r, d.now) == nil {
			t.Errorf("%s: loaded", what)
		}
		d.allow("with the former snapshot", sign(request(), goodToken, d.now))
	}
}
