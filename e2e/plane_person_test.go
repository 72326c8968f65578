package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// person is an operator: a browser with cookies, a passkey, and a terminal with a home of its own.
type person struct {
	office  *office
	login   string
	browser *http.Client
	key     *passkey
	home    string
	signed  time.Time // when the terminal was let in last, by the office's clock; zero: never
}

func (o *office) person(t *testing.T, login string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &person{office: o, login: login, home: t.TempDir(), browser: &http.Client{Jar: jar, Timeout: wireLimit, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// ask sends a request of the browser to the plane, as a page of the plane does.
func (p *person) ask(t *testing.T, method, path, kind string, body io.Reader) *answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.office.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", p.office.url)
		r.Header.Set("Content-Type", kind)
	}
	return asked(t, p.browser, r)
}

func asked(t *testing.T, client *http.Client, r *http.Request) *answer {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{resp.Proto, resp.StatusCode, resp.Header, body}
}

func (p *person) get(t *testing.T, path string) *answer {
	t.Helper()
	return p.ask(t, http.MethodGet, path, "", nil)
}

func (p *person) post(t *testing.T, path string, value any) *answer {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return p.ask(t, http.MethodPost, path, jsonType, bytes.NewReader(text))
}

func (p *person) form(t *testing.T, path string, pairs ...string) *answer {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return p.ask(t, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// command is a run of the program at the person's terminal. It knows nothing of this disk.
func (p *person) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.office.program, append(args, "--server", p.office.url)...)
	cmd.Env = p.office.env("XDG_CONFIG_HOME="+p.home, "HOME="+p.home)
	cmd.Dir = p.home
	return cmd
}

// letIn signs in with the passkey and lets the terminal in.
func (p *person) letIn(t *testing.T) {
	t.Helper()
	p.signIn(t)
	p.terminal(t)
}

// terminal runs "countersign login" and plays the browser that it sends to the server, which is signed in already.
func (p *person) terminal(t *testing.T) {
	t.Helper()
	cmd := p.command("login", "--no-browser")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := new(buffer)
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var log strings.Builder
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if at := strings.TrimSpace(lines.Text()); strings.HasPrefix(at, p.office.url+"/sign-in/cli?") {
			p.allow(t, at)
			break
		}
	}
	rest, _ := io.ReadAll(said)
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "signed in at "+p.office.url+" as "+p.login) {
		t.Fatalf("login: %v\n%s%s%s", err, log.String(), rest, out)
	}
	p.signed = p.office.now()
}

// allow says yes on the page that a terminal opened, and follows the browser to the terminal.
func (p *person) allow(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	page := p.get(t, u.RequestURI()).want(t, http.StatusOK)
	q := u.Query()
	if !strings.Contains(string(page.body), p.login) || !strings.Contains(string(page.body), q.Get("challenge")[:8]) {
		t.Errorf("the page does not tell who lets which terminal in: %s", page)
	}
	back := p.form(t, "/sign-in/cli", "challenge", q.Get("challenge"), "port", q.Get("port"), "state", q.Get("state"),
		"answer", "yes").want(t, http.StatusSeeOther)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, back.header.Get("Location"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.URL.String(), "http://127.0.0.1:"+q.Get("port")+"/?") {
		t.Fatalf("the browser is sent to %s", r.URL)
	}
	asked(t, p.browser, r).want(t, http.StatusOK)
}

// said is what a command said and how it ended.
type said struct {
	out, err string
	code     int
}

// run runs a command at the person's terminal, which is let in anew when that is over.
func (p *person) run(t *testing.T, args ...string) said {
	t.Helper()
	if p.key != nil && p.office.now().Sub(p.signed) > 11*time.Hour {
		p.letIn(t)
	}
	var out, log bytes.Buffer
	cmd := p.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return said{out.String(), log.String(), exitCode(err)}
}

// must is run for what has to succeed at once.
func (p *person) must(t *testing.T, args ...string) string {
	t.Helper()
	s := p.run(t, args...)
	if s.code != 0 {
		t.Fatalf("%s: countersign %s: exit code %d\n%s%s", p.login, strings.Join(args, " "), s.code, s.out, s.err)
	}
	return s.out
}

// read is must with an answer in JSON.
func (p *person) read(t *testing.T, into any, args ...string) {
	t.Helper()
	text := p.must(t, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("countersign %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// refused is run for what has to be refused: exit code 1 or 2, with a text in what is said.
func (p *person) refused(t *testing.T, text string, args ...string) {
	t.Helper()
	s := p.run(t, args...)
	if s.code != 1 && s.code != 2 || !strings.Contains(s.err, text) {
		t.Errorf("%s: countersign %s: exit code %d, want a refusal with %q\n%s%s", p.login, strings.Join(args, " "), s.code,
			text, s.out, s.err)
	}
}

// waiting is a proposal, as far as it is looked at here.
type waiting struct {
	ID, State, Operation, Digest, Warning string
	RequestedBy                           string `json:"requested_by"`
	Environment                           string
	Params                                json.RawMessage
	Needed                                int
	Approvers                             []string
	YieldsSecret                          bool   `json:"yields_secret"`
	EndReason                             string `json:"end_reason"`
	WhatIf                                struct {
		By     string
		Stale  bool
		Report json.RawMessage
	} `json:"what_if"`
}

// asks is run for what has to wait for another person.
func (p *person) asks(t *testing.T, args ...string) (w waiting) {
	t.Helper()
	s := p.run(t, append(args, "-o", "json")...)
	if s.code != 4 {
		t.Fatalf("%s: countersign %s: exit code %d, want 4: it waits\n%s%s", p.login, strings.Join(args, " "), s.code, s.out, s.err)
	}
	if err := json.Unmarshal([]byte(s.out), &w); err != nil || w.State != "open" || w.ID == "" || w.Digest == "" {
		t.Fatalf("no proposal: %v\n%s", err, s.out)
	}
	return w
}

// approves looks at a proposal and approves exactly what it saw.
func (p *person) approves(t *testing.T, id string) {
	t.Helper()
	var w waiting
	p.read(t, &w, "proposal", "show", id)
	p.must(t, "proposal", "approve", id, "--yes", "--digest", w.Digest, "--wait")
}

// token is what the person's terminal was given.
func (p *person) token(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256([]byte(p.office.url))
	file := filepath.Join(p.home, "countersign", fmt.Sprintf("login-%x.json", sum[:8]))
	text, err := os.ReadFile(file)
	var kept struct{ Token string }
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil || kept.Token == "" {
		t.Fatal(err)
	}
	mode(t, file, 0o600)
	tell(kept.Token)
	return kept.Token
}

// answers asks the API itself, as a program does, with a JSON object of the fields.
func (p *person) answers(t *testing.T, method, path string, pairs ...string) *answer {
	t.Helper()
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return p.send(t, method, path, fields, nil)
}

// send is answers with a body of any form, nil for none, and with headers.
func (p *person) send(t *testing.T, method, path string, body any, headers map[string]string) *answer {
	t.Helper()
	if p.key != nil && p.office.now().Sub(p.signed) > 11*time.Hour {
		p.letIn(t)
	}
	var reader io.Reader
	if method != http.MethodGet && method != http.MethodDelete && body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, p.office.url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token(t))
	if reader != nil {
		r.Header.Set("Content-Type", jsonType)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	client := &http.Client{Timeout: wireLimit, Transport: p.browser.Transport}
	return asked(t, client, r)
}

// offline runs a command that asks no server.
func (p *person) offline(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(p.office.program, args...)
	cmd.Env = p.office.env("XDG_CONFIG_HOME="+p.home, "HOME="+p.home)
	cmd.Dir = p.home
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(out), exitCode(err)
}
