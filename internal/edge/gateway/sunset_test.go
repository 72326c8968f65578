package gateway_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/access"
	"countersign.dev/internal/registry"
)

// oldAndNew rotates the good signing key, so that the first version ends an hour later. It returns both.
func (d *door) oldAndNew() (old, newer registry.Issued) {
	d.t.Helper()
	old = d.keys["good"]
	newer, err := d.register.Rotate(ctx, alice, old.Credential.ID, d.now().Add(time.Hour))
	d.must(err)
	d.reload()
	return old, newer
}

const (
	ownEnd   = "Fri, 15 Jan 2027 09:00:00 GMT" // an hour after base
	earlier  = "Fri, 15 Jan 2027 08:59:59 GMT"
	later    = "Fri, 15 Jan 2027 09:00:01 GMT"
	baseText = "@1800000000"
)

// TestSunsetIsToldToACallerWithAnOldVersion: what is forwarded, what is refused after proof, and what an upstream says itself.
func TestSunsetIsToldToACallerWithAnOldVersion(t *testing.T) {
	d := newWorld(t).open(t)
	old, newer := d.oldAndNew()
	says := func(fields string) { d.upstream.says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + fields + "\r\nok") }
	for _, c := range []struct {
		what                string
		key                 registry.Issued
		upstream            string
		sunset, deprecation string
	}{
		{"the newest", newer, "", "", ""},
		{"the newest, and what the upstream says", newer, "Sunset: " + later + "\r\nDeprecation: @1\r\n", later, "@1"},
		{"an old one", old, "", ownEnd, baseText},
		{"an old one, and a later end of the upstream", old, "Sunset: " + later + "\r\n", ownEnd, baseText},
		{"an old one, and an earlier end of the upstream", old, "Sunset: " + earlier + "\r\n", earlier, baseText},
		{"an old one, and an end that nobody can read", old, "Sunset: soon\r\n", ownEnd, baseText},
		{"an old one, and two ends", old, "Sunset: " + earlier + "\r\nSunset: " + later + "\r\n", ownEnd, baseText},
		{"an old one, and a deprecation of the upstream", old, "Deprecation: @1\r\n", ownEnd, "@1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			d := d.in(t)
			says(c.upstream)
			a := d.do(d.signed(c.key, "GET", "/api/v1/cards", ""))
			sunset, deprecation := strings.Join(a.header["Sunset"], "|"), strings.Join(a.header["Deprecation"], "|")
			if a.status != 200 || sunset != c.sunset || deprecation != c.deprecation {
				t.Errorf("%d, Sunset %q, Deprecation %q; want %q and %q", a.status, sunset, deprecation, c.sunset, c.deprecation)
			}
		})
	}
}

func TestSunsetIsToldWithARefusalAfterProof(t *testing.T) {
	d := newWorld(t).open(t)
	old, _ := d.oldAndNew()
	d.must(d.register.Suspend(ctx, alice, old.Credential.PartnerID, "sandbox", "for the tests"))
	d.reload()
	if a := d.do(d.signed(old, "GET", "/api/v1/cards", "")); a.status != 403 || strings.Join(a.header["Sunset"], "|") != ownEnd {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// TestRule9NoSunsetBeforeProof: a forged signature and a version that has ended hear nothing of versions.
func TestRule9NoSunsetBeforeProof(t *testing.T) {
	d := newWorld(t).open(t)
	old, newer := d.oldAndNew()
	forged := newer
	forged.Secret = d.keys["canada"].Secret
	check := func(what string, c call) {
		t.Helper()
		if a := d.do(c); a.status != 401 || a.header["Sunset"] != nil || a.header["Deprecation"] != nil {
			t.Errorf("%s: %d %v", what, a.status, a.header)
		}
	}
	check("a forged signature", d.signed(forged, "GET", "/api/v1/cards", ""))
	d.clock.Add(3601)
	d.reload()
	check("a version that has ended", d.signed(old, "GET", "/api/v1/cards", ""))
}

func TestSunsetIsNotToldWhereAnAPIHidesIt(t *testing.T) {
	d := newWorld(t).open(t, func(s *settings) { s.api = func(a *access.API) { a.HideSunset = true } })
	old, _ := d.oldAndNew()
	if a := d.do(d.signed(old, "GET", "/api/v1/cards", "")); a.status != 200 || a.header["Sunset"] != nil || a.header["Deprecation"] != nil {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// TestTheRecordSaysWhatASignatureWasComparedWith also of the caller's clock.
func TestTheRecordSaysWhatASignatureWasComparedWith(t *testing.T) {
	d := newWorld(t).open(t)
	d.upstream.answers(func(c net.Conn, _ arrival) { _, _ = io.WriteString(c, okAnswer) })
	old, newer := d.oldAndNew()
	forged := newer
	forged.Secret = d.keys["canada"].Secret
	for _, c := range []struct {
		what string
		call call
		want string
		not  string
	}{
		{"let in", d.signedAt(old, base-7, "GET", "/api/v1/cards", ""), `"skew_ms":-7000`, `"tried"`},
		{"forged", d.signedAt(forged, base+5, "GET", "/api/v1/cards", ""), `"skew_ms":5000,"tried":[2,1]`, `"shadow"`},
		{"stale", d.signedAt(old, base-400, "GET", "/api/v1/cards", ""), `"skew_s":400,"skew_ms":-400000`, `"tried"`},
		{"not signed", call{method: "GET", target: "/api/v1/cards"}, `"reason":"missing_header"`, `"skew_ms"`},
	} {
		d.do(c.call)
		if _, line := d.records.line(); !strings.Contains(line, c.want) || strings.Contains(line, c.not) {
			t.Errorf("%s: %s", c.what, line)
		}
	}
}
