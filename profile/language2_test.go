package profile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/profile"
	"countersign.dev/scheme"
)

var now = time.Unix(1763625600, 0)

// two is a profile of language 2.
func two(t *testing.T, lines ...string) *scheme.Scheme {
	t.Helper()
	p, err := profile.Parse("two.yaml", []byte("profile: two\nlanguage: 2\n"+strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyOf(t *testing.T, s *scheme.Scheme, secret string) *scheme.Key {
	t.Helper()
	k, err := s.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func claims() scheme.Claims {
	return scheme.Claims{KeyID: "key-1", Time: now, Nonce: "0123456789abcdef"}
}

// signed is the request with what signing puts on it.
func signed(t *testing.T, s *scheme.Scheme, k *scheme.Key, r scheme.Request) scheme.Request {
	t.Helper()
	fields, err := s.Sign(k, &r, claims())
	if err != nil {
		t.Fatal(err)
	}
	out, err := scheme.Apply(&r, fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// expect checks a request at the time of signing.
func expect(t *testing.T, s *scheme.Scheme, k *scheme.Key, r scheme.Request, want string) {
	t.Helper()
	got := "accept"
	if _, f := s.Check([]*scheme.Key{k}, &r, now, 0); f != nil {
		got = f.Kind.String()
	}
	if got != want {
		t.Errorf("%s, want %s: %s %q %q", got, want, r.Target, r.Header, r.Body)
	}
}

const queryProfile = `algorithm: hmac-sha256
message: join('\n', method, path, params('query', sort='pair', enc='rfc3986'), hex(sha256(body)))
wire_query: {key: "{key_id}", ts: "{ts}", sig: "{sig}"}
time: {window: 60s}
ambiguous: spelling`

func TestSignatureInTheQuery(t *testing.T) {
	s := two(t, queryProfile)
	k := keyOf(t, s, "secret")
	good := signed(t, s, k, scheme.Request{Method: "POST", Target: "/a?z=1&b=a%20b", Body: []byte("x")})
	expect(t, s, k, good, "accept")
	for change, want := range map[string]string{
		good.Target + "&z=2":                                                          "mismatch",
		good.Target + "&sig=00":                                                       "duplicate",
		good.Target + "&key=k":                                                        "duplicate",
		strings.Replace(good.Target, "b=a%20b", "b=a+b", 1):                           "accept", // a spelling
		strings.Replace(good.Target, "z=1&b=a%20b", "b=a%20b&z=1", 1):                 "accept", // the order
		strings.Replace(good.Target, "z=1", "z=%1", 1):                                "malformed",
		strings.Replace(good.Target, "ts=1763625600", "ts=1763625601", 1):             "mismatch",
		strings.Replace(good.Target, "ts=1763625600", "ts=1763625000", 1):             "stale",
		strings.Replace(good.Target, "ts=1763625600", "tz=1763625600", 1):             "missing",
		"/a?" + strings.Repeat("p=1&", 1001) + strings.SplitN(good.Target, "?", 2)[1]: "malformed",
	} {
		r := good
		r.Target = change
		expect(t, s, k, r, want)
	}
}

// TestRule3SignatureMustStandLast: where the query is signed as it stands, moving the signature in it would not be seen.
func TestRule3SignatureMustStandLast(t *testing.T) {
	s := two(t, "algorithm: hmac-sha256", "message: target", `wire_query: {sig: "{sig}"}`, "uncovered: [method, body, time]")
	k := keyOf(t, s, "secret")
	good := signed(t, s, k, scheme.Request{Method: "GET", Target: "/a?b=1"})
	expect(t, s, k, good, "accept")
	_, sig, _ := strings.Cut(good.Target, "&")
	good.Target = "/a?" + sig + "&b=1"
	expect(t, s, k, good, "malformed")
	bare := signed(t, s, k, scheme.Request{Method: "GET", Target: "/a"})
	expect(t, s, k, bare, "accept")
}

// TestRule1TimeInTheBodyIsNotFreshUntilRead: what nobody has read yet is not fresh.
func TestRule1TimeInTheBodyIsNotFreshUntilRead(t *testing.T) {
	s := two(t, "algorithm: hmac-sha256", "message: params('form', sort='key')", `wire_form: {ts: "{ts}", sig: "{sig}"}`, "time: {window: 60s}",
		"uncovered: [method, path, query]", "ambiguous: accept")
	k := keyOf(t, s, "secret")
	r := signed(t, s, k, scheme.Request{Method: "POST", Target: "/", Body: []byte("a=1")})
	if !s.InBody() {
		t.Error("InBody says no")
	}
	var p scheme.Presented
	if f := s.Parse(&r, &p); f != nil {
		t.Fatal(f)
	}
	if f := s.Fresh(&p, now, 0); f == nil {
		t.Error("a time that has not been read is fresh")
	}
	if f := s.ParseBody(&r, &p); f != nil {
		t.Fatal(f)
	}
	if f := s.Fresh(&p, now.Add(time.Minute), 0); f != nil {
		t.Error(f)
	}
	if f := s.Fresh(&p, now.Add(time.Minute+time.Second), 0); f == nil || f.Kind != scheme.FaultStale {
		t.Error(f)
	}
	expect(t, s, k, r, "accept")
	r.Body = []byte(strings.Replace(string(r.Body), "a=1", "a=2", 1))
	expect(t, s, k, r, "mismatch")
	r.Header = map[string][]string{"Content-Type": {"application/json"}}
	expect(t, s, k, r, "malformed")
}

func TestRule1ExpiryAndChosenWindow(t *testing.T) {
	expiry := two(t, "algorithm: hmac-sha256", "message: join('\\n', ts, method, target, body)", `wire: {T: "{ts}", S: "{sig}"}`, "time: {kind: expires, window: 60s}")
	chosen := two(t, "algorithm: hmac-sha256", "message: join('\\n', ts, method, target, body)", `wire: {T: "{ts}", S: "{sig}"}`,
		"time: {window: 30s, chosen: q.valid, unit: s, most: 100s}")
	for _, c := range []struct {
		s      *scheme.Scheme
		target string
		after  time.Duration
		want   string
	}{
		{expiry, "/", 0, "accept"}, {expiry, "/", time.Minute, "accept"}, {expiry, "/", 61 * time.Second, "stale"}, {expiry, "/", -time.Second, "future"},
		{chosen, "/", 30 * time.Second, "accept"}, {chosen, "/", 31 * time.Second, "stale"}, {chosen, "/?valid=5", 6 * time.Second, "stale"},
		{chosen, "/?valid=90", 90 * time.Second, "accept"}, {chosen, "/?valid=900", 100 * time.Second, "accept"}, {chosen, "/?valid=900", 101 * time.Second, "stale"},
		{chosen, "/?valid=900", -31 * time.Second, "future"}, {chosen, "/?valid=999999999", 101 * time.Second, "stale"},
	} {
		k := keyOf(t, c.s, "secret")
		r := signed(t, c.s, k, scheme.Request{Method: "GET", Target: c.target})
		got := "accept"
		if _, f := c.s.Check([]*scheme.Key{k}, &r, now.Add(c.after), 0); f != nil {
			got = f.Kind.String()
		}
		if got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.target, c.after, got, c.want)
		}
	}
	k := keyOf(t, chosen, "secret")
	for _, target := range []string{"/?valid=x", "/?valid=-1", "/?valid=1&valid=2", "/?valid=9999999999"} {
		if _, err := chosen.Sign(k, &scheme.Request{Method: "GET", Target: target}, claims()); err == nil {
			t.Errorf("%s is signed", target)
		}
	}
}

// TestRule2ChecksCoverTheBody: a digest header covers the body only because it is computed again.
func TestRule2ChecksCoverTheBody(t *testing.T) {
	lines := []string{"algorithm: hmac-sha256", "message: join('\\n', method, target, h.digest)", `wire: {S: "{sig}"}`, `checks: ["h.digest == hex(sha256(body))"]`, "uncovered: [time]"}
	s := two(t, lines...)
	k := keyOf(t, s, "secret")
	digest := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	r := signed(t, s, k, scheme.Request{Method: "GET", Target: "/", Header: map[string][]string{"Digest": {digest}}})
	expect(t, s, k, r, "accept")
	r.Body = []byte("x")
	expect(t, s, k, r, "mismatch")
	lines[1] = "message: join('\\n', method, target)"
	if _, err := profile.Parse("two.yaml", []byte("profile: two\nlanguage: 2\n"+strings.Join(lines, "\n"))); err == nil || !strings.Contains(err.Error(), "the body is not signed") {
		t.Error("a check against a header that is not signed counts:", err)
	}
}

// TestRule5DeclaredListNeedsItsMinimum: a sender that chooses what it signs must not choose nothing.
func TestRule5DeclaredListNeedsItsMinimum(t *testing.T) {
	s := two(t, "algorithm: hmac-sha256", "message: join('\\n', method, target, headers(v.signed), v.signed, hex(sha256(body)))", "vars: {signed: {list: ';', must: [host, x-a]}}",
		`wire: {X-Signed: "{signed}", S: "{sig}"}`, "uncovered: [time]")
	k := keyOf(t, s, "secret")
	request := func(list string) scheme.Request {
		return scheme.Request{Method: "GET", Target: "/", Host: "h", Header: map[string][]string{"X-A": {"1"}}, Vars: map[string]string{"signed": list}}
	}
	r := signed(t, s, k, request("host;x-a"))
	r.Vars = nil
	expect(t, s, k, r, "accept")
	for _, list := range []string{"host", "x-a", "host;x-a;x-a", "host;;x-a", "host;x-a;s", "host;x-a;x-none", "", "host,x-a"} {
		if _, err := s.Sign(k, func() *scheme.Request { r := request(list); return &r }(), claims()); err == nil {
			t.Errorf("%q is signed", list)
		}
		changed := r
		changed.Header = map[string][]string{"X-A": {"1"}, "X-Signed": {list}, "S": r.Header["S"]}
		if _, f := s.Check([]*scheme.Key{k}, &changed, now, 0); f == nil {
			t.Errorf("%q is accepted", list)
		}
	}
	r.Header["X-A"][0] = "2"
	expect(t, s, k, r, "mismatch")
}

func TestSeveralSignaturesAndSecrets(t *testing.T) {
	s := two(t, "kind: webhook", "algorithm: hmac-sha256", "message: ts + '.' + body", `wire: {Sig: "t={ts},v1={sig}"}`, `several: {sep: ",", also: [Sig-Old]}`, "time: {window: 5m}")
	old, newer, other := keyOf(t, s, "old"), keyOf(t, s, "new"), keyOf(t, s, "other")
	r := signed(t, s, old, scheme.Request{Method: "POST", Target: "/", Body: []byte("{}")})
	first := strings.TrimPrefix(r.Header["Sig"][0], "t=1763625600,")
	second := strings.TrimPrefix(signed(t, s, newer, scheme.Request{Method: "POST", Target: "/", Body: []byte("{}")}).Header["Sig"][0], "t=1763625600,")
	for _, c := range []struct {
		header string
		want   int
	}{
		{"t=1763625600," + first, 0}, {"t=1763625600," + second, 1}, {"t=1763625600," + second + "," + first, 0}, {second + ", t=1763625600", 1},
		{"t=1763625600,v0=zz,v2=,nonsense," + second, 1}, {"t=1763625600", -1}, {first, -1}, {"t=1763625600,t=1763625600," + first, -1},
		{"t=1763625600,v1=zz," + first, -1}, {"t=1763625600," + strings.Repeat(first+",", 9) + "x=", -1}, {"t=1763625600," + strings.Repeat("x,", 70) + first, -1},
		{"t=1763625600," + strings.ReplaceAll(first, "v1", "v3"), -1},
	} {
		r.Header["Sig"] = []string{c.header}
		got, f := s.Check([]*scheme.Key{old, nil, newer}, &r, now, 0)
		if c.want == 1 {
			c.want = 2
		}
		if got != c.want || (f == nil) != (got >= 0) {
			t.Errorf("%s: %d, want %d (%v)", c.header, got, c.want, f)
		}
	}
	r.Header = map[string][]string{"Sig": {"t=1763625600," + first}, "Sig-Old": {"t=1763625600," + second}}
	if got, _ := s.Check([]*scheme.Key{newer}, &r, now, 0); got != 0 {
		t.Error("the signature in the other header is not looked at")
	}
	if _, f := s.Check([]*scheme.Key{other}, &r, now, 0); f == nil || f.Kind != scheme.FaultMismatch {
		t.Error(f)
	}
	r.Header["Sig-Old"][0] = "t=1763625601," + second
	if got, _ := s.Check([]*scheme.Key{newer}, &r, now, 0); got >= 0 {
		t.Error("two headers disagree on the time")
	}
}

// TestRule4KeysOfOneKindFitNoOther: a key that holds the secret has no states, and must not pass for one whose states are zero.
func TestRule4KeysOfOneKindFitNoOther(t *testing.T) {
	tail := []string{`wire: {S: "{sig}"}`, "uncovered: [method, path, query, time]"}
	fixed := two(t, append([]string{"algorithm: hmac-sha256", "message: body"}, tail...)...)
	derived := two(t, append([]string{"algorithm: hmac-sha256", "message: body", "key: hmac(secret, method)"}, "uncovered: [path, query, time]", tail[0])...)
	plain := two(t, append([]string{"algorithm: sha256", "message: secret + body"}, tail...)...)
	for _, s := range []*scheme.Scheme{fixed, derived, plain} {
		for i, other := range []*scheme.Scheme{fixed, derived, plain} {
			k := keyOf(t, other, "secret")
			r := signed(t, s, keyOf(t, s, "secret"), scheme.Request{Method: "GET", Target: "/", Body: []byte("{}")})
			_, f := s.Check([]*scheme.Key{k}, &r, now, 0)
			if (f == nil) != (s == other) && !(s != fixed && other != fixed) {
				t.Errorf("scheme with key of %d: %v", i, f)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", *k, *k, *k, k); strings.Contains(text, "secret") || strings.Contains(text, "115 101") {
				t.Error("a key shows its secret")
			}
		}
	}
}

func TestSecretsOfSeveralParts(t *testing.T) {
	s := two(t, "algorithm: hmac-sha1", "message: body", "key: pct(secret) + '&' + secret.token", "secrets: [token]", `wire: {S: "{sig}"}`, "uncovered: [method, path, query, time]")
	if _, err := s.NewKey([]byte("a")); !errors.Is(err, scheme.ErrSecret) {
		t.Error(err)
	}
	k, err := s.NewKeyParts([]byte("a b"), map[string][]byte{"token": []byte("c")})
	if err != nil {
		t.Fatal(err)
	}
	plain := two(t, "algorithm: hmac-sha1", "message: body", `wire: {S: "{sig}"}`, "uncovered: [method, path, query, time]")
	r := signed(t, plain, keyOf(t, plain, "a%20b&c"), scheme.Request{Method: "GET", Target: "/", Body: []byte("x")})
	expect(t, s, &k, r, "accept")
}

// TestRule20DoubledFieldsAreRefused gives fields twice that a message names.
func TestRule20DoubledFieldsAreRefused(t *testing.T) {
	s := two(t, "kind: webhook", "algorithm: hmac-sha256", "message: join('|', q.a, or(j.b, ''), or(j.c.d, ''))", `wire: {S: "{sig}"}`, "uncovered: [body, time]", "ambiguous: accept")
	k := keyOf(t, s, "secret")
	for body, want := range map[string]string{
		`{"b":"1"}`: "accept", ` {"b" : "1" , "c":{"d":[1, 2]}} `: "accept", `{"b":"1","b":"2"}`: "malformed", `{"b":"1"`: "malformed", `{"b":"1"}x`: "malformed",
		`{"b":"\ud800"}`: "malformed", `{"b":"\ud83d\ude00"}`: "accept", `{"b":01}`: "malformed", `{"b":1.}`: "malformed", `{"b":-0.5e-3}`: "accept", `{"b":+1}`: "malformed",
		`{"b":"\x01"}`: "malformed", "{\"b\":\"\xff\"}": "malformed", "{\"b\":\"a\nb\"}": "malformed", `{"b":NaN}`: "malformed", `[1,]`: "malformed", `{,}`: "malformed", `null`: "accept", ``: "accept",
		strings.Repeat("[", 40) + strings.Repeat("]", 40): "malformed", "[" + strings.Repeat("1,", 25000) + "1]": "malformed",
	} {
		r := scheme.Request{Method: "POST", Target: "/?a=1", Body: []byte(body)}
		got := "accept"
		if _, err := s.Sign(k, &r, claims()); err != nil {
			var f *scheme.Fault
			if !errors.As(err, &f) {
				t.Fatalf("%T %v", err, err)
			}
			got = f.Kind.String()
		}
		if got != want {
			t.Errorf("%.60s: %s, want %s", body, got, want)
		}
	}
	good := signed(t, s, k, scheme.Request{Method: "POST", Target: "/?a=1", Body: []byte(`{"b":"1"}`)})
	for target, want := range map[string]string{"/?a=1&a=1": "duplicate", "/?b=1": "missing", "/?a=1&b=%zz": "malformed", "/?a=1&b=2": "accept", "/?A=1": "missing", "/?%61=1": "accept"} {
		good.Target = target
		expect(t, s, k, good, want)
	}
}

// TestVarsAreHeldAgainstEachOther: what a caller demands, what the host says and what the wire says must agree.
func TestVarsAreHeldAgainstEachOther(t *testing.T) {
	s := two(t, "algorithm: hmac-sha256", "message: join('\\n', v.account, v.region, method, target, body)", "vars: {account: {from: host, match: '{account}.example.com'}, region: {chars: a-z, max: 8}}",
		`wire: {X-Scope: "{account}/{region}", S: "{sig}"}`, "uncovered: [time]")
	k := keyOf(t, s, "secret")
	r := signed(t, s, k, scheme.Request{Method: "GET", Target: "/", Host: "acme.example.com", Vars: map[string]string{"region": "eu"}})
	for vars, want := range map[string]string{"": "accept", "eu": "accept", "us": "malformed"} {
		r.Vars = map[string]string{"region": vars}
		expect(t, s, k, r, want)
	}
	r.Vars = nil
	r.Host = "other.example.com"
	expect(t, s, k, r, "malformed")
	if _, err := s.Sign(k, &scheme.Request{Method: "GET", Target: "/", Host: "acme.example.com"}, claims()); err == nil {
		t.Error("a missing variable is signed")
	}
}

// TestOutputIsBounded: a body cannot make the evaluator do work out of proportion.
func TestOutputIsBounded(t *testing.T) {
	s := two(t, "kind: webhook", "algorithm: hmac-sha256", "message: params('flat', sort='key')", `wire: {S: "{sig}"}`, "uncovered: [time]", "ambiguous: accept")
	k := keyOf(t, s, "secret")
	name := strings.Repeat("n", 200<<10)
	body := `{"` + name + `":[` + strings.Repeat("1,", 15000) + `1]}`
	if _, err := s.Sign(k, &scheme.Request{Method: "POST", Target: "/", Body: []byte(body)}, claims()); err == nil {
		t.Error("3 GB of paths are signed")
	}
}

// TestRule35Language2ErrorsSayWhere is the table of what language 2 refuses, with line, column and hint.
func TestRule35Language2ErrorsSayWhere(t *testing.T) {
	file := func(lines ...string) string {
		return "profile: two\nlanguage: 2\nalgorithm: hmac-sha256\n" + strings.Join(lines, "\n")
	}
	msg := func(m string) string {
		return file("message: "+m, `wire: {X-T: "{ts}", X-S: "{sig}"}`, "time: {}", "vars: {id: {max: 9}}")
	}
	expectErrors(t, []refused{
		{msg("ts + method + target + v.idd"), `demo.yaml:4:33: unknown variable "idd" (did you mean "id"?)`},
		{msg("ts + method + id"), `demo.yaml:4:24: unknown name "id" (a variable is written v.id)`},
		{msg("ts + prams('query')"), `demo.yaml:4:15: unknown function "prams" (did you mean "params"?)`},
		{msg("params('qery')"), `demo.yaml:4:17: unknown source "qery" (query, form, form?, json, flat`},
		{msg("params('query', srt='key')"), `demo.yaml:4:26: params has no option "srt" (did you mean "sort"?)`},
		{msg("params('query', sort='kye')"), `demo.yaml:4:26: unknown value of sort (did you mean "key"?)`},
		{msg("params('query', sort='key', sort='key')"), `option "sort" is given twice`},
		{msg("params('query', method)"), "only param('name', value) can be added to params"},
		{msg("headers('x y')"), "headers lists names"},
		{msg("headers(v.id)"), "the variable is not a list"},
		{msg("slice(ts, 5, 5)"), "demo.yaml:4:23: a whole number from 6 to 8192 is wanted here"},
		{msg("head(body, 'x')"), "a whole number from 1 to"},
		{msg("date(body, '%Y')"), "date formats the checked time"},
		{msg("date(ts, '%Q')"), "unknown date pattern (%Y %y"},
		{msg("hmac('k', body, alg='sha7')"), `unknown hash "sha7"`},
		{msg("q.a + x.b"), `demo.yaml:4:16: unknown name space "x." (h.header, q.parameter`},
		{msg("secret.part + body"), `unknown part of the secret "part"`},
		{msg("b64(body, enc='js')"), `b64 has no option "enc"`},
		{msg("pct(body, enc='javascript')"), "unknown value of enc (rfc3986, form"},
		{file("message: body", `wire: {X-S: "{sg}"}`), `unknown capture "{sg}" (did you mean "sig"?)`},
		{file("message: body", `wire: {X-S: "{rot13:{sig}}"}`), `unknown group "{rot13:…}" (b64, b64url`},
		{file("message: body", `wire: {X-S: "{b64:{hex:{sig}}}"}`), "not inside one another"},
		{file("message: body", `wire: {X-S: "{id}"}`), `unknown capture "{id}" (declare it: vars: {id: {max: 64}})`},
		{file("message: body", `wire_form: {s: "{sig}"}`, `wire_json: {a: "x"}`), "a body is a form or JSON, not both"},
		{file("message: body", `wire_json: {s: "{sig}"}`, "uncovered: [method, path, query, time]"), "the body holds the signature"},
		{file("message: body + ts", `wire: {X-S: "{sig}"}`, "uncovered: [method, path, query, time]"), "ts is signed but no header carries it"},
		{file("message: body", "key: hmac(secret, nonce)", `wire: {X-S: "{sig}"}`, "uncovered: [method, path, query, time]"), "nonce is signed but no header carries it"},
		{file("message: body", "key: body", `wire: {X-S: "{sig}"}`), "the key does not use secret"},
		{file("message: body", `wire: {X-S: "a={sig},a={ts}"}`, "time: {}", "several: {sep: ','}"), "cannot be told apart by their beginnings"},
		{file("message: body", `wire: {X-S: "{sig}"}`, "vars: {a: {value: v.b}, b: {value: body}}"), `unknown variable "b"`},
		{file("message: body", `wire: {X-S: "{sig}"}`, "vars: {ts: {}}"), "demo.yaml:6:8: a variable's name is"},
		{file("message: body", `wire: {X-S: "{sig}"}`, "vars: {a: {value: secret}}"), `"secret" is not allowed here`},
		{file("message: body", `wire: {X-S: "{sig}"}`, "vars: {a: {from: path}}"), "from and match belong together"},
		{file("message: body", `wire: {X-S: "{sig}"}`, "vars: {a: {from: path, match: '/{b}'}}"), "match holds its own variable once"},
		{file("message: body", `wire: {X-S: "{sig}"}`, `checks: ["body"]`), "demo.yaml:6:15: a check is two expressions with == between them"},
		{file("message: body", `wire: {X-S: "{sig}"}`, `checks: ["body == h.a = 1"]`), "unexpected '='"},
		{file("message: body", `wire: {X-T: "{ts}", X-S: "{sig}"}`, "time: {chosen: q.a}"), "chosen and most belong together"},
		{file("message: body", `wire: {X-T: "{ts}", X-S: "{sig}"}`, "time: {format: '%H:%M'}"), "unknown time format"},
		{file("message: body", `wire: {X-S: "{sig}"}`, "kind: hook"), "kind is request or webhook"},
		{file(`message: join('\n', method, target, body)`, `wire: {X-S: "{sig}"}`, "uncovered: [time]", "ambiguous: accept"), "the message is less ambiguous than that (remove the line)"},
		{"profile: two\nlanguage: 2\nalgorithm: sha256\nmessage: body\nwire: {X-S: \"{sig}\"}", "a plain hash must hold the secret"},
		{"profile: two\nlanguage: 1\nalgorithm: hmac-sha256\nmessage: or(body, '')\nwire: {X-S: \"{sig}\"}", `unknown function "or" (it is one of language: 2)`},
		{"profile: two\nlanguage: 1\nalgorithm: hmac-sha256\nmessage: body\nwire: {X-S: \"{sig}\"}\nvars: {a: {}}", "vars need a later language (language: 2)"},
	})
}

// TestLanguage2Streams: a plain message passes its body on, whatever the language.
func TestLanguage2Streams(t *testing.T) {
	s := two(t, "algorithm: hmac-sha256", "message: join('\\n', ts, v.day, method, target, body)", "vars: {day: {value: \"date(ts, '%d')\"}}", `wire: {X: "{ts}/{day}/{sig}"}`, "time: {}")
	k := keyOf(t, s, "secret")
	body := strings.Repeat("body ", 20000)
	r := scheme.Request{Method: "POST", Target: "/"}
	r.Body = []byte(body)
	sent := signed(t, s, k, r)
	expect(t, s, k, sent, "accept")
	sent.Header["X"][0] = strings.Replace(sent.Header["X"][0], "/20/", "/21/", 1)
	expect(t, s, k, sent, "mismatch")

	plain := two(t, "algorithm: hmac-sha256", "message: join('\\n', ts, method, target, body)", `wire: {X: "{ts}/{sig}"}`, "time: {}")
	k = keyOf(t, plain, "secret")
	fields, err := plain.SignReader(k, &scheme.Request{Method: "POST", Target: "/"}, strings.NewReader(body), claims())
	if err != nil || !plain.Streams() {
		t.Fatal(err)
	}
	sent, _ = scheme.Apply(&scheme.Request{Method: "POST", Target: "/"}, fields)
	var p scheme.Presented
	if f := plain.Parse(&sent, &p); f != nil {
		t.Fatal(f)
	}
	if f, err := plain.VerifyReader(k, &sent, strings.NewReader(body), &p, nil); f != nil || err != nil {
		t.Error(f, err)
	}
	if f, err := plain.VerifyReader(k, &sent, strings.NewReader(body+"x"), &p, nil); f == nil || err != nil {
		t.Error("a longer body is accepted", err)
	}
}

// TestRule2SkippedParametersProveNothing: a time or nonce that is left out of the message is not signed by standing beside what is.
func TestRule2SkippedParametersProveNothing(t *testing.T) {
	head := "profile: two\nlanguage: 2\nalgorithm: hmac-sha256\nuncovered: [method, path, body]\nambiguous: accept\n"
	expectErrors(t, []refused{
		{head + `wire_query: {t: "{ts}", s: "{sig}"}` + "\ntime: {}\nmessage: params('query', sort='key', skip='t')\n", "the time is not signed"},
		{head + `wire_query: {t: "{ts}", n: "{nonce}", s: "{sig}"}` + "\ntime: {}\nmessage: params('query', sort='key', skip='n*')\n", "the nonce is not signed"},
		{head + `wire_query: {t: "{ts}", s: "{sig}"}` + "\ntime: {}\nmessage: params('query', sort='key', multi='first')\n", "the query is not signed"},
		{head + `wire_query: {t: "{ts}", s: "{sig}"}` + "\ntime: {}\nmessage: params('query', sort='key', only='t,a')\n", "the query is not signed"},
		{head + `wire_query: {t: "{ts}", s: "{sig}"}` + "\ntime: {}\nmessage: method + when(eq(method, 'GET'), query)\n", `"method" is signed, so it cannot be listed as uncovered`},
	})
}
