package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// site is what a company has: a data folder with an approved partner, certificates, an upstream, a configuration.
type site struct {
	dir, data string
	given     ready // what dev had issued
	cert, key string
	upstream  *recorder

	settings map[string]string // replaces a setting of the configuration below by name
	flags    []string          // further ones of serve
}

// newSite makes a site. The partner and the credentials are those of a run of dev.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteIn(t, t.TempDir())
}

// newSiteIn makes a site in a folder.
func newSiteIn(t *testing.T, dir string) *site {
	t.Helper()
	s := &site{dir: dir, settings: map[string]string{}}
	s.data = filepath.Join(s.dir, "data")
	d := start(t, s.data)
	s.given = d.ready
	mustStop(t, d)
	s.cert, s.key = certificate(t)
	var err error
	if s.upstream, err = listenRecorder(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.upstream.close)
	return s
}

// configuration is the file's text. Words in capitals are replaced by what stands in settings.
const configuration = `data: DATA
keys: {file: DATA/master.key}
ops: {listen: "127.0.0.1:0"}
drain: {deadline: DEADLINE, lameduck: LAMEDUCK}
records:
  decisions: DECISIONS
environments:
  sandbox:
    key_file: SANDBOX_KEY
    listeners:
      - address: "127.0.0.1:0"
        tls: {certificate: CERT, key: KEY}
        standard: STANDARD
        MORE_SANDBOX
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        max_body: MAX_BODY
        replay: REPLAY
        upstream: {url: "UPSTREAM", timeout: 10s}
      aggregation:
        token: {endpoint: /aggregation/v2/partners/authentication}
        base_paths: [/aggregation]
        upstream: {url: "UPSTREAM"}
  production:
    key_file: PRODUCTION_KEY
    PROXIES
    listeners:
      - address: "127.0.0.1:0"
        tls: {certificate: CERT, key: KEY}
        MORE_PRODUCTION
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "UPSTREAM"}
`

// text is the configuration with the settings as they are. The record is more patient than it is by default: no machine is so busy.
func (s *site) text() string {
	settings := map[string]string{
		"DATA": s.data, "CERT": s.cert, "KEY": s.key, "UPSTREAM": "http://" + s.upstream.ln.Addr().String(), "DEADLINE": "60s", "LAMEDUCK": "0s",
		"MAX_BODY": "1MiB", "REPLAY": "writes", "SANDBOX_KEY": filepath.Join(s.data, "master.key"), "PRODUCTION_KEY": filepath.Join(s.data, "master.key"),
		"MORE_SANDBOX": "", "STANDARD": "true", "MORE_PRODUCTION": "", "PROXIES": "", "DECISIONS": "{when_full: refuse, patience: 60s}",
	}
	for name, value := range s.settings {
		settings[name] = value
	}
	text := configuration
	for _, name := range []string{"STANDARD", "MORE_SANDBOX", "MORE_PRODUCTION", "PROXIES", "SANDBOX_KEY", "PRODUCTION_KEY", "DATA", "CERT", "KEY", "UPSTREAM", "DEADLINE", "LAMEDUCK", "MAX_BODY", "REPLAY", "DECISIONS"} {
		text = strings.ReplaceAll(text, name, settings[name])
	}
	return text
}

func (s *site) file() string { return filepath.Join(s.dir, "countersign.yaml") }

// write writes the configuration as an editor does: a new file in the old one's place.
func (s *site) write(t *testing.T) { t.Helper(); s.writeText(t, s.text()) }

func (s *site) writeText(t *testing.T, text string) {
	t.Helper()
	next := s.file() + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.file()); err != nil {
		t.Fatal(err)
	}
}

// state is what a server says of one environment in its data folder.
type state struct {
	PID       int      `json:"pid"`
	Revision  uint64   `json:"revision"`
	Ops       string   `json:"ops"`
	Listeners []string `json:"listeners"`
}

func (s *site) state(environment string) (state, error) {
	var one state
	text, err := os.ReadFile(filepath.Join(s.data, "serving-"+environment+".json"))
	if err == nil {
		err = json.Unmarshal(text, &one)
	}
	return one, err
}

// serve starts the server over the configuration and waits until it says that it is ready. It looks like a dev to whoever
// sends requests.
func (s *site) serve(t *testing.T, environments ...string) *dev {
	t.Helper()
	s.write(t)
	return s.serveAs(t, exec.Command(binary(t)), environments...)
}

func (s *site) serveAs(t *testing.T, cmd *exec.Cmd, environments ...string) *dev {
	t.Helper()
	d, err := s.launch(cmd, environments...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-d.exited:
		default:
			if err := d.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func (s *site) launch(cmd *exec.Cmd, environments ...string) (*dev, error) {
	d := &dev{data: s.data, stdout: new(buffer), stderr: new(buffer), exited: make(chan struct{}), cmd: cmd}
	cmd.Args = append(append(cmd.Args, "serve", "--config", s.file()), s.flags...)
	scope := ""
	for _, e := range environments {
		cmd.Args = append(cmd.Args, "--environment", e)
		scope = "-" + e
	}
	if environments == nil {
		environments = []string{sandbox, production}
	}
	cmd.Stdout, cmd.Stderr = d.stdout, d.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.exit = cmd.Wait()
		close(d.exited)
	}()
	d.ready = ready{CAFile: s.cert, DecisionLog: filepath.Join(s.data, "decisions"+scope, "00000001.jsonl"), Environments: map[string]environment{}}
	for _, name := range environments {
		if err := s.await(d, name); err != nil {
			_ = cmd.Process.Kill()
			<-d.exited
			return nil, fmt.Errorf("%w\nstderr: %s", err, d.stderr)
		}
	}
	return d, nil
}

// await waits until an environment is served.
func (s *site) await(d *dev, name string) error {
	deadline := time.Now().Add(startLimit)
	for {
		if one, err := s.state(name); err == nil && one.PID == d.cmd.Process.Pid && len(one.Listeners) > 0 {
			e := s.given.Environments[name]
			e.BaseURL = "https://" + one.Listeners[0]
			d.Environments[name], d.OpsURL = e, one.Ops
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("serve ended before it was ready: %v", d.exit)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not served in time", name)
		}
	}
}

// until waits until a page of the operations listener has a text in it.
func (d *dev) until(t *testing.T, path string, status int, text string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		got, body := d.page(t, path)
		if got == status && strings.Contains(body, text) {
			return
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("%s: %d, want %d and %q in it:\n%.2000s\nlog: %s", path, got, status, text, body, d.stderr)
		}
	}
}

// metric reads one number without labels.
func (d *dev) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	_, text := d.page(t, "/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(rest, &value); err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func (d *dev) hangup(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// TestServe: both protocols, in front of an upstream; a good line in the record for each; an orderly end.
func TestServe(t *testing.T) {
	s := newSite(t)
	d := s.serve(t)
	if status, body := d.page(t, "/readyz"); status != 200 || !strings.Contains(body, `"ready":true`) {
		t.Errorf("/readyz: %d %s", status, body)
	}
	for _, env := range []string{sandbox, production} {
		a := d.signed(t, env, get("served")).want(t, http.StatusOK)
		if l := d.line(t, a); l.text("environment") != env || l.text("reason") != "allowed" {
			t.Errorf("%s: recorded %v", env, l)
		}
	}
	d.called(t, sandbox, authentication(d.Environments[sandbox], "")).want(t, 200)
	c := get("served")
	c.token, c.secret = d.Environments[production].Card.APIToken, d.Environments[production].Card.APISecret
	if l := d.line(t, d.signed(t, sandbox, c).want(t, 401)); l.text("reason") != "wrong_environment" {
		t.Errorf("production's key in the sandbox is recorded as %v", l)
	}
	mustStop(t, d)
	for _, env := range []string{sandbox, production} {
		if _, err := s.state(env); err == nil {
			t.Errorf("%s: the state file is still there after the end", env)
		}
	}
}

func contains(b *buffer, text string) bool { return strings.Contains(b.String(), text) }

// says waits until a text is in the log. That comes through a pipe, and often behind the answer that tells the same.
func (d *dev) says(t *testing.T, text string) {
	t.Helper()
	holds(t, d.stderr, text)
}

// holds waits until a text has come out of a program, which may be after the ready file was written.
func holds(t *testing.T, out *buffer, text string) {
	t.Helper()
	for begun := time.Now(); !contains(out, text); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > startLimit {
			t.Fatalf("%q did not come: %s", text, out)
		}
	}
}

// reloaded waits until so many configurations were put in force, or more: the server also takes up by itself what has come to rest.
func (d *dev) reloaded(t *testing.T, n float64) {
	t.Helper()
	for begun := time.Now(); d.metric(t, "countersign_config_reloads_total") < n; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > startLimit {
			t.Fatalf("never %v configurations were put in force: %s", n, d.stderr)
		}
	}
}

// TestRecordsAreKeptAnchoredAndCopied: the decision record verifies against its checkpoints, the copy for another system holds every
// line, and what was cut off the record afterwards is found.
func TestRecordsAreKeptAnchoredAndCopied(t *testing.T) {
	s := newSite(t)
	elsewhere := filepath.Join(s.dir, "elsewhere")
	run := func(args ...string) (string, error) {
		out, err := exec.Command(binary(t), args...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("key", "checkpoint-new", "--out", filepath.Join(s.dir, "checkpoint.key")); err != nil {
		t.Fatal(out, err)
	}
	copied := filepath.Join(s.dir, "siem.jsonl")
	s.settings["DECISIONS"] = "{durability: sync, patience: 60s}\n  checkpoints: {dir: " + elsewhere + ", key_file: " + filepath.Join(s.dir, "checkpoint.key") + ", every: 1s}\n  stream: {file: " + copied + "}"
	d := s.serve(t)
	var ids []string
	for range 20 {
		ids = append(ids, d.signed(t, sandbox, get("kept")).want(t, 200).requestID())
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(copied)
		missing := 0
		for _, id := range ids {
			if strings.Count(string(text), id) < 2 { // its durable line before it was forwarded, and the final one
				missing++
			}
		}
		if missing == 0 {
			break
		}
		if time.Since(begun) > startLimit {
			t.Fatalf("%d requests are missing in the copy, %v: %s", missing, err, d.stderr)
		}
	}
	d.until(t, "/readyz", 200, `"name":"checkpoints","state":"ok"`)
	mustStop(t, d)
	verify := []string{"audit", "verify", "--config", s.file(), "--checkpoint-key", filepath.Join(s.dir, "checkpoint.key.pub")}
	if out, err := run(verify...); err != nil {
		t.Fatalf("verify: %v\n%s", err, out)
	}
	segment := filepath.Join(s.data, "decisions", "00000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile(segment, []byte(strings.Join(lines[:len(lines)/2], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(verify...); err == nil {
		t.Errorf("half of the record is gone, and verify says\n%s", out)
	}
	d = s.serve(t)
	d.until(t, "/readyz", 200, `"name":"checkpoints","state":"failing"`)
	d.says(t, `"contradiction":true`) // the record contradicts its checkpoints
	d.signed(t, sandbox, get("on")).want(t, 200)
}
