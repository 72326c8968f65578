package nodes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/internal/heldport"
)

// node is one `countersign serve` on an address of its own, with a network of its own to the store and to the cache.
type node struct {
	site         *site
	host, dir    string
	address, ops string
	plane        string // its operators' plane, which answers to 127.0.0.1 and localhost alone unless it has a public URL
	store, cache *relay
	mu           sync.Mutex
	program      string
	env          []string // further variables: the clock
	process      *process
	settings     map[string]string
}

// form is a node's configuration. Words in capitals are replaced by what stands in settings.
const form = `data: DIR/data
keys: {file: DIR/master.key}
register: {engine: postgres, url_file: DIR/register.url}
valkey: {addresses: ["CACHE"], timeout: TIMEOUT}
replay: {engine: REPLAY}
limits: {engine: valkey}
ops: {listen: "OPS"}
records: {decisions: {patience: 60s}}
admin: {listen: "PLANE"}
drain: {deadline: 20s, lameduck: LAMEDUCK}
environments:
  sandbox:
    max_staleness: STALENESS
    captures: {enabled: false}
    listeners:
      - address: "ADDRESS"
        tls: {certificate: CERT, key: KEY}
    apis:
      card:
        profile: finci
        base_paths: [/api/v1]
        upstream: {url: "UPSTREAM"}
      aggregation:
        token: {endpoint: /aggregation/v2/partners/authentication}
        base_paths: [/aggregation]
        upstream: {url: "UPSTREAM"}
`

// newNode makes the folder of a node. The timeout of the cache is as long as it may be: the machine is busy with other tests.
func (s *site) newNode(t testing.TB, host string, settings map[string]string) *node {
	t.Helper()
	n := &node{site: s, host: host, dir: filepath.Join(s.dir, host), program: built(t, program)}
	for _, dir := range []string{n.dir, filepath.Join(n.dir, "data")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	n.store, n.cache = newRelay(t, host, s.store.socket(), nil), newRelay(t, host, s.cache.Address, newCommands())
	t.Cleanup(func() {
		if n.process != nil {
			n.process.kill()
		}
	})
	t.Cleanup(n.store.close)
	t.Cleanup(n.cache.close)
	n.address, n.ops, n.plane = heldport.Hold(t, host), heldport.Hold(t, host), heldport.Hold(t, "127.0.0.1") // the same after a restart
	master, err := os.ReadFile(s.master)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(n.dir, "master.key"), string(master))
	write(t, filepath.Join(n.dir, "register.url"), s.urlBehind(n.store))
	n.settings = map[string]string{
		"DIR": n.dir, "PLANE": n.plane, "CACHE": n.cache.address(), "OPS": n.ops, "ADDRESS": n.address, "CERT": s.cert, "KEY": s.key, "UPSTREAM": s.upstream.url(),
		"TIMEOUT": "5s", "LAMEDUCK": "500ms", "STALENESS": "15m", "REPLAY": "valkey",
	}
	maps.Copy(n.settings, settings)
	write(t, n.file(), n.text())
	return n
}

func (n *node) file() string { return filepath.Join(n.dir, "countersign.yaml") }

func (n *node) text() string {
	text := form
	for _, name := range []string{"DIR", "PLANE", "CACHE", "OPS", "ADDRESS", "CERT", "KEY", "UPSTREAM", "TIMEOUT", "LAMEDUCK", "STALENESS", "REPLAY"} {
		text = strings.ReplaceAll(text, name, n.settings[name])
	}
	return text
}

// start starts the node and waits until it is ready.
func (n *node) start(t testing.TB) {
	t.Helper()
	n.launch(t)
	n.awaitReady(t)
}

// replace makes another program the node's, from its next start on.
func (n *node) replace(program string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.program = program
}

// binary is the node's program.
func (n *node) binary() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.program
}

func (n *node) launch(t testing.TB) {
	t.Helper()
	var err error
	if n.process, err = launch(n.dir, n.env, n.binary(), "serve", "--config", n.file()); err != nil {
		t.Fatal(err)
	}
}

func (n *node) awaitReady(t testing.TB) {
	t.Helper()
	eventually(t, n.host+" is ready", func() bool {
		if n.process.ended() && heart().stood() { // and with it the network to the register, which has to answer at a start
			n.launch(t)
		}
		if n.process.ended() {
			t.Fatalf("%s ended: %v\n%s", n.host, n.process.err, n.process.log.tail())
		}
		return n.ready()
	})
}

func (n *node) ready() bool {
	status, _ := n.page("/readyz")
	return status == http.StatusOK
}

// impatient asks a node for its pages: one that is paused gives no answer.
var impatient = &http.Client{Timeout: patience / 2, Transport: &http.Transport{DisableKeepAlives: true}}

// page is one of the operators' listener; 0 without an answer.
func (n *node) page(path string) (status int, body string) {
	resp, err := impatient.Get("http://" + n.ops + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// offline cuts the node off from the store and the cache, or connects it again.
func (n *node) offline(state relayState) {
	n.store.set(state)
	n.cache.set(state)
}

// result is how a command ended. Exit code 0 says that what it did is done.
type result struct {
	out, says string
	code      int
	took      time.Duration
}

func (r result) ok() bool { return r.code == 0 }

// run runs a command at this node's machine: with its configuration, over its network. A command that takes longer than half of the
// test's patience is killed.
func (n *node) run(args ...string) result { return n.execute(append(args, "--config", n.file())) }

// ask runs a command from anywhere: the node does what it says, over its operators' plane.
func (n *node) ask(args ...string) result {
	return n.execute(append(args, "--server", "http://"+n.plane), "COUNTERSIGN_TOKEN="+n.site.operator)
}

func (n *node) execute(args []string, env ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), patience/2)
	defer cancel()
	var out, says bytes.Buffer
	cmd := exec.CommandContext(ctx, n.binary(), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = n.dir, slices.Concat(os.Environ(), n.env, env), &out, &says
	begun := time.Now()
	err := cmd.Run()
	r := result{out: out.String(), says: says.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(begun)}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		r.says += fmt.Sprint("\n", err)
	}
	return r
}

// must runs a command that has to succeed.
func (n *node) must(t testing.TB, args ...string) result {
	t.Helper()
	r := n.run(args...)
	if !r.ok() {
		t.Fatalf("countersign %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.says)
	}
	return r
}
