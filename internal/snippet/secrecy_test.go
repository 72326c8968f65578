package snippet_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/internal/snippet"
)

// TestRule33ProgramsFollowNoRedirect: credentials go to the host that they are for; the answer is shown, and nothing else is asked.
func TestRule33ProgramsFollowNoRedirect(t *testing.T) {
	p, _ := load(t, "finci")
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range snippet.Names() {
		if runners[language].tool == "" {
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			need(t, runners[language].tool)
			v := newVerifier(t)
			if language == "java" {
				v.trust(t)
			}
			secret := v.hold(t, s)
			for _, status := range []int{302, 307} {
				v.mu.Lock()
				v.status = status
				v.mu.Unlock()
				code, err := snippet.Signed(p, "", language, snippet.Request{Method: "GET", URL: v.URL + "/x"})
				if err != nil {
					t.Fatal(err)
				}
				exit, out, errOut := execute(t, language, code, v.ca, "API_TOKEN="+keyID, "API_SECRET="+secret)
				if seen := v.arrived(); exit != 0 || !strings.HasPrefix(out, fmt.Sprint(status)) || len(seen) != 1 {
					t.Errorf("%d: exit code %d: %s%s; arrived: %q", status, exit, out, errOut, seen)
				}
			}
		})
	}
}

// TestRule33ShellProgramShowsNoSecret: no command that the shell starts has the secret, a key made of it or a token among its
// arguments, where other users of the machine could read them.
func TestRule33ShellProgramShowsNoSecret(t *testing.T) {
	need(t, "curl")
	tools, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for _, tool := range []string{"curl", "openssl", "sed", "od", "tr", "cat", "date", "mktemp", "rm", "grep"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' %s \"$@\" >>%q\nexec %q \"$@\"\n", tool, log, real)
		if err := os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := "PATH=" + tools + ":" + os.Getenv("PATH")
	v, e := newVerifier(t), newExchange(t)
	p, _ := load(t, "finci")
	s, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	v.takes(t, "sh", "finci", s) // first without what watches
	code, err := snippet.Signed(p, "", "sh", example(v.URL))
	if err != nil {
		t.Fatal(err)
	}
	const long = "a secret that is longer than one block of the hash, which is why it is hashed first, as RFC 2104 says"
	if v.key, err = s.NewKey([]byte(long)); err != nil {
		t.Fatal(err)
	}
	if exit, out, errOut := execute(t, "sh", code, v.ca, path, "API_TOKEN="+keyID, "API_SECRET="+long); exit != 0 {
		t.Errorf("exit code %d: %s%s", exit, out, errOut)
	}
	e.good, e.code, e.status = 1, 10022, 200
	if code, err = snippet.Token(endpoint, "sh", snippet.Request{Method: "POST", URL: e.URL + target, Body: []byte(patch)}); err != nil {
		t.Fatal(err)
	}
	if exit, out, errOut := execute(t, "sh", code, e.ca, path, "APP_KEY="+appKey, "PARTNER_ID=2445581234567", "PARTNER_SECRET="+partnerSecret, "APP_TOKEN=token-0"); exit != 0 {
		t.Errorf("exit code %d: %s%s", exit, out, errOut)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "--path-as-is") || !strings.Contains(string(text), "dgst") {
		t.Fatalf("the wrappers were not used: %v %s", err, text)
	}
	for _, secret := range []string{long, long[:20], fmt.Sprintf("%x", long[:20]), partnerSecret, "marks", "token-0", "token-1"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is an argument: %s", secret, text)
		}
	}
}
