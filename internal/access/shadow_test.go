package access_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
	"countersign.dev/internal/secret"
	"countersign.dev/profile"
	"countersign.dev/scheme"
)

// stronger is a profile with headers, message and window of its own.
const stronger = `profile: stronger
language: 1
title: What the card API shall ask for one day
source: tests
algorithm: hmac-sha256
message: join('\n', ts, method, target, hex(sha256(body)))
key: secret
signature: hex(mac)
wire:
  X-New-Token: "{key_id}"
  X-New-Time: "{ts}"
  X-New-Signature: "{sig}"
time: {from: ts, format: unix, window: 60s}
`

func parseScheme(t *testing.T, text string) *scheme.Scheme {
	t.Helper()
	p, err := profile.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shadowed is a door whose signed APIs have a shadow profile.
func shadowed(t *testing.T, text string, change ...func(*access.API)) *door {
	t.Helper()
	s := parseScheme(t, text)
	return newDoor(t, append(change, func(api *access.API) {
		if api.Protocol == access.Signed {
			api.Shadow = s
		}
	})...)
}

// signNew signs by hand as stronger says.
func signNew(r *access.Request, keyID, secret string, at time.Time) *access.Request {
	var body []byte
	if b, ok := r.Body.(content); ok {
		body = b
	}
	ts := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{ts, r.Method, r.Target, hex.EncodeToString(sum[:])}, "\n")))
	r.Header["X-New-Token"] = []string{keyID}
	r.Header["X-New-Time"] = []string{ts}
	r.Header["X-New-Signature"] = []string{hex.EncodeToString(mac.Sum(nil))}
	return r
}

// post is a write with a body: both profiles cover it.
func post() *access.Request {
	return with(request(), func(r *access.Request) { r.Method, r.Body, r.ContentLength = "POST", content(`{"a":1}`), 7 })
}

func forge(name string) func(*access.Request) {
	return func(r *access.Request) { r.Header[name] = []string{strings.Repeat("0", 64)} }
}

// TestAShadowProfileIsRecordedAndNeverDecides is every pair of an outcome of the profile in force and one of the shadow: what is
// decided, and all that the caller may be told, is what it is without a shadow.
func TestAShadowProfileIsRecordedAndNeverDecides(t *testing.T) {
	real := map[string]struct {
		sign func(*access.Request, time.Time) *access.Request
		want access.Reason
	}{
		"good": {func(r *access.Request, at time.Time) *access.Request { return sign(r, goodToken, at) }, access.Allowed},
		"forged": {func(r *access.Request, at time.Time) *access.Request {
			return with(sign(r, goodToken, at), forge("X-Auth-Signature"))
		}, access.BadSignature},
		"suspended": {func(r *access.Request, at time.Time) *access.Request { return sign(r, suspendedToken, at) }, access.Suspended},
		"revoked":   {func(r *access.Request, at time.Time) *access.Request { return sign(r, revokedToken, at) }, access.RevokedCredential},
		"elsewhere": {func(r *access.Request, at time.Time) *access.Request {
			return with(sign(r, goodToken, at), func(r *access.Request) { r.Address = netip.MustParseAddr("203.0.113.9") })
		}, access.AddressNotListed},
	}
	shadow := map[string]struct {
		sign func(r *access.Request, keyID string, at time.Time)
		want access.ShadowResult
	}{
		"good":   {func(r *access.Request, id string, at time.Time) { signNew(r, id, secretText, at) }, access.ShadowOK},
		"absent": {func(*access.Request, string, time.Time) {}, "missing_header"},
		"twice": {func(r *access.Request, id string, at time.Time) {
			signNew(r, id, secretText, at)
			r.Header["X-New-Time"] = append(r.Header["X-New-Time"], "1")
		}, "duplicate_header"},
		"malformed": {func(r *access.Request, id string, at time.Time) {
			signNew(r, id, secretText, at)
			r.Header["X-New-Signature"] = []string{"abc"}
		}, "malformed_header"},
		"no time": {func(r *access.Request, id string, at time.Time) {
			signNew(r, id, secretText, at)
			r.Header["X-New-Time"] = []string{"now"}
		}, "malformed_timestamp"},
		"stale": {func(r *access.Request, id string, at time.Time) { signNew(r, id, secretText, at.Add(-61*time.Second)) }, "stale_timestamp"},
		"ahead": {func(r *access.Request, id string, at time.Time) { signNew(r, id, secretText, at.Add(61*time.Second)) }, "future_timestamp"},
		"forged": {func(r *access.Request, id string, at time.Time) {
			signNew(r, id, secretText, at)
			forge("X-New-Signature")(r)
		}, "bad_signature"},
		"another key": {func(r *access.Request, id string, at time.Time) { signNew(r, canadaToken, secretText, at) }, access.ShadowOtherKey},
		"no key":      {func(r *access.Request, id string, at time.Time) { signNew(r, "nobody", secretText, at) }, access.ShadowOtherKey},
	}
	for realName, now := range real {
		for shadowName, then := range shadow {
			t.Run(realName+" and "+shadowName, func(t *testing.T) {
				plain, d := newDoor(t), shadowed(t, stronger)
				r := now.sign(post(), d.now)
				then.sign(r, r.Header["X-Auth-Token"][0], d.now)
				want, got := plain.refuse(now.want, "without a shadow", r), d.refuse(now.want, "with one", r)
				expected := then.want
				if now.want == access.RevokedCredential && expected == access.ShadowOK {
					expected = "revoked_credential"
				}
				if now.want == access.RevokedCredential && expected == "bad_signature" {
					expected = "revoked_credential"
				}
				if got.Shadow != expected || want.Shadow != "" {
					t.Errorf("the shadow says %q, want %q; without one %q", got.Shadow, expected, want.Shadow)
				}
				if got.Where != want.Where || got.Detail != want.Detail || got.Proved != want.Proved || got.Version != want.Version {
					t.Errorf("told %q %q, without a shadow %q %q", got.Where, got.Detail, want.Where, want.Detail)
				}
			})
		}
	}
}

func TestAShadowCoversTheBody(t *testing.T) {
	d := shadowed(t, stronger)
	r := signNew(post(), goodToken, secretText, d.now)
	r.Body = content(`{"a":2}`)
	if out := d.allow("another body under the new signature", sign(r, goodToken, d.now)); out.Shadow != "bad_signature" {
		t.Errorf("the shadow says %q", out.Shadow)
	}
}

// TestAShadowClaimsNoReplay: one request is one entry, and a second profile does not make it look seen before.
func TestAShadowClaimsNoReplay(t *testing.T) {
	d := shadowed(t, stronger)
	r := signNew(sign(post(), goodToken, d.now), goodToken, secretText, d.now)
	d.allow("once", r)
	if len(d.guard.seen) != 1 {
		t.Errorf("%d entries of one request", len(d.guard.seen))
	}
	if out := d.refuse(access.Replayed, "twice", r); out.Shadow != access.ShadowOK {
		t.Errorf("the shadow says %q of a replay", out.Shadow)
	}
}

func TestAShadowIsAskedOnlyWhereSomethingWasVerified(t *testing.T) {
	d := shadowed(t, stronger)
	for reason, r := range map[access.Reason]*access.Request{
		access.MissingHeader:     signNew(request(), goodToken, secretText, d.now),
		access.UnknownCredential: signNew(sign(request(), strings.Repeat("f", 32), d.now), goodToken, secretText, d.now),
		access.StaleTimestamp:    signNew(sign(request(), goodToken, d.now.Add(-time.Hour)), goodToken, secretText, d.now),
	} {
		if out := d.refuse(reason, "before verification", r); out.Shadow != "" {
			t.Errorf("%s: the shadow says %q", reason, out.Shadow)
		}
	}
}

func TestAShadowHasTheWindowOfTheAPIWhereItHasOne(t *testing.T) {
	d := shadowed(t, stronger, func(api *access.API) {
		if api.Protocol == access.Signed {
			api.Window = 2 * time.Minute
		}
	})
	r := signNew(sign(request(), goodToken, d.now), goodToken, secretText, d.now.Add(-90*time.Second))
	if out := d.allow("within the window of the API", r); out.Shadow != access.ShadowOK {
		t.Errorf("the shadow says %q", out.Shadow)
	}
}

// TestAShadowThatCannotUseTheSecret: the profile wants base64, the secrets are none. The roster is loaded all the same.
func TestAShadowThatCannotUseTheSecret(t *testing.T) {
	d := shadowed(t, strings.Replace(stronger, "key: secret", "key: unb64(secret)", 1))
	r := signNew(sign(request(), goodToken, d.now), goodToken, secretText, d.now)
	if out := d.allow("with a secret that is no base64", r); out.Shadow != access.ShadowUnfit {
		t.Errorf("the shadow says %q", out.Shadow)
	}
}

// TestAShadowKnowsTheVersions: what an old secret proves counts as it would with the profile in force.
func TestAShadowKnowsTheVersions(t *testing.T) {
	d := shadowed(t, stronger)
	roster := testRoster()
	c := &roster.Credentials[0]
	c.Versions = []partner.Version{
		{Number: 3, Secret: secret.NewValue([]byte(secretText))},
		{Number: 2, Secret: secret.NewValue([]byte("the second secret")), NotAfter: d.now.Add(time.Hour)},
		{Number: 1, Secret: secret.NewValue([]byte("the first secret")), NotAfter: d.now.Add(-time.Hour)},
	}
	d.load(roster)
	for text, want := range map[string]access.ShadowResult{secretText: access.ShadowOK, "the second secret": access.ShadowOK,
		"the first secret": "revoked_credential", "no secret": "bad_signature"} {
		out := d.allow(text, signNew(sign(request(), goodToken, d.now), goodToken, text, d.now))
		if out.Shadow != want || out.Version != 3 {
			t.Errorf("with %s the shadow says %q, by version %d", text, out.Shadow, out.Version)
		}
	}
}

func TestShadowResultsAreClosed(t *testing.T) {
	list := access.ShadowResults()
	for i, r := range list {
		if r == "" || slices.Contains(list[:i], r) {
			t.Errorf("%q is empty or stands twice", r)
		}
	}
}

func TestAnAPIRefusesAShadowThatCouldNeverDecide(t *testing.T) {
	good := parseScheme(t, stronger)
	for name, change := range map[string]func(*access.API){
		"of a token API":   func(api *access.API) { api.Protocol, api.Shadow = access.Token, good },
		"with no key id":   func(api *access.API) { api.Shadow = new(scheme.Scheme) },
		"with a wide time": func(api *access.API) { api.Shadow = parseScheme(t, strings.Replace(stronger, "60s", "3600s", 1)) },
	} {
		api := &access.API{Name: "card", Environment: "sandbox", Protocol: access.Signed, BasePaths: []string{"/api"}, Scheme: good}
		change(api)
		if _, err := access.New(access.Config{APIs: []*access.API{api}, Replay: &fakeGuard{}, Now: time.Now}); err == nil {
			t.Errorf("a shadow %s was taken", name)
		}
	}
}

// TestAllocationsOfShadow: the second verification costs its own time and nothing for the garbage collector.
func TestAllocationsOfShadow(t *testing.T) {
	d := shadowed(t, stronger)
	r := signNew(sign(request(), goodToken, d.now), goodToken, secretText, d.now)
	out := new(access.Decision)
	n := testing.AllocsPerRun(1000, func() {
		*out = access.Decision{}
		if !d.a.Decide(r, out) || out.Shadow != access.ShadowOK {
			t.Fatal(out.Reason, out.Shadow)
		}
	})
	if n >= 1 && !raceEnabled {
		t.Errorf("%v allocations, want none", n)
	}
}
