package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignAndVerifyCommands: what `countersign sign` prints is the signature by hand, the gateway takes it, and
// `countersign verify` tells a good one from a changed one.
func TestSignAndVerifyCommands(t *testing.T) {
	r := onRecorder(t)
	e := r.Environments[sandbox]
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(e.Card.APISecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := patch("command")
	c.target += "?a=%2f;b&&c=" + querySentinel
	c.body = "{\"note\":\"Zoë €\",\n\"x\":1}"
	request := []string{"--secret-file", secret, "-X", c.method, "-t", c.target, "-d", "-"}
	out := pipe(t, c.body, 0, append([]string{"sign", "-k", e.Card.APIToken}, request...)...)
	raw := c.raw(e)
	c.ts = valueOf("\r\n"+strings.ReplaceAll(out, "\n", "\r\n"), "X-Auth-Timestamp")
	c.signature = valueOf("\r\n"+strings.ReplaceAll(out, "\n", "\r\n"), "X-Auth-Signature")
	if want := mac(e.Card.APISecret, c.ts, c.method, c.target, c.body); c.signature != want || valueOf(raw, "X-Auth-Token") != e.Card.APIToken {
		t.Errorf("signature %q instead of %q:\n%s", c.signature, want, out)
	}
	r.signed(t, sandbox, c).want(t, 200)
	verify := append([]string{"verify"}, request...)
	for line := range strings.Lines(out) {
		verify = append(verify, "-H", strings.TrimSuffix(line, "\n"))
	}
	pipe(t, c.body, 0, verify...)
	pipe(t, c.body+" ", 1, verify...)
	if told := pipe(t, c.body, 1, append(verify, "--at", "1")...); !strings.Contains(told, "future") {
		t.Errorf("a signature dated ahead is told as %q", told)
	}
}

// pipe runs the program with a body on standard input and expects an exit code.
func pipe(t *testing.T, body string, code int, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Stdin = strings.NewReader(body)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%v: exit code %d instead of %d: %v\n%s", args, got, code, err, out)
	}
	return string(out)
}
