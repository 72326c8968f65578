package access_test

import (
	"net/netip"
	"strings"
	"testing"

	"countersign.dev/internal/access"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

var boundKey, otherKey = strings.Repeat("ab", 32), strings.Repeat("cd", 32)

// bind binds the good credentials to two client keys.
func (d *door) bind() {
	r := testRoster()
	for i := range r.Credentials {
		if c := &r.Credentials[i]; c.KeyID == goodToken || c.KeyID == goodApp {
			c.ClientKeys = []string{strings.Repeat("00", 32), boundKey}
		}
	}
	d.load(r)
}

func holding(r *access.Request, key string) *access.Request {
	r.ClientKey = key
	return r
}

// TestRule29ClientCertificates is the policy: which credential needs which client key, by the rule of its API.
func TestRule29ClientCertificates(t *testing.T) {
	for _, row := range []struct {
		rule  access.ClientCertificateRule
		bound bool
		key   string
		in    bool
	}{
		{access.ClientCertificateBound, true, boundKey, true},
		{access.ClientCertificateBound, true, otherKey, false},
		{access.ClientCertificateBound, true, "", false},
		{access.ClientCertificateBound, false, otherKey, true},
		{access.ClientCertificateBound, false, "", true},
		{access.ClientCertificateRequired, true, boundKey, true},
		{access.ClientCertificateRequired, true, otherKey, false},
		{access.ClientCertificateRequired, true, "", false},
		{access.ClientCertificateRequired, false, boundKey, false},
		{access.ClientCertificateRequired, false, "", false},
		{access.ClientCertificateOff, true, otherKey, true},
		{access.ClientCertificateOff, true, "", true},
	} {
		for _, warn := range []bool{false, true} {
			d := newDoor(t, func(a *access.API) { a.ClientCertificate, a.ClientCertificateWarn = row.rule, warn })
			if row.bound {
				d.bind()
			}
			for what, r := range map[string]*access.Request{
				"signed": holding(d.get(goodToken), row.key), "token": holding(tokenCall("sandbox", goodApp, d.unboundToken()), row.key),
			} {
				out := d.decide(r)
				want, warnings := access.Allowed, ""
				if !row.in && warn {
					warnings = "client_certificate"
				} else if !row.in {
					want = access.ClientCertificate
				}
				if out.Reason != want || strings.Join(out.Warnings, ",") != warnings || !out.Proved {
					t.Errorf("%s, %+v, warn %v: %s, warnings %q", what, row, warn, out.Reason, out.Warnings)
				}
			}
		}
	}
}

// unboundToken issues a token whatever the token endpoint thinks of the connection.
func (d *door) unboundToken() string {
	d.t.Helper()
	r := request()
	r.Method, r.Target, r.ClientKey = "POST", "/aggregation/v2/partners/authentication", boundKey
	r.Header[access.AppKeyHeader] = []string{goodApp}
	text, err := d.a.Issue(d.allow("a call to the token endpoint", r), d.now)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// TestRule9AWrongClientKeyIsToldAfterProofOnly: before, every request gets the answer that it would get with the right one.
func TestRule9AWrongClientKeyIsToldAfterProofOnly(t *testing.T) {
	d := newDoor(t)
	d.bind()
	forged := d.get(goodToken)
	forged.Header["X-Auth-Signature"] = []string{"00" + forged.Header["X-Auth-Signature"][0][2:]}
	d.refuse(access.BadSignature, "forged, without the key", forged)
	d.refuse(access.InvalidToken, "no token, without the key", tokenCall("sandbox", goodApp, "no token"))
	r := request()
	r.Method, r.Target = "POST", "/aggregation/v2/partners/authentication"
	r.Header[access.AppKeyHeader] = []string{goodApp}
	if out := d.allow("the token endpoint, without the key", r); !out.Unproved || out.Where != "client_certificate" {
		t.Errorf("not marked: %+v", out)
	}
	if out := d.allow("the token endpoint, with the key", holding(r, boundKey)); out.Unproved || out.Where != "" {
		t.Errorf("marked: %+v", out)
	}
}

// TestAddressWarn: an address that is on no list is let in and noted; countries refuse all the same.
func TestAddressWarn(t *testing.T) {
	d := newDoor(t, func(a *access.API) { a.AddressWarn, a.Addresses = true, access.AddressRequired })
	elsewhere := with(d.get(goodToken), func(r *access.Request) { r.Address = addr("203.0.113.1") })
	if out := d.allow("unlisted", elsewhere); len(out.Warnings) != 1 || out.Warnings[0] != "address_not_listed" {
		t.Errorf("warnings %q", out.Warnings)
	}
	if out := d.allow("listed", d.get(goodToken)); out.Warnings != nil {
		t.Errorf("warnings %q", out.Warnings)
	}
	d.refuse(access.CountryNotAllowed, "an unknown country", with(d.get(canadaToken), func(r *access.Request) { r.Address = addr("203.0.113.1") }))
	r := request()
	r.Method, r.Target, r.Address = "POST", "/aggregation/v2/partners/authentication", addr("203.0.113.1")
	r.Header[access.AppKeyHeader] = []string{goodApp}
	if out := d.allow("the token endpoint", r); out.Unproved || len(out.Warnings) != 1 {
		t.Errorf("unproved %v, warnings %q", out.Unproved, out.Warnings)
	}
}
