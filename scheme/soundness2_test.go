package scheme_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"countersign.dev/scheme"
)

// parts2 are values of language 2, each with how to read back what it signs.
func parts2() []part {
	optional := func(n string) func(*scheme.Request, *scheme.Presented) string {
		return func(r *scheme.Request, _ *scheme.Presented) string { return fmt.Sprintf("%q", r.Header[n]) }
	}
	body := func(r *scheme.Request, _ *scheme.Presented) string { return string(r.Body) }
	method := func(r *scheme.Request, _ *scheme.Presented) string { return r.Method }
	two := func(r *scheme.Request, _ *scheme.Presented) string {
		return fmt.Sprintf("%q %q", r.Header["X-A"], r.Header["X-C"])
	}
	return append(parts(),
		part{call("or", head("x-c"), lit("")), optional("X-C")},
		part{call("or", head("x-c"), lit("A")), optional("X-C")},
		part{call("when", name("body"), call("hex", call("sha1", name("body")))), body},
		part{call("when", name("body"), name("body"), lit("A")), body},
		part{call("when", call("eq", name("method"), lit("A")), lit("A"), name("method")), method},
		part{call("or", name("body"), lit("AA")), body},
		part{call("slice", name("body"), scheme.Expr{Kind: scheme.Number, Text: "0"}, scheme.Expr{Kind: scheme.Number, Text: "1"}), body},
		part{call("strip_ws", name("body")), body},
		part{call("trim", name("body")), body},
		part{call("after", name("target"), lit("/")), func(r *scheme.Request, _ *scheme.Presented) string { return r.Target }},
		part{call("headers", lit("x-a,x-c")), two},
		part{scheme.Expr{Kind: scheme.Call, Text: "headers", Args: []scheme.Expr{lit("x-a,x-c")}, Options: []scheme.Option{{Name: "absent", Value: "skip"}, {Name: "tail", Value: "\n"}}}, two},
		part{call("headers", lit("x-a*")), func(r *scheme.Request, _ *scheme.Presented) string { return r.Header["X-A"][0] }},
		part{call("hmac", lit("k"), name("body")), body},
		part{call("len", name("body")), body},
	)
}

// universe2 adds a header that may be missing to the requests made of bytes that parts could steal from each other.
func universe2(s *scheme.Scheme, k *scheme.Key) []scheme.Request {
	var out []scheme.Request
	for _, method := range []string{"A", "AA"} {
		for _, target := range []string{"/", "/A", "/?", "/?A", "//", "/."} {
			for _, body := range []string{"", "{", "A", "AA", " A", "/", ".", "\n", "{\n/"} {
				for _, h := range [][]string{{"A", "/"}, {"/", "A"}, {"A"}, {"A\tA", "A"}, {"A", "A"}, {"A", "||"}} {
					r := scheme.Request{Method: method, Target: target, Body: []byte(body), Header: map[string][]string{"X-A": h[:1], "X-B": {"A"}}}
					if len(h) > 1 {
						r.Header["X-C"] = h[1:]
					}
					fields, err := s.Sign(k, &r, scheme.Claims{KeyID: "k", Time: signing})
					if err != nil {
						continue
					}
					set(&r, fields)
					out = append(out, r)
				}
			}
		}
	}
	return out
}

func collision2(t *testing.T, s *scheme.Scheme, used []part) string {
	t.Helper()
	k := mustKey(t, s, "secret")
	seen := map[string]string{}
	for _, r := range universe2(s, &k) {
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

// TestRule3ProofOfLanguage2IsSound composes messages out of conditions, lists and functions that lose something. Where Compile says that nothing is lost, no two
// requests that differ in what was used may share the bytes.
func TestRule3ProofOfLanguage2IsSound(t *testing.T) {
	all := parts2()
	proven, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var message []scheme.Expr
		var used []part
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			u := all[rapid.IntRange(0, len(all)-1).Draw(rt, "part")]
			message, used = append(message, u.expr), append(used, u)
			if sep := rapid.SampledFrom([]string{"", "\n", "\n", ".", "|", "/", "A", " "}).Draw(rt, "separator"); sep != "" {
				message = append(message, lit(sep))
			}
		}
		s := compileTwo(cat(message...))
		if s == nil {
			refused++
			return
		}
		proven++
		if found := collision2(t, s, used); found != "" {
			rt.Fatalf("%+v: %s", message, found)
		}
	})
	if proven < 10 || refused < 10 {
		t.Errorf("%d messages proven, %d refused: the test says little", proven, refused)
	}
}

// compileTwo compiles for language 2, listing as uncovered what is, and returns nil for an ambiguous message.
func compileTwo(message scheme.Expr) *scheme.Scheme {
	d := with(message)
	d.Language = 2
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
