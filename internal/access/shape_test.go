package access_test

import (
	"strings"
	"testing"

	"countersign.dev/internal/access"
)

// targets is the corpus of request targets that every door is shown (security rule 13).
var refusedTargets = []string{
	"", "*", "api/v1/x", "http://evil/api/v1/x", "/api/v1/../x", "/api/v1/.", "/api/v1/..", "/api/v1/./x", "/api/v1/%2e%2e/x", "/api/v1/%2Ex",
	"/api/v1/a%2fb", "/api/v1/a%2Fb", "/api/v1/a%5cb", "/api/v1/a\\b", "/api/v1/a;b", "/api/v1/a#b", "/api/v1/a?b#c", "/api/v1/a%", "/api/v1/a%2",
	"/api/v1/a%zz", "/api/v1/a?b=%zz", "/api/v1/a?b=%", "/api/v1//a", "//api/v1/a", "/api/v1/a b", "/api/v1/a\tb", "/api/v1/a\x00", "/api/v1/a%00",
	"/api/v1/\u00e9", "/api/v1/a?b=\u00e9", "/api/v1/a\x7f", "/api/v1/" + strings.Repeat("a", 8192),
}

func TestRule13AmbiguousTargetsAreRefusedBeforeRouting(t *testing.T) {
	d := newDoor(t)
	for _, target := range refusedTargets {
		r := request()
		r.Target = target
		d.refuse(access.MalformedTarget, target, sign(r, goodToken, d.now))
	}
	for _, target := range []string{
		"/api/v1", "/api/v1/", "/api/v1/a%20b", "/api/v1/a/", "/api/v1/a?", "/api/v1/a?b=%2f%5c%2e", "/api/v1/a?b=../;c//", "/api/v1/a?b=1&b=2&a", "/api/v1/a...b", "/api/v1/...",
		"/api/v1/~a_b-c.d", "/api/v1/a?x=a+b", "/api/v1/a?b?c", "/api/v1/%41", "/api/v1/%0a%01%7F",
	} {
		r := request()
		r.Target = target
		d.allow(target, sign(r, goodToken, d.now))
	}
	slashes := newDoor(t, func(a *access.API) { a.AllowEncodedSlash = true })
	for _, target := range []string{"/api/v1/..%2f..%2fadmin", "/api/v1/x%2f..%2f..%2fadmin", "/api/v1/x%2f.", "/api/v1/%2f%2fx", "/api/v1/x%2F..%2Fy"} {
		r := request()
		r.Target = target
		slashes.refuse(access.MalformedTarget, target, sign(r, goodToken, d.now))
	}
	loose := newDoor(t, func(a *access.API) { a.AllowEncodedSlash, a.AllowEmptySegments = true, true })
	for _, target := range []string{"/api/v1/a%2fb", "/api/v1//a"} {
		r := request()
		r.Target = target
		loose.allow(target, sign(r, goodToken, d.now))
	}
}

func TestRule14ABasePathMatchesWholeSegments(t *testing.T) {
	d := newDoor(t)
	for _, target := range []string{"/api/v10/x", "/api/v1x", "/api", "/", "/API/v1/x", "/institutions", "/x/api/v1/"} {
		r := request()
		r.Target = target
		d.refuse(access.UnknownAPI, target, sign(r, goodToken, d.now))
	}
}

func TestRule15And24Methods(t *testing.T) {
	d := newDoor(t)
	for _, method := range []string{"", "CONNECT", "TRACE", "PRI", "get", "GE T", "GET\n", strings.Repeat("A", 21)} {
		r := request()
		r.Method = method
		d.refuse(access.MethodNotAllowed, method, sign(r, goodToken, d.now))
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		r := request()
		r.Method = method
		d.allow(method, sign(r, goodToken, d.now))
	}
}

func TestRule17ConnectionNamesOptionsOnly(t *testing.T) {
	d := newDoor(t)
	for _, value := range []string{"X-Auth-Signature", "close, x-auth-token", "keep-alive,Countersign-Partner", "X-Forwarded-For", "TE, finicity-app-key"} {
		r := sign(request(), goodToken, d.now)
		r.Header["Connection"] = []string{"close", value}
		d.refuse(access.HopByHopHeader, value, r)
	}
	for _, value := range []string{"close", "Keep-Alive", "", "keep-alive, te", " close ,"} {
		r := sign(request(), goodToken, d.now)
		r.Header["Connection"] = []string{value}
		d.allow(value, r)
	}
}

func TestRule18HeaderNames(t *testing.T) {
	odd := func(d *door) *access.Request {
		r := sign(request(), goodToken, d.now)
		r.Header["X_auth_token"] = []string{goodToken}
		return r
	}
	d := newDoor(t)
	d.refuse(access.MalformedHeader, "an underscore", odd(d))
	warning := newDoor(t, func(a *access.API) { a.WarnHeaderNames = true })
	if out := warning.allow("an underscore in warning mode", odd(warning)); len(out.Warnings) != 1 {
		t.Errorf("warnings %q, want one", out.Warnings)
	}
}

func TestRule24Upgrades(t *testing.T) {
	d := newDoor(t)
	d.refuse(access.UpgradeNotAllowed, "marked by the door", with(request(), func(r *access.Request) { r.Upgrade = true }))
	d.refuse(access.UpgradeNotAllowed, "a header", with(request(), func(r *access.Request) { r.Header["Upgrade"] = []string{"h2c"} }))
	d.refuse(access.MalformedFraming, "framing", with(request(), func(r *access.Request) { r.Framing = "bare_lf" }))
	d.refuse(access.HostMismatch, "two hosts", with(request(), func(r *access.Request) { r.HostMismatch = true }))
}

func TestRule26LengthsAreRefusedBeforeTheBodyIsRead(t *testing.T) {
	d := newDoor(t, func(a *access.API) { a.MaxBody = 10; a.StrictEmptyPost = true })
	unread := untouched{t}
	r := sign(with(request(), func(r *access.Request) { r.Method, r.ContentLength = "POST", 11 }), goodToken, d.now)
	r.Body = unread
	d.refuse(access.BodyTooLarge, "declared over the cap", r)
	r = sign(request(), strings.Repeat("f", 32), d.now)
	r.Body = unread
	d.refuse(access.UnknownCredential, "an unknown key id", r)
	r = sign(request(), goodToken, d.now.Add(-time301))
	r.Body = unread
	d.refuse(access.StaleTimestamp, "a stale time", r)
	r = sign(with(request(), func(r *access.Request) { r.Method, r.Body, r.ContentLength = "POST", content(`{"123456":9}`), -1 }), goodToken, d.now)
	d.refuse(access.BodyTooLarge, "found over the cap", r)
	d.refuse(access.LengthRequired, "an empty POST without a length", sign(with(request(), func(r *access.Request) { r.Method, r.LengthStated = "POST", false }), goodToken, d.now))
	d.allow("an empty POST with a length", sign(with(request(), func(r *access.Request) { r.Method = "POST" }), goodToken, d.now))
}

func TestStrictXMLContentType(t *testing.T) {
	d := newDoor(t, func(a *access.API) { a.StrictXMLContentType = true })
	post := func(contentType ...string) *access.Request {
		r := tokenCall("sandbox", goodApp, d.token("sandbox", goodApp))
		r.Method, r.Body, r.ContentLength = "POST", content(strings.Repeat(" ", 100)+"\r\n <a/>"), 106
		r.Header["Content-Type"] = contentType
		return r
	}
	d.refuse(access.UnsupportedMedia, "none", post())
	d.refuse(access.UnsupportedMedia, "JSON", post("application/json"))
	d.refuse(access.UnsupportedMedia, "two", post("application/xml", "application/xml"))
	d.allow("application/xml", post("application/xml; charset=utf-8"))
	d.allow("text/xml", post("Text/XML"))
}

func TestRule3AnAmbiguousBodyIsRefused(t *testing.T) {
	d := newDoor(t)
	for _, body := range []string{"a=1", "/x", "1", "x=[1]"} {
		r := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(body) }), goodToken, d.now)
		d.refuse(access.AmbiguousBody, body, r)
	}
	for i, body := range []string{`{"a":1}`, `[1]`, `"x"`, " 1", "\n{}"} {
		r := sign(with(request(), func(r *access.Request) { r.Method, r.Body = "POST", content(body) }), goodToken, d.now)
		r.Header["X-Nr"] = []string{string(rune('0' + i))}
		d.allow(body, r)
	}
}

type untouched struct{ t *testing.T }

func (u untouched) ReadBody(int64) ([]byte, access.Reason) {
	u.t.Error("the body was read")
	return nil, access.Allowed
}

func FuzzTargets(f *testing.F) {
	for _, target := range refusedTargets {
		f.Add(target)
	}
	d := newDoor(&testing.T{})
	f.Fuzz(func(t *testing.T, target string) {
		r := request()
		r.Target = target
		out := d.decide(sign(r, goodToken, d.now))
		if out.Reason != access.Allowed {
			return
		}
		path, _, _ := strings.Cut(target, "?")
		for _, bad := range []string{"\\", "#", ";", "//", "/../", "/./", "%2f", "%2F", "%2e", "%2E", "%5c", "%5C"} {
			if strings.Contains(path, bad) {
				t.Errorf("%q let in with %q in its path", target, bad)
			}
		}
		if path != "/api/v1" && !strings.HasPrefix(path, "/api/v1/") {
			t.Errorf("%q let in outside the base path", target)
		}
	})
}
