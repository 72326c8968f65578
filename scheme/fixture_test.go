package scheme_test

import (
	"net/textproto"
	"testing"
	"time"

	"countersign.dev/scheme"
)

// The expression tree of the tests, written as short as the language.
func lit(text string) scheme.Expr      { return scheme.Expr{Kind: scheme.Literal, Text: text} }
func name(n string) scheme.Expr        { return scheme.Expr{Kind: scheme.Name, Text: n} }
func head(n string) scheme.Expr        { return scheme.Expr{Kind: scheme.Header, Text: n} }
func cat(a ...scheme.Expr) scheme.Expr { return scheme.Expr{Kind: scheme.Concat, Args: a} }
func call(f string, a ...scheme.Expr) scheme.Expr {
	return scheme.Expr{Kind: scheme.Call, Text: f, Args: a}
}

// finci is the shape of the library's finci profile.
func finci() scheme.Definition {
	return scheme.Definition{
		Name: "finci", Algorithm: "hmac-sha256",
		Message: cat(name("ts"), name("method"), name("target"), name("body")),
		Wire:    []scheme.WireHeader{{"X-Auth-Token", "{key_id}"}, {"X-Auth-Timestamp", "{ts}"}, {"X-Auth-Signature", "{sig}"}},
		Time:    &scheme.TimeRule{Format: "unix", Window: 300 * time.Second},
	}
}

// with returns finci with another message.
func with(message scheme.Expr, change ...func(*scheme.Definition)) scheme.Definition {
	d := finci()
	d.Message = message
	for _, c := range change {
		c(&d)
	}
	return d
}

// separated is finci with sep between its parts.
func separated(sep string) scheme.Definition {
	return with(call("join", lit(sep), name("ts"), name("method"), name("target"), name("body")))
}

func uncovered(words ...string) func(*scheme.Definition) {
	return func(d *scheme.Definition) { d.Uncovered = words }
}

func mustCompile(t testing.TB, d scheme.Definition) *scheme.Scheme {
	t.Helper()
	s, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustKey(t testing.TB, s *scheme.Scheme, secret string) scheme.Key {
	t.Helper()
	k, err := s.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signing is the moment at which the tests sign.
var signing = time.Unix(1763625600, 0)

// set puts signed fields on a request.
func set(r *scheme.Request, fields []scheme.Field) {
	if r.Header == nil {
		r.Header = map[string][]string{}
	}
	for _, f := range fields {
		r.Header[textproto.CanonicalMIMEHeaderKey(f.Name)] = []string{f.Value}
	}
}

// signedRequest is a request that the scheme accepts.
func signedRequest(t testing.TB, d scheme.Definition, body []byte) (*scheme.Scheme, scheme.Key, scheme.Request) {
	t.Helper()
	s := mustCompile(t, d)
	k := mustKey(t, s, "benchmark-secret")
	r := scheme.Request{Method: "POST", Target: "/api/v1/get-cards?page=2", Scheme: "https", Host: "api.example", Body: body}
	sign(t, s, &k, &r)
	return s, k, r
}

func sign(t testing.TB, s *scheme.Scheme, k *scheme.Key, r *scheme.Request) {
	t.Helper()
	fields, err := s.Sign(k, r, scheme.Claims{KeyID: "token-1", Time: signing, Nonce: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	set(r, fields)
}

// check parses and verifies.
func check(s *scheme.Scheme, k *scheme.Key, r *scheme.Request) *scheme.Fault {
	var p scheme.Presented
	if f := s.Parse(r, &p); f != nil {
		return f
	}
	return s.Verify(k, r, &p, nil)
}
