package snippet_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/snippet"
	"countersign.dev/profile"
	"countersign.dev/profile/library"
	"countersign.dev/scheme"
)

const (
	keyID  = "0123456789abcdef0123456789abcdef"
	patch  = `{"token_status":"blocked","note":"Zoë's ½ € #{x} ${y} $(z) \"q\" 東京 🂡"}` + "\n"
	target = "/apis/v1/sessions/10031?expand=a%2Fb&&q='1'&c=%7e"
)

// secrets are spelt as profiles want them: as text, in hexadecimal, in base64, and with a prefix.
var secrets = []string{"a secret $(of) 'text' \"o\"", hex.EncodeToString([]byte("sixteen bytes +!")), "c2VjcmV0IHdpdGg/PiBieXRlcw==", "whsec_c2VjcmV0IHdpdGg/PiBieXRlcw=="}

// verifier is an API behind TLS that takes a request if and only if the scheme under test does.
type verifier struct {
	*httptest.Server
	ca     string
	mu     sync.Mutex // over what follows
	scheme *scheme.Scheme
	key    scheme.Key
	vars   map[string]string
	status int // of the answer to what is taken; 0: 202
	seen   []string
}

func newVerifier(t *testing.T) *verifier {
	v := &verifier{ca: filepath.Join(t.TempDir(), "ca.pem")}
	v.Server = httptest.NewTLSServer(v)
	t.Cleanup(v.Close)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw})
	if err := os.WriteFile(v.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body))
	request := &scheme.Request{Method: r.Method, Target: r.RequestURI, Scheme: "https", Host: r.Host, Header: r.Header, Body: body, Vars: v.vars}
	if _, fault := v.scheme.Check([]*scheme.Key{&v.key}, request, time.Now(), 0); fault != nil {
		var p scheme.Presented
		_ = v.scheme.Parse(request, &p)
		input, _ := v.scheme.Canonical(request, &p)
		http.Error(w, fmt.Sprintf("%v\n%q\n%v", fault, input, r.Header), http.StatusUnauthorized)
		return
	}
	if v.status != 0 {
		w.Header().Set("Location", v.URL+"/elsewhere")
		w.WriteHeader(v.status)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "taken: ½")
}

// arrived is what has arrived since the last time.
func (v *verifier) arrived() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := v.seen
	v.seen = nil
	return seen
}

// hold sets the scheme and a secret that fits it.
func (v *verifier) hold(t *testing.T, s *scheme.Scheme) (secret string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, secret = range secrets {
		var err error
		if v.key, err = s.NewKey([]byte(secret)); err == nil {
			v.scheme = s
			return secret
		}
	}
	t.Fatalf("no secret fits %s", s.Name())
	return ""
}

// runner is how a program of a language is run.
type runner struct {
	tool string
	args func(dir, file, ca string) []string
}

func plainly(dir, file, _ string) []string { return []string{filepath.Join(dir, file)} }

var runners = map[string]runner{
	"sh":     {"sh", plainly},
	"python": {"python3", plainly},
	"node":   {"node", plainly},
	"go":     {"go", func(dir, file, _ string) []string { return []string{"run", filepath.Join(dir, file)} }},
	"java": {"java", func(dir, file, ca string) []string {
		return []string{"-XX:TieredStopAtLevel=1", "-Djavax.net.ssl.trustStore=" + ca + ".p12", "-Djavax.net.ssl.trustStorePassword=changeit", filepath.Join(dir, file)}
	}},
	"php":  {"php", plainly},
	"ruby": {"ruby", plainly},
}

// need skips a language without its runtime; under CI=true that is a failure, since CI installs it.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true allows no skipping", tool)
	}
	t.Skipf("%s is not installed", tool)
}

// trust gives Java the authority in the form that it reads.
func (v *verifier) trust(t *testing.T) {
	t.Helper()
	need(t, "keytool")
	c := exec.Command("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", v.ca, "-keystore", v.ca+".p12", "-storepass", "changeit")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
}

// execute runs a program and returns its exit code and what it printed.
func execute(t *testing.T, language, code, ca string, env ...string) (exit int, out, errOut string) {
	t.Helper()
	l := snippet.Languages()[slices.Index(snippet.Names(), language)]
	r, dir := runners[language], t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, l.File), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, r.tool, r.args(dir, l.File, ca)...)
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.Contains(strings.ToLower(name), "proxy") && name != "GOFLAGS" {
			c.Env = append(c.Env, pair)
		}
	}
	// A plain locale: a program must not depend on the terminal's encoding.
	c.Env = append(append(c.Env, "LC_ALL=C", "SSL_CERT_FILE="+ca, "CURL_CA_BUNDLE="+ca, "NODE_EXTRA_CA_CERTS="+ca, "GOFLAGS=-buildvcs=false"), env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s took too long", language)
	}
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// shipped is every profile and alternative that programs can follow, with its scheme.
func shipped(t *testing.T) map[string]*scheme.Scheme {
	t.Helper()
	out := map[string]*scheme.Scheme{}
	for _, name := range library.Names() {
		p, err := library.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, alternative := range append([]string{""}, p.Names()...) {
			if _, err := snippet.Signed(p, alternative, "python", example("https://127.0.0.1:1")); err == nil {
				out[strings.TrimSuffix(name+"/"+alternative, "/")], _ = p.Alternative(alternative)
			}
		}
	}
	return out
}

func example(base string) snippet.Request {
	return snippet.Request{Method: "PATCH", URL: base + target, Body: []byte(patch),
		Header: http.Header{"X-Mine": {"it's \"$HOME\" `x` #{1} \\ 1"}}}
}

func load(t *testing.T, name string) (*profile.Profile, string) {
	t.Helper()
	name, alternative, _ := strings.Cut(name, "/")
	p, err := library.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	return p, alternative
}

// TestProgramsAreTaken runs the program of every language for every shipped profile that it can follow, against a server that
// verifies with the same profile.
func TestProgramsAreTaken(t *testing.T) {
	all := shipped(t)
	if len(all) < 33 {
		t.Errorf("programs can follow %d profiles; it was 33", len(all))
	}
	for _, language := range snippet.Names() {
		if runners[language].tool == "" {
			continue // C#: no runtime in Debian
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			need(t, runners[language].tool)
			v := newVerifier(t)
			if language == "java" {
				v.trust(t)
			}
			for i, name := range slices.Sorted(maps.Keys(all)) {
				if language == "java" && i%3 > 0 {
					continue // it starts slowly, and TestEveryFunction has all that it can be asked for
				}
				v.takes(t, language, name, all[name])
			}
		})
	}
}

func (v *verifier) takes(t *testing.T, language, name string, s *scheme.Scheme) {
	p, alternative := load(t, name)
	d, err := p.Definition(alternative)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"API_SECRET=" + v.hold(t, s)}
	vars := map[string]string{}
	for _, variable := range d.Vars {
		vars[variable.Name] = "abc"
		env = append(env, snippet.Variable(variable.Name)+"=abc")
	}
	v.mu.Lock()
	v.vars = vars
	v.mu.Unlock()
	v.takesRequest(t, language, name, example(v.URL), env...)
}

// takesRequest runs the program for a request, which has to arrive as it was given.
func (v *verifier) takesRequest(t *testing.T, language, name string, r snippet.Request, env ...string) {
	t.Helper()
	p, alternative := load(t, name)
	code, err := snippet.Signed(p, alternative, language, r)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	v.arrived()
	exit, out, errOut := execute(t, language, code, v.ca, append(env, "API_TOKEN="+keyID)...)
	if exit != 0 || out != "202\ntaken: ½\n" {
		t.Errorf("%s: exit code %d: %s%s\n%s", name, exit, out, errOut, code)
	}
	want := r.Method + " " + strings.TrimPrefix(r.URL, v.URL) + " " + string(r.Body)
	if language == "node" {
		want = nodeTarget(want)
	}
	if seen := v.arrived(); len(seen) != 1 || seen[0] != want {
		t.Errorf("%s: arrived %q instead of %q", name, seen, want)
	}
}

// nodeTarget is a target as fetch sends it: the URL standard encodes an apostrophe in a query. It is signed as it is sent.
func nodeTarget(text string) string { return strings.ReplaceAll(text, "q='1'", "q=%271%27") }
