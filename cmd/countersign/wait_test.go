package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command runs one command line and returns what it came to.
func command(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e lockedText
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// must runs one that has to succeed.
func must(t *testing.T, args ...string) (out, errOut string) {
	t.Helper()
	code, out, errOut := command(t, args...)
	if code != exitOK {
		t.Fatalf("countersign %s: exit code %d: %s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out, errOut
}

// TestWaitReturnsWhenTheChangeIsLive: the very next request after the command is decided by the change, every time.
func TestWaitReturnsWhenTheChangeIsLive(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data, "--quiet")
	for range 5 {
		_, said := must(t, "partner", "suspend", "Demo Partner", "-e", "sandbox", "--data", data, "--wait")
		if status, body := d.get(); status != http.StatusForbidden || !strings.Contains(body, "suspended") {
			t.Fatalf("after suspend --wait: %d %s (%s)", status, body, said)
		}
		if !strings.Contains(said, "live in production, sandbox (revision ") {
			t.Errorf("said %q", said)
		}
		must(t, "partner", "resume", "Demo Partner", "-e", "sandbox", "--data", data, "--wait=60s")
		if status, body := d.get(); status != http.StatusNotFound {
			t.Fatalf("after resume --wait: %d %s", status, body)
		}
	}
	if code := d.stop(); code != exitOK {
		t.Fatalf("dev ended with %d", code)
	}
	_, said := must(t, "partner", "add", "Later", "--data", data, "--wait")
	if !strings.Contains(said, "no server runs on "+data) {
		t.Errorf("without a server: said %q", said)
	}
}

// TestWaitNamesTheServerThatLags: one that holds its lock and says nothing newer is told, with where it says why.
func TestWaitNamesTheServerThatLags(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := collaborate(t.Context(), []string{data, "register"}); err != nil {
		t.Fatal(err)
	}
	for _, environment := range []string{"sandbox", "production"} {
		lock, err := lockEnvironment(data, environment)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
	}
	write := func(environment, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, "serving-"+environment+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sandbox", `{"pid":1,"environment":"sandbox","revision":1000,"at":"2026-11-20T10:00:00Z","ops":"http://127.0.0.1:1"}`)
	code, out, said := command(t, "partner", "add", "A", "--data", data, "--wait=100ms")
	if code != exitFailed || !strings.Contains(out, "added") || !strings.Contains(said, "the change is written as revision 1, but after 100ms production is starting") {
		t.Errorf("production starts: exit code %d, %q, %q", code, out, said)
	}
	write("production", `{"pid":2,"environment":"production","revision":1,"at":"2026-11-20T10:00:00Z","ops":"http://127.0.0.1:9"}`)
	code, _, said = command(t, "partner", "add", "B", "--data", data, "--wait=100ms", "-o", "json")
	var told struct{ Error, Hint string }
	if err := json.Unmarshal([]byte(said), &told); err != nil || code != exitFailed {
		t.Fatalf("exit code %d: %q: %v", code, said, err)
	}
	if !strings.HasSuffix(told.Error, "production decides by revision 1") || told.Hint != "why, says http://127.0.0.1:9/readyz" {
		t.Errorf("told %+v", told)
	}
	write("production", `{"revision":`)
	if code, _, said = command(t, "partner", "add", "C", "--data", data, "--wait=100ms"); code != exitFailed || !strings.Contains(said, "serving-production.json is damaged") {
		t.Errorf("a damaged file: %d, %q", code, said)
	}
}

// TestAuditOfARunningServer: what an operator is asked about a request can be answered while the server runs.
func TestAuditOfARunningServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d := startDev(t, data, "--quiet")
	d.get()
	must(t, "partner", "suspend", "Demo Partner", "-e", "sandbox", "--data", data, "--wait")
	_, body := d.get()
	var refused struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(body), &refused); err != nil || refused.RequestID == "" {
		t.Fatalf("%v: %s", err, body)
	}
	// The line is written within milliseconds of the answer, by another goroutine: until then the search is asked again.
	until := func(want string, args ...string) string {
		t.Helper()
		poll := time.NewTicker(10 * time.Millisecond)
		defer poll.Stop()
		for {
			if out, _ := must(t, append(args, "--data", data)...); strings.Contains(out, want) {
				return out
			}
			select {
			case <-t.Context().Done():
				t.Fatalf("%v never has %q", args, want)
			case <-poll.C:
			}
		}
	}
	until("suspended", "audit", "search", refused.RequestID)
	until(`"request_id":"`+refused.RequestID+`"`, "audit", "search", "--partner", "Demo Partner", "--reason", "suspended", "-o", "json")
	until("suspended", "audit", "search", "--address", "127.0.0.0/8", "--decision", "refuse", "--since", "1h")
	out, _ := must(t, "audit", "search", "--decision", "final", "--limit", "1", "-o", "json", "--data", data)
	var page pageView
	if err := json.Unmarshal([]byte(out), &page); err != nil || len(page.Found) != 1 || page.Next == "" {
		t.Fatalf("%v: %s", err, out)
	}
	if out, _ = must(t, "audit", "search", "--limit", "1", "--cursor", page.Next, "--data", data); !strings.Contains(out, "allow") {
		t.Errorf("the second page: %s", out)
	}
	if out, _ = must(t, "audit", "tail", "-n", "1", "--data", data); !strings.Contains(out, refused.RequestID) || strings.Count(out, "\n") != 1 {
		t.Errorf("tail: %s", out)
	}
	file := filepath.Join(t.TempDir(), "out.csv")
	must(t, "audit", "export", "--format", "csv", "--out", file, "--data", data)
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), refused.RequestID) {
		t.Errorf("export: %v: %s", err, text)
	}
	out, _ = must(t, "audit", "verify", "--data", data)
	for _, want := range []string{"changes: changes 1 to ", "changes: tail not anchored", "decisions: lines 1 to ", "nothing was altered"} {
		if !strings.Contains(out, want) {
			t.Errorf("verify lacks %q: %s", want, out)
		}
	}
	for _, wrong := range [][]string{{"search", "--reason", "suspendet"}, {"search", "--address", "x"}, {"search", "--limit", "0"}, {"search", "--cursor", "?"},
		{"export", "--out", file}, {"export", "--out", "-", "--format", "xml"}, {"tail", "--decision", "some"}, {"verify", "--only", "x"}} {
		if code, _, said := command(t, append(append([]string{"audit"}, wrong...), "--data", data)...); code != exitFailed || said == "" {
			t.Errorf("audit %v: exit code %d, %q", wrong, code, said)
		}
	}
}
