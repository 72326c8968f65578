package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/internal/edge/admin"
	operators "countersign.dev/internal/operator"
	"github.com/google/go-cmp/cmp"
)

// testToken is that of the operating system's user at the server of these tests.
const testToken = "csat_token-of-a-test-0123456789"

// colleagues are other people at that server, by their tokens.
var colleagues = map[string]operators.Principal{
	"csct_token-of-alice-0123456789":  person("alice@example.com", operators.Operator),
	"csct_token-of-carol-0123456789":  person("carol@example.com", operators.Approver),
	"csct_token-of-victor-0123456789": person("victor@example.com", operators.Viewer),
}

func person(login string, role operators.Role) operators.Principal {
	return operators.Principal{Kind: operators.KindAccount, ID: "opr_" + login, Name: login, Roles: []operators.Role{role}, Permissions: operators.PermissionsOf([]operators.Role{role}),
		ExpiresAt: time.Now().Add(time.Hour)}
}

// serverOn serves the operators' plane over a data folder to whoever has testToken. It acts as the user of the operating system, so
// that both ways have one actor; what waits for a second person is as the settings of the folder say.
func serverOn(t *testing.T, data string) string {
	t.Helper()
	out, err := newOutput(new(bytes.Buffer), new(bytes.Buffer), "text")
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{data: data}
	s, err := o.open(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := localPlaneConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Authenticate = func(r *http.Request) (operators.Principal, error) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token == testToken {
			return localPrincipal(s.actor), nil
		}
		if p, known := colleagues[token]; known {
			return p, nil
		}
		return operators.Principal{}, operators.ErrNotSignedIn
	}
	plane, err := admin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(plane)
	t.Cleanup(func() {
		server.Close()
		if err := plane.Close(t.Context()); err != nil {
			t.Log(err)
		}
		_ = s.close()
	})
	return server.URL
}

// world is one of the two ways to a register: on its disk, or at a server.
type world struct {
	flags []string
	known map[string]string // what an answer told, for the commands after it
}

// run runs one command line; {name} stands for what was captured before.
func (w *world) run(t *testing.T, line []string) (code int, out, said string) {
	t.Helper()
	args := make([]string, 0, len(line)+2)
	for _, one := range line {
		for name, value := range w.known {
			one = strings.ReplaceAll(one, "{"+name+"}", value)
		}
		args = append(args, one)
	}
	return command(t, append(args, w.flags...)...)
}

// sameStep is one command line of both worlds, and what of its answer the next ones need: a name, and an expression with one group.
type sameStep struct {
	line          string // fields between bars
	name, capture string
	only          bool // done in both, but not compared: what it says is of one world
	unordered     bool // a listing by row identities, which are random
	loose         bool // of the record of changes: a server notes refused attempts and exports, too, which shifts numbers and widths
}

// masks replace what differs in two registers by its nature.
var masks = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`\b(ptn|crd|net|lim|whe|whk|evd|prp|opr|mbr|svc|bgl|ses|cmt)_[a-z2-7]{26}\b`), "${1}_ID"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b(csat|csln|csbg|csct|csml)_[A-Za-z0-9_-]+`), "${1}_SECRET"},
	{regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`), "whsec_SECRET"},
	{regexp.MustCompile(`("secret":"|API secret +|partner secret +)[A-Za-z0-9_-]+`), "${1}SECRET"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "HEX"},
	{regexp.MustCompile(`\b\d{13}\b`), "LOGIN"},
	{regexp.MustCompile(`(server_time\\?"):\d+`), "${1}:SECOND"},
	{regexp.MustCompile(`"generation":\d+,`), ""},
	{regexp.MustCompile(`--(data|server) \S+`), "PLACE"},
}

func (step sameStep) masked(text string) string {
	for _, m := range masks {
		text = m.find.ReplaceAllString(text, m.put)
	}
	if step.unordered {
		parts := regexp.MustCompile(`\n|\},\{|\[\{|\}\]`).Split(text, -1)
		slices.Sort(parts)
		text = strings.Join(parts, "\n")
	}
	if step.loose {
		text = regexp.MustCompile(`(?m)^.*(attempt\.refused|record\.exported).*\n`).ReplaceAllString(text, "")
		text = regexp.MustCompile(`(?m)^\d+\b|"seq":\d+|revision \d+`).ReplaceAllString(text, "NR")
		text = regexp.MustCompile(` +`).ReplaceAllString(text, " ")
	}
	return text
}

// TestServerSaysTheSame: every command says the same of a register on this disk and of one at a server, in text and in JSON, with
// the same exit code.
func TestServerSaysTheSame(t *testing.T) {
	here, there := newAnchored(t), newAnchored(t)
	for _, data := range []string{here.data, there.data} {
		must(t, "settings", "approvals", "set", "-e", "production=0", "--accounts", "0", "--settings", "0", "--data", data)
	}
	t.Setenv(tokenVariable, testToken)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(file, []byte("looked at it\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	local := &world{[]string{"--data", here.data}, map[string]string{"file": file, "data": here.data}}
	remote := &world{[]string{"--server", serverOn(t, there.data)}, map[string]string{"file": file, "data": there.data}}
	for _, step := range sameSteps {
		if strings.HasPrefix(step.line, "colleague|") {
			for _, w := range []*world{local, remote} {
				asColleague(t, w.known["data"], strings.Split(step.line, "|")[1:])
			}
			continue
		}
		line := strings.Split(step.line, "|")
		code, out, said := local.run(t, line)
		code2, out2, said2 := remote.run(t, line)
		if step.name != "" {
			local.known[step.name], remote.known[step.name] = captured(t, step, out, said), captured(t, step, out2, said2)
		}
		if step.only {
			continue
		}
		if code != code2 {
			t.Errorf("%s: exit code %d on this disk, %d at the server\n%s\n%s", step.line, code, code2, said, said2)
		}
		if diff := cmp.Diff(step.masked(out), step.masked(out2)); diff != "" {
			t.Errorf("%s: -disk +server\n%s", step.line, diff)
		}
		if diff := cmp.Diff(step.masked(said), step.masked(said2)); diff != "" && code == exitOK {
			t.Errorf("%s: notes: -disk +server\n%s", step.line, diff)
		} else if code != exitOK && (said == "") != (said2 == "") {
			t.Errorf("%s: %q on this disk, %q at the server", step.line, said, said2)
		}
	}
}

func captured(t *testing.T, step sameStep, out, said string) string {
	t.Helper()
	found := regexp.MustCompile(step.capture).FindStringSubmatch(out)
	if len(found) != 2 {
		t.Fatalf("%s: no %s in %q %q", step.line, step.capture, out, said)
	}
	return found[1]
}

// asColleague does a step of a review as another person, on the disk.
func asColleague(t *testing.T, data string, args []string) {
	t.Helper()
	if err := collaborate(t.Context(), append([]string{data}, args...)); err != nil {
		t.Fatal(err)
	}
}
