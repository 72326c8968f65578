package access_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
)

func TestSignedRequests(t *testing.T) {
	d := newDoor(t)
	set := func(name string, values ...string) func(*access.Request) {
		return func(r *access.Request) { r.Header[name] = values }
	}
	drop := func(name string) func(*access.Request) {
		return func(r *access.Request) { delete(r.Header, name) }
	}
	good := func() *access.Request { return sign(request(), goodToken, d.now) }

	d.allow("a signed GET", good())
	d.allow("a signed GET once more", good())
	d.allow("at the old edge of the window", sign(request(), goodToken, d.now.Add(-300*time.Second)))
	d.allow("at the new edge of the window", sign(request(), goodToken, d.now.Add(300*time.Second)))
	d.allow("a signature in capitals", with(good(), func(r *access.Request) {
		r.Header["X-Auth-Signature"] = []string{strings.ToUpper(r.Header["X-Auth-Signature"][0])}
	}))

	for _, name := range []string{"X-Auth-Token", "X-Auth-Timestamp", "X-Auth-Signature"} {
		out := d.refuse(access.MissingHeader, "without "+name, with(good(), drop(name)))
		if out.Where != name {
			t.Errorf("without %s: names %q", name, out.Where)
		}
		d.refuse(access.DuplicateHeader, name+" twice", with(good(), func(r *access.Request) {
			r.Header[name] = append(r.Header[name], r.Header[name][0])
		}))
	}
	d.refuse(access.MalformedHeader, "an empty signature", with(good(), set("X-Auth-Signature", "")))
	d.refuse(access.MalformedHeader, "half a signature", with(good(), set("X-Auth-Signature", "abcdef")))
	d.refuse(access.MalformedHeader, "no hex digits", with(good(), set("X-Auth-Signature", strings.Repeat("g", 64))))
	d.refuse(access.MalformedTime, "a time in milliseconds", with(good(), set("X-Auth-Timestamp", "1760000000000")))
	d.refuse(access.MalformedTime, "a time with a sign", with(good(), set("X-Auth-Timestamp", "+760000000")))
	d.refuse(access.StaleTimestamp, "an old time", sign(request(), goodToken, d.now.Add(-301*time.Second)))
	d.refuse(access.FutureTimestamp, "a time to come", sign(request(), goodToken, d.now.Add(301*time.Second)))
	d.refuse(access.UnknownCredential, "an unknown token", sign(request(), strings.Repeat("f", 32), d.now))
	d.refuse(access.UnknownCredential, "a token that is no key id", sign(request(), "x", d.now))
	d.refuse(access.RevokedCredential, "a revoked one", sign(request(), revokedToken, d.now))
	d.refuse(access.RevokedCredential, "one past its end", sign(request(), expiredToken, d.now))
	d.refuse(access.BadSignature, "a forged one", with(good(), set("X-Auth-Signature", strings.Repeat("0", 64))))
	d.refuse(access.BadSignature, "signed for another target", with(good(), func(r *access.Request) { r.Target = "/api/v1/cards/2" }))
	d.refuse(access.BadSignature, "signed for another method", with(good(), func(r *access.Request) { r.Method = "DELETE" }))
	d.refuse(access.Suspended, "a suspended partner", sign(request(), suspendedToken, d.now))
	d.refuse(access.NotApproved, "a partner whose review is open", sign(request(), pendingToken, d.now))
	d.refuse(access.AddressNotListed, "a partner without networks", sign(request(), strayToken, d.now))
	d.refuse(access.AddressNotListed, "another address", with(good(), func(r *access.Request) { r.Address = netip.MustParseAddr("203.0.113.1") }))
	d.refuse(access.AddressUnknown, "no address", with(good(), func(r *access.Request) { r.Address = netip.Addr{} }))
	d.refuse(access.UnknownAPI, "outside every API", with(good(), func(r *access.Request) { r.Target = "/api/v10/x" }))
	d.refuse(access.BrowserRequest, "a browser", with(good(), set("Origin", "https://example.com")))
}

func TestRule8FreshnessIsCheckedAgainAfterASlowBody(t *testing.T) {
	d := newDoor(t)
	r := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(`{"a":1}`) }), goodToken, d.now.Add(-299*time.Second))
	r.Body = slow{d, r.Body}
	d.refuse(access.StaleTimestamp, "a body that took five seconds", r)
}

type slow struct {
	d    *door
	body access.BodySource
}

func (s slow) ReadBody(limit int64) ([]byte, access.Reason) {
	s.d.now = s.d.now.Add(5 * time.Second)
	return s.body.ReadBody(limit)
}

func TestRule9BeforeProofNothingStoredIsTold(t *testing.T) {
	d := newDoor(t)
	causes := map[string]*access.Request{
		"unknown":           sign(request(), strings.Repeat("e", 32), d.now),
		"other environment": sign(request(), prodToken, d.now),
		"revoked":           sign(request(), revokedToken, d.now),
		"past its end":      sign(request(), expiredToken, d.now),
		"forged":            with(sign(request(), goodToken, d.now), func(r *access.Request) { r.Target += "x" }),
		"forged, suspended": with(sign(request(), suspendedToken, d.now), func(r *access.Request) { r.Target += "x" }),
		"forged, unlisted":  with(sign(request(), strayToken, d.now), func(r *access.Request) { r.Target += "x" }),
	}
	for what, r := range causes {
		out := d.decide(r)
		switch out.Reason {
		case access.UnknownCredential, access.WrongEnvironment, access.RevokedCredential, access.BadSignature:
		default:
			t.Errorf("%s: %s is told before proof", what, out.Reason)
		}
		if out.Proved || out.Where != "" || out.Detail != "" {
			t.Errorf("%s: proved %v, where %q, detail %q", what, out.Proved, out.Where, out.Detail)
		}
	}
	out := d.decide(sign(request(), prodToken, d.now))
	if out.Reason != access.WrongEnvironment || out.OtherEnvironment != "production" {
		t.Errorf("the operator sees %s of %q, want wrong_environment of production", out.Reason, out.OtherEnvironment)
	}
}

func TestReplays(t *testing.T) {
	post := func(d *door, body string) *access.Request {
		return sign(with(request(), func(r *access.Request) { r.Method, r.Body = "PATCH", content(body) }), goodToken, d.now)
	}
	d := newDoor(t)
	d.allow("the first time", post(d, `{"a":1}`))
	if want := d.now.Unix() + 300; d.guard.until != want {
		t.Errorf("remembered until %d, want %d", d.guard.until, want)
	}
	d.refuse(access.Replayed, "the second time", post(d, `{"a":1}`))
	d.refuse(access.Replayed, "the second time, spelt in capitals", with(post(d, `{"a":1}`), func(r *access.Request) {
		r.Header["X-Auth-Signature"] = []string{strings.ToUpper(r.Header["X-Auth-Signature"][0])}
	}))
	d.allow("another body", post(d, `{"a":2}`))
	d.now = d.now.Add(time.Second)
	d.allow("the same in the next second", post(d, `{"a":1}`))

	d.guard.err = errBroken
	d.refuse(access.Unavailable, "a guard that cannot answer", post(d, `{"a":3}`))
	d.allow("reading without a guard", sign(request(), goodToken, d.now))

	all := newDoor(t, func(a *access.API) { a.Replay = access.ReplayAll })
	all.allow("a GET", sign(request(), goodToken, all.now))
	all.refuse(access.Replayed, "the same GET", sign(request(), goodToken, all.now))

	off := newDoor(t, func(a *access.API) { a.Replay = access.ReplayOff })
	off.allow("a PATCH", post(off, `{}`))
	off.allow("the same PATCH", post(off, `{}`))
}

func TestARefusedRequestDoesNotUseUpItsOneChance(t *testing.T) {
	d := newDoor(t)
	r := func() *access.Request {
		return sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(`{}`) }), goodToken, d.now)
	}
	d.refuse(access.AddressNotListed, "from elsewhere", with(r(), func(r *access.Request) { r.Address = netip.MustParseAddr("203.0.113.1") }))
	d.allow("from home", r())
}

func TestStaleness(t *testing.T) {
	d := newDoor(t)
	d.now = d.now.Add(time.Minute)
	d.allow("one minute without the register", sign(request(), goodToken, d.now))
	d.now = d.now.Add(time.Second)
	d.refuse(access.Unavailable, "a second more", sign(request(), goodToken, d.now))
	if d.a.Ready() == nil {
		t.Error("ready with a snapshot that is too old")
	}
	d.a.Confirm(d.now)
	d.allow("after the register was read again", sign(request(), goodToken, d.now))
}

func TestNothingLoadedRefuses(t *testing.T) {
	d := newDoor(t)
	a, err := access.New(access.Config{APIs: []*access.API{d.apis["sandbox/card"]}, Replay: d.guard, Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	d.a = a
	d.refuse(access.Unavailable, "before the first reading", sign(request(), goodToken, start))
	if a.Ready() == nil {
		t.Error("ready without a register")
	}
}
