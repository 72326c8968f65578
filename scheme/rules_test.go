package scheme_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// refuse and allow read like a policy: a change to a good request, and what becomes of it.
type policy struct {
	t *testing.T
	s *scheme.Scheme
	k scheme.Key
	r scheme.Request
}

func newPolicy(t *testing.T, d scheme.Definition) *policy {
	s, k, r := signedRequest(t, d, []byte(`{"a":1}`))
	return &policy{t, s, k, r}
}

func (p *policy) try(change func(*scheme.Request)) *scheme.Fault {
	r := p.r
	r.Header = map[string][]string{}
	for name, values := range p.r.Header {
		r.Header[name] = append([]string(nil), values...)
	}
	change(&r)
	return check(p.s, &p.k, &r)
}

func (p *policy) allow(what string, change func(*scheme.Request)) {
	p.t.Helper()
	if f := p.try(change); f != nil {
		p.t.Errorf("%s: refused: %v", what, f)
	}
}

func (p *policy) refuse(kind scheme.FaultKind, what string, change func(*scheme.Request)) {
	p.t.Helper()
	f := p.try(change)
	if f == nil {
		p.t.Errorf("%s: accepted", what)
	} else if f.Kind != kind {
		p.t.Errorf("%s: %s (%v), want %s", what, f.Kind, f, kind)
	}
}

func header(name string, values ...string) func(*scheme.Request) {
	return func(r *scheme.Request) { r.Header[name] = values }
}

func nothing(*scheme.Request) {}

func TestRule1CheckedTimeIsTheSignedTime(t *testing.T) {
	p := newPolicy(t, finci())
	p.allow("untouched", nothing)
	for _, name := range []string{"Date", "X-Timestamp", "X-Date", "Timestamp", "X-Auth-Time"} {
		p.allow("another time header "+name, header(name, "1"))
		p.allow("two of "+name, header(name, "1", "9999999999"))
	}
	p.refuse(scheme.FaultMismatch, "dated anew", header("X-Auth-Timestamp", "1763625601"))
	p.refuse(scheme.FaultMissing, "without time", func(r *scheme.Request) { delete(r.Header, "X-Auth-Timestamp") })

	var got scheme.Presented
	if f := p.s.Parse(&p.r, &got); f != nil {
		t.Fatal(f)
	}
	canonical, err := p.s.Canonical(&p.r, &got)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(canonical), got.TimeText+"POST/") || fmt.Sprint(got.Unix) != got.TimeText {
		t.Errorf("signed %q, checked %d", canonical, got.Unix)
	}
}

func TestRule1WindowIsInclusiveAndTwoSided(t *testing.T) {
	p := newPolicy(t, finci())
	var got scheme.Presented
	if f := p.s.Parse(&p.r, &got); f != nil {
		t.Fatal(f)
	}
	for _, c := range []struct {
		shift, window time.Duration
		want          scheme.FaultKind
		detail        string
	}{
		{0, 0, 0, ""},
		{300 * time.Second, 0, 0, ""},
		{300*time.Second + 1, 0, scheme.FaultStale, "is 301 s in the past; at most 300 s is accepted"},
		{-300 * time.Second, 0, 0, ""},
		{-300*time.Second - 1, 0, scheme.FaultFuture, "is 301 s in the future; at most 300 s is accepted"},
		{812 * time.Second, 0, scheme.FaultStale, "is 812 s in the past; at most 300 s is accepted"},
		{31 * time.Second, 30 * time.Second, scheme.FaultStale, "is 31 s in the past; at most 30 s is accepted"},
		{812 * time.Second, time.Hour, 0, ""},
		{100 * 365 * 24 * time.Hour, 0, scheme.FaultStale, "is 3153600000 s in the past; at most 300 s is accepted"},
	} {
		f := p.s.Fresh(&got, signing.Add(c.shift), c.window)
		if c.want == 0 && f != nil || c.want != 0 && (f == nil || f.Kind != c.want || f.Detail != c.detail) {
			t.Errorf("shift %v window %v: %v, want %s %s", c.shift, c.window, f, c.want, c.detail)
		}
	}
}

func TestRule2UncoveredPartsAreRefusedAtLoad(t *testing.T) {
	ts, method, target, body := name("ts"), name("method"), name("target"), name("body")
	nl := lit("\n")
	for _, c := range []struct {
		lacks   string
		message scheme.Expr
	}{
		{"method", cat(ts, nl, target, nl, body)},
		{"path", cat(ts, nl, method, nl, name("query"), nl, body)},
		{"query", cat(ts, nl, method, nl, name("path"), nl, body)},
		{"body", cat(ts, nl, method, nl, target)},
		{"time", cat(method, nl, target, nl, body)},
	} {
		_, err := scheme.Compile(with(c.message))
		if err == nil || !strings.Contains(err.Error(), "the "+c.lacks+" is not signed") {
			t.Errorf("without %s: %v", c.lacks, err)
		}
		s, err := scheme.Compile(with(c.message, uncovered(c.lacks)))
		if err != nil {
			t.Errorf("without %s, admitted: %v", c.lacks, err)
		} else if !strings.Contains(strings.Join(s.Warnings(), "\n"), "not signed: "+c.lacks) {
			t.Errorf("without %s: no warning in %q", c.lacks, s.Warnings())
		}
		if _, err := scheme.Compile(with(cat(ts, nl, method, nl, target, nl, body), uncovered(c.lacks))); err == nil {
			t.Errorf("%s is signed and may be listed as uncovered", c.lacks)
		}
	}
	for _, words := range [][]string{{"header"}, {"Query"}, {""}, {"query", "query"}} {
		if _, err := scheme.Compile(with(cat(ts, nl, method, nl, name("path"), nl, body), uncovered(words...))); err == nil {
			t.Errorf("uncovered %q is accepted", words)
		}
	}
}

func TestRule2NonceMustBeSigned(t *testing.T) {
	d := finci()
	d.Wire = append(d.Wire, scheme.WireHeader{Name: "X-Nonce", Template: "{nonce}"})
	if _, err := scheme.Compile(d); err == nil || !strings.Contains(err.Error(), "nonce is not signed") {
		t.Errorf("got %v", err)
	}
}

func TestRule2EveryChangedByteIsRefused(t *testing.T) {
	for _, d := range []scheme.Definition{finci(), separated("\n"), separated("."), separated("|")} {
		p := newPolicy(t, d)
		for i := range p.r.Target[1:] {
			b := []byte(p.r.Target)
			b[i+1] ^= 1
			if f := p.try(func(r *scheme.Request) { r.Target = string(b) }); f == nil {
				t.Errorf("target %q is accepted", b)
			}
		}
		for i := range p.r.Body {
			b := []byte(string(p.r.Body))
			b[i] ^= 1
			if f := p.try(func(r *scheme.Request) { r.Body = b }); f == nil {
				t.Errorf("body %q is accepted", b)
			}
		}
		p.refuse(scheme.FaultMismatch, "another method", func(r *scheme.Request) { r.Method = "PUT" })
		p.refuse(scheme.FaultMismatch, "no body", func(r *scheme.Request) { r.Body = nil })
		other := mustKey(t, p.s, "another-secret")
		if f := check(p.s, &other, &p.r); f == nil || f.Kind != scheme.FaultMismatch {
			t.Errorf("another key: %v", f)
		}
	}
}

func TestRule3WireBytesAreSignedAsTheyAre(t *testing.T) {
	for _, pair := range [][2]string{
		{"/a%2Fb", "/a/b"}, {"/a%2fb", "/a%2Fb"}, {"/?q=a%20b", "/?q=a+b"}, {"/?a=1&b=2", "/?b=2&a=1"}, {"/a", "/a?"}, {"/a", "/a/"}, {"//a", "/a"}, {"/%61", "/a"},
	} {
		p := newPolicy(t, finci())
		p.r.Target = pair[0]
		sign(t, p.s, &p.k, &p.r)
		p.allow(pair[0], nothing)
		p.refuse(scheme.FaultMismatch, pair[1]+" for "+pair[0], func(r *scheme.Request) { r.Target = pair[1] })
	}
}

func TestRule3EmptyQueryIsNotTheSameAsNone(t *testing.T) {
	p := newPolicy(t, with(call("join", lit("\n"), name("ts"), name("method"), name("path"), name("query"), name("body"))))
	p.r.Target = "/a"
	sign(t, p.s, &p.k, &p.r)
	p.refuse(scheme.FaultMalformed, "empty query", func(r *scheme.Request) { r.Target = "/a?" })
}

func TestRule3BodyThatCouldBeTargetIsAmbiguous(t *testing.T) {
	p := newPolicy(t, finci())
	for _, body := range []string{"{", "[1]", `"x"`, " 1", "\n", "<a/>", "\xef\xbb\xbf{", "^", "`", "|"} {
		p.r.Body = []byte(body)
		sign(t, p.s, &p.k, &p.r)
		p.allow(body, nothing)
	}
	for _, body := range []string{"1", "true", "a=b", "=1", "/x", "?", "%7B", "-1", "'x'", "~", "@"} {
		p.refuse(scheme.FaultAmbiguousBody, body, func(r *scheme.Request) { r.Body = []byte(body) })
		if _, err := p.s.Sign(&p.k, &scheme.Request{Method: "POST", Target: "/", Body: []byte(body)}, scheme.Claims{KeyID: "k", Time: signing}); err == nil {
			t.Errorf("%q can be signed", body)
		}
	}
	for _, target := range []string{"/x?x=[1]", "/{a}", `/"`, "/<", "/>", "/|", "/^", "/`", "/ ", "/\\", "/\x00", "/\xc3\xa9", "/#", "x", "", "*", "http://h/"} {
		p.refuse(scheme.FaultMalformed, target, func(r *scheme.Request) { r.Target = target })
	}
	hashed := newPolicy(t, with(cat(name("ts"), name("method"), name("target"), call("hex", call("sha256", name("body"))))))
	hashed.r.Body = []byte("1")
	sign(t, hashed.s, &hashed.k, &hashed.r)
	hashed.allow("a hashed body may begin with anything", nothing)
}
