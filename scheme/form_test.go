package scheme_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// TestRule6Base64IsStrict: a MAC in base64 has one spelling (traps: a changed last character, skipped line ends).
func TestRule6Base64IsStrict(t *testing.T) {
	for _, fn := range []string{"b64", "b64url"} {
		d := finci()
		d.Signature = call(fn, name("mac"))
		p := newPolicy(t, d)
		good := p.r.Header["X-Auth-Signature"][0]
		if len(good) != 44 || good[43] != '=' {
			t.Fatalf("%q", good)
		}
		p.allow("as signed", nothing)
		for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" {
			if changed := good[:42] + string(last) + "="; changed != good {
				if f := p.try(header("X-Auth-Signature", changed)); f == nil {
					t.Errorf("%s: %q is accepted for %q", fn, changed, good)
				}
			}
		}
		for what, value := range map[string]string{
			"unpadded": good[:43], "padded twice": good + "=", "a line end inside": good[:20] + "\n" + good[20:], "a line end behind": good + "\n",
			"a line end for a character": good[:20] + "\n" + good[21:], "empty": "", "a blank": good[:20] + " " + good[21:], "hex": strings.Repeat("ab", 32),
		} {
			p.refuse(scheme.FaultMalformed, fn+" "+what, header("X-Auth-Signature", value))
		}
	}
}

func TestUnpaddedAndEscapedSignatures(t *testing.T) {
	unpadded := scheme.Expr{Kind: scheme.Call, Text: "b64url", Args: []scheme.Expr{name("mac")}, Options: []scheme.Option{{Name: "pad", Value: "0"}}}
	d := finci()
	d.Signature = unpadded
	p := newPolicy(t, d)
	good := p.r.Header["X-Auth-Signature"][0]
	p.allow("unpadded", nothing)
	p.refuse(scheme.FaultMalformed, "padded", header("X-Auth-Signature", good+"="))

	d.Signature = call("pct", call("b64", name("mac")))
	p = newPolicy(t, d)
	good = p.r.Header["X-Auth-Signature"][0]
	p.allow("escaped", nothing)
	p.allow("escapes in lower case", header("X-Auth-Signature", strings.TrimSuffix(good, "%3D")+"%3d"))
	p.refuse(scheme.FaultMalformed, "not escaped", header("X-Auth-Signature", strings.TrimSuffix(good, "%3D")+"="))
	p.refuse(scheme.FaultMalformed, "a needless escape", header("X-Auth-Signature", "%41"+good[1:]))
	p.refuse(scheme.FaultMalformed, "an escaped line end", header("X-Auth-Signature", good[:4]+"%0A"+good[4:]))
	p.refuse(scheme.FaultMalformed, "half an escape", header("X-Auth-Signature", good[:len(good)-1]))
}

func TestTimeFormats(t *testing.T) {
	for _, c := range []struct {
		format, text string
		unix         int64 // 0: malformed
	}{
		{"unix", "1763625600", 1763625600},
		{"unix", "0000000001", 1},
		{"unix", "01763625600", 0},
		{"unix_ms", "1763625600999", 1763625600},
		{"unix_ms", "1763625600", 0},
		{"unix_ms", "176362560099a", 0},
		{"http_date", "Thu, 20 Nov 2025 08:00:00 GMT", 1763625600},
		{"http_date", "Fri, 20 Nov 2025 08:00:00 GMT", 0},
		{"http_date", "Thu, 20 Nov 2025 08:00:00 UTC", 0},
		{"http_date", "thu, 20 nov 2025 08:00:00 gmt", 0},
		{"http_date", "Thu, 20 Nov 2025 8:00:00 GMT ", 0},
		{"http_date", "Thursday, 20-Nov-25 08:00:00 GMT", 0},
		{"rfc3339", "2025-11-20T08:00:00Z", 1763625600},
		{"rfc3339", "2025-11-20T09:00:00.5+01:00", 1763625600},
		{"rfc3339", "2025-11-20 08:00:00Z", 0},
		{"rfc3339", "2025-11-20T08:00:00", 0},
		{"rfc3339", "2025-02-30T08:00:00Z", 0},
	} {
		d := separated("\n")
		d.Time = &scheme.TimeRule{Format: c.format, Window: time.Minute}
		s, _, r := signedRequest(t, d, nil)
		r.Header["X-Auth-Timestamp"] = []string{c.text}
		var p scheme.Presented
		f := s.Parse(&r, &p)
		if c.unix == 0 && (f == nil || f.Kind != scheme.FaultMalformed) || c.unix != 0 && (f != nil || p.Unix != c.unix) {
			t.Errorf("%s %q: %v, %d", c.format, c.text, f, p.Unix)
		}
	}
}

func TestRule8ExpiresIsTheLastFreshSecond(t *testing.T) {
	for format, shift := range map[string]time.Duration{"unix": 0, "unix_ms": 250 * time.Millisecond} {
		d := finci()
		d.Time = &scheme.TimeRule{Format: format, Window: 300 * time.Second}
		s := mustCompile(t, d)
		k := mustKey(t, s, "secret")
		r := scheme.Request{Method: "GET", Target: "/"}
		fields, err := s.Sign(&k, &r, scheme.Claims{KeyID: "k", Time: signing.Add(shift)})
		if err != nil {
			t.Fatal(err)
		}
		set(&r, fields)
		var p scheme.Presented
		if f := s.Parse(&r, &p); f != nil {
			t.Fatal(f)
		}
		for _, window := range []time.Duration{0, time.Minute} {
			last := time.Unix(s.Expires(&p, window), 0)
			if s.Fresh(&p, last.Add(time.Nanosecond), window) == nil || s.Fresh(&p, last.Add(-time.Second), window) != nil {
				t.Errorf("%s: expires at %v", format, last)
			}
		}
	}
	d := with(name("body"), uncovered("method", "path", "query", "time"), wire(scheme.WireHeader{Name: "X-Sig", Template: "{sig}"}))
	d.Time = nil
	if s := mustCompile(t, d); s.Expires(&scheme.Presented{}, 0) != math.MaxInt64 || s.Fresh(&scheme.Presented{}, signing, 0) != nil {
		t.Error("a scheme without a time")
	}
}

// TestRule6WireFormIsExact: whatever stands before, between or behind the captures must be there as declared.
func TestRule6WireFormIsExact(t *testing.T) {
	d := finci()
	d.Wire = []scheme.WireHeader{{Name: "Authorization", Template: `V1 id="{key_id}",t={ts},sig="{sig}"`}}
	p := newPolicy(t, d)
	good := p.r.Header["Authorization"][0]
	p.allow("as signed", nothing)
	for what, value := range map[string]string{
		"text behind": good + "x", "a parameter behind": good + `,x="1"`, "a blank behind": good + " ", "a blank before": " " + good, "cut": good[:len(good)-1],
		"another scheme": "V2" + good[2:], "scheme in lower case": "v1" + good[2:], "two blanks": strings.Replace(good, " ", "  ", 1),
		"two ids": strings.Replace(good, `id="token-1"`, `id="a",id="token-1"`, 1), "another order": `V1 t=1763625600,id="token-1",` + good[strings.Index(good, "sig="):],
		"no quotation marks": strings.ReplaceAll(good, `"`, ""), "empty": "", "prefix only": "V1 ", "two in one": good + "," + good,
	} {
		p.refuse(scheme.FaultMalformed, what, header("Authorization", value))
	}
}

func TestSignerCannotWriteTheSeparatorIntoAValue(t *testing.T) {
	d := finci()
	d.Wire[0] = scheme.WireHeader{Name: "X-Auth", Template: "{key_id}:{ts}"}
	d.Wire = append(d.Wire[:1], d.Wire[2])
	s := mustCompile(t, d)
	k := mustKey(t, s, "secret")
	if _, err := s.Sign(&k, &scheme.Request{Method: "GET", Target: "/"}, scheme.Claims{KeyID: "a:b", Time: signing}); err == nil {
		t.Error("a key id with the separator is signed")
	}
	if _, err := s.Sign(&k, &scheme.Request{Method: "GET", Target: "/"}, scheme.Claims{KeyID: "a/b", Time: signing}); err != nil {
		t.Error(err)
	}
}

func TestSignerIsTold(t *testing.T) {
	s := mustCompile(t, nonced())
	k := mustKey(t, s, "secret")
	good := scheme.Claims{KeyID: "k", Time: signing, Nonce: "0123456789abcdef"}
	for what, change := range map[string]func(*scheme.Claims){
		"no key id":             func(c *scheme.Claims) { c.KeyID = "" },
		"a bad key id":          func(c *scheme.Claims) { c.KeyID = "a b" },
		"no time":               func(c *scheme.Claims) { c.Time = time.Time{} },
		"a time of nine digits": func(c *scheme.Claims) { c.Time = time.Unix(999, 0) },
		"no nonce":              func(c *scheme.Claims) { c.Nonce = "" },
	} {
		c := good
		change(&c)
		_, err := s.Sign(&k, &scheme.Request{Method: "GET", Target: "/"}, c)
		fault, ok := err.(*scheme.Fault)
		if !ok || fault.Kind != scheme.FaultUnsignable {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.Sign(&scheme.Key{}, &scheme.Request{Method: "GET", Target: "/"}, good); err == nil {
		t.Error("the zero key signs")
	}
	if _, err := s.Sign(&k, &scheme.Request{Method: "get", Target: "/"}, good); err == nil {
		t.Error("a lower-case method is signed")
	}
}
