package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
	"countersign.dev/scheme"
)

const callerSecretText = "the-secret-of-the-caller"

// callee is an API that verifies, and a callers file that has it.
type callee struct {
	*httptest.Server
	dir, file, ca string
	handle        func(w http.ResponseWriter, r *http.Request, body []byte)
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	s, err := loadScheme("finci")
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.NewKey([]byte(callerSecretText))
	if err != nil {
		t.Fatal(err)
	}
	a := &callee{dir: t.TempDir()}
	a.handle = func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Header().Set("X-Answer", "a\tb")
		fmt.Fprintf(w, "%s %s %s|%s|%s", r.Method, r.RequestURI, body, r.Header.Get("Content-Type"), r.Header.Get("X-Mine"))
	}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := &scheme.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: body}
		var p scheme.Presented
		fault := s.Parse(request, &p)
		if fault == nil {
			fault = s.Verify(&key, request, &p, nil)
		}
		if fault != nil {
			http.Error(w, fault.Error(), http.StatusUnauthorized)
			return
		}
		a.handle(w, r, body)
	}))
	t.Cleanup(a.Close)
	a.file, a.ca = filepath.Join(a.dir, "callers", "callers.yaml"), filepath.Join(a.dir, "ca.pem")
	if err := os.WriteFile(a.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	a.must(t, callerSecretText+"\n", "caller", "add", "card", "--base", a.URL, "--profile", "finci", "--key-id", strings.Repeat("0", 32), "--ca-file", a.ca)
	return a
}

// run runs a command line with the callers file.
func (a *callee) run(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	code = run(ctx, append(args, "--callers", a.file), strings.NewReader(in), &stdout, &stderr)
	if text := stdout.String() + stderr.String(); strings.Contains(text, callerSecretText) {
		t.Errorf("%v shows the secret: %s", args, text)
	}
	return code, stdout.String(), stderr.String()
}

func (a *callee) must(t *testing.T, in string, args ...string) string {
	t.Helper()
	code, out, errOut := a.run(t, in, args...)
	if code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, errOut)
	}
	return out
}

// TestCall: what is sent for a command line.
func TestCall(t *testing.T) {
	a := newCallee(t)
	file := filepath.Join(a.dir, "body")
	if err := os.WriteFile(file, []byte("[1,\r\n2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"GET /api/v1/x?a=%2f |||": {"GET", "/api/v1/x?a=%2f"},
		"GET /y ||1":              {"GET", a.URL + "/y", "-H", "X-Mine: 1"},
		"POST /x [1,\r\n2]\n|application/x-www-form-urlencoded|": {"POST", "/x", "-d", "@" + file},
		"POST /x [stdin]|text/plain|":                            {"POST", "/x", "-d", "@-", "-H", "Content-Type: text/plain"},
		`PATCH /x {"n":"Zoë"}|application/json|`:                 {"PATCH", "/x", "--json", `{"n":"Zoë"}`, "--as", "card"},
		`POST /x "a"&b|application/x-www-form-urlencoded|`:       {"POST", "/x", "-d", `"a"`, "-d", "b"},
		"DELETE /x ||": {"DELETE", "/x", "-s"},
	} {
		if got := a.must(t, "[stdin]", append([]string{"call"}, args...)...); strings.TrimRight(got, "|") != strings.TrimRight(want, "|") {
			t.Errorf("%v: %q instead of %q", args, got, want)
		}
	}
	if got := a.must(t, "", "call", "GET", "/x", "-i"); !strings.HasPrefix(got, "HTTP/2.0 200 OK\r\n") && !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.Contains(got, "X-Answer: a\tb\r\n") {
		t.Errorf("-i: %q", got)
	}
	out := filepath.Join(a.dir, "out")
	if got := a.must(t, "", "call", "GET", "/x", "-o", out); got != "" {
		t.Errorf("-o: %q", got)
	}
	if text, err := os.ReadFile(out); err != nil || !strings.HasPrefix(string(text), "GET /x ") {
		t.Errorf("-o: %q %v", text, err)
	}
}

// TestCallExplains: the bytes with what is invisible made visible, and nothing is sent in a dry run.
func TestCallExplains(t *testing.T) {
	a := newCallee(t)
	a.handle = func(http.ResponseWriter, *http.Request, []byte) { t.Error("a dry run sent something") }
	code, out, errOut := a.run(t, "", "call", "POST", "/x?é=1", "-d", "{\r\n \"a\":\t1  \n}\u00a0\x00", "--explain", "--dry-run")
	if code != exitFailed { // the target holds what no verifier takes
		t.Errorf("%d %s %s", code, out, errOut)
	}
	code, out, errOut = a.run(t, "", "call", "POST", "/x", "-d", "{\r\n \"a\":\t1  \n}\u00a0\x00", "--explain", "--dry-run")
	for _, want := range []string{"POST/x{\\r\\n\n", "  |  \"a\":\\t1\\x20\\x20\\n\n", "  | }\\u{00a0}\\x00\n"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("explained without %q: %s", want, errOut)
		}
	}
	if code != 0 || !strings.HasPrefix(out, "POST /x HTTP/1.1\r\n") || !strings.Contains(out, "X-Auth-Signature: ") || strings.Contains(errOut, "ignature: ") {
		t.Errorf("%d %q %q", code, out, errOut)
	}
}

// TestCallExitCodes are curl's.
func TestCallExitCodes(t *testing.T) {
	a := newCallee(t)
	a.handle = func(w http.ResponseWriter, r *http.Request, _ []byte) {
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/broken":
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
		default:
			http.Error(w, "no", 418)
		}
	}
	a.must(t, "x\n", "caller", "add", "down", "--base", "https://"+heldport.Hold(t, "127.0.0.1"), "--profile", "finci", "--key-id", "k")
	for name, c := range map[string]struct {
		code int
		args []string
	}{
		"an answer":            {0, []string{"GET", "/x", "--as", "card"}},
		"a refusal, with -f":   {22, []string{"GET", "/x", "--as", "card", "-f"}},
		"too slow":             {28, []string{"GET", "/slow", "--as", "card", "-m", "50ms"}},
		"an answer that broke": {56, []string{"GET", "/broken", "--as", "card"}},
		"nobody listens":       {7, []string{"GET", "/x", "--as", "down"}},
		"an untrusted server":  {60, []string{"GET", "/x", "--as", "card", "--cacert", "testdata/other-ca.pem"}},
		"an unwritable file":   {23, []string{"GET", "/x", "--as", "card", "-o", a.dir}},
		"-k":                   {2, []string{"GET", "/x", "--as", "card", "-k"}},
		"another host":         {2, []string{"GET", "https://api.example.com/x", "--as", "card"}},
		"no such caller":       {2, []string{"GET", "/x", "--as", "cart"}},
		"whom?":                {2, []string{"GET", "/x"}},
		"a fragment":           {2, []string{"GET", "/x#y", "--as", "card"}},
		"a broken header":      {2, []string{"GET", "/x", "--as", "card", "-H", "novalue"}},
		"no body file":         {2, []string{"POST", "/x", "--as", "card", "-d", "@/nowhere"}},
		"two kinds of body":    {2, []string{"POST", "/x", "--as", "card", "-d", "a", "--json", "b"}},
	} {
		if code, _, errOut := a.run(t, "", append([]string{"call"}, c.args...)...); code != c.code || code != 0 && errOut == "" {
			t.Errorf("%s: exit code %d instead of %d: %s", name, code, c.code, errOut)
		}
	}
}

// TestCallerFile: the secret comes from the file, a file of its own or the environment; a loose mode is refused.
func TestCallerFile(t *testing.T) {
	a := newCallee(t)
	if out := a.must(t, "", "caller", "list", "-o", "json"); !strings.Contains(out, `"secret_in":"this file"`) {
		t.Errorf("%s", out)
	}
	if code, _, errOut := a.run(t, "x\n", "caller", "add", "card", "--base", a.URL, "--profile", "finci"); code != 2 || !strings.Contains(errOut, "there already") {
		t.Errorf("%d %s", code, errOut)
	}
	secretFile := filepath.Join(a.dir, "secret")
	if err := os.WriteFile(secretFile, []byte(callerSecretText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.must(t, "", "caller", "add", "filed", "--base", a.URL, "--profile", "finci", "--key-id", "k", "--ca-file", a.ca, "--secret-file", secretFile)
	a.must(t, "", "call", "GET", "/x", "--as", "filed", "-f")
	a.must(t, "", "caller", "add", "env", "--base", a.URL, "--profile", "finci", "--key-id", "k", "--ca-file", a.ca)
	if code, _, errOut := a.run(t, "", "call", "GET", "/x", "--as", "env"); code != 2 || !strings.Contains(errOut, "COUNTERSIGN_SECRET_ENV") {
		t.Errorf("%d %s", code, errOut)
	}
	t.Setenv("COUNTERSIGN_SECRET_ENV", callerSecretText)
	a.must(t, "", "call", "GET", "/x", "--as", "env", "-f")
	a.must(t, "", "caller", "remove", "filed")
	if code, _, errOut := a.run(t, "", "caller", "remove", "filed"); code != 2 || !strings.Contains(errOut, "card, env") {
		t.Errorf("%d %s", code, errOut)
	}
	if err := os.Chmod(a.file, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := a.run(t, "", "caller", "list"); code != 2 || !strings.Contains(errOut, "chmod 600") {
		t.Errorf("%d %s", code, errOut)
	}
}
