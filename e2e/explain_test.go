package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// callersFile writes the partner's side of an environment, as `caller add` would.
func (d *dev) callersFile(t *testing.T, env string) (path string) {
	t.Helper()
	e := d.Environments[env]
	path = filepath.Join(t.TempDir(), "callers.yaml")
	cmd := exec.Command(binary(t), "caller", "add", "card", "--callers", path, "--base", e.BaseURL, "--profile", "finci", "--key-id", e.Card.APIToken, "--ca-file", d.CAFile)
	cmd.Stdin = strings.NewReader(e.Card.APISecret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("caller add: %v\n%s", err, out)
	}
	return path
}

// asksWhy runs `explain --request-id`.
func (d *dev) asksWhy(t *testing.T, env, id string) (code int, out string) {
	t.Helper()
	cmd := exec.Command(binary(t), "explain", "--request-id", id, "--as", "card", "--callers", d.callersFile(t, env))
	text, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(text)
}

// awaitCapture waits until a refused request of the sandbox is on the disk.
func (d *dev) awaitCapture(t *testing.T, id string) {
	t.Helper()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if files, _ := filepath.Glob(filepath.Join(d.data, "captures", sandbox, "card", "*."+id+".capture")); len(files) == 1 {
			return
		}
	}
	t.Fatal("the request was not kept")
}

// reserialised is a PATCH whose body was written again after it had been signed: with a space behind the colon.
func reserialised(e environment) call {
	c := patch("why")
	c.ts = now()
	c.signature = mac(e.Card.APISecret, c.ts, c.method, c.target, c.body)
	tell(c.signature)
	c.body = strings.Replace(c.body, ":", ": ", 1)
	return c
}

// TestWhyOnline: the sandbox names the cause of a refusal to its owner; production does not know, and neither tells strangers.
func TestWhyOnline(t *testing.T) {
	d := start(t, folder(t))
	refused := map[string]string{}
	var wrong call
	for _, env := range []string{production, sandbox} {
		wrong = reserialised(d.Environments[env])
		a := d.signed(t, env, wrong)
		if a.status != http.StatusUnauthorized {
			t.Fatalf("%s: %d %s", env, a.status, a.body)
		}
		refused[env] = a.header.Get("Countersign-Request-Id")
	}
	e := d.Environments[sandbox]
	d.awaitCapture(t, refused[sandbox])
	code, out := d.asksWhy(t, sandbox, refused[sandbox])
	if code != 0 || !strings.Contains(out, "the body was written anew before it was signed: without spaces") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if found := secretsOf(e, out); found != nil || strings.Contains(out, wrong.signature) {
		t.Errorf("the explanation holds %v, or the signature", found)
	}
	if found := secretsOf(e, d.stderr.String()); found != nil || strings.Contains(d.stderr.String(), wrong.signature) {
		t.Errorf("the log holds %v, or the signature", found)
	}
	for name, ask := range map[string]struct{ env, id string }{
		"production of its own":          {production, refused[production]},
		"production of the sandbox's":    {production, refused[sandbox]},
		"the sandbox of production's":    {sandbox, refused[production]},
		"the sandbox of what never came": {sandbox, strings.Repeat("0f", 16)},
	} {
		if code, out := d.asksWhy(t, ask.env, ask.id); code != 2 || !strings.Contains(out, "no capture of this request") {
			t.Errorf("%s: exit code %d: %s", name, code, out)
		}
	}
	if _, err := os.Stat(filepath.Join(d.data, "captures", production)); err == nil {
		t.Error("production keeps captures")
	}
	mustStop(t, d)
	again := start(t, d.data)
	if code, out := again.asksWhy(t, sandbox, refused[sandbox]); code != 0 {
		t.Errorf("after a restart: exit code %d: %s", code, out)
	}
}

// TestWhyOnlineWithoutTheBody: what was refused for its head is kept for the credential that it named, too, and for nobody
// where no credential has that name.
func TestWhyOnlineWithoutTheBody(t *testing.T) {
	d := start(t, folder(t))
	stranger := get("stranger")
	stranger.token, stranger.ts = strings.Repeat("0f", 16), "1763625600"
	foreign := get("foreign")
	foreign.token, foreign.ts = d.Environments[production].Card.APIToken, "1763625600"
	for _, c := range []call{stranger, foreign} {
		if a := d.signed(t, sandbox, c); a.status != http.StatusUnauthorized {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	late := get("late")
	late.ts = "1763625600"
	id := d.signed(t, sandbox, late).header.Get("Countersign-Request-Id")
	d.awaitCapture(t, id)
	if code, out := d.asksWhy(t, sandbox, id); code != 0 || !strings.Contains(out, "stale") || !strings.Contains(out, "the signature itself is good") {
		t.Errorf("exit code %d: %s", code, out)
	}
	files, _ := filepath.Glob(filepath.Join(d.data, "captures", "*", "*", "*"))
	if len(files) != 1 { // the queue is a queue: the strangers' came before
		t.Errorf("kept: %v", files)
	}
}

// secretsOf names what of an environment's secrets stands in a text.
func secretsOf(e environment, text string) (found []string) {
	for name, word := range map[string]string{"the API secret": e.Card.APISecret, "the partner secret": e.Aggregation.PartnerSecret} {
		if strings.Contains(text, word) {
			found = append(found, name)
		}
	}
	return found
}
