package scheme_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/scheme"
)

// part is a value of the message together with how to read it back from a request: the judge of two requests that share a canonical input.
type part struct {
	expr scheme.Expr
	of   func(r *scheme.Request, p *scheme.Presented) string
}

func cutTarget(target string) (path, query string, has bool) { return strings.Cut(target, "?") }

func parts() []part {
	hv := func(n string) func(*scheme.Request, *scheme.Presented) string {
		return func(r *scheme.Request, _ *scheme.Presented) string { return r.Header[n][0] }
	}
	body := func(r *scheme.Request, _ *scheme.Presented) string { return string(r.Body) }
	target := func(r *scheme.Request, _ *scheme.Presented) string { return r.Target }
	return []part{
		{name("method"), func(r *scheme.Request, _ *scheme.Presented) string { return r.Method }},
		{name("target"), target},
		{name("path"), func(r *scheme.Request, _ *scheme.Presented) string { p, _, _ := cutTarget(r.Target); return p }},
		{name("query"), func(r *scheme.Request, _ *scheme.Presented) string {
			_, q, has := cutTarget(r.Target)
			return fmt.Sprint(has, q)
		}},
		{name("body"), body},
		{name("ts"), func(_ *scheme.Request, p *scheme.Presented) string { return p.TimeText }},
		{head("x-a"), hv("X-A")},
		{head("x-b"), hv("X-B")},
		{call("hex", name("body")), body},
		{call("b64", name("body")), body},
		{call("pct", name("target")), target},
		{call("md5", name("body")), body},
		{call("lower", name("method")), func(r *scheme.Request, _ *scheme.Presented) string { return r.Method }},
	}
}

// universe is a small set of requests made of the bytes that parts could steal from each other.
func universe(t *testing.T, s *scheme.Scheme, k *scheme.Key) []scheme.Request {
	t.Helper()
	var out []scheme.Request
	for _, method := range []string{"A", "AA"} {
		for _, target := range []string{"/", "/A", "/?", "/?A", "//", "/.", "/./", "/?/", "/|"} {
			for _, body := range []string{"", "{", "{/", "A", "/", ".", ".{", "?A", "|", "\n", "/|", "{\n/"} {
				for _, h := range [][2]string{{"A", "/"}, {"/", "A"}, {"A/", "."}, {"A", "/."}, {"A|", "|"}, {"A", "||"}} {
					r := scheme.Request{Method: method, Target: target, Body: []byte(body), Header: map[string][]string{"X-A": {h[0]}, "X-B": {h[1]}}}
					fields, err := s.Sign(k, &r, scheme.Claims{KeyID: "k", Time: signing})
					if err != nil {
						continue // a verifier would refuse it too
					}
					set(&r, fields)
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// collision returns two requests of the universe that differ in a part of the message and share its bytes.
func collision(t *testing.T, s *scheme.Scheme, used []part) string {
	t.Helper()
	k := mustKey(t, s, "secret")
	seen := map[string]string{}
	for _, r := range universe(t, s, &k) {
		var p scheme.Presented
		if f := s.Parse(&r, &p); f != nil {
			t.Fatalf("signed and then refused: %v", f)
		}
		canonical, err := s.Canonical(&r, &p)
		if err != nil {
			t.Fatal(err)
		}
		values := ""
		for _, u := range used {
			values += fmt.Sprintf("%q ", u.of(&r, &p))
		}
		if before, met := seen[string(canonical)]; met && before != values {
			return fmt.Sprintf("%q is both %s and %s", canonical, before, values)
		}
		seen[string(canonical)] = values
	}
	return ""
}

// TestRule3ProofIsSound composes messages at random. Where Compile says that the parts can be told apart, no two requests may share the bytes.
func TestRule3ProofIsSound(t *testing.T) {
	all := parts()
	proven, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var message []scheme.Expr
		var used []part
		for range rapid.IntRange(1, 5).Draw(rt, "parts") {
			u := all[rapid.IntRange(0, len(all)-1).Draw(rt, "part")]
			message, used = append(message, u.expr), append(used, u)
			if sep := rapid.SampledFrom([]string{"", "", "\n", ".", "|", "/", "?", "A", " "}).Draw(rt, "separator"); sep != "" {
				message = append(message, lit(sep))
			}
		}
		s := compileAnyCoverage(cat(message...))
		if s == nil {
			refused++
			return
		}
		proven++
		if found := collision(t, s, used); found != "" {
			rt.Fatalf("%+v: %s", message, found)
		}
	})
	if proven < 10 || refused < 10 {
		t.Errorf("%d messages proven, %d refused: the test says little", proven, refused)
	}
}

// compileAnyCoverage lists as uncovered whatever the compiler says is not signed, and returns nil for an ambiguous message.
func compileAnyCoverage(message scheme.Expr) *scheme.Scheme {
	d := with(message)
	for range 6 {
		s, err := scheme.Compile(d)
		if err == nil {
			return s
		}
		added := false
		for _, word := range []string{"method", "path", "query", "body", "time"} {
			if strings.Contains(err.Error(), "the "+word+" is not signed") {
				d.Uncovered, added = append(d.Uncovered, word), true
			}
		}
		if !added {
			return nil
		}
	}
	return nil
}

// TestRule3SearchFindsCollisions shows that the search above can fail: it finds one in a message that is accepted as ambiguous.
func TestRule3SearchFindsCollisions(t *testing.T) {
	all := parts()
	target, body := all[1], all[4]
	s := mustCompile(t, with(cat(name("ts"), name("method"), body.expr, target.expr), func(d *scheme.Definition) { d.Ambiguous = true }))
	if collision(t, s, []part{body, target}) == "" {
		t.Error("no collision found where there are many")
	}
}
