package snippet_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/internal/snippet"
	"countersign.dev/profile"
)

// TestBeyond: what the programs cannot do is named as it stands in the profile, with what to do instead.
func TestBeyond(t *testing.T) {
	for name, construct := range map[string]string{
		"aws-sigv4":         "the function slice",
		"cloudstack":        "wire_query: the parameter apikey in the query",
		"kraken":            "wire_form: the field nonce in the body",
		"ecommpay":          "wire_json: the member signature in the body",
		"oauth1":            "secrets: a secret of several parts",
		"bca":               "the function params",
		"akamai-edgegrid":   "headers(v.signed, sep='\\t', sort=0, absent='skip', squeeze=1)",
		"worldline-connect": "headers('x-gcs-*', tail='\\n')",
		"veriff":            "v.session, which is found in the path",
		"phonepe":           "j.request",
		"azure-cosmos":      "{pct_lower:…} on the wire",
		"gemini":            "the check j(unb64(h.x-gemini-payload), 'request') == path",
	} {
		p, alternative := load(t, name)
		for _, language := range snippet.Names() {
			_, err := snippet.Signed(p, alternative, language, example("https://api.example.com"))
			var beyond *snippet.BeyondError
			if !errors.As(err, &beyond) || beyond.Construct != construct || beyond.Profile != name || !strings.Contains(beyond.Hint(), "signing-proxy") {
				t.Errorf("%s in %s: %v", name, language, err)
			}
		}
	}
}

// TestBeyondOfAFile: constructs that no shipped profile has alone.
func TestBeyondOfAFile(t *testing.T) {
	const head = "profile: own\nlanguage: 2\nalgorithm: hmac-sha256\nwire: {X-Key: '{key_id}', X-Time: '{ts}', X-Nonce: '{nonce}', X-Signature: '{sig}'}\n"
	const message = "message: join('\\n', ts, nonce, method, target, body)\n"
	for text, want := range map[string]string{
		head + message + "time: {format: '%d.%m.%Y %H:%M:%S'}\n":                                                  "the time format %d.%m.%Y %H:%M:%S",
		head + message + "time: {format: unix_us}\n":                                                              "the time format unix_us",
		head + message + "time: {}\nnonce: {min: 4, max: 20, chars: 0-9}\n":                                       "a nonce of 4 to 20 of 0-9",
		head + message + "time: {}\nkey: \"hmac(secret, 'a')\"\n":                                                 "the function hmac",
		head + "message: join('\\n', '\\xff', ts, nonce, method, target, body)\ntime: {}\n":                       `bytes that are no text: "\xff"`,
		head + "message: join('\\n', ts, nonce, method, lower(path), query, body)\ntime: {}\nambiguous: accept\n": "",
		head + "message: join('\\n', ts, nonce, method, target, pct(sha256(body)))\ntime: {}\n":                   "pct of bytes that are no text",
		head + "message: join('\\n', ts, nonce, method, target, b64(body, pad=0))\ntime: {}\n":                    "",
		head + "message: join('\\n', ts, nonce, method, target, q.a)\ntime: {}\nuncovered: [body]\n":              "q.a",
	} {
		p, err := profile.Parse("own.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		_, err = snippet.Signed(p, "", "python", example("https://api.example.com"))
		var beyond *snippet.BeyondError
		if (want != "" || err != nil) && (!errors.As(err, &beyond) || beyond.Construct != want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestRefusedRequests: what clients of two languages would send differently, and what cannot stand in a program.
func TestRefusedRequests(t *testing.T) {
	p, _ := load(t, "finci")
	for _, c := range []struct {
		r    snippet.Request
		want string
	}{
		{snippet.Request{}, "begins with https://"},
		{snippet.Request{Method: "GET", URL: "http://api.example.com/x"}, "this machine alone"},
		{snippet.Request{Method: "GET", URL: "ftp://api.example.com/x"}, "begins with https://"},
		{snippet.Request{Method: "GET", URL: "https://api.example.com"}, "needs a path"},
		{snippet.Request{Method: "GET", URL: "https://api.example.com?a=1"}, "needs a path"},
		{snippet.Request{Method: "GET", URL: "https://me:word@api.example.com/x"}, "the host"},
		{snippet.Request{Method: "GET", URL: "https://API.example.com/x"}, "the host"},
		{snippet.Request{Method: "GET", URL: "https://api.example.com'/x"}, "the host"},
		{snippet.Request{Method: "GET", URL: "https://api.example.com:443/x"}, "leave :443 out"},
		{snippet.Request{Method: "GET", URL: "https://api.example.com:/x"}, "the port is missing"},
		{snippet.Request{Method: "GET", URL: "https:///x"}, "the host"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x?"}, "bare ?"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x#y"}, "fragment"},
		{snippet.Request{Method: "GET", URL: "https://a.example/a b"}, "percent-encoded"},
		{snippet.Request{Method: "GET", URL: "https://a.example/é"}, "percent-encoded"},
		{snippet.Request{Method: "GET", URL: "https://a.example/a|b"}, "percent-encoded"},
		{snippet.Request{Method: "GET", URL: "https://a.example/%zz"}, "hexadecimal"},
		{snippet.Request{Method: "GET", URL: "https://a.example/%2"}, "hexadecimal"},
		{snippet.Request{Method: "GET", URL: "https://a.example/a/%2E%2e/b"}, "resolve . and .."},
		{snippet.Request{Method: "GET", URL: "https://a.example/./b"}, "resolve . and .."},
		{snippet.Request{Method: "GET", URL: "https://a.example/" + strings.Repeat("a", 9000)}, "8 KiB"},
		{snippet.Request{Method: "get", URL: "https://a.example/x"}, "upper-case"},
		{snippet.Request{Method: "GET'", URL: "https://a.example/x"}, "upper-case"},
		{snippet.Request{Method: "HEAD", URL: "https://a.example/x"}, "HEAD"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Body: []byte("a")}, "GET with a body"},
		{snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: []byte("\xff")}, "UTF-8"},
		{snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: []byte("a\x00")}, "UTF-8"},
		{snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: []byte("a\r\n")}, "carriage returns"},
		{snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: []byte("\ufeff{}")}, "byte order mark"},
		{snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: make([]byte, 70000)}, "64 KiB"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"Host": {"b"}}}, "set Host themselves"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"X-Auth-Token": {"b"}}}, "X-Auth-Token is what the program makes"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"X": {"b", "c"}}}, "more than once"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"X": {"b\nY: c"}}}, "visible ASCII"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"X": {" b"}}}, "white space"},
		{snippet.Request{Method: "GET", URL: "https://a.example/x", Header: http.Header{"X Y": {"b"}}}, "letters, digits and hyphens"},
	} {
		_, err := snippet.Signed(p, "", "python", c.r)
		if !errors.Is(err, snippet.ErrRequest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80v: %v, want %q", c.r, err, c.want)
		}
		if _, err := snippet.Token("/t", "python", c.r); !strings.Contains(c.want, "X-Auth") && !errors.Is(err, snippet.ErrRequest) {
			t.Errorf("%.80v with a token: %v", c.r, err)
		}
	}
	ambiguous := snippet.Request{Method: "PUT", URL: "https://a.example/x", Body: []byte("a=b")}
	if _, err := snippet.Signed(p, "", "go", ambiguous); !errors.Is(err, snippet.ErrRequest) || !strings.Contains(err.Error(), "could belong to the target") {
		t.Errorf("a body that every verifier refuses: %v", err)
	}
	if _, err := snippet.Signed(p, "lf", "go", ambiguous); err != nil {
		t.Errorf("where it is told apart: %v", err)
	}
	good := example("https://api.example.com")
	if _, err := snippet.Signed(p, "", "pyhton", good); !errors.Is(err, snippet.ErrLanguage) || !strings.Contains(err.Error(), `did you mean "python"?`) {
		t.Errorf("a misspelt language: %v", err)
	}
	if _, err := snippet.Signed(p, "none", "go", good); !errors.Is(err, profile.ErrNoAlternative) {
		t.Errorf("no such alternative: %v", err)
	}
	for _, endpoint := range []string{"", "x", "/a b", "/a?", "/../x"} {
		if _, err := snippet.Token(endpoint, "go", good); !errors.Is(err, snippet.ErrRequest) {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
	good.Header.Set("Finicity-App-Key", "x")
	if _, err := snippet.Token("/t", "go", good); !errors.Is(err, snippet.ErrRequest) {
		t.Errorf("a header of the program's: %v", err)
	}
}

// TestRequestIsNotChanged: the content type is given to a copy.
func TestRequestIsNotChanged(t *testing.T) {
	p, _ := load(t, "finci")
	r := example("https://api.example.com")
	if _, err := snippet.Signed(p, "", "go", r); err != nil || len(r.Header) != 1 {
		t.Errorf("%v %v", r.Header, err)
	}
}

// TestSignedHeaders: a header that is signed has to be given, and stands once in the program.
func TestSignedHeaders(t *testing.T) {
	p, _ := load(t, "rfc9421-hmac")
	r := example("https://api.example.com")
	if _, err := snippet.Signed(p, "", "python", r); !errors.Is(err, snippet.ErrRequest) || !strings.Contains(err.Error(), "signs Date") {
		t.Errorf("without Date: %v", err)
	}
	r.Header.Set("Date", "Fri, 20 Nov 2026 10:00:00 GMT")
	for _, language := range snippet.Names() {
		code, err := snippet.Signed(p, "", language, r)
		if err != nil || strings.Count(code, "Fri, 20 Nov") != 1 {
			t.Errorf("%s: %v\n%s", language, err, code)
		}
	}
}

// TestCSharp has no runtime here: what can be held is that the program keeps to the frame that was read by people, and that it says so.
func TestCSharp(t *testing.T) {
	for _, name := range []string{"finci", "countersign-v1", "kong-hmac/digest", "standard-webhooks"} {
		p, alternative := load(t, name)
		code, err := snippet.Signed(p, alternative, "csharp", example("https://api.example.com"))
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range []string{"()", "[]", "{}"} {
			if open, closed := strings.Count(bare(code), pair[:1]), strings.Count(bare(code), pair[1:]); open != closed {
				t.Errorf("%s: %d %c and %d %c\n%s", name, open, pair[0], closed, pair[1], code)
			}
		}
		if !strings.Contains(code, "Compiled and run nowhere in our CI") {
			t.Errorf("%s does not say that it was never run", name)
		}
	}
}

// bare is code without its literals.
func bare(code string) string {
	var out strings.Builder
	for line := range strings.Lines(code) {
		for i, part := range strings.Split(strings.ReplaceAll(line, `\"`, ""), `"`) {
			if i%2 == 0 {
				out.WriteString(part)
			}
		}
	}
	return out.String()
}

// FuzzSigned: any profile, request and language gives a program or an error; and the body stands in Go's program as it was given.
func FuzzSigned(f *testing.F) {
	for _, body := range append(hostile, patch) {
		f.Add("profile: a\nlanguage: 1\nalgorithm: hmac-sha256\nmessage: join('\\n', ts, method, target, body)\nwire: {X: '{key_id}', Y: '{ts}', Z: '{sig}'}\ntime: {}\n",
			"PUT", "https://api.example.com/x?y", body, "v")
	}
	f.Fuzz(func(t *testing.T, text, method, url, body, value string) {
		p, err := profile.Parse("f.yaml", []byte(text))
		if err != nil {
			return
		}
		r := snippet.Request{Method: method, URL: url, Body: []byte(body), Header: http.Header{"X-Mine": {value}}}
		for _, language := range snippet.Names() {
			code, err := snippet.Signed(p, "", language, r)
			if err != nil {
				continue
			}
			if got := goBody(t, code); language == "go" && got != body {
				t.Errorf("the body is %q instead of %q", got, body)
			}
		}
	})
}

// goBody is the value of the constant body in a program of Go.
func goBody(t *testing.T, code string) (body string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "call.go", code, 0)
	if err != nil {
		return ""
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == "body" && len(v.Values) == 1 {
			if l, ok := v.Values[0].(*ast.BasicLit); ok {
				if body, err = strconv.Unquote(l.Value); err != nil {
					t.Error(err)
				}
			}
		}
		return true
	})
	return body
}
