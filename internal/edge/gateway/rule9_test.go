package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"countersign.dev/internal/registry"
)

// strangers are signed calls that are refused for what is stored, before anybody has proved anything: unknown, of another
// environment, revoked, forged. The addresses and reviews of their partners differ as well.
func strangers(d *door, method, body string, fields ...string) map[string]call {
	sign := func(k registry.Issued) call { return d.signed(k, method, "/api/v1/cards", body, fields...) }
	all := map[string]call{
		"unknown":        sign(registry.Issued{KeyID: strings.Repeat("0", 32), Secret: d.keys["good"].Secret}),
		"no key id":      sign(registry.Issued{KeyID: "x", Secret: d.keys["good"].Secret}),
		"elsewhere":      sign(d.keys["good/production"]),
		"revoked":        sign(d.keys["revoked"]),
		"app key":        sign(registry.Issued{KeyID: d.apps["good"].KeyID, Secret: d.keys["good"].Secret}),
		"wrong secret":   sign(registry.Issued{KeyID: d.keys["good"].KeyID, Secret: d.keys["stray"].Secret}),
		"suspended":      sign(registry.Issued{KeyID: d.keys["suspended"].KeyID, Secret: d.keys["good"].Secret}),
		"not approved":   sign(registry.Issued{KeyID: d.keys["pending"].KeyID, Secret: d.keys["good"].Secret}),
		"not listed":     sign(registry.Issued{KeyID: d.keys["stray"].KeyID, Secret: d.keys["good"].Secret}),
		"wrong country":  sign(registry.Issued{KeyID: d.keys["canada"].KeyID, Secret: d.keys["good"].Secret}),
		"locked app too": sign(registry.Issued{KeyID: d.keys["locked"].KeyID, Secret: d.keys["good"].Secret}),
	}
	return all
}

// TestRule9OneUniformRefusalByteForByte: whatever is stored about a caller that has not proved who it is, the answer is the
// same to the byte, but for request id, server time and date.
func TestRule9OneUniformRefusalByteForByte(t *testing.T) {
	d := newWorld(t).open(t)
	for name, shape := range map[string]struct{ method, body string }{
		"GET": {"GET", ""}, "HEAD": {"HEAD", ""}, "POST": {"POST", `{"a":1}`}, "PATCH of 300 KiB": {"PATCH", "[" + strings.Repeat(" ", 300<<10) + "]"},
	} {
		for i, send := range []struct {
			protocol string
			do       func(*door, call) answer
		}{{"HTTP/1.1", (*door).do}, {"HTTP/2", sendFrames}} {
			if i == 1 && len(shape.body) > 1000 {
				continue // the frames of these tests keep no account of windows
			}
			seen := map[string]string{}
			for cause, c := range strangers(d, shape.method, shape.body) {
				a := send.do(d, c)
				text := plain(a.raw + fmt.Sprint(a.status, a.header["Content-Length"], a.header["Www-Authenticate"], a.header["Connection"], len(a.header)) + a.body)
				if a.status != 401 {
					t.Errorf("%s %s, %s: status %d", send.protocol, name, cause, a.status)
				}
				seen[text] += cause + " "
				d.records.line()
			}
			if len(seen) != 1 {
				t.Errorf("%s %s: %d different answers, want one: %q", send.protocol, name, len(seen), seen)
			}
		}
	}
	d.upstream.untouched()
}

// TestRule9WithProofTheRefusalIsExact is the other side: the same partners, with their own secrets, are told why.
func TestRule9WithProofTheRefusalIsExact(t *testing.T) {
	d := newWorld(t).open(t)
	for name, code := range map[string]string{"suspended": "suspended", "pending": "not_approved", "stray": "address_not_listed", "canada": "country_not_allowed"} {
		if a := d.do(get(name)(d)); a.status != 403 || !strings.Contains(a.body, `["`+code+`"]`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	d.upstream.untouched()
}
