package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell runs a program of sh and returns what it printed.
func shell(t *testing.T, code string, env ...string) string {
	t.Helper()
	for _, tool := range []string{"sh", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed, and CI=true allows no skipping", tool)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh")
	c.Stdin, c.Env = strings.NewReader(code), append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s\n%s", err, out, code)
	}
	return string(out)
}

// TestCallCurl: what --curl prints, run as it stands, sends the request that `call` would have sent, and holds no secret.
func TestCallCurl(t *testing.T) {
	a := newCallee(t)
	handle := a.handle
	a.handle = func(http.ResponseWriter, *http.Request, []byte) { t.Error("--curl sent something") }
	file := filepath.Join(a.dir, "body")
	if err := os.WriteFile(file, []byte("[it's ½\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"GET /x?a=%2f&&b='1' |||":                      {"GET", "/x?a=%2f&&b='1'"},
		`PATCH /x {"n":"Zoë"}|application/json|`:       {"PATCH", "/x", "--json", `{"n":"Zoë"}`},
		"PUT /x [it's ½\n\n|text/plain|$HOME \"`id`\"": {"PUT", "/x", "-d", "@" + file, "-H", "Content-Type: text/plain", "-H", "X-Mine: $HOME \"`id`\""},
	} {
		code := a.must(t, "", append([]string{"call", "--curl"}, args...)...)
		a.handle = handle
		if got := shell(t, code, "API_SECRET="+callerSecretText); strings.TrimRight(got, "|\n") != strings.TrimRight("200\n"+want, "|\n") {
			t.Errorf("%v: %q instead of %q\n%s", args, got, want, code)
		}
		a.handle = func(http.ResponseWriter, *http.Request, []byte) { t.Error("--curl sent something") }
	}
	for _, args := range [][]string{{"GET", "/x", "-H", "Host: other.example"}, {"GET", "/x?"}, {"POST", "/x", "-d", "a=b"}, {"POST", "/x", "-d", "\xff"}} {
		if code, out, _ := a.run(t, "", append([]string{"call", "--curl"}, args...)...); code != exitFailed || out != "" {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}

// TestCallCurlWithToken: the program gets its token itself; the partner's secret is not in it.
func TestCallCurlWithToken(t *testing.T) {
	a := newCallee(t)
	a.must(t, callerSecretText+"\n", "caller", "add", "agg", "--base", a.URL, "--token-endpoint", "/token", "--app-key", "the-app-key", "--partner-id", "4711", "--ca-file", a.ca)
	code := a.must(t, "", "call", "--curl", "--as", "agg", "POST", "/customers?a=1", "--json", `{"a":"½"}`)
	for _, want := range []string{"the-app-key", "4711", "authentication='/token'", `{"a":"½"}`, "target='/customers?a=1'", a.ca} {
		if !strings.Contains(code, want) {
			t.Errorf("no %q in %s", want, code)
		}
	}
	if code, _, errOut := a.run(t, "", "call", "--curl", "--as", "agg", "GET", "/x", "-H", "Accept: application/xml"); code != exitFailed || !strings.Contains(errOut, "Accept is what the program sets") {
		t.Errorf("%d %s", code, errOut)
	}
}
