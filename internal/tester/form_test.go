package tester_test

import (
	"errors"
	"strings"
	"testing"

	"countersign.dev/internal/tester"
)

// problems are those of a form with one change.
func problems(t *testing.T, change func(*tester.World, *tester.Form)) tester.Problems {
	t.Helper()
	w, f := world(shipped(t, "finci"), ""), form()
	w.APIs = append(w.APIs, tester.API{Name: "inner", BasePaths: []string{"/api/v1/inner"}, Profile: w.APIs[0].Profile},
		tester.API{Name: "data", BasePaths: []string{"/data"}, Tokens: &tester.Tokens{KeyHeader: "Finicity-App-Key",
			TokenHeader: "Finicity-App-Token", Endpoint: "/data/v2/auth"}})
	change(w, &f)
	c, err := tester.Build(w, f, tester.Claims{At: start})
	var p tester.Problems
	if err != nil && !errors.As(err, &p) {
		t.Fatal(err)
	}
	if (c == nil) != (len(p) > 0) {
		t.Fatalf("call %v beside problems %v", c, p)
	}
	return p
}

func token(f *tester.Form) { f.API, f.Target, f.Token = "data", "/data/v1/x", "abc" }

// set puts a value into the field of a form; "base" is the environment's base URL, and "token call" makes it a call with an access
// token first.
func set(t *testing.T, what, value string) func(*tester.World, *tester.Form) {
	return func(w *tester.World, f *tester.Form) {
		what, calls := strings.CutPrefix(what, "token call ")
		if calls {
			token(f)
		}
		field := map[string]*string{"base": &w.BaseURL, "API": &f.API, "key id": &f.KeyID, "method": &f.Method, "target": &f.Target,
			"headers": &f.Headers, "body": &f.Body, "body form": &f.BodyForm, "values": &f.Values, "token": &f.Token, "nothing": new(string)}[what]
		if field == nil {
			t.Fatalf("no field %s", what)
		}
		*field = value
	}
}

// TestRule24WhatAFormMayHold: nothing that is typed makes more than one plain request of a form, or another one.
func TestRule24WhatAFormMayHold(t *testing.T) {
	for _, tc := range []struct{ what, value, refused string }{ // refused: the field beside which it is told; empty: it is taken
		{"nothing", "", ""},
		{"API", "other", tester.FieldAPI},
		{"key id", "", tester.FieldKeyID},
		{"key id", "ab\r\nX-A: 1", tester.FieldKeyID},
		{"base", "", tester.FieldEnvironment},
		{"base", "https://a.example/x", tester.FieldEnvironment},
		{"base", "https://a.example\r\nX: 1", tester.FieldEnvironment},
		{"method", "get", tester.FieldMethod},
		{"method", "GET /x", tester.FieldMethod},
		{"method", "CONNECT", tester.FieldMethod},
		{"method", "PURGE", ""},
		{"target", "", tester.FieldTarget},
		{"target", "https://evil.example/api/v1", tester.FieldTarget},
		{"target", "/api/v1/inner/x", tester.FieldTarget}, // of another API
		{"target", "/api/v10/x", tester.FieldTarget},      // of none
		{"target", "/api/v1/x HTTP/1.1", tester.FieldTarget},
		{"target", "/api/v1/x\r\nX: 1", tester.FieldTarget},
		{"target", "/api/v1/x\x00", tester.FieldTarget},
		{"target", "/api/v1/x#y", tester.FieldTarget},
		{"target", "/api/v1/" + strings.Repeat("x", tester.MaxTarget), tester.FieldTarget},
		{"target", "/api/v1/%2e%2e//x;y", ""}, // the gateway refuses it and says why
		{"headers", "nothing", tester.FieldHeaders},
		{"headers", "A: b\rX: 1", tester.FieldHeaders},
		{"headers", "A: b\x00", tester.FieldHeaders},
		{"headers", "A : b", tester.FieldHeaders},
		{"headers", "A: b\r\n c: d", tester.FieldHeaders}, // folded
		{"headers", "A: é", tester.FieldHeaders},
		{"headers", strings.Repeat("A: b\n", tester.MaxLines+1), tester.FieldHeaders},
		{"headers", "hOst: evil.example", tester.FieldHeaders},
		{"headers", "Connection: keep-alive", tester.FieldHeaders},
		{"headers", "Content-Length: 3", tester.FieldHeaders},
		{"headers", "transfer-encoding: chunked", tester.FieldHeaders},
		{"headers", "Upgrade: h2c", tester.FieldHeaders},
		{"headers", "countersign-partner: prt_1", tester.FieldHeaders},
		{"headers", "x-auth-token: " + keyID, tester.FieldHeaders}, // the profile's own
		{"body", "\xff", tester.FieldBody},
		{"body", strings.Repeat("x", tester.MaxBody+1), tester.FieldBody},
		{"body", "0x", tester.FieldBody}, // it could be the end of the target
		{"body form", "hex", tester.FieldBody},
		{"body form", tester.BodyBase64, tester.FieldBody},
		{"values", "a: 1\na: 2", tester.FieldValues},
		{"token call nothing", "", ""},
		{"token call token", "", tester.FieldToken},
		{"token call token", "a\r\nX: 1", tester.FieldToken},
		{"token call headers", "finicity-app-key: x", tester.FieldHeaders}, // another app key
		{"token call target", "/data/v2/auth?x", tester.FieldTarget},       // its body is a secret
	} {
		p := problems(t, set(t, tc.what, tc.value))
		switch {
		case tc.refused == "" && p != nil:
			t.Errorf("%s %.60q is refused: %v", tc.what, tc.value, p)
		case tc.refused != "" && p.For(tc.refused) == "":
			t.Errorf("%s %.60q: %v, nothing beside %s", tc.what, tc.value, p, tc.refused)
		}
	}
}

// TestRule21NobodyClaimsAnotherAddress: whatever says something about the client's address is refused, in any spelling.
func TestRule21NobodyClaimsAnotherAddress(t *testing.T) {
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP", "X-REAL-IP", "True-Client-IP",
		"CF-Connecting-IP", "X-Envoy-External-Address", "X-Original-URL", "Via"} {
		if p := problems(t, func(_ *tester.World, f *tester.Form) {
			f.Headers = name + ": " +
				"203.0.113.9"
		}); p.For(tester.FieldHeaders) == "" {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestASignatureIsOneWord(t *testing.T) {
	c, err := tester.Build(world(shipped(t, "finci"), ""), form(), tester.Claims{At: start})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a b", "a\r\nX: 1", "a\n", "a\x00", "é", strings.Repeat("a", tester.MaxSignature+1)} {
		if m, err := c.Message(bad); err == nil {
			t.Errorf("%q is sent as\n%s", bad, m.Head)
		}
	}
	m, err := c.Message("00ff")
	if err != nil {
		t.Fatal(err)
	}
	const want = "POST /api/v1/cards?b=2&a=1%20x HTTP/1.1\r\nHost: sandbox.example.com\r\nContent-Type: application/json\r\nDate: " +
		"Thu, 20 Nov 2025 08:00:00 GMT\r\n" +
		"X-Auth-Token: " + keyID + "\r\nX-Auth-Timestamp: 1763625600\r\nX-Auth-Signature: 00ff\r\nContent-Length: " +
		"12\r\nConnection: close\r\n\r\n"
	if string(m.Head) != want || string(m.Body) != `{"n":"Zoë"}` {
		t.Errorf("%q and %q", m.Head, m.Body)
	}
}

func TestLineEndsOfABody(t *testing.T) {
	for how, want := range map[string]string{"": "[\nb\n", tester.BodyText: "[\nb\n", tester.BodyCRLF: "[\r\nb\r\n"} {
		f := form()
		f.Body, f.BodyForm = "[\r\nb\n", how
		c, err := tester.Build(world(shipped(t, "finci"), ""), f, tester.Claims{At: start})
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := c.Message("00"); string(m.Body) != want {
			t.Errorf("%s: %q instead of %q", how, m.Body, want)
		}
	}
}

// TestAnAccessTokenStandsInNoProgram, nor does anything that was typed as one.
func TestAnAccessTokenStandsInNoProgram(t *testing.T) {
	w := &tester.World{Environment: "sandbox", BaseURL: "https://sandbox.example.com", APIs: []tester.API{{Name: "data",
		BasePaths: []string{"/data"},
		Tokens:    &tester.Tokens{KeyHeader: "Finicity-App-Key", TokenHeader: "Finicity-App-Token", Endpoint: "/data/v2/auth"}}}}
	c, err := tester.Build(w, tester.Form{API: "data", KeyID: keyID, Method: "GET", Target: "/data/v1/x",
		Token: "a-token-to-look-for"}, tester.Claims{At: start})
	if err != nil {
		t.Fatal(err)
	}
	if c.Plan != nil || c.Canonical != nil {
		t.Error("something is to be signed")
	}
	all := c.Programs()
	if len(all) != 8 {
		t.Errorf("%d programs", len(all))
	}
	for _, p := range all {
		if p.Text == "" || strings.Contains(p.Text, "a-token-to-look-for") || !strings.Contains(p.Text, "/data/v2/auth") {
			t.Errorf("%s: %s %s", p.Language, p.Refusal, p.Text)
		}
	}
	m, err := c.Message("")
	if err != nil || !strings.Contains(string(m.Head), "\r\nFinicity-App-Token: "+
		"a-token-to-look-for\r\n") || !strings.Contains(string(m.Head), "\r\nFinicity-App-Key: "+keyID+"\r\n") {
		t.Errorf("%v: %s", err, m.Head)
	}
}

func TestProgramsInAllLanguages(t *testing.T) {
	c, err := tester.Build(world(shipped(t, "countersign-v1"), ""), form(), tester.Claims{At: start, Nonce: strings.Repeat("0", 32)})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range c.Programs() {
		if seen[p.Language] = p.Text != ""; !strings.Contains(p.Text, "b=2&a=1%20x") {
			t.Errorf("%s: %s%s", p.Language, p.Refusal, p.Text)
		}
	}
	for _, want := range []string{"curl + openssl", "Python", "Node.js", "Go", "Java", "C#", "PHP", "Ruby"} {
		if !seen[want] {
			t.Errorf("nothing in %s", want)
		}
	}
}
