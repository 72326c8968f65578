package access_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/partner"
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
	d.refuse(access.BrowserRequest, "a browser that hides its origin", with(good(), set("Sec-Fetch-Site", "cross-site")))
	d.allow("server-side JavaScript", with(good(), set("Sec-Fetch-Mode", "cors")))
}

// slow is a body during which something happens.
type slow struct {
	meanwhile func()
	body      access.BodySource
}

func (s slow) ReadBody(limit int64) ([]byte, access.Reason) {
	s.meanwhile()
	return s.body.ReadBody(limit)
}

func TestRule8FreshnessIsCheckedAgainAfterASlowBody(t *testing.T) {
	d := newDoor(t)
	r := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(`{"a":1}`) }), goodToken, d.now.Add(-299*time.Second))
	r.Body = slow{func() { d.now = d.now.Add(5 * time.Second) }, r.Body}
	d.refuse(access.StaleTimestamp, "a body that took five seconds", r)
}

// TestASlowBodyOutlivesNothing: what the register says when the body is there decides, not what it said before.
func TestASlowBodyOutlivesNothing(t *testing.T) {
	change := func(change func(*partner.Roster)) func(d *door) {
		return func(d *door) {
			r := testRoster()
			change(r)
			d.load(r)
		}
	}
	for _, c := range []struct {
		what          string
		meanwhile     func(*door)
		signed, token access.Reason
	}{
		{"nothing", func(*door) {}, access.Allowed, access.Allowed},
		{"a new reading", change(func(*partner.Roster) {}), access.Allowed, access.Allowed},
		{"a revocation", change(func(r *partner.Roster) {
			for i := range r.Credentials {
				r.Credentials[i].RevokedAt = start
			}
		}), access.RevokedCredential, access.RevokedCredential},
		{"a suspension", change(func(r *partner.Roster) {
			for i := range r.Reviews {
				r.Reviews[i].State = partner.ReviewSuspended
			}
		}), access.Suspended, access.Suspended},
		{"a removal", change(func(r *partner.Roster) { r.Credentials = nil }), access.UnknownCredential, access.UnknownCredential},
		{"new networks", change(func(r *partner.Roster) { r.Networks = nil }), access.AddressNotListed, access.Allowed},
		{"a new generation", change(func(r *partner.Roster) {
			for i := range r.Credentials {
				r.Credentials[i].Generation++
			}
		}), access.Allowed, access.InvalidToken},
		{"two minutes without a reading", func(d *door) { d.now = d.now.Add(2 * time.Minute) }, access.SnapshotStale, access.SnapshotStale},
	} {
		d := newDoor(t)
		post := func(r *access.Request) *access.Request {
			return with(r, func(r *access.Request) { r.Method, r.Body, r.ContentLength = "POST", content(`{"a":1}`), 7 })
		}
		r := sign(post(request()), goodToken, d.now)
		r.Body = slow{func() { c.meanwhile(d) }, r.Body}
		d.refuse(c.signed, "signed, meanwhile "+c.what, r)

		d = newDoor(t)
		r = post(tokenCall("sandbox", goodApp, d.token("sandbox", goodApp)))
		r.Body = slow{func() { c.meanwhile(d) }, r.Body}
		d.refuse(c.token, "with a token, meanwhile "+c.what, r)
	}
}

// TestIssueAndAdmittedAskTheRegisterOfNow: a hash takes its time, too.
func TestIssueAndAdmittedAskTheRegisterOfNow(t *testing.T) {
	d := newDoor(t)
	r := request()
	r.Method, r.Target = "POST", "/aggregation/v2/partners/authentication"
	r.Header[access.AppKeyHeader] = []string{goodApp}
	out := d.allow("a call to the token endpoint", r)
	roster := testRoster()
	for i := range roster.Credentials {
		roster.Credentials[i].Generation++
	}
	d.load(roster)
	token, err := d.a.Issue(out, d.now)
	if err != nil {
		t.Fatal(err)
	}
	d.allow("a token issued after its generation had changed", tokenCall("sandbox", goodApp, token))
	for i := range roster.Partners {
		roster.Partners[i].Closed = true
	}
	d.load(roster)
	if reason := d.a.Admitted(out); reason != access.Suspended {
		t.Errorf("a partner that was closed meanwhile: %s", reason)
	}
	roster.Credentials = nil
	d.load(roster)
	if _, err := d.a.Issue(out, d.now); err == nil || d.a.Admitted(out) == access.Allowed {
		t.Error("a credential that is gone still gets tokens")
	}
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
	odd := func(keyID string) access.Reason {
		return d.decide(sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content("a=1") }), keyID, d.now)).Reason
	}
	if live, dead := odd(goodToken), odd(revokedToken); live != dead || odd(expiredToken) != dead {
		t.Errorf("an ambiguous body tells a live key id (%s) from a revoked one (%s)", live, dead)
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
	if want := d.now.Unix() + int64(access.MaxWindow/time.Second); d.guard.until != want {
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
	d.refuse(access.SnapshotStale, "a second more", sign(request(), goodToken, d.now))
	if d.a.Ready() == nil {
		t.Error("ready with a snapshot that is too old")
	}
	d.a.Confirm(d.now)
	d.allow("after the register was read again", sign(request(), goodToken, d.now))
	d.now = d.now.Add(-24 * time.Hour)
	d.refuse(access.SnapshotStale, "with a clock that was set back a day", sign(request(), goodToken, d.now))
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

// TestRule13AnEscapedPathDoesNotRouteAround: an upstream that decodes must not serve what another API guards.
func TestRule13AnEscapedPathDoesNotRouteAround(t *testing.T) {
	d := newDoor(t, func(a *access.API) {
		if a.Name == "card" {
			a.BasePaths = []string{"/api/v1", "/aggregation/admin"}
		}
	})
	token := d.token("sandbox", goodApp)
	for _, target := range []string{"/aggregation/%61dmin/x", "/aggregation/v2/partners/%61uthentication", "/%61ggregation/v1/x", "/api/v%31/x"} {
		r := tokenCall("sandbox", goodApp, token)
		r.Target = target
		d.refuse(access.MalformedTarget, target, r)
	}
	r := tokenCall("sandbox", goodApp, token)
	r.Target = "/aggregation/v1/%61dmin%20%7E"
	d.allow("escapes that lead nowhere else", r)
}
