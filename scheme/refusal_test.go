package scheme_test

import (
	"fmt"
	"strings"
	"testing"

	"countersign.dev/scheme"
)

func TestRule4KeysAndFaultsRevealNothing(t *testing.T) {
	p := newPolicy(t, finci())
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if text := fmt.Sprintf(format, p.k); text != "[key]" {
			t.Errorf("%s of a key is %q", format, text)
		}
		if text := fmt.Sprintf(format, struct{ K scheme.Key }{p.k}); strings.Contains(text, "[0 ") || !strings.Contains(text, "[key]") {
			t.Errorf("%s of a struct with a key is %q", format, text)
		}
	}
	mac := p.r.Header["X-Auth-Signature"][0]
	f := p.try(func(r *scheme.Request) { r.Target = "/other" })
	if f == nil || strings.Contains(f.Error(), mac[:8]) || strings.Contains(f.Error(), "other") {
		t.Errorf("fault: %v", f)
	}
	f = p.try(header("X-Auth-Signature", mac[:20]))
	if f == nil || strings.Contains(f.Error(), mac[:8]) {
		t.Errorf("fault: %v", f)
	}
}

func TestRule4TheCredentialFixesTheAlgorithm(t *testing.T) {
	p := newPolicy(t, finci())
	d := finci()
	d.Algorithm = "hmac-sha1"
	old := mustCompile(t, d)
	k := mustKey(t, old, "benchmark-secret")
	if f := check(p.s, &k, &p.r); f == nil || f.Kind != scheme.FaultMismatch {
		t.Errorf("a key of another algorithm: %v", f)
	}
	if f := check(p.s, &scheme.Key{}, &p.r); f == nil || f.Kind != scheme.FaultMismatch {
		t.Errorf("the zero key: %v", f)
	}
	if f := p.s.Verify(&p.k, &p.r, &scheme.Presented{}, nil); f == nil || f.Kind != scheme.FaultMismatch {
		t.Errorf("the zero Presented: %v", f)
	}
	var foreign scheme.Presented
	if f := mustCompile(t, finci()).Parse(&p.r, &foreign); f != nil {
		t.Fatal(f)
	}
	if f := p.s.Verify(&p.k, &p.r, &foreign, nil); f == nil || f.Kind != scheme.FaultMismatch {
		t.Errorf("a Presented of another scheme: %v", f)
	}
}

func TestRule5ListedHeadersMustBeThere(t *testing.T) {
	d := with(call("join", lit("\n"), name("ts"), name("method"), name("target"), head("content-type"), name("body")))
	s := mustCompile(t, d)
	k := mustKey(t, s, "secret")
	r := scheme.Request{Method: "POST", Target: "/", Body: []byte("{}")}
	if _, err := s.Sign(&k, &r, scheme.Claims{KeyID: "k", Time: signing}); err == nil {
		t.Error("signed without the header")
	}
	r.Header = map[string][]string{"Content-Type": {"application/json"}}
	sign(t, s, &k, &r)
	p := &policy{t, s, k, r}
	p.allow("all there", nothing)
	for name := range r.Header {
		p.refuse(scheme.FaultMissing, "without "+name, func(r *scheme.Request) { delete(r.Header, name) })
		p.refuse(scheme.FaultMissing, "with no values of "+name, header(name))
	}
	for _, value := range []string{"", " a", "a ", "\ta", "a\n", "a\r\nb", "a\x00", strings.Repeat("a", 8193)} {
		p.refuse(scheme.FaultMalformed, fmt.Sprintf("%.10q", value), header("Content-Type", value))
	}
	p.refuse(scheme.FaultMismatch, "another type", header("Content-Type", "text/plain"))
}

func TestRule5NoHeaderShadowsADerivedPart(t *testing.T) {
	p := newPolicy(t, finci())
	for _, name := range []string{"Method", "Target", "Path", "Query", "Body", "Ts", "Url", "Host", ":path", ":method", "Key_id", "Mac", "Sig"} {
		p.allow("a header called "+name, header(name, "x"))
	}
	d := with(call("join", lit("\n"), name("ts"), name("method"), head("method"), name("target"), name("body")))
	s := mustCompile(t, d)
	if got := s.SignedHeaders(); len(got) != 1 || got[0] != "Method" {
		t.Errorf("signed headers %q", got)
	}
}

func TestRule6MalformedSignatures(t *testing.T) {
	p := newPolicy(t, finci())
	good := p.r.Header["X-Auth-Signature"][0]
	p.allow("upper-case hex", header("X-Auth-Signature", strings.ToUpper(good)))
	p.allow("mixed-case hex", header("X-Auth-Signature", strings.ToUpper(good[:9])+good[9:]))
	for what, value := range map[string]string{
		"empty": "", "one digit short": good[:63], "two digits short": good[:62], "one too many": good + "0", "two too many": good + "00",
		"not hex": "g" + good[1:], "a blank before": " " + good, "a blank behind": good + " ", "0x": "0x" + good[2:],
		"two values in one": good + "," + good, "non-ASCII": "é" + good[2:], "NUL": "\x00" + good[1:],
		"base64": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=", "very long": strings.Repeat(good, 1000),
	} {
		p.refuse(scheme.FaultMalformed, what, header("X-Auth-Signature", value))
	}
	p.refuse(scheme.FaultMismatch, "all zero", header("X-Auth-Signature", strings.Repeat("0", 64)))
	for _, ts := range []string{"", "1", "+763625600", "-763625600", " 763625600", "1763625600 ", "17636256000", "176362560", "1763625600.0", "0x69200000", "1e10", "١٢٣٤٥", "176362560\n"} {
		p.refuse(scheme.FaultMalformed, fmt.Sprintf("time %q", ts), header("X-Auth-Timestamp", ts))
	}
	for _, id := range []string{"", " ", "a b", "a,b", "a\nb", "é", strings.Repeat("k", 129)} {
		p.refuse(scheme.FaultMalformed, fmt.Sprintf("key id %.9q", id), header("X-Auth-Token", id))
	}
	for _, method := range []string{"", "post", "PO ST", "POST\n", "P0ST", strings.Repeat("A", 33)} {
		p.refuse(scheme.FaultMalformed, fmt.Sprintf("method %.9q", method), func(r *scheme.Request) { r.Method = method })
	}
}

func TestRule20AuthenticationHeaderTwice(t *testing.T) {
	d := with(call("join", lit("\n"), name("ts"), name("method"), name("target"), head("content-type"), name("body")))
	s := mustCompile(t, d)
	k := mustKey(t, s, "secret")
	r := scheme.Request{Method: "POST", Target: "/", Body: []byte("{}"), Header: map[string][]string{"Content-Type": {"application/json"}}}
	sign(t, s, &k, &r)
	p := &policy{t, s, k, r}
	for name, values := range r.Header {
		p.refuse(scheme.FaultDuplicate, "twice the same "+name, header(name, values[0], values[0]))
		p.refuse(scheme.FaultDuplicate, "a good and a bad "+name, header(name, values[0], "x"))
		p.refuse(scheme.FaultDuplicate, "a bad and a good "+name, header(name, "x", values[0]))
	}
}
