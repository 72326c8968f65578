package scheme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"countersign.dev/scheme"
)

// FuzzParse offers hostile headers. Whatever is accepted must be what an independent HMAC over the same values says.
func FuzzParse(f *testing.F) {
	good := hex.EncodeToString(hmacOf("1763625600POST/a{}"))
	f.Add("POST", "/a", "token-1", "1763625600", good, []byte("{}"))
	f.Add("POST", "/a", "token-1", "1763625600", strings.ToUpper(good), []byte("{}"))
	f.Add("", "", "", "", "", []byte(nil))
	f.Add("POST", "/a?[", "a,b", "+763625600", good[:63], []byte("1"))
	f.Add("post", "//", "\x00", "٣٣٣٣٣", "zz", []byte("\xff"))
	s := mustCompile(f, finci())
	k := mustKey(f, s, "fuzz-secret")
	f.Fuzz(func(t *testing.T, method, target, id, ts, sig string, body []byte) {
		r := scheme.Request{Method: method, Target: target, Body: body,
			Header: map[string][]string{"X-Auth-Token": {id}, "X-Auth-Timestamp": {ts}, "X-Auth-Signature": {sig}}}
		var p scheme.Presented
		if f := s.Parse(&r, &p); f != nil {
			if f.Kind != scheme.FaultMalformed {
				t.Fatalf("%v", f)
			}
			return
		}
		want := hex.EncodeToString(hmacOf(ts + method + target + string(body)))
		fault := s.Verify(&k, &r, &p, nil)
		if accepted := fault == nil; accepted && !strings.EqualFold(want, sig) || !accepted && fault.Kind == scheme.FaultMismatch && strings.EqualFold(want, sig) {
			t.Fatalf("%q: %v, want %s", sig, fault, want)
		}
	})
}

func hmacOf(message string) []byte {
	h := hmac.New(sha256.New, []byte("fuzz-secret"))
	h.Write([]byte(message))
	return h.Sum(nil)
}

// FuzzWire offers templates and header values. What is captured, put back into the template, must be the value again.
func FuzzWire(f *testing.F) {
	sig := strings.Repeat("ab", 32)
	f.Add("t={ts},v1={sig}", "t=1763625600,v1="+sig)
	f.Add(`Signature keyId="{key_id}",ts={ts},sig="{sig}"`, `Signature keyId="k/e:y",ts=1763625600,sig="`+sig+`"`)
	f.Add("{key_id}:{ts}:{sig}", "a:b:1763625600:"+sig)
	f.Add("{sig}{ts}", "")
	f.Add("{{sig}}", "{"+sig+"}")
	f.Add("{", "")
	f.Fuzz(func(t *testing.T, template, value string) {
		d := finci()
		d.Wire = []scheme.WireHeader{{Name: "X", Template: template}}
		s, err := scheme.Compile(d)
		if err != nil {
			return
		}
		r := scheme.Request{Method: "GET", Target: "/", Header: map[string][]string{"X": {value}}}
		var p scheme.Presented
		if s.Parse(&r, &p) != nil {
			return
		}
		at := strings.Index(template, "{sig}")
		before := strings.NewReplacer("{key_id}", p.KeyID, "{ts}", p.TimeText)
		start := len(before.Replace(template[:at]))
		if len(value) < start+64 {
			t.Fatalf("%q does not fit %q", value, template)
		}
		again := before.Replace(template[:at]) + value[start:start+64] + before.Replace(template[at+5:])
		if again != value {
			t.Fatalf("%q is read from %q as %q", template, value, again)
		}
	})
}

// FuzzSignature offers texts for every kind of signature encoding: what is accepted must be the one spelling, but for the
// case of hex and of percent escapes.
func FuzzSignature(f *testing.F) {
	mac := name("mac")
	kinds := []scheme.Expr{call("hex", mac), call("upper", call("hex", mac)), call("b64", mac), call("b64url", mac),
		{Kind: scheme.Call, Text: "b64url", Args: []scheme.Expr{mac}, Options: []scheme.Option{{Name: "pad", Value: "0"}}},
		call("pct", call("b64", mac)), call("b64", call("hex", mac))}
	type kind struct {
		s    *scheme.Scheme
		k    scheme.Key
		good string
	}
	var all []kind
	r := scheme.Request{Method: "GET", Target: "/"}
	for i, e := range kinds {
		d := finci()
		d.Signature = e
		s := mustCompile(f, d)
		k := mustKey(f, s, "fuzz-secret")
		sign(f, s, &k, &r)
		all = append(all, kind{s, k, r.Header["X-Auth-Signature"][0]})
		f.Add(uint8(i), all[i].good)
		f.Add(uint8(i), all[i].good[:len(all[i].good)-1])
		f.Add(uint8(i), all[i].good+"=")
		f.Add(uint8(i), strings.ToLower(all[i].good))
	}
	f.Fuzz(func(t *testing.T, i uint8, text string) {
		kind := all[int(i)%len(all)]
		r := scheme.Request{Method: "GET", Target: "/", Header: map[string][]string{"X-Auth-Token": {"token-1"}, "X-Auth-Timestamp": {"1763625600"}, "X-Auth-Signature": {text}}}
		accepted := check(kind.s, &kind.k, &r) == nil
		folds := int(i)%len(all) < 2 && strings.EqualFold(text, kind.good)
		pct := int(i)%len(all) == 5 && strings.EqualFold(text, kind.good) && strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "%2b", "%2B"), "%2f", "%2F"), "%3d", "%3D") == kind.good
		inner, err := base64.StdEncoding.Strict().DecodeString(text) // of hex, which has two cases
		outer, _ := base64.StdEncoding.DecodeString(kind.good)
		nested := int(i)%len(all) == 6 && err == nil && !strings.ContainsAny(text, "\r\n") && strings.EqualFold(string(inner), string(outer))
		if accepted != (text == kind.good || folds || pct || nested) {
			t.Fatalf("%q: accepted=%v, the signature is %q", text, accepted, kind.good)
		}
	})
}
