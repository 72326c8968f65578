package scheme_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/scheme"
)

func wire(headers ...scheme.WireHeader) func(*scheme.Definition) {
	return func(d *scheme.Definition) { d.Wire = headers }
}

// refusal is a definition and a part of the error that it must give.
type refusal struct {
	d    scheme.Definition
	want string
}

func expectRefusals(t *testing.T, table []refusal) {
	t.Helper()
	for _, c := range table {
		s, err := scheme.Compile(c.d)
		var bad *scheme.CompileError
		if s != nil || !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// nested is fn applied n times.
func nested(fn string, n int, inner scheme.Expr) scheme.Expr {
	for range n {
		inner = call(fn, inner)
	}
	return inner
}

func TestCompileRefusesExpressions(t *testing.T) {
	plain := finci().Message
	deep, hexed := nested("hex", 40, name("body")), nested("hex", 5, name("target"))
	wide := cat()
	for range 70 {
		wide.Args = append(wide.Args, name("ts"))
	}
	expectRefusals(t, []refusal{
		{with(scheme.Expr{}), "message: an expression is missing"},
		{with(name("tagret")), `message: unknown name "tagret" (did you mean "target"?)`},
		{with(name("secret")), `"secret" is not allowed here`},
		{with(name("mac")), `"mac" is not allowed here`},
		{with(head("host")), "write host"},
		{with(call("sha265", name("body"))), `unknown function "sha265" (did you mean "sha256"?)`},
		{with(call("hex")), "hex takes 1 argument, not 0"},
		{with(call("hex", name("body"), name("ts"))), "hex takes 1 argument, not 2"},
		{with(call("join", name("ts"), name("body"))), "the separator must be a string literal"},
		{with(call("trim_prefix", name("body"), name("ts"))), "the prefix must be a string literal"},
		{with(deep), "nested too deeply"},
		{with(wide), "too many parts"},
		{with(cat(plain, hexed)), "message: nested encodings make a value too long"},
		{with(plain, func(d *scheme.Definition) { d.Key = call("pct", call("pct", call("pct", name("secret")))) }), "key: nested encodings"},
		{with(cat(plain, name("body"), name("body"), name("body"), name("body"))), "the body is used too often"},
		{with(cat(plain, call("hex", name("body")), call("upper", name("body")))), "the body is held in memory more than once"},
		{with(lit("x"), uncovered("method", "path", "query", "body", "time")), "holds nothing of the request"},
		{with(cat(plain, name("nonce"))), "nonce is signed but no header carries it"},
		{with(plain, func(d *scheme.Definition) { d.Key = lit("k") }), "the key does not use secret"},
		{with(plain, func(d *scheme.Definition) { d.Key = name("body") }), `"body" is not allowed here`},
		{with(plain, func(d *scheme.Definition) { d.Signature = name("mac") }), "raw bytes cannot stand in a header"},
		{with(plain, func(d *scheme.Definition) { d.Signature = call("sha256", name("mac")) }), "cannot be undone"},
		{with(plain, func(d *scheme.Definition) { d.Signature = call("upper", call("b64", name("mac"))) }), "only hex can change case"},
		{with(plain, func(d *scheme.Definition) { d.Signature = cat(lit("v1="), call("hex", name("mac"))) }), "text around it belongs on the wire"},
	})
}

func TestCompileRefusesTheRest(t *testing.T) {
	plain := finci().Message
	sig := scheme.WireHeader{Name: "X-Sig", Template: "{sig}"}
	ts := scheme.WireHeader{Name: "X-Ts", Template: "{ts}"}
	expectRefusals(t, []refusal{
		{with(plain, func(d *scheme.Definition) { d.Name = "" }), "name: a scheme needs a name"},
		{with(plain, func(d *scheme.Definition) { d.Algorithm = "hmac-sha265" }), `algorithm: unknown algorithm "hmac-sha265" (did you mean "hmac-sha256"?)`},
		{with(plain, func(d *scheme.Definition) { d.Algorithm = "none" }), "algorithm: unknown algorithm"},
		{with(plain, func(d *scheme.Definition) { d.Time.Format = "unixms" }), `unknown time format "unixms" (did you mean "unix_ms"?)`},
		{with(plain, func(d *scheme.Definition) { d.Time.Window = 0 }), "the window is out of bounds"},
		{with(plain, func(d *scheme.Definition) { d.Time.Window = 25 * time.Hour }), "the window is out of bounds"},
		{with(plain, func(d *scheme.Definition) { d.Time = nil }), "{ts} is on the wire but nothing says how it is written"},
		{with(plain, wire(ts)), "no header carries {sig}"},
		{with(plain, wire(sig)), "no header carries {ts}"},
		{with(plain, wire(sig, ts, scheme.WireHeader{Name: "X-Two", Template: "{sig}"})), "{sig} is on the wire twice"},
		{with(plain, wire(sig, ts, scheme.WireHeader{Name: "x-sig", Template: "{key_id}"})), "the header is listed twice"},
		{with(plain, wire(sig, ts, scheme.WireHeader{Name: "X Y", Template: "a"})), "a header name is"},
		{with(plain, wire(sig, ts, scheme.WireHeader{Name: "Connection", Template: "a"})), "belongs to HTTP itself"},
		{with(plain, wire(ts, scheme.WireHeader{Name: "X-Sig", Template: "{sgi}"})), `unknown capture "{sgi}" (did you mean "sig"?)`},
		{with(plain, wire(scheme.WireHeader{Name: "X-Sig", Template: "{ts}{sig}"})), "two captures touch"},
		{with(plain, wire(scheme.WireHeader{Name: "X-Sig", Template: "{ts}0{sig}"})), "the text after {ts} can occur inside it"},
		{with(plain, wire(ts, scheme.WireHeader{Name: "X-Sig", Template: "{sig"})), "a brace has no partner"},
		{with(plain, wire(ts, scheme.WireHeader{Name: "X-Sig", Template: "}{sig}"})), "a brace has no partner"},
		{with(plain, wire(ts, scheme.WireHeader{Name: "X-Sig", Template: " {sig}"})), "a template is 1 to 1024"},
		{with(plain, wire(ts, scheme.WireHeader{Name: "X-Sig", Template: ""})), "a template is 1 to 1024"},
		{with(plain, func(d *scheme.Definition) { d.Nonce = &scheme.NonceRule{} }), "no header carries {nonce}"},
		{with(plain, func(d *scheme.Definition) { d.Ambiguous = true }), "the message is not ambiguous"},
		{with(cat(name("ts"), name("method"), head("x-auth-signature"), name("target"), name("body"))), "is written by this profile"},
	})
}

// TestRule3Separation is the table of what the collision proof knows (security rule 3).
func TestRule3Separation(t *testing.T) {
	ts, method, target, path, query, body, url := name("ts"), name("method"), name("target"), name("path"), name("query"), name("body"), name("url")
	hashed := call("hex", call("sha256", body))
	none := []string{}
	for _, c := range []struct {
		what      string
		message   scheme.Expr
		uncovered []string
		ok        bool
	}{
		{"fixed, letters, target, guarded body", cat(ts, method, target, body), none, true},
		{"the time at the end", cat(method, url, body, ts), none, true},
		{"the time between target and guarded body", cat(method, target, ts, body), none, true},
		{"a dot that a target may hold, before a guarded body", cat(ts, method, target, lit("."), body), none, true},
		{"body before target", cat(ts, method, body, target), none, false},
		{"body, line feed, target", cat(ts, method, body, lit("\n"), target), none, false},
		{"target before method", cat(ts, target, method, body), none, false},
		{"target, space, method", cat(ts, target, lit(" "), method, lit(" "), body), none, true},
		{"two targets", cat(ts, method, target, path, body), none, false},
		{"path and query without the mark", cat(ts, method, path, query, lit("\n"), body), none, false},
		{"path, mark, query", cat(ts, method, path, lit("?"), query, lit("\n"), body), none, true},
		{"a header in front of a line feed", cat(ts, method, target, lit("\n"), head("x-a"), lit("\n"), body), none, true},
		{"two headers with a comma", cat(ts, method, target, lit("\n"), head("x-a"), lit(","), head("x-b"), lit("\n"), body), none, false},
		{"a header against the body", cat(ts, method, target, lit("\n"), head("x-a"), body), none, false},
		{"a hashed body", cat(ts, method, target, hashed), none, true},
		{"a hashed body in front", cat(hashed, ts, method, target), none, true},
		{"a hash of joined parts", call("hex", call("sha256", cat(ts, method, body, target))), none, false},
		{"a hash of separated parts", call("sha512", cat(ts, method, target, body)), none, true},
		{"lower-case method", cat(ts, call("lower", method), target, body), none, true},
		{"lower-case target", cat(ts, method, call("lower", target), lit("\n"), body), none, false},
		{"nothing in upper case as a separator", cat(ts, method, target, call("upper", lit("")), body, body), none, false},
		{"a separator that ends like the body can begin", cat(ts, method, target, lit(".{"), body), none, false},
		{"something that may be empty in front of letters", cat(ts, method, call("hex", body), lit("A"), target), none, false},
		{"an empty separator", call("join", lit(""), ts, method, body, target), none, false},
		{"decoded header", cat(ts, method, target, lit("\n"), call("unhex", head("x-a"))), []string{"body"}, false},
		{"percent-encoded parts with &", call("join", lit("&"), ts, method, call("pct", target), call("pct", body)), none, true},
		{"percent-encoded parts without &", cat(ts, method, call("pct", target), call("pct", body)), none, false},
		{"base64 of the body behind a star", cat(ts, method, target, lit("*"), call("b64", body)), none, false},
		{"base64 of the body behind a line feed", cat(ts, method, target, lit("\n"), call("b64", body)), none, true},
	} {
		_, err := scheme.Compile(with(c.message, uncovered(c.uncovered...)))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want ok=%v", c.what, err, c.ok)
		}
		if c.ok {
			continue
		}
		if err != nil && !strings.Contains(err.Error(), "two requests can share these bytes") {
			t.Errorf("%s: refused for another reason: %v", c.what, err)
		}
		s, err := scheme.Compile(with(c.message, uncovered(c.uncovered...), func(d *scheme.Definition) { d.Ambiguous = true }))
		if err != nil || !strings.Contains(strings.Join(s.Warnings(), "\n"), "share one canonical input") {
			t.Errorf("%s, accepted: %v", c.what, err)
		}
	}
}

func TestAccessors(t *testing.T) {
	d := with(call("join", lit("\n"), name("ts"), head("content-type"), name("body")), uncovered("method", "path", "query"))
	d.Wire = []scheme.WireHeader{{Name: "X-SIG", Template: "t={ts},v1={sig}"}}
	s := mustCompile(t, d)
	if diff := cmp.Diff([]string{"X-Sig"}, s.Headers()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Content-Type"}, s.SignedHeaders()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"method", "path", "query"}, s.Uncovered()); diff != "" {
		t.Error(diff)
	}
	s.Uncovered()[0], s.Headers()[0] = "x", "x"
	if s.Uncovered()[0] != "method" || s.Headers()[0] != "X-Sig" {
		t.Error("a caller can change a scheme")
	}
	if s.Name() != "finci" || s.Window() != 300*time.Second || s.HasNonce() || s.HasKeyID() || !s.HasTime() || !s.Streams() {
		t.Error("accessors")
	}
}
